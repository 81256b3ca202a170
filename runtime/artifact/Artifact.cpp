//===- Artifact.cpp - Opening a compiled model ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/ManifestChecks.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/ProgressBar.h"
#include <algorithm>
#include <cstring>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>

using namespace gossamer;

namespace {

std::string number(uint64_t value) { return std::to_string(value); }

Status checkHeader(const MappedFile &file, FileHeader &header) {
  const std::string &path = file.path();
  if (file.size() < sizeof(header))
    return invalidData(path + ": expects a .goss header of " +
                       number(sizeof(header)) + " bytes but got " +
                       number(file.size()));
  std::memcpy(&header, file.bytes().data(), sizeof(header));
  if (std::memcmp(header.magic, artifactMagic, sizeof(artifactMagic)) != 0)
    return invalidData(path + ": is not a .goss file: expects its magic bytes "
                              "at offset 0");
  if (header.version != artifactFormatVersion)
    return invalidData(path + ": expects format version " +
                       number(artifactFormatVersion) + " but got " +
                       number(header.version) +
                       ": compile the model again with this release");
  if (header.fileSize != file.size())
    return invalidData(path + ": expects " + number(header.fileSize) +
                       " bytes, as its header says, but got " +
                       number(file.size()) + ": the file is cut or extended");
  if (header.reserved != 0)
    return invalidData(path +
                       ": expects zero in the reserved bytes at offset "
                       "56 but got " +
                       number(header.reserved));
  if (header.sectionCount == 0 || header.sectionCount > lastSectionKind)
    return invalidData(path + ": expects 1 to " + number(lastSectionKind) +
                       " sections but got " + number(header.sectionCount));
  return Status::ok();
}

Expected<std::vector<SectionEntry>> readTable(const MappedFile &file,
                                              const FileHeader &header) {
  size_t size = header.sectionCount * sizeof(SectionEntry);
  if (!rangeFits(sizeof(header), size, file.size()))
    return invalidData(file.path() + ": expects a section table of " +
                       number(size) + " bytes within the file but got " +
                       number(file.size()) + " bytes in all");
  std::vector<SectionEntry> table(header.sectionCount);
  std::memcpy(table.data(), file.bytes().data() + sizeof(header), size);
  Sha256Digest digest = sha256(std::as_bytes(std::span(table)));
  if (std::memcmp(digest.data(), header.tableSha256, digest.size()) != 0)
    return invalidData(file.path() + ": the section table does not have the "
                                     "digest that the header states");
  return table;
}

/// Where an entry's section is, for messages.
std::string placeOf(const MappedFile &file, const SectionEntry &entry) {
  return file.path() + ": section " + std::string(sectionName(entry.kind)) +
         ": ";
}

/// Checks the one place that an entry may have after `end`, and moves `end`
/// behind the section.
Status checkPlace(const MappedFile &file, const SectionEntry &entry,
                  uint64_t &end) {
  uint32_t kind = static_cast<uint32_t>(entry.kind);
  if (kind == 0 || kind > lastSectionKind)
    return invalidData(file.path() + ": expects section kinds 1 to " +
                       number(lastSectionKind) + " but got " + number(kind));
  if (!std::has_single_bit(entry.alignment) ||
      entry.alignment > largestSectionAlignment)
    return invalidData(placeOf(file, entry) + "expects a power of two up to " +
                       number(largestSectionAlignment) +
                       " as alignment but got " + number(entry.alignment));
  std::optional<uint64_t> offset = checkedAlignUp(end, entry.alignment);
  if (!offset || entry.offset != *offset)
    return invalidData(placeOf(file, entry) + "expects to begin at offset " +
                       number(offset.value_or(end)) + " but got " +
                       number(entry.offset));
  if (!rangeFits(entry.offset, entry.size, file.size()))
    return invalidData(placeOf(file, entry) + "expects to end within the " +
                       number(file.size()) + " bytes of the file but got " +
                       number(entry.size) + " bytes at offset " +
                       number(entry.offset));
  end = entry.offset + entry.size;
  return Status::ok();
}

/// Checks the table against the size of the file.
Status checkPlaces(const MappedFile &file,
                   std::span<const SectionEntry> table) {
  uint64_t end = sizeof(FileHeader) + table.size_bytes();
  const SectionEntry *previous = nullptr;
  for (const SectionEntry &entry : table) {
    GOSS_RETURN_IF_ERROR(checkPlace(file, entry, end));
    if (previous && entry.kind <= previous->kind)
      return invalidData(file.path() +
                         ": expects each section once, ordered "
                         "by kind, but got " +
                         std::string(sectionName(entry.kind)) + " after " +
                         std::string(sectionName(previous->kind)));
    previous = &entry;
  }
  if (end != file.size())
    return invalidData(file.path() +
                       ": expects the last section to end with "
                       "the file but got " +
                       number(file.size() - end) + " more bytes");
  return Status::ok();
}

Status checkDigest(const MappedFile &file, const SectionEntry &entry,
                   const Sha256Digest &digest) {
  if (std::memcmp(digest.data(), entry.sha256, digest.size()) == 0)
    return Status::ok();
  return invalidData(placeOf(file, entry) +
                     "does not have the digest that the table states: the "
                     "file is damaged");
}

/// Parses a section that holds one message. `where` is its place for messages.
Status parseMessage(const std::string &where, std::span<const std::byte> bytes,
                    uint64_t largest, google::protobuf::Message &message) {
  if (bytes.size() > largest)
    return invalidData(where + ": expects at most " + number(largest) +
                       " bytes but got " + number(bytes.size()));
  if (bytes.empty())
    return Status::ok();
  // The library reports some failures on standard error by itself.
  google::protobuf::LogSilencer silence;
  constexpr int maxNesting = 8;
  google::protobuf::io::CodedInputStream input(
      reinterpret_cast<const uint8_t *>(bytes.data()),
      static_cast<int>(bytes.size()));
  input.SetRecursionLimit(maxNesting);
  if (!message.ParseFromCodedStream(&input) || !input.ConsumedEntireMessage())
    return invalidData(where + ": is not a valid message");
  return Status::ok();
}

Expected<std::unique_ptr<proto::Manifest>>
parseManifest(const std::string &path, std::span<const std::byte> bytes) {
  std::string where = path + ": section manifest";
  auto manifest = std::make_unique<proto::Manifest>();
  GOSS_RETURN_IF_ERROR(
      parseMessage(where, bytes, largestManifestBytes, *manifest));
  // A field of a number that we do not know could change the meaning of those
  // that we know; and a manifest has one encoding only.
  manifest->DiscardUnknownFields();
  if (serializeManifest(*manifest) !=
      std::string_view(reinterpret_cast<const char *>(bytes.data()),
                       bytes.size()))
    return invalidData(where + ": expects the canonical encoding of known "
                               "fields");
  return manifest;
}

} // namespace

