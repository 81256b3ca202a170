//===- FloatTypes.h - Scalar conversions of 16-bit floats -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Reference conversions: bit-exact, without a dependence on the processor.
// Narrowing rounds to nearest, ties to even; NaN stays a quiet NaN with its
// sign; overflow gives infinity.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_FLOATTYPES_H
#define GOSSAMER_RUNTIME_WEIGHTS_FLOATTYPES_H

#include <bit>
#include <cstdint>

namespace gossamer {

/// Exact.
inline float bf16ToF32(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline uint16_t f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000)
    return static_cast<uint16_t>((bits >> 16) | 0x0040);
  // Adding just under half, plus one when the kept part is odd, carries
  // exactly when the value rounds up.
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

/// Exact; a signalling NaN becomes quiet.
inline float f16ToF32(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 31;
  uint32_t mantissa = bits & 0x3FF;
  if (exponent == 31) {
    uint32_t quiet = mantissa ? 0x00400000 : 0;
    return std::bit_cast<float>(sign | 0x7F800000 | quiet | (mantissa << 13));
  }
  if (exponent == 0) {
    // Subnormal: mantissa * 2^-24, which float32 holds as a normal number.
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                              (mantissa << 13));
}

inline uint16_t f32ToF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000)
    return static_cast<uint16_t>(sign | 0x7E00 | ((magnitude >> 13) & 0x3FF));
  if (magnitude >= 0x47800000) // 2^16 and more, or infinity
    return static_cast<uint16_t>(sign | 0x7C00);
  if (magnitude < 0x38800000) {
    // Below 2^-14 the result is subnormal with a unit of 2^-24. Adding 0.5
    // puts that unit at float32's last place, so that the addition rounds.
    float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(
        sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000));
  }
  // Rebias the exponent; the rounding may carry into it, up to infinity.
  uint32_t rebiased = magnitude - (112u << 23);
  uint32_t rounded = (rebiased + 0xFFF + ((rebiased >> 13) & 1)) >> 13;
  return static_cast<uint16_t>(sign | rounded);
}

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_FLOATTYPES_H
