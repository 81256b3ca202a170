//===- ArtifactWriter.cpp - Writing a compiled model ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/artifact/ManifestChecks.h"
#include <algorithm>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

using namespace gossamer;

namespace {

template <typename T> std::string_view rawBytes(const T *data, size_t count) {
  return {reinterpret_cast<const char *>(data), count * sizeof(T)};
}

void setDigest(uint8_t (&field)[32], const Sha256Digest &digest) {
  std::memcpy(field, digest.data(), digest.size());
}

/// Checks the caller's sections, adds the manifest and puts them into order.
Status orderSections(std::vector<ArtifactWriter::Section> &sections) {
  std::sort(sections.begin(), sections.end(),
            [](const auto &a, const auto &b) { return a.kind < b.kind; });
  for (size_t i = 1; i < sections.size(); ++i)
    if (sections[i - 1].kind == sections[i].kind)
      return internalError("expects each section once but got " +
                           std::string(sectionName(sections[i].kind)) +
                           " twice");
  for (SectionKind needed : {SectionKind::Manifest, SectionKind::Code})
    if (std::none_of(sections.begin(), sections.end(), [&](const auto &s) {
          return s.kind == needed && !s.bytes.empty();
        }))
      return internalError("expects a section " +
                           std::string(sectionName(needed)) + " but got none");
  if (sections.back().kind >= SectionKind::Weights)
    return internalError("expects the weights to be appended but got them as "
                         "a section");
  return Status::ok();
}

} // namespace

std::string gossamer::serializeManifest(const proto::Manifest &manifest) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream output(&stream);
  output.SetSerializationDeterministic(true);
  manifest.SerializeToCodedStream(&output);
  output.Trim();
  return bytes;
}

Expected<ArtifactWriter> ArtifactWriter::create(const std::string &path,
                                                proto::Manifest manifest,
                                                std::vector<Section> sections,
                                                uint64_t weightsBytes) {
  manifest.set_format_version(artifactFormatVersion);
  std::optional<uint64_t> embedded;
  if (weightsBytes != 0)
    embedded = weightsBytes;
  GOSS_RETURN_IF_ERROR(
      checkManifest(manifest, embedded).withContext(path + ": manifest"));
  std::string manifestBytes = serializeManifest(manifest);
  if (manifestBytes.size() > largestManifestBytes)
    return invalidData(path + ": manifest: expects at most " +
                       std::to_string(largestManifestBytes) +
                       " bytes but got " +
                       std::to_string(manifestBytes.size()));
  sections.push_back({SectionKind::Manifest, manifestBytes});
  GOSS_RETURN_IF_ERROR(orderSections(sections).withContext(path));

  GOSS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  ArtifactWriter writer(std::move(file));
  writer.table_.resize(sections.size() + (embedded ? 1 : 0));
  // The header and the table are filled in by commit().
  std::string front(
      sizeof(FileHeader) + writer.table_.size() * sizeof(SectionEntry), '\0');
  GOSS_RETURN_IF_ERROR(writer.file_.write(front));
  for (size_t i = 0; i < sections.size(); ++i) {
    GOSS_RETURN_IF_ERROR(writer.file_.alignTo(sectionAlignment));
    SectionEntry &entry = writer.table_[i];
    entry.kind = sections[i].kind;
    entry.alignment = sectionAlignment;
    entry.offset = writer.file_.size();
    entry.size = sections[i].bytes.size();
    setDigest(entry.sha256, sha256(sections[i].bytes));
    GOSS_RETURN_IF_ERROR(writer.file_.write(sections[i].bytes));
  }
  if (embedded) {
    GOSS_RETURN_IF_ERROR(writer.file_.alignTo(weightsAlignment));
    SectionEntry &entry = writer.table_.back();
    entry.kind = SectionKind::Weights;
    entry.alignment = weightsAlignment;
    entry.offset = writer.file_.size();
    entry.size = writer.weightsLeft_ = weightsBytes;
  }
  return writer;
}

Status ArtifactWriter::appendWeights(std::span<const std::byte> bytes) {
  if (bytes.size() > weightsLeft_)
    return internalError(
        file_.path() + ": expects at most " + std::to_string(weightsLeft_) +
        " more bytes of weights but got " + std::to_string(bytes.size()));
  weightsLeft_ -= bytes.size();
  weightsHash_.update(bytes);
  return file_.write(bytes);
}

Status ArtifactWriter::commit() {
  if (weightsLeft_ != 0)
    return internalError(file_.path() + ": expects " +
                         std::to_string(weightsLeft_) +
                         " more bytes of weights before the end");
  if (table_.back().kind == SectionKind::Weights)
    setDigest(table_.back().sha256, weightsHash_.finish());
  std::string_view table = rawBytes(table_.data(), table_.size());
  FileHeader header = {};
  std::memcpy(header.magic, artifactMagic, sizeof(artifactMagic));
  header.version = artifactFormatVersion;
  header.sectionCount = static_cast<uint32_t>(table_.size());
  header.fileSize = file_.size();
  setDigest(header.tableSha256, sha256(table));
  GOSS_RETURN_IF_ERROR(file_.overwrite(0, rawBytes(&header, 1)));
  GOSS_RETURN_IF_ERROR(file_.overwrite(sizeof(header), table));
  return file_.commit();
}
