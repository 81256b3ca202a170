//===- Safetensors.cpp - Reading the safetensors container ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Safetensors.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include <algorithm>
#include <tuple>

using namespace gossamer;

namespace {

constexpr uint64_t prefixBytes = 8;
/// Limits of the reference reader, and one of memory: a header of a large
/// model has some ten thousand values.
constexpr uint64_t maxHeaderBytes = 100'000'000;
constexpr size_t maxHeaderValues = size_t(1) << 22;

uint64_t readLittleEndian(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < prefixBytes; ++i)
    value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  return value;
}

/// Checks the size prefix and returns the JSON text.
Expected<std::string_view> findHeader(const MappedFile &file) {
  const std::string &path = file.path();
  if (file.size() < prefixBytes)
    return invalidData(path + ": expects at least 8 bytes but got " +
                       std::to_string(file.size()));
  // What a clone without the large files holds in their place.
  if (file.text().starts_with("version https://git-lfs"))
    return invalidData(path + ": is a Git LFS pointer, not the file itself: "
                              "fetch it with 'git lfs pull'");
  uint64_t size = readLittleEndian(file.bytes());
  if (size > maxHeaderBytes)
    return invalidData(path + ": expects a header of at most " +
                       std::to_string(maxHeaderBytes) + " bytes but got " +
                       std::to_string(size));
  if (size > file.size() - prefixBytes)
    return invalidData(path + ": expects a header within the " +
                       std::to_string(file.size()) +
                       " bytes of the file but got one of " +
                       std::to_string(size) + " bytes at offset 8");
  std::string_view text = file.text().substr(prefixBytes, size);
  if (text.empty() || text.front() != '{')
    return invalidData(path + ": header: expects a JSON object at offset 8");
  return text;
}

Expected<TensorView> parseTensor(JsonValue entry) {
  TensorView tensor;
  tensor.name = entry.name();
  GOSS_ASSIGN_OR_RETURN(JsonValue dtype, entry.get("dtype"));
  std::optional<DType> known = dtypeFromName(dtype.text());
  if (!known)
    return dtype.mismatch("a dtype of the format");
  tensor.dtype = *known;

  GOSS_ASSIGN_OR_RETURN(JsonValue shape, entry.getArray("shape"));
  GOSS_ASSIGN_OR_RETURN(std::vector<int64_t> extents, shape.asIntegers(0));
  tensor.shape.assign(extents.begin(), extents.end());

  GOSS_ASSIGN_OR_RETURN(JsonValue place, entry.getArray("data_offsets"));
  GOSS_ASSIGN_OR_RETURN(std::vector<int64_t> offsets, place.asIntegers(0));
  if (offsets.size() != 2)
    return place.mismatch("a begin and an end");
  if (offsets[0] > offsets[1])
    return place.error("expects begin <= end but got [" +
                       std::to_string(offsets[0]) + ", " +
                       std::to_string(offsets[1]) + "]");
  tensor.offset = static_cast<uint64_t>(offsets[0]);
  tensor.size = static_cast<uint64_t>(offsets[1] - offsets[0]);

  std::string type =
      std::string(dtypeName(tensor.dtype)) + " " + shapeText(tensor.shape);
  std::optional<uint64_t> expected = tensorBytes(tensor.dtype, tensor.shape);
  if (!expected)
    return entry.error("expects a whole number of bytes below 2^61 but got " +
                       type);
  if (*expected != tensor.size)
    return entry.error("expects " + std::to_string(*expected) + " bytes for " +
                       type + " but got " + std::to_string(tensor.size));
  return tensor;
}

