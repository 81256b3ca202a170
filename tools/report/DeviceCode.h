//===- DeviceCode.h - Code for an NVIDIA chip in an artifact ----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Finds PTX and machine code that the data symbol goss_cuda of the section
// `code` refers to (runtime/abi/CudaAbi.h), without loading the section.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_DEVICECODE_H
#define GOSSAMER_TOOLS_REPORT_DEVICECODE_H

#include "runtime/support/Status.h"
#include "tools/report/report.pb.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer::tools {

/// A kernel function of the device, in the order of the PTX.
struct DeviceFunction {
  std::string name;
  std::string_view ptx; ///< from its first line to its last.
  uint64_t offset = 0;  ///< of its machine code in the section.
  uint64_t size = 0;    ///< 0: without machine code.
  uint32_t registers = 0;
};

struct DeviceCode {
  std::vector<DeviceFunction> functions; ///< parts of the section's bytes.
};

/// Nothing where the section has no goss_cuda. InvalidData where that points
/// outside of the section, Unavailable where it is of another version.
Expected<std::optional<DeviceCode>>
readDeviceCode(std::span<const std::byte> image, const std::string &source);

/// Adds the functions to the report, and what its kernels have of them.
/// InvalidData when the code lacks a kernel's function.
Status addDeviceKernels(const DeviceCode &code, const std::string &source,
                        proto::Report &report);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_DEVICECODE_H
