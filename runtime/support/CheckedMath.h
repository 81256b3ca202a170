//===- CheckedMath.h - Arithmetic that reports overflow ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_CHECKEDMATH_H
#define GOSSAMER_RUNTIME_SUPPORT_CHECKEDMATH_H

#include <cstdint>
#include <optional>
#include <span>

namespace gossamer {

/// a + b, or nothing when it does not fit.
inline std::optional<uint64_t> checkedAdd(uint64_t a, uint64_t b) {
  uint64_t result;
  if (__builtin_add_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// a * b, or nothing when it does not fit.
inline std::optional<uint64_t> checkedMul(uint64_t a, uint64_t b) {
  uint64_t result;
  if (__builtin_mul_overflow(a, b, &result))
    return std::nullopt;
  return result;
}

/// Product of all factors (1 for none), or nothing when a partial product of
/// the non-zero factors does not fit; a zero factor does not hide an overflow.
inline std::optional<uint64_t> checkedProduct(std::span<const uint64_t> factors,
                                              uint64_t initial = 1) {
  bool zero = initial == 0;
  uint64_t result = zero ? 1 : initial;
  for (uint64_t factor : factors) {
    zero |= factor == 0;
    if (factor != 0 && __builtin_mul_overflow(result, factor, &result))
      return std::nullopt;
  }
  return zero ? 0 : result;
}

/// `value` rounded up to a multiple of `alignment` (a power of two), or
/// nothing when it does not fit.
inline std::optional<uint64_t> checkedAlignUp(uint64_t value,
                                              uint64_t alignment) {
  std::optional<uint64_t> sum = checkedAdd(value, alignment - 1);
  if (!sum)
    return std::nullopt;
  return *sum & ~(alignment - 1);
}

/// `value` rounded up to a multiple of `unit`, which is any; for sizes that are
/// known to be far from the largest.
constexpr uint64_t roundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// True when [offset, offset + size) lies in [0, limit).
inline bool rangeFits(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_CHECKEDMATH_H
