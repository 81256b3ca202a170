//===- TokenWeight.h - Probabilities as whole numbers -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Tokens are drawn by whole numbers in proportion to their probabilities. A sum
// of whole numbers has one value in whatever order it is made, so a device that
// adds as it likes draws the token that the host draws. For that the numbers
// themselves must be equal: what follows are IEEE 754 operations in double
// precision, each rounded once, and the code of devices is written with the
// same templates (backends/cuda/ChoiceKernel.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_GENERATE_TOKENWEIGHT_H
#define GOSSAMER_RUNTIME_GENERATE_TOKENWEIGHT_H

#include <algorithm>
#include <bit>
#include <cstdint>

// A multiplication and an addition in one are rounded once, not twice.
#pragma clang fp contract(off)

namespace gossamer::token_weight {

/// The weight of the most probable token is 2^bits. Sums over 2^22 tokens are
/// below 2^63, and a probability below 2^-41 of the largest counts as 0.
inline constexpr int bits = 40;

/// Exponents below are taken as this one, whose weight is 0.
inline constexpr double least = -64;

/// Added to a double of less than 2^51, leaves the nearest whole number in the
/// low bits.
inline constexpr double toInteger = 0x1.8p52;
/// The same for what is not negative: then the low 52 bits are the number.
inline constexpr double toNatural = 0x1p52;
inline constexpr uint64_t naturalMask = (uint64_t{1} << 52) - 1;
/// 2^(n + bits) has this plus n above its 52 bits of mantissa.
inline constexpr int exponentBias = 1023 + bits;

/// x in units of log 2, with the nearest whole number n in its low bits.
template <typename Number> Number shifted(Number x) {
  return x * 1.44269504088896338700 + toInteger;
}

/// e^(x - n log 2). The parts of log 2 have 32 bits: n times the first is
/// exact.
template <typename Number> Number mantissa(Number x, Number n) {
  Number r = x - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  // The series of e^r, to 2^-47 for |r| <= log(2) / 2.
  constexpr double coefficients[] = {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                     1.0 / 5040,    1.0 / 720,    1.0 / 120,
                                     1.0 / 24,      1.0 / 6,      0.5,
                                     1.0,           1.0};
  Number sum = r * (1.0 / 39916800) + coefficients[0];
  for (int i = 1; i < 11; ++i)
    sum = sum * r + coefficients[i];
  return sum;
}

/// e^x 2^bits as the nearest whole number, for x from -inf to 0.
inline uint64_t of(double x) {
  x = std::max(x, least);
  double position = shifted(x);
  double value = mantissa(x, position - toInteger);
  uint64_t exponent = std::bit_cast<uint64_t>(position) + exponentBias;
  double weight = value * std::bit_cast<double>(exponent << 52) + toNatural;
  return std::bit_cast<uint64_t>(weight) & naturalMask;
}

} // namespace gossamer::token_weight

#endif // GOSSAMER_RUNTIME_GENERATE_TOKENWEIGHT_H
