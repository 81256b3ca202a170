//===- VerifyConversion.cpp - Is a conversion right? ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/VerifyConversion.h"

#include "frontend/checkpoint/ConvertForms.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/Json.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <tbb/parallel_for.h>

namespace gossamer {

namespace {

constexpr uint64_t pieceBytes = uint64_t(4) << 20;

Status cancelledStatus() {
  return {StatusCode::Interrupted, "verification was cancelled"};
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

/// A range of bytes and the digest that it must have.
struct Claim {
  std::string what; ///< FILE, or FILE: tensor "NAME".
  std::span<const std::byte> bytes;
  std::string sha256;
};

Status checkClaim(const Claim &claim, const ProgressFunction &progress) {
  Sha256 hash;
  for (uint64_t begin = 0; begin < claim.bytes.size(); begin += pieceBytes) {
    auto piece = claim.bytes.subspan(
        begin, std::min<uint64_t>(pieceBytes, claim.bytes.size() - begin));
    hash.update(piece);
    if (progress && !progress(piece.size()))
      return cancelledStatus();
  }
  std::string got = toHex(hash.finish());
  if (got != claim.sha256)
    return invalidData(claim.what + ": expects SHA-256 " + claim.sha256 +
                       ", as " + conversionManifest + " says, but got " + got);
  return Status::ok();
}

/// Opens the file of an entry and compares its size.
Expected<MappedFile> openEntry(const std::string &directory, JsonValue entry) {
  GOSS_ASSIGN_OR_RETURN(std::string name, entry.getString("name"));
  if (Status status = checkRelativeName(name); !status.isOk())
    return entry.find("name").error(status.message());
  GOSS_ASSIGN_OR_RETURN(int64_t size, entry.getInteger("size", 0));
  GOSS_ASSIGN_OR_RETURN(MappedFile file,
                        MappedFile::openBeneath(directory, name));
  if (file.size() != static_cast<uint64_t>(size))
    return invalidData(file.path() + ": expects " + std::to_string(size) +
                       " bytes, as " + conversionManifest + " says, but got " +
                       std::to_string(file.size()));
  return file;
}

/// What differs in a header that is not the one that was written: the tensor,
/// if the form lets it be told.
Status describeHeader(const MappedFile &file, JsonValue entry) {
  Status unknown = invalidData(file.path() +
                               ": expects the names, types, shapes and places "
                               "of tensors that " +
                               conversionManifest + " says but got others");
  if (!file.path().ends_with(".safetensors"))
    return unknown;
  GOSS_ASSIGN_OR_RETURN(SafetensorsFile own,
                        SafetensorsFile::open(file.path()));
  for (JsonValue tensor : entry.find("tensors")) {
    std::string name(tensor.find("name").text());
    const TensorView *found = own.find(name);
    std::string origin = tensorOrigin(file.path(), name);
    if (!found)
      return invalidData(origin + ": is missing, but " + conversionManifest +
                         " has it");
    Expected<int64_t> offset = tensor.getInteger("offset", 0);
    if (offset && static_cast<uint64_t>(*offset) != found->offset)
      return invalidData(origin + ": expects offset " +
                         std::to_string(*offset) + ", as " +
                         conversionManifest + " says, but got " +
                         std::to_string(found->offset));
  }
  return unknown;
}

/// Compares the bytes before the tensors, which say what those are.
Status checkHeader(const MappedFile &file, JsonValue entry) {
  GOSS_ASSIGN_OR_RETURN(
      int64_t size,
      entry.getInteger("header_size", 0, static_cast<int64_t>(file.size())));
  GOSS_ASSIGN_OR_RETURN(std::string digest, entry.getString("header_sha256"));
  auto header = file.bytes().first(static_cast<uint64_t>(size));
  if (toHex(sha256(header)) == digest)
    return Status::ok();
  return describeHeader(file, entry);
}

Status addTensorClaims(JsonValue entry, const MappedFile &file,
                       std::vector<Claim> &claims) {
  GOSS_ASSIGN_OR_RETURN(JsonValue tensors, entry.getArray("tensors"));
  for (JsonValue tensor : tensors) {
    Claim claim;
    GOSS_ASSIGN_OR_RETURN(std::string name, tensor.getString("name"));
    GOSS_ASSIGN_OR_RETURN(int64_t offset, tensor.getInteger("offset", 0));
    GOSS_ASSIGN_OR_RETURN(int64_t size, tensor.getInteger("size", 0));
    GOSS_ASSIGN_OR_RETURN(claim.sha256, tensor.getString("sha256"));
    if (!rangeFits(static_cast<uint64_t>(offset), static_cast<uint64_t>(size),
                   file.size()))
      return tensor.error("expects a range within the " +
                          std::to_string(file.size()) + " bytes of " +
                          file.path() + " but got " + std::to_string(size) +
                          " bytes at " + std::to_string(offset));
    claim.what = tensorOrigin(file.path(), name);
    claim.bytes = file.bytes().subspan(static_cast<uint64_t>(offset),
                                       static_cast<uint64_t>(size));
    claims.push_back(std::move(claim));
  }
  return Status::ok();
}

/// Runs `check` on all indices in parallel and returns the failure of the
/// lowest, so that the message does not depend on timing.
template <typename Check> Status checkAll(size_t count, const Check &check) {
  std::mutex mutex;
  size_t lowest = count;
  Status failure;
  tbb::parallel_for(size_t(0), count, [&](size_t i) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      if (lowest < i)
        return;
    }
    Status status = check(i);
    std::lock_guard<std::mutex> lock(mutex);
    if (!status.isOk() && i < lowest) {
      lowest = i;
      failure = std::move(status);
    }
  });
  return failure;
}

} // namespace

