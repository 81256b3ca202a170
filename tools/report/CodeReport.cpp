//===- CodeReport.cpp - Machine code of the kernels -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/CodeReport.h"

#include "runtime/support/CheckedMath.h"
#include "runtime/support/Sha256.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <optional>
#include <set>

namespace gossamer::tools {

namespace {

/// Reads the tables of one image. Structures are copied out: they may lie at
/// any alignment.
class ElfReader {
public:
  ElfReader(std::span<const std::byte> image, const std::string &source)
      : image_(image), source_(source) {}

  Expected<std::vector<CodeSymbol>> read() {
    GOSS_RETURN_IF_ERROR(readHeader());
    // The full table names functions that are not exported, too.
    for (uint32_t type : {SHT_SYMTAB, SHT_DYNSYM})
      for (const Elf64_Shdr &section : sections_)
        if (section.sh_type == type)
          return readSymbols(section);
    return error("has no symbol table");
  }

private:
  Status error(const std::string &message) const {
    return invalidData(source_ + ": code section: " + message);
  }

  Status rangeError(const std::string &what, uint64_t offset,
                    uint64_t size) const {
    return error(what + ": expects to lie within the " +
                 std::to_string(image_.size()) + " bytes but got offset " +
                 std::to_string(offset) + " and size " + std::to_string(size));
  }

  template <typename T> std::optional<T> load(uint64_t offset) const {
    if (!rangeFits(offset, sizeof(T), image_.size()))
      return std::nullopt;
    T value;
    std::memcpy(&value, image_.data() + offset, sizeof(T));
    return value;
  }

  Status readHeader() {
    std::optional<Elf64_Ehdr> header = load<Elf64_Ehdr>(0);
    if (!header || !isElf(image_) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB)
      return error("expects a 64-bit little-endian ELF file but got " +
                   std::to_string(image_.size()) + " bytes of something else");
    if (header->e_shentsize != sizeof(Elf64_Shdr))
      return error("expects section headers of " +
                   std::to_string(sizeof(Elf64_Shdr)) + " bytes but got " +
                   std::to_string(header->e_shentsize));
    // e_shnum has 16 bits, so the product is small.
    uint64_t bytes = uint64_t(header->e_shnum) * sizeof(Elf64_Shdr);
    if (!rangeFits(header->e_shoff, bytes, image_.size()))
      return rangeError("section headers", header->e_shoff, bytes);
    sections_.resize(header->e_shnum);
    for (size_t i = 0; i < sections_.size(); ++i)
      sections_[i] =
          *load<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr));
    return Status::ok();
  }

  /// The string at `index` of a table that lies within the image.
  Expected<std::string> readName(const Elf64_Shdr &strings,
                                 uint32_t index) const {
    if (index < strings.sh_size) {
      const char *begin = reinterpret_cast<const char *>(image_.data()) +
                          strings.sh_offset + index;
      size_t limit = strings.sh_size - index;
      if (const void *end = std::memchr(begin, 0, limit))
        return std::string(begin, static_cast<const char *>(end));
    }
    return error("expects a name that ends within its string table at " +
                 std::to_string(index));
  }

  /// The function of a symbol; nothing for symbols of other kinds.
  Expected<std::optional<CodeSymbol>> readFunction(const Elf64_Sym &symbol,
                                                   const Elf64_Shdr &strings) {
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
        symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE)
      return std::optional<CodeSymbol>();
    CodeSymbol function;
    GOSS_ASSIGN_OR_RETURN(function.name, readName(strings, symbol.st_name));
    if (symbol.st_shndx >= sections_.size())
      return error("function '" + function.name + "': expects one of " +
                   std::to_string(sections_.size()) + " sections but got " +
                   std::to_string(symbol.st_shndx));
    const Elf64_Shdr &section = sections_[symbol.st_shndx];
    uint64_t within = symbol.st_value - section.sh_addr; // checked below.
    std::optional<uint64_t> offset = checkedAdd(section.sh_offset, within);
    if (section.sh_type == SHT_NOBITS || symbol.st_value < section.sh_addr ||
        !offset || !rangeFits(within, symbol.st_size, section.sh_size) ||
        !rangeFits(*offset, symbol.st_size, image_.size()))
      return rangeError("function '" + function.name + "'", symbol.st_value,
                        symbol.st_size);
    function.address = symbol.st_value;
    function.offset = *offset;
    function.size = symbol.st_size;
    return std::optional<CodeSymbol>(std::move(function));
  }

  Expected<std::vector<CodeSymbol>> readSymbols(const Elf64_Shdr &table) {
    if (!rangeFits(table.sh_offset, table.sh_size, image_.size()))
      return rangeError("symbol table", table.sh_offset, table.sh_size);
    if (table.sh_entsize != sizeof(Elf64_Sym) ||
        table.sh_link >= sections_.size())
      return error("expects symbols of " + std::to_string(sizeof(Elf64_Sym)) +
                   " bytes with a string table but got " +
                   std::to_string(table.sh_entsize) + " and section " +
                   std::to_string(table.sh_link));
    const Elf64_Shdr &strings = sections_[table.sh_link];
    if (strings.sh_type != SHT_STRTAB ||
        !rangeFits(strings.sh_offset, strings.sh_size, image_.size()))
      return rangeError("string table", strings.sh_offset, strings.sh_size);
    std::vector<CodeSymbol> functions;
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size;
         at += sizeof(Elf64_Sym)) {
      GOSS_ASSIGN_OR_RETURN(
          std::optional<CodeSymbol> function,
          readFunction(*load<Elf64_Sym>(table.sh_offset + at), strings));
      if (function)
        functions.push_back(std::move(*function));
    }
    std::ranges::sort(functions, {}, [](const CodeSymbol &function) {
      return std::pair(function.address, function.name);
    });
    return functions;
  }

  std::span<const std::byte> image_;
  const std::string &source_;
  std::vector<Elf64_Shdr> sections_;
};

} // namespace

bool isElf(std::span<const std::byte> image) {
  return image.size() >= SELFMAG &&
         std::memcmp(image.data(), ELFMAG, SELFMAG) == 0;
}

Expected<std::vector<CodeSymbol>>
readCodeSymbols(std::span<const std::byte> image, const std::string &source) {
  return ElfReader(image, source).read();
}

Status addCode(std::span<const std::byte> image, const std::string &source,
               proto::Report &report) {
  if (!isElf(image))
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(std::vector<CodeSymbol> symbols,
                        readCodeSymbols(image, source));
  std::set<std::string_view> kernels;
  for (proto::KernelReport &kernel : *report.mutable_kernels()) {
    kernels.insert(kernel.symbol());
    auto symbol =
        std::ranges::find(symbols, kernel.symbol(), &CodeSymbol::name);
    if (symbol == symbols.end())
      return invalidData(source + ": code section: expects the kernel '" +
                         kernel.symbol() + "' that the manifest names");
    kernel.set_offset(symbol->offset);
    kernel.set_code_bytes(symbol->size);
    kernel.set_sha256(
        toHex(sha256(image.subspan(symbol->offset, symbol->size))));
  }
  for (const CodeSymbol &symbol : symbols) {
    if (kernels.contains(symbol.name))
      continue;
    proto::CodeFunction &function = *report.add_functions();
    function.set_symbol(symbol.name);
    function.set_offset(symbol.offset);
    function.set_code_bytes(symbol.size);
    function.set_sha256(
        toHex(sha256(image.subspan(symbol.offset, symbol.size))));
  }
  return Status::ok();
}

} // namespace gossamer::tools