/// Checks that the tensors, in the order of their bytes, cover `dataBytes`
/// without overlap and without holes.
Status checkCoverage(const std::string &path,
                     std::span<const TensorView> tensors, uint64_t dataBytes) {
  uint64_t end = 0;
  for (const TensorView &tensor : tensors) {
    std::string where = path + ": tensor " + quoteText(tensor.name) + ": ";
    if (!rangeFits(tensor.offset, tensor.size, dataBytes))
      return invalidData(where + "expects to end within the " +
                         std::to_string(dataBytes) +
                         " bytes of data but got end " +
                         std::to_string(tensor.offset + tensor.size));
    if (tensor.offset < end)
      return invalidData(where +
                         "overlaps the tensor before it: expects to "
                         "begin at " +
                         std::to_string(end) + " but got " +
                         std::to_string(tensor.offset));
    if (tensor.offset > end)
      return invalidData(
          where + "leaves a hole before it: expects to begin at " +
          std::to_string(end) + " but got " + std::to_string(tensor.offset));
    end += tensor.size;
  }
  if (end != dataBytes)
    return invalidData(path + ": expects " + std::to_string(end) +
                       " bytes of data after the header but got " +
                       std::to_string(dataBytes));
  return Status::ok();
}

} // namespace

Expected<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return read(std::move(file));
}

Expected<SafetensorsFile> SafetensorsFile::read(MappedFile file) {
  SafetensorsFile result;
  result.file_ = std::move(file);
  GOSS_ASSIGN_OR_RETURN(std::string_view text, findHeader(result.file_));
  JsonLimits limits;
  limits.maxValues = maxHeaderValues;
  GOSS_ASSIGN_OR_RETURN(
      JsonDocument header,
      JsonDocument::parse(text, result.path() + ": header", limits));

  for (JsonValue entry : header.root()) {
    if (entry.name() == safetensorsMetadata) {
      GOSS_RETURN_IF_ERROR(entry.asObject().status());
      for (JsonValue member : entry) {
        GOSS_ASSIGN_OR_RETURN(std::string content, member.asString());
        result.metadata_.emplace_back(member.name(), std::move(content));
      }
      continue;
    }
    GOSS_ASSIGN_OR_RETURN(TensorView tensor, parseTensor(entry));
    result.tensors_.push_back(std::move(tensor));
  }

  // The size breaks the tie between empty tensors and their successor.
  auto place = [](const TensorView &tensor) {
    return std::tie(tensor.offset, tensor.size, tensor.name);
  };
  std::sort(result.tensors_.begin(), result.tensors_.end(),
            [&](const TensorView &a, const TensorView &b) {
              return place(a) < place(b);
            });
  result.headerSize_ = prefixBytes + text.size();
  uint64_t dataBytes = result.file_.size() - result.headerSize_;
  GOSS_RETURN_IF_ERROR(
      checkCoverage(result.path(), result.tensors_, dataBytes));

  std::span<const std::byte> bytes = result.file_.bytes();
  result.headerSha256_ = sha256(bytes.first(result.headerSize_));
  result.byName_.resize(result.tensors_.size());
  for (uint32_t i = 0; i < result.tensors_.size(); ++i) {
    TensorView &tensor = result.tensors_[i];
    tensor.offset += result.headerSize_;
    tensor.data = bytes.data() + tensor.offset;
    result.byName_[i] = i;
  }
  std::sort(result.byName_.begin(), result.byName_.end(),
            [&](uint32_t a, uint32_t b) {
              return result.tensors_[a].name < result.tensors_[b].name;
            });
  return result;
}

const TensorView *SafetensorsFile::find(std::string_view name) const {
  auto found = std::lower_bound(byName_.begin(), byName_.end(), name,
                                [&](uint32_t index, std::string_view wanted) {
                                  return tensors_[index].name < wanted;
                                });
  if (found == byName_.end() || tensors_[*found].name != name)
    return nullptr;
  return &tensors_[*found];
}

Expected<const TensorView *> SafetensorsFile::get(std::string_view name) const {
  if (const TensorView *tensor = find(name))
    return tensor;
  return invalidData(path() + ": tensor " + quoteText(name) + " is missing");
}