std::string_view gossamer::sectionName(SectionKind kind) {
  switch (kind) {
  case SectionKind::Manifest:
    return "manifest";
  case SectionKind::Code:
    return "code";
  case SectionKind::Graph:
    return "graph";
  case SectionKind::Record:
    return "record";
  case SectionKind::Tokenizer:
    return "tokenizer";
  case SectionKind::Chat:
    return "chat";
  case SectionKind::Weights:
    return "weights";
  }
  return "unknown";
}

Expected<Artifact> Artifact::open(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return read(std::move(file));
}

Expected<Artifact> Artifact::read(MappedFile file) {
  Artifact artifact;
  artifact.file_ = std::move(file);
  const std::string &path = artifact.path();
  FileHeader header;
  GOSS_RETURN_IF_ERROR(checkHeader(artifact.file_, header));
  GOSS_ASSIGN_OR_RETURN(artifact.sections_, readTable(artifact.file_, header));
  GOSS_RETURN_IF_ERROR(checkPlaces(artifact.file_, artifact.sections_));
  GOSS_RETURN_IF_ERROR(artifact.copyChecked());
  GOSS_RETURN_IF_ERROR(artifact.checkContents());
  for (SectionKind needed : {SectionKind::Manifest, SectionKind::Code})
    if (artifact.section(needed).empty())
      return invalidData(path + ": section " +
                         std::string(sectionName(needed)) + " is missing");

  GOSS_ASSIGN_OR_RETURN(
      std::unique_ptr<proto::Manifest> manifest,
      parseManifest(path, artifact.section(SectionKind::Manifest)));
  std::optional<uint64_t> weightsBytes;
  if (artifact.hasSection(SectionKind::Weights))
    weightsBytes = artifact.weightsSection().size();
  GOSS_RETURN_IF_ERROR(
      checkManifest(*manifest, weightsBytes).withContext(path + ": manifest"));
  artifact.manifest_ = std::move(manifest);
  return artifact;
}