Expected<size_t> verifyManifest(const std::string &directory,
                                const ProgressFunction &progress) {
  std::string path = joinPath(directory, conversionManifest);
  if (!fileExists(path))
    return size_t(0);
  GOSS_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::load(path));
  JsonValue root = document.root();
  GOSS_RETURN_IF_ERROR(root.getInteger("version", 1, 1).status());
  std::vector<MappedFile> files;
  std::vector<Claim> claims;
  GOSS_ASSIGN_OR_RETURN(JsonValue entries, root.getArray("files"));
  for (JsonValue entry : entries) {
    GOSS_ASSIGN_OR_RETURN(MappedFile file, openEntry(directory, entry));
    GOSS_RETURN_IF_ERROR(checkHeader(file, entry));
    GOSS_RETURN_IF_ERROR(addTensorClaims(entry, file, claims));
    files.push_back(std::move(file));
  }
  size_t tensors = claims.size();
  GOSS_ASSIGN_OR_RETURN(JsonValue companions, root.getArray("companions"));
  for (JsonValue entry : companions) {
    GOSS_ASSIGN_OR_RETURN(MappedFile file, openEntry(directory, entry));
    GOSS_ASSIGN_OR_RETURN(std::string digest, entry.getString("sha256"));
    claims.push_back({file.path(), file.bytes(), std::move(digest)});
    files.push_back(std::move(file));
  }
  GOSS_RETURN_IF_ERROR(checkAll(claims.size(), [&](size_t i) {
    return checkClaim(claims[i], progress);
  }));
  return tensors;
}

//===----------------------------------------------------------------------===//
// Source
//===----------------------------------------------------------------------===//

namespace {

/// All tensors with floating-point ones as F32: a type that holds the numbers
/// of all. Experts are plain where `plain` is set.
std::vector<PlainTensor> listNumbers(const Checkpoint &checkpoint, bool plain) {
  ConvertOptions options;
  options.floats = DType::F32;
  std::vector<PlainTensor> tensors = listTensors(checkpoint, options);
  if (!plain)
    return tensors;
  tensors = dequantizeExperts(tensors);
  for (PlainTensor &tensor : tensors)
    tensor = tensor.as(DType::F32);
  return tensors;
}

std::string indexText(const std::vector<uint64_t> &shape, uint64_t element) {
  std::vector<uint64_t> indices(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    indices[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return shapeText(indices);
}

Status compareTensor(const PlainTensor &ours, const PlainTensor &theirs,
                     const std::string &origin, const std::string &source,
                     const ProgressFunction &progress) {
  if (ours.name != theirs.name || ours.shape != theirs.shape)
    return invalidData(origin + ": expects shape " + shapeText(theirs.shape) +
                       " as in " + source + " but got " +
                       shapeText(ours.shape));
  std::vector<std::byte> ourScratch, theirScratch;
  uint64_t unit = std::max(ours.bytes.unit(), theirs.bytes.unit());
  uint64_t step = std::max<uint64_t>(pieceBytes / unit, 1) * unit;
  for (uint64_t begin = 0; begin < ours.bytes.size(); begin += step) {
    uint64_t size = std::min(step, ours.bytes.size() - begin);
    auto a = ours.bytes.view(begin, size, ourScratch);
    auto b = theirs.bytes.view(begin, size, theirScratch);
    auto place = std::ranges::mismatch(a, b).in1 - a.begin();
    if (static_cast<uint64_t>(place) != size)
      return invalidData(
          std::string(origin)
              .append(": element ")
              .append(
                  indexText(ours.shape, (begin + static_cast<uint64_t>(place)) /
                                            (dtypeBits(ours.dtype) / 8)))
              .append(" differs from that of ")
              .append(source));
    if (progress && !progress(size))
      return cancelledStatus();
  }
  return Status::ok();
}

} // namespace

Status compareWithSource(const Checkpoint &checkpoint, const Checkpoint &source,
                         const ProgressFunction &progress) {
  bool plain = checkpoint.parameters().form() == ExpertForm::Plain ||
               source.parameters().form() == ExpertForm::Plain;
  if (checkpoint.config().toJson(plain) != source.config().toJson(plain))
    return invalidData(checkpoint.path() + ": expects the config of " +
                       source.path() + " but got another");
  if (!checkpoint.hasWeights() || !source.hasWeights())
    return usageError("a comparison expects two checkpoints but got a config "
                      "alone");
  std::vector<PlainTensor> ours = listNumbers(checkpoint, plain);
  std::vector<PlainTensor> theirs = listNumbers(source, plain);
  if (ours.size() != theirs.size())
    return internalError("equal configs expect equally many tensors");
  return checkAll(ours.size(), [&](size_t i) {
    return compareTensor(ours[i], theirs[i],
                         checkpoint.path() + ": tensor \"" + ours[i].name +
                             "\"",
                         source.path(), progress);
  });
}

} // namespace gossamer
