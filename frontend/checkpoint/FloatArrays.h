//===- FloatArrays.h - Arrays of floats in another type ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to the conversion of checkpoints: the loops over elements, in
// vectors, bit for bit what FloatTypes.h says of one.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_FLOATARRAYS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_FLOATARRAYS_H

#include "frontend/checkpoint/VectorIsa.h"
#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Safetensors.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <span>

namespace gossamer {

/// The element of type BF16, F16 or F32 at an address of any alignment.
GOSS_VECTOR_INLINE float loadFloat(const std::byte *from, DType dtype) {
  if (dtype == DType::F32) {
    float value;
    std::memcpy(&value, from, 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, from, 2);
  return dtype == DType::F16 ? f16ToF32(half) : bf16ToF32(half);
}

/// Writes it there, to nearest with ties to even.
GOSS_VECTOR_INLINE void storeFloat(float value, std::byte *to, DType dtype) {
  if (dtype == DType::F32) {
    std::memcpy(to, &value, 4);
    return;
  }
  auto word = std::bit_cast<uint32_t>(value);
  // In BF16 what fits keeps its bits, also those of a NaN.
  uint16_t half = dtype == DType::F16 ? f32ToF16(value)
                  : word & 0xFFFF     ? f32ToBf16(value)
                                      : static_cast<uint16_t>(word >> 16);
  std::memcpy(to, &half, 2);
}

/// Counts the numbers that changed on the way to a narrower type; what was a
/// NaN is none. Without branches, so that a loop with it stays one in vectors.
template <typename Count> struct LossCounts {
  Count changed = 0;
  Count overflows = 0;  ///< finite that became infinite.
  Count underflows = 0; ///< not zero that became zero.

  GOSS_VECTOR_INLINE void compare(float before, float after) {
    Count differs = Count{before == before} & Count{!(before == after)};
    constexpr float infinity = std::numeric_limits<float>::infinity();
    changed += differs;
    overflows += differs & Count{std::fabs(after) == infinity};
    underflows += differs & Count{after == 0};
  }
  template <typename Other> void add(const LossCounts<Other> &other) {
    changed += other.changed;
    overflows += other.overflows;
    underflows += other.underflows;
  }
};

/// Writes the elements of `in` to `out` as another type, and what that loses
/// added up; both hold as many, do not overlap, and lie anywhere. The types
/// differ, and the processor must have the instructions.
LossCounts<uint64_t> convertFloatArray(std::span<const std::byte> in,
                                       DType from, std::span<std::byte> out,
                                       DType to,
                                       VectorIsa isa = bestVectorIsa());

/// Whether every element is the same number in BF16.
bool fitsBf16(std::span<const std::byte> in, DType from,
              VectorIsa isa = bestVectorIsa());

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_FLOATARRAYS_H
