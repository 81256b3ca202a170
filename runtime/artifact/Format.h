//===- Format.h - Bytes of a .goss file -------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A .goss file, all numbers little-endian:
//
//   0                FileHeader (64 bytes)
//   64               SectionEntry[sectionCount] (56 bytes each)
//   ...              the sections, in ascending order of kind
//
// A section starts at the first multiple of its alignment after the end of
// what precedes it; the bytes between are zero; the file ends with the last
// section. So the table determines every offset, no two sections overlap, and
// there is no byte that nothing checks: the header's fields are compared with
// the file, the header holds the digest of the table, the table the digests of
// the sections. All are checked when a file is opened, except the digest of
// `weights`, which may be many gigabytes.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_ARTIFACT_FORMAT_H
#define GOSSAMER_RUNTIME_ARTIFACT_FORMAT_H

#include <bit>
#include <cstdint>
#include <string_view>

namespace gossamer {

static_assert(std::endian::native == std::endian::little,
              "the structures below are the file's bytes");

/// Raised by every change of this file or of manifest.proto.
inline constexpr uint32_t artifactFormatVersion = 3;

/// Not text, and broken by any transfer that takes the file for text.
inline constexpr char artifactMagic[8] = {'\x89', 'G',  'O',  'S',
                                          'S',    '\r', '\n', '\x1A'};

enum class SectionKind : uint32_t {
  Manifest = 1,  ///< Protobuf, manifest.proto.
  Code = 2,      ///< what the target's device loads: an ELF shared object, PTX.
  Graph = 3,     ///< MLIR bytecode, for inspection.
  Record = 4,    ///< Protobuf, record.proto, for inspection; may be left out.
  Tokenizer = 5, ///< image of runtime/text.
  Chat = 6,      ///< data of the chat template.
  Weights = 7,   ///< tensors, when they are embedded.
};
inline constexpr uint32_t lastSectionKind = 7;

/// "manifest", "code", ...
std::string_view sectionName(SectionKind kind);

/// Alignment that the writer gives a section. The reader takes any power of
/// two up to largestSectionAlignment.
inline constexpr uint32_t sectionAlignment = 64;
inline constexpr uint32_t weightsAlignment = 4096;
inline constexpr uint32_t largestSectionAlignment = 1u << 21;

/// Tensors of the section `weights` start at multiples of this.
inline constexpr uint64_t embeddedTensorAlignment = 64;

inline constexpr uint64_t largestManifestBytes = uint64_t(64) << 20;
inline constexpr uint64_t largestRecordBytes = uint64_t(64) << 20;
/// All that precedes the weights; the reader copies it.
inline constexpr uint64_t largestCheckedBytes = uint64_t(2) << 30;

struct FileHeader {
  char magic[8];
  uint32_t version; ///< artifactFormatVersion.
  uint32_t sectionCount;
  uint64_t fileSize;
  uint8_t tableSha256[32];
  uint64_t reserved; ///< zero.
};
static_assert(sizeof(FileHeader) == 64);

struct SectionEntry {
  SectionKind kind;
  uint32_t alignment;
  uint64_t offset;
  uint64_t size;
  uint8_t sha256[32];
};
static_assert(sizeof(SectionEntry) == 56);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_ARTIFACT_FORMAT_H
