//===- CodeReport.cpp - Machine code of the kernels -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/CodeReport.h"

#include "runtime/support/Sha256.h"
#include "tools/report/DeviceCode.h"
#include "tools/report/ElfReader.h"

#include <algorithm>
#include <cstring>
#include <elf.h>
#include <set>

namespace gossamer::tools {

bool isElf(std::span<const std::byte> image) {
  return image.size() >= SELFMAG &&
         std::memcmp(image.data(), ELFMAG, SELFMAG) == 0;
}

Expected<std::vector<CodeSymbol>>
readCodeSymbols(std::span<const std::byte> image, const std::string &source) {
  GOSS_ASSIGN_OR_RETURN(ElfReader reader, ElfReader::open(image, source));
  return reader.functions();
}

static Status addHostKernels(std::span<const std::byte> image,
                             const std::vector<CodeSymbol> &symbols,
                             const std::string &source, proto::Report &report) {
  for (proto::KernelReport &kernel : *report.mutable_kernels()) {
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
  return Status::ok();
}

Status addCode(std::span<const std::byte> image, const std::string &source,
               proto::Report &report) {
  if (!isElf(image))
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(std::vector<CodeSymbol> symbols,
                        readCodeSymbols(image, source));
  GOSS_ASSIGN_OR_RETURN(std::optional<DeviceCode> device,
                        readDeviceCode(image, source));
  if (device)
    GOSS_RETURN_IF_ERROR(addDeviceKernels(*device, source, report));
  else
    GOSS_RETURN_IF_ERROR(addHostKernels(image, symbols, source, report));
  std::set<std::string_view> kernels;
  if (!device)
    for (const proto::KernelReport &kernel : report.kernels())
      kernels.insert(kernel.symbol());
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
