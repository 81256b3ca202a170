//===- ScalarDecode.h - Stored numbers in double precision ------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The oracle of all decoding: one number at a time, from the definitions of the
// formats, in double precision, where every stored number is exact. Shares no
// code and no table with runtime/weights.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_SCALARDECODE_H
#define GOSSAMER_TOOLS_VALIDATE_SCALARDECODE_H

#include <cstdint>

namespace gossamer::tools {

/// The number of an IEEE-like format with `exponentBits`, `mantissaBits` and a
/// sign above them: (-1)^s 2^(e - bias) (1 + m / 2^mantissaBits), subnormal for
/// e = 0, infinite or NaN where e has all bits. bias is 2^(exponentBits-1) - 1.
double decodeFloat(uint32_t bits, unsigned exponentBits, unsigned mantissaBits);

inline double decodeBf16(uint16_t bits) { return decodeFloat(bits, 8, 7); }
inline double decodeF16(uint16_t bits) { return decodeFloat(bits, 5, 10); }
inline double decodeF32(uint32_t bits) { return decodeFloat(bits, 8, 23); }

/// Element of MXFP4 (OCP Microscaling Formats 1.0): an E2M1 code, bias 1 and
/// without infinities, times 2^(scale - 127); NaN for scale 255.
double decodeMxfp4(uint8_t code, uint8_t scale);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_SCALARDECODE_H
