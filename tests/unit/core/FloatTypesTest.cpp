//===- FloatTypesTest.cpp - Scalar conversions of 16-bit floats -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/FloatTypes.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace gossamer;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// The value of a bf16 pattern by its definition.
double bf16Value(uint32_t bits) {
  double sign = bits & 0x8000 ? -1 : 1;
  int exponent = static_cast<int>((bits >> 7) & 255);
  double mantissa = bits & 0x7F;
  if (exponent == 255)
    return mantissa == 0 ? sign * infinity : std::nan("");
  return exponent == 0 ? sign * std::ldexp(mantissa, -133)
                       : sign * std::ldexp(128 + mantissa, exponent - 134);
}

TEST(FloatTypes, Bf16WidensEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = bf16ToF32(static_cast<uint16_t>(bits));
    double expected = bf16Value(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value));
      continue;
    }
    EXPECT_EQ(value, expected) << bits;
    EXPECT_EQ(std::signbit(value), (bits & 0x8000) != 0);
  }
}

TEST(FloatTypes, Bf16RoundTripsEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = bf16ToF32(static_cast<uint16_t>(bits));
    uint16_t back = f32ToBf16(value);
    if (std::isnan(value))
      EXPECT_EQ(back, bits | 0x40) << "NaN stays NaN, made quiet";
    else
      EXPECT_EQ(back, bits);
  }
}

/// Rounds to nearest even among the neighbours low and low + 1 (of the same
/// sign), computed in double, where midpoints are exact.
template <typename ToF32>
uint16_t nearest(uint16_t low, float value, ToF32 toF32) {
  double below = toF32(low);
  double above = toF32(static_cast<uint16_t>(low + 1));
  double toBelow = std::fabs(value - below);
  double toAbove = std::fabs(above - value);
  if (toBelow == toAbove)
    return static_cast<uint16_t>(low & 1 ? low + 1 : low);
  return static_cast<uint16_t>(toBelow < toAbove ? low : low + 1);
}

TEST(FloatTypes, Bf16RoundsToNearestEven) {
  // Every gap between neighbours below the largest: its ends, its middle and
  // what lies next to the middle.
  for (uint32_t low = 0; low < 0x7F7F; ++low)
    for (uint32_t part : {0x0001u, 0x7FFFu, 0x8000u, 0x8001u, 0xFFFFu}) {
      float value = std::bit_cast<float>(low << 16 | part);
      uint16_t expected = nearest(static_cast<uint16_t>(low), value, bf16ToF32);
      EXPECT_EQ(f32ToBf16(value), expected) << value;
      EXPECT_EQ(f32ToBf16(-value), expected | 0x8000) << value;
    }
  EXPECT_EQ(f32ToBf16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x7F7F7FFFu)), 0x7F7F);
  EXPECT_EQ(f32ToBf16(-infinity), 0xFF80);
  EXPECT_EQ(f32ToBf16(std::bit_cast<float>(0x7F800001u)), 0x7FC0)
      << "a NaN whose payload lies in the cut bits does not become infinity";
}

/// The value of an f16 pattern by its definition.
double f16Value(uint32_t bits) {
  double sign = bits & 0x8000 ? -1 : 1;
  int exponent = static_cast<int>((bits >> 10) & 31);
  double mantissa = bits & 0x3FF;
  if (exponent == 31)
    return mantissa == 0 ? sign * infinity : std::nan("");
  return exponent == 0 ? sign * std::ldexp(mantissa, -24)
                       : sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(FloatTypes, F16WidensAndRoundTripsEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    float value = f16ToF32(static_cast<uint16_t>(bits));
    double expected = f16Value(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_EQ(f32ToF16(value), bits | 0x200);
      continue;
    }
    EXPECT_EQ(value, expected);
    EXPECT_EQ(std::signbit(value), (bits & 0x8000) != 0);
    EXPECT_EQ(f32ToF16(value), bits);
  }
}

TEST(FloatTypes, F16RoundsToNearestEven) {
  for (uint32_t low = 0; low < 0x7BFF; ++low) {
    double below = f16Value(low);
    double gap = f16Value(low + 1) - below;
    for (double part : {0.001, 0.499, 0.5, 0.501, 0.999}) {
      float value = static_cast<float>(below + gap * part);
      uint16_t expected = nearest(static_cast<uint16_t>(low), value, f16ToF32);
      EXPECT_EQ(f32ToF16(value), expected) << value;
      EXPECT_EQ(f32ToF16(-value), expected | 0x8000) << value;
    }
  }
  EXPECT_EQ(f32ToF16(65519.996f), 0x7BFF);
  EXPECT_EQ(f32ToF16(65520.0f), 0x7C00);
  EXPECT_EQ(f32ToF16(1e30f), 0x7C00);
  EXPECT_EQ(f32ToF16(-infinity), 0xFC00);
  EXPECT_EQ(f32ToF16(0x1p-25f), 0x0000) << "a tie goes to the even zero";
  EXPECT_EQ(f32ToF16(0x1.8p-25f), 0x0001);
}

} // namespace
