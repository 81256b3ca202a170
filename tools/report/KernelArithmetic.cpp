//===- KernelArithmetic.cpp - Units that kernels use ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/KernelArithmetic.h"

namespace gossamer::tools {

std::string_view arithmeticName(Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::Float32:
    return "float32";
  case Arithmetic::Int8:
    return "int8";
  case Arithmetic::Int8TwoParts:
    return "int8x2";
  case Arithmetic::Bf16:
    return "bf16";
  case Arithmetic::Bf16ThreeParts:
    return "bf16x3";
  }
  return "";
}

Arithmetic arithmeticOf(std::string_view kind, std::string_view mathMode) {
  if (kind.starts_with("tiles"))
    return kind.ends_with("bf16") ? Arithmetic::Bf16
                                  : Arithmetic::Bf16ThreeParts;
  if (kind.find("int8") == std::string_view::npos &&
      kind.find("vnni") == std::string_view::npos)
    return Arithmetic::Float32;
  return mathMode == "fast" ? Arithmetic::Int8TwoParts : Arithmetic::Int8;
}

} // namespace gossamer::tools
