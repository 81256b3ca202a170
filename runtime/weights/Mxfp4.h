//===- Mxfp4.h - Scalar arithmetic of MXFP4 ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// MXFP4 (OCP Microscaling) as the published checkpoints store it: blocks of 32
// E2M1 codes along the input axis, two codes a byte with the even element in
// the low nibble, and one E8M0 scale a block. Element k of a block is
//   E2M1[code k] * 2^(scale - 127).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_WEIGHTS_MXFP4_H
#define GOSSAMER_RUNTIME_WEIGHTS_MXFP4_H

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace gossamer {

inline constexpr size_t mxfp4BlockElements = 32;
inline constexpr size_t mxfp4BlockBytes = 16;
/// Scales beyond this one make the product leave the range of float32
/// (6 * 2^126): a checkpoint that holds one is damaged.
inline constexpr uint8_t mxfp4LargestScale = 252;

/// The value of each code.
inline constexpr float e2m1Values[16] = {
    0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
    -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

/// 2^(scale - 127), exact; NaN for 255.
inline float e8m0ToF32(uint8_t scale) {
  if (scale == 255)
    return std::numeric_limits<float>::quiet_NaN();
  // 2^-127 is subnormal: half of the smallest exponent that a shift gives.
  uint32_t bits = scale == 0 ? 0x00400000u : static_cast<uint32_t>(scale) << 23;
  return std::bit_cast<float>(bits);
}
double e8m0ToF64(uint8_t scale);

/// Widens one block of 16 bytes to 32 floats. Each is exact where float32
/// holds the product (scale <= 252), else infinite, and NaN for scale 255.
void dequantizeMxfp4Block(const uint8_t *block, uint8_t scale, float *out);

/// Widens a row: scales.size() blocks to 32 * scales.size() floats.
/// blocks.size() must be 16 * scales.size().
void dequantizeMxfp4Row(std::span<const uint8_t> blocks,
                        std::span<const uint8_t> scales, std::span<float> out);

/// Index of the first scale above mxfp4LargestScale, or scales.size().
size_t findBadMxfp4Scale(std::span<const uint8_t> scales);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_WEIGHTS_MXFP4_H
