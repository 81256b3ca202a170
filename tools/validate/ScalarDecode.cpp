//===- ScalarDecode.cpp - Stored numbers in double precision --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/ScalarDecode.h"

#include <cmath>
#include <limits>

namespace gossamer::tools {

/// A subnormal number has the exponent of the smallest normal one and no hidden
/// bit.
static double compose(bool isNegative, int exponent, uint32_t mantissa,
                      unsigned mantissaBits, int bias) {
  uint32_t hidden = exponent == 0 ? 0 : 1U << mantissaBits;
  int power = (exponent == 0 ? 1 : exponent) - bias;
  double magnitude = std::ldexp(static_cast<double>(hidden | mantissa),
                                power - static_cast<int>(mantissaBits));
  return isNegative ? -magnitude : magnitude;
}

double decodeFloat(uint32_t bits, unsigned exponentBits,
                   unsigned mantissaBits) {
  uint32_t mantissa = bits & ((1U << mantissaBits) - 1);
  uint32_t largest = (1U << exponentBits) - 1;
  uint32_t exponent = (bits >> mantissaBits) & largest;
  bool isNegative = (bits >> (mantissaBits + exponentBits)) & 1;
  if (exponent == largest) {
    if (mantissa)
      return std::numeric_limits<double>::quiet_NaN();
    double infinity = std::numeric_limits<double>::infinity();
    return isNegative ? -infinity : infinity;
  }
  int bias = (1 << (exponentBits - 1)) - 1;
  return compose(isNegative, static_cast<int>(exponent), mantissa, mantissaBits,
                 bias);
}

double decodeMxfp4(uint8_t code, uint8_t scale) {
  if (scale == 255)
    return std::numeric_limits<double>::quiet_NaN();
  double element = compose(code & 8, (code >> 1) & 3, code & 1, 1, 1);
  return std::ldexp(element, static_cast<int>(scale) - 127);
}

} // namespace gossamer::tools
