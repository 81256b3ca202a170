//===- ElfReader.cpp - What an ELF file defines ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ElfReader.h"

#include <algorithm>

namespace gossamer::tools {

Expected<ElfReader> ElfReader::open(std::span<const std::byte> image,
                                    std::string source) {
  ElfReader reader(image, std::move(source));
  GOSS_RETURN_IF_ERROR(reader.readHeader());
  return reader;
}

Status ElfReader::error(const std::string &message) const {
  return invalidData(source_ + ": code section: " + message);
}

Status ElfReader::rangeError(const std::string &what, uint64_t offset,
                             uint64_t size) const {
  return error(what + ": expects to lie within the " +
               std::to_string(image_.size()) + " bytes but got offset " +
               std::to_string(offset) + " and size " + std::to_string(size));
}

Status ElfReader::readHeader() {
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
    sections_[i] = *load<Elf64_Shdr>(header->e_shoff + i * sizeof(Elf64_Shdr));
  names_ = header->e_shstrndx;
  return Status::ok();
}

/// The string at `index` of a table that lies within the image.
Expected<std::string> ElfReader::readName(const Elf64_Shdr &strings,
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

/// The symbol, if it is wanted and defined here.
Expected<std::optional<CodeSymbol>>
ElfReader::readSymbol(const Elf64_Sym &symbol, const Elf64_Shdr &strings,
                      const Wanted &wanted) const {
  if (ELF64_ST_TYPE(symbol.st_info) != wanted.type ||
      symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE)
    return std::optional<CodeSymbol>();
  std::string what = wanted.type == STT_FUNC ? "function" : "symbol";
  CodeSymbol function;
  GOSS_ASSIGN_OR_RETURN(function.name, readName(strings, symbol.st_name));
  if (!wanted.name.empty() && function.name != wanted.name)
    return std::optional<CodeSymbol>();
  if (symbol.st_shndx >= sections_.size())
    return error(what + " '" + function.name + "': expects one of " +
                 std::to_string(sections_.size()) + " sections but got " +
                 std::to_string(symbol.st_shndx));
  const Elf64_Shdr &section = sections_[symbol.st_shndx];
  uint64_t within = symbol.st_value - section.sh_addr; // checked below.
  std::optional<uint64_t> offset = checkedAdd(section.sh_offset, within);
  if (section.sh_type == SHT_NOBITS || symbol.st_value < section.sh_addr ||
      !offset || !rangeFits(within, symbol.st_size, section.sh_size) ||
      !rangeFits(*offset, symbol.st_size, image_.size()))
    return rangeError(what + " '" + function.name + "'", symbol.st_value,
                      symbol.st_size);
  function.address = symbol.st_value;
  function.offset = *offset;
  function.size = symbol.st_size;
  return std::optional<CodeSymbol>(std::move(function));
}

Expected<std::vector<CodeSymbol>>
ElfReader::readSymbols(const Elf64_Shdr &table, const Wanted &wanted) const {
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
        readSymbol(*load<Elf64_Sym>(table.sh_offset + at), strings, wanted));
    if (!function)
      continue;
    function->index = static_cast<uint32_t>(at / sizeof(Elf64_Sym));
    functions.push_back(std::move(*function));
  }
  std::ranges::sort(functions, {}, [](const CodeSymbol &function) {
    return std::pair(function.address, function.name);
  });
  return functions;
}

Expected<std::vector<CodeSymbol>>
ElfReader::symbols(const Wanted &wanted) const {
  // The full table names functions that are not exported, too.
  for (uint32_t kind : {SHT_SYMTAB, SHT_DYNSYM})
    for (const Elf64_Shdr &section : sections_)
      if (section.sh_type == kind)
        return readSymbols(section, wanted);
  return error("has no symbol table");
}

Expected<std::vector<CodeSymbol>> ElfReader::functions() const {
  return symbols({STT_FUNC, {}});
}

Expected<std::optional<CodeSymbol>>
ElfReader::object(std::string_view name) const {
  GOSS_ASSIGN_OR_RETURN(std::vector<CodeSymbol> found,
                        symbols({STT_OBJECT, name}));
  return found.empty() ? std::optional<CodeSymbol>() : std::move(found[0]);
}

Expected<std::span<const std::byte>>
ElfReader::section(uint32_t type, std::string_view name) const {
  for (const Elf64_Shdr &section : sections_) {
    if (section.sh_type != type || names_ >= sections_.size())
      continue;
    const Elf64_Shdr &names = sections_[names_];
    if (!rangeFits(names.sh_offset, names.sh_size, image_.size()))
      return rangeError("section names", names.sh_offset, names.sh_size);
    GOSS_ASSIGN_OR_RETURN(std::string own, readName(names, section.sh_name));
    if (own != name)
      continue;
    if (!rangeFits(section.sh_offset, section.sh_size, image_.size()))
      return rangeError("section " + own, section.sh_offset, section.sh_size);
    return image_.subspan(section.sh_offset, section.sh_size);
  }
  return std::span<const std::byte>();
}

Expected<uint64_t> ElfReader::offsetOf(uint64_t address, uint64_t size) const {
  for (const Elf64_Shdr &section : sections_) {
    uint64_t within = address - section.sh_addr;
    if ((section.sh_flags & SHF_ALLOC) == 0 || section.sh_type == SHT_NOBITS ||
        address < section.sh_addr || !rangeFits(within, size, section.sh_size))
      continue;
    std::optional<uint64_t> offset = checkedAdd(section.sh_offset, within);
    if (offset && rangeFits(*offset, size, image_.size()))
      return *offset;
  }
  return rangeError("data", address, size);
}

Expected<uint64_t> ElfReader::pointerAt(uint64_t address) const {
  for (const Elf64_Shdr &section : sections_) {
    if (section.sh_type != SHT_RELA)
      continue;
    if (!rangeFits(section.sh_offset, section.sh_size, image_.size()))
      return rangeError("relocations", section.sh_offset, section.sh_size);
    for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= section.sh_size;
         at += sizeof(Elf64_Rela)) {
      auto entry = *load<Elf64_Rela>(section.sh_offset + at);
      if (entry.r_offset == address &&
          ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE)
        return static_cast<uint64_t>(entry.r_addend);
    }
  }
  return uint64_t{0};
}

} // namespace gossamer::tools
