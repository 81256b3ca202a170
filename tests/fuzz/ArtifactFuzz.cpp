//===- ArtifactFuzz.cpp - Any file is refused or safe to read -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/ManifestChecks.h"
#include "runtime/support/CheckedMath.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace gossamer;

namespace {

void read(const std::string &bytes) {
  Expected<Artifact> artifact = Artifact::read(MappedFile::borrow(
      std::as_bytes(std::span(bytes.data(), bytes.size())), "input"));
  if (!artifact)
    return;
  unsigned sum = 0;
  for (const SectionEntry &entry : artifact->sections())
    for (std::byte byte : artifact->section(entry.kind))
      sum += static_cast<unsigned>(byte);
  if (Expected<proto::CompileRecord> record = artifact->record())
    sum += static_cast<unsigned>(record->levels_size());
  volatile unsigned keepReads = sum;
  (void)keepReads;
  if (serializeManifest(artifact->manifest()).size() !=
      artifact->section(SectionKind::Manifest).size())
    std::abort();
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

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  read(bytes);
  repair(bytes);
  read(bytes);
  // The manifest's rules alone, without the container around them.
  proto::Manifest manifest;
  if (manifest.ParseFromArray(data, static_cast<int>(size)))
    for (std::optional<uint64_t> weights :
         {std::optional<uint64_t>(), std::optional<uint64_t>(4096)})
      if (checkManifest(manifest, weights).isOk() &&
          manifest.tensors_size() == 0)
        std::abort();
  return 0;
}
