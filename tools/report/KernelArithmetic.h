//===- KernelArithmetic.h - Units that kernels use --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_KERNELARITHMETIC_H
#define GOSSAMER_TOOLS_REPORT_KERNELARITHMETIC_H

#include <string_view>

namespace gossamer::tools {

/// Units that do a kernel's products.
enum class Arithmetic {
  Float32,
  Int8,
  Int8TwoParts,   ///< two int8 products for each product of the model.
  Bf16,           ///< tensor cores of a GPU.
  Bf16ThreeParts, ///< three products in them for each product of the model.
};

/// "float32", "int8", "int8x2", "bf16" or "bf16x3".
std::string_view arithmeticName(Arithmetic arithmetic);

/// Units that a kernel kind uses in an artifact of that math mode.
Arithmetic arithmeticOf(std::string_view kind, std::string_view mathMode);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_KERNELARITHMETIC_H