/// Copies what precedes the weights; all checks that follow look at the copy.
Status Artifact::copyChecked() {
  uint64_t size = file_.size();
  for (const SectionEntry &entry : sections_)
    if (entry.kind == SectionKind::Weights)
      size = std::min(size, entry.offset);
  if (size > largestCheckedBytes)
    return invalidData(path() + ": expects at most " +
                       number(largestCheckedBytes) +
                       " bytes before the weights but got " + number(size));
  checked_.resize((size + sizeof(Block) - 1) / sizeof(Block));
  std::memcpy(checked_.data(), file_.bytes().data(), size);
  return Status::ok();
}

std::span<const std::byte> Artifact::bytesOf(const SectionEntry &entry) const {
  if (entry.kind == SectionKind::Weights)
    return file_.bytes().subspan(entry.offset, entry.size);
  return std::as_bytes(std::span(checked_)).subspan(entry.offset, entry.size);
}

/// Checks the bytes between the sections and all digests but the weights'.
Status Artifact::checkContents() const {
  std::string_view checked(reinterpret_cast<const char *>(checked_.data()),
                           checked_.size() * sizeof(Block));
  uint64_t end = sizeof(FileHeader) + sections_.size() * sizeof(SectionEntry);
  for (const SectionEntry &entry : sections_) {
    std::string_view padding = checked.substr(end, entry.offset - end);
    if (size_t at = padding.find_first_not_of('\0'); at != padding.npos)
      return invalidData(placeOf(file_, entry) +
                         "expects zero bytes before it but got another at "
                         "offset " +
                         number(end + at));
    if (entry.kind != SectionKind::Weights)
      GOSS_RETURN_IF_ERROR(checkDigest(file_, entry, sha256(bytesOf(entry))));
    end = entry.offset + entry.size;
  }
  return Status::ok();
}

bool Artifact::hasSection(SectionKind kind) const {
  return std::any_of(
      sections_.begin(), sections_.end(),
      [&](const SectionEntry &entry) { return entry.kind == kind; });
}

std::span<const std::byte> Artifact::section(SectionKind kind) const {
  for (const SectionEntry &entry : sections_)
    if (entry.kind == kind)
      return bytesOf(entry);
  return {};
}

Expected<proto::CompileRecord> Artifact::record() const {
  proto::CompileRecord record;
  GOSS_RETURN_IF_ERROR(parseMessage(path() + ": section record",
                                    section(SectionKind::Record),
                                    largestRecordBytes, record));
  return record;
}

Sha256Digest Artifact::identity() const {
  return sha256(std::as_bytes(std::span(checked_)).first(sizeof(FileHeader)));
}

Status Artifact::verifyAll(bool showProgress) const {
  constexpr size_t pieceBytes = size_t(8) << 20;
  ProgressBar progress("verifying", file_.size(), ProgressBar::Unit::Bytes,
                       showProgress);
  for (const SectionEntry &entry : sections_) {
    file_.advise(MappedFile::Advice::Sequential, entry.offset, entry.size);
    std::span<const std::byte> rest = bytesOf(entry);
    Sha256 hash;
    while (!rest.empty()) {
      size_t size = std::min(rest.size(), pieceBytes);
      hash.update(rest.first(size));
      progress.add(size);
      rest = rest.subspan(size);
    }
    GOSS_RETURN_IF_ERROR(checkDigest(file_, entry, hash.finish()));
  }
  return Status::ok();
}
