//===- CodeReport.h - Machine code of the kernels ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Looks into the section `code` of an artifact. That is an ELF shared object
// of any origin: every offset and size in it is checked, and it is never
// loaded. Of code in another format nothing is said. For an NVIDIA chip the
// object holds the device's code as data (DeviceCode.h).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_CODEREPORT_H
#define GOSSAMER_TOOLS_REPORT_CODEREPORT_H

#include "runtime/support/Status.h"
#include "tools/report/report.pb.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace gossamer::tools {

/// A function in a shared object.
struct CodeSymbol {
  std::string name;
  uint64_t address = 0; ///< where it asks to be loaded.
  uint64_t offset = 0;  ///< of its first byte in the file.
  uint64_t size = 0;
  uint32_t index = 0; ///< in the table of symbols.
};

bool isElf(std::span<const std::byte> image);

/// The functions that an ELF64 little-endian shared object defines, in the
/// order of their addresses. `source` is what messages call it. InvalidData
/// where a table or a function lies outside the image.
Expected<std::vector<CodeSymbol>>
readCodeSymbols(std::span<const std::byte> image, const std::string &source);

/// Completes the report's kernels with place, size and SHA-256 of their code,
/// adds the functions of a GPU, and those of the host that are no kernels.
/// InvalidData when the code lacks one of them.
Status addCode(std::span<const std::byte> image, const std::string &source,
               proto::Report &report);

/// The instructions of a function of the image, one a line, by the first of
/// llvm-objdump-22, llvm-objdump and objdump that PATH has. Unavailable when
/// none is installed.
Expected<std::string> disassemble(std::span<const std::byte> image,
                                  const CodeSymbol &symbol);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_CODEREPORT_H
