//===- ElfReader.h - What an ELF file defines -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_ELFREADER_H
#define GOSSAMER_TOOLS_REPORT_ELFREADER_H

#include "runtime/support/CheckedMath.h"
#include "tools/report/CodeReport.h"

#include <cstring>
#include <elf.h>
#include <optional>

namespace gossamer::tools {

/// Reads the tables of one 64-bit little-endian image, of any origin: every
/// offset is checked. Structures are copied out: they may lie at any alignment.
class ElfReader {
public:
  /// InvalidData for what is no such image; `source` is what messages call it.
  static Expected<ElfReader> open(std::span<const std::byte> image,
                                  std::string source);

  /// The functions that it defines, in the order of their addresses.
  Expected<std::vector<CodeSymbol>> functions() const;
  /// The data that it defines under this name.
  Expected<std::optional<CodeSymbol>> object(std::string_view name) const;
  /// Bytes of the first section of that type and name, empty without one.
  Expected<std::span<const std::byte>> section(uint32_t type,
                                               std::string_view name) const;

  /// Where what is loaded to `address` lies in the image.
  Expected<uint64_t> offsetOf(uint64_t address, uint64_t size) const;
  /// The address that the loader writes to `address`; 0 where it writes none.
  Expected<uint64_t> pointerAt(uint64_t address) const;

private:
  ElfReader(std::span<const std::byte> image, std::string source)
      : image_(image), source_(std::move(source)) {}

  Status error(const std::string &message) const;
  Status rangeError(const std::string &what, uint64_t offset,
                    uint64_t size) const;
  template <typename T> std::optional<T> load(uint64_t offset) const {
    if (!rangeFits(offset, sizeof(T), image_.size()))
      return std::nullopt;
    T value;
    std::memcpy(&value, image_.data() + offset, sizeof(T));
    return value;
  }
  Status readHeader();
  Expected<std::string> readName(const Elf64_Shdr &strings,
                                 uint32_t index) const;
  /// Which symbols are asked for: those of a type, or of them one.
  struct Wanted {
    unsigned char type;
    std::string_view name;
  };
  Expected<std::optional<CodeSymbol>> readSymbol(const Elf64_Sym &symbol,
                                                 const Elf64_Shdr &strings,
                                                 const Wanted &wanted) const;
  Expected<std::vector<CodeSymbol>> readSymbols(const Elf64_Shdr &table,
                                                const Wanted &wanted) const;
  Expected<std::vector<CodeSymbol>> symbols(const Wanted &wanted) const;

  std::span<const std::byte> image_;
  std::string source_;
  uint16_t names_ = 0; ///< section of the sections' names.
  std::vector<Elf64_Shdr> sections_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_ELFREADER_H
