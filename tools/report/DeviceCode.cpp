//===- DeviceCode.cpp - Code for an NVIDIA chip in an artifact ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/DeviceCode.h"

#include "runtime/abi/CudaAbi.h"
#include "runtime/support/Sha256.h"
#include "tools/report/ElfReader.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <elf.h>
#include <map>

namespace gossamer::tools {

namespace {

/// Kernel functions of PTX text. ptxas refuses what is not of this form.
std::vector<DeviceFunction> parsePtx(std::string_view ptx) {
  constexpr std::string_view entry = ".entry ", end = "\n}\n";
  std::vector<DeviceFunction> functions;
  for (size_t at = ptx.find(entry); at != ptx.npos; at = ptx.find(entry, at)) {
    size_t begin = ptx.rfind('\n', at) + 1; // npos + 1 is 0.
    size_t name = at + entry.size();
    at = std::min(ptx.find(end, name), ptx.size() - 1) + 1;
    size_t last = std::min(at + end.size() - 1, ptx.size());
    DeviceFunction &function = functions.emplace_back();
    function.name = ptx.substr(name, ptx.find('(', name) - name);
    function.ptx = ptx.substr(begin, last - begin);
  }
  return functions;
}

/// Registers by index of the function's symbol. NVIDIA's section .nv.info has
/// attributes of a format, a kind and a size or value; one kind is a symbol
/// with its number of registers.
std::map<uint32_t, uint32_t> readRegisters(std::span<const std::byte> info) {
  constexpr uint8_t isSized = 4, registerCount = 0x2f;
  std::map<uint32_t, uint32_t> registers;
  auto word = [&](size_t at, auto value) {
    std::memcpy(&value, info.data() + at, sizeof(value));
    return value;
  };
  for (size_t at = 0; at + 4 <= info.size();) {
    auto format = word(at, uint8_t{}), kind = word(at + 1, uint8_t{});
    size_t size = format == isSized ? word(at + 2, uint16_t{}) : 0;
    at += 4;
    if (kind == registerCount && size == 8 && at + size <= info.size())
      registers[word(at, uint32_t{})] = word(at + 4, uint32_t{});
    at += size;
  }
  return registers;
}

/// Notes what the machine code at `offset` of the section has of them.
Status addMachineCode(std::span<const std::byte> cubin, uint64_t offset,
                      const std::string &source,
                      std::vector<DeviceFunction> &functions) {
  constexpr uint32_t infoType = SHT_LOPROC;
  GOSS_ASSIGN_OR_RETURN(ElfReader reader, ElfReader::open(cubin, source));
  GOSS_ASSIGN_OR_RETURN(std::vector<CodeSymbol> symbols, reader.functions());
  GOSS_ASSIGN_OR_RETURN(std::span<const std::byte> info,
                        reader.section(infoType, ".nv.info"));
  std::map<uint32_t, uint32_t> registers = readRegisters(info);
  for (DeviceFunction &function : functions) {
    auto symbol = std::ranges::find(symbols, function.name, &CodeSymbol::name);
    if (symbol == symbols.end())
      continue;
    function.offset = offset + symbol->offset;
    function.size = symbol->size;
    if (auto found = registers.find(symbol->index); found != registers.end())
      function.registers = found->second;
  }
  return Status::ok();
}

/// "_v1_s2" of a function's name after its kernel's: of a variant, of a stage.
bool isVariantOrStage(std::string_view suffix) {
  for (char letter : {'v', 's'}) {
    if (suffix.size() < 3 || suffix[0] != '_' || suffix[1] != letter)
      continue;
    size_t end = 2;
    while (end < suffix.size() &&
           std::isdigit(static_cast<unsigned char>(suffix[end])))
      ++end;
    if (end > 2)
      suffix.remove_prefix(end);
  }
  return suffix.empty();
}

} // namespace

Expected<std::optional<DeviceCode>>
readDeviceCode(std::span<const std::byte> image, const std::string &source) {
  GOSS_ASSIGN_OR_RETURN(ElfReader reader, ElfReader::open(image, source));
  GOSS_ASSIGN_OR_RETURN(std::optional<CodeSymbol> symbol,
                        reader.object("goss_cuda"));
  if (!symbol)
    return std::optional<DeviceCode>();
  // Pointers are 0 here: the loader would write them.
  goss_cuda_code table{};
  std::memcpy(&table, image.data() + symbol->offset,
              std::min<uint64_t>(symbol->size, sizeof(table)));
  if (table.abi_version != GOSS_CUDA_ABI_VERSION ||
      symbol->size != sizeof(table))
    return unavailable(source + ": code section: expects version " +
                       std::to_string(GOSS_CUDA_ABI_VERSION) +
                       " of the table goss_cuda but got " +
                       std::to_string(table.abi_version));
  auto locate = [&](size_t field, uint64_t size) -> Expected<uint64_t> {
    GOSS_ASSIGN_OR_RETURN(uint64_t address,
                          reader.pointerAt(symbol->address + field));
    return reader.offsetOf(address, size);
  };
  GOSS_ASSIGN_OR_RETURN(uint64_t ptx,
                        locate(offsetof(goss_cuda_code, ptx), table.ptx_size));
  const char *text = reinterpret_cast<const char *>(image.data()) + ptx;
  DeviceCode code{parsePtx({text, table.ptx_size})};
  if (table.cubin_size) {
    GOSS_ASSIGN_OR_RETURN(
        uint64_t cubin,
        locate(offsetof(goss_cuda_code, cubin), table.cubin_size));
    GOSS_RETURN_IF_ERROR(addMachineCode(image.subspan(cubin, table.cubin_size),
                                        cubin, source, code.functions));
  }
  return std::optional<DeviceCode>(std::move(code));
}

Status addDeviceKernels(const DeviceCode &code, const std::string &source,
                        proto::Report &report) {
  std::map<std::string, std::string> ptxOf; ///< of a kernel, all of it.
  for (const DeviceFunction &function : code.functions) {
    proto::DeviceFunction &added = *report.add_device_functions();
    added.set_symbol(function.name);
    added.set_offset(function.offset);
    added.set_code_bytes(function.size);
    added.set_registers(function.registers);
    added.set_ptx_bytes(function.ptx.size());
    added.set_sha256(toHex(sha256(function.ptx)));
    for (proto::KernelReport &kernel : *report.mutable_kernels()) {
      if (!function.name.starts_with(kernel.symbol()) ||
          !isVariantOrStage(
              std::string_view(function.name).substr(kernel.symbol().size())))
        continue;
      added.set_kernel(kernel.symbol());
      if (function.name == kernel.symbol())
        kernel.set_offset(function.offset);
      kernel.set_code_bytes(kernel.code_bytes() + function.size);
      ptxOf[kernel.symbol()] += function.ptx;
    }
  }
  for (proto::KernelReport &kernel : *report.mutable_kernels()) {
    auto ptx = ptxOf.find(kernel.symbol());
    if (ptx == ptxOf.end())
      return invalidData(source + ": code section: expects the kernel '" +
                         kernel.symbol() + "' that the manifest names");
    kernel.set_sha256(toHex(sha256(ptx->second)));
  }
  return Status::ok();
}

} // namespace gossamer::tools
