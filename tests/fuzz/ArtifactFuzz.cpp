//===- ArtifactFuzz.cpp - Any file is refused or safe to read -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/ManifestChecks.h"
#include "runtime/support/CheckedMath.h"
#include "tests/fuzz/FuzzSupport.h"
#include "tests/unit/core/SampleManifest.h"
#include <algorithm>
#include <cstring>
#include <google/protobuf/stubs/logging.h>

using namespace gossamer;

namespace {

void read(const std::string &bytes) {
  Expected<Artifact> artifact = Artifact::read(MappedFile::borrow(
      std::as_bytes(std::span(bytes.data(), bytes.size())), "input"));
  if (!artifact)
    return requireMessage(artifact.status());
  unsigned sum = 0;
  for (const SectionEntry &entry : artifact->sections())
    for (std::byte byte : artifact->section(entry.kind))
      sum += static_cast<unsigned>(byte);
  if (Expected<proto::CompileRecord> record = artifact->record())
    sum += static_cast<unsigned>(record->levels_size());
  volatile unsigned keepReads = sum;
  (void)keepReads;
  require(serializeManifest(artifact->manifest()).size() ==
          artifact->section(SectionKind::Manifest).size());
}

/// Makes the fixed fields and the digests right, so that the fuzzer gets
/// behind them.
void repair(std::string &bytes) {
  FileHeader header;
  if (bytes.size() < sizeof(header))
    return;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::memcpy(header.magic, artifactMagic, sizeof(artifactMagic));
  header.version = artifactFormatVersion;
  header.fileSize = bytes.size();
  header.reserved = 0;
  size_t most = (bytes.size() - sizeof(header)) / sizeof(SectionEntry);
  header.sectionCount =
      static_cast<uint32_t>(std::min<size_t>(header.sectionCount % 8, most));
  for (uint32_t i = 0; i < header.sectionCount; ++i) {
    SectionEntry entry;
    char *place = &bytes[sizeof(header) + i * sizeof(entry)];
    std::memcpy(&entry, place, sizeof(entry));
    if (!rangeFits(entry.offset, entry.size, bytes.size()))
      continue;
    Sha256Digest digest =
        sha256(std::string_view(bytes).substr(entry.offset, entry.size));
    std::memcpy(entry.sha256, digest.data(), digest.size());
    std::memcpy(place, &entry, sizeof(entry));
  }
  Sha256Digest digest = sha256(std::string_view(bytes).substr(
      sizeof(header), header.sectionCount * sizeof(SectionEntry)));
  std::memcpy(header.tableSha256, digest.data(), digest.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
}

void checkRules(const std::string &bytes) {
  google::protobuf::LogSilencer silence;
  proto::Manifest manifest;
  if (!manifest.ParseFromString(bytes))
    return;
  for (std::optional<uint64_t> weights :
       {std::optional<uint64_t>(), std::optional<uint64_t>(4096)}) {
    Status status = checkManifest(manifest, weights);
    if (status.isOk())
      require(manifest.tensors_size() > 0);
    else
      requireMessage(status);
  }
}

/// A valid manifest in which each two bytes of `edits` replace the byte at an
/// 8-bit distance from the last one replaced.
std::string editManifest(std::string_view edits) {
  static const std::string valid = sampleManifest().SerializeAsString();
  std::string bytes = valid;
  size_t place = 0;
  for (; edits.size() >= 2; edits.remove_prefix(2)) {
    place = (place + static_cast<uint8_t>(edits[0])) % bytes.size();
    bytes[place] = edits[1];
  }
  return bytes;
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string original(reinterpret_cast<const char *>(data), size);
  std::string bytes = original;
  read(bytes);
  repair(bytes);
  read(bytes);
  // The manifest's rules alone, without the container around them.
  checkRules(original);
  checkRules(editManifest(original));
  return 0;
}
