//===- Mxfp4Test.cpp - Scalar arithmetic of MXFP4 -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Mxfp4.h"
#include "gtest/gtest.h"
#include <array>
#include <cmath>
#include <vector>

using namespace gossamer;

namespace {

/// E2M1 from its fields: sign, two bits of exponent, one of mantissa.
double codeValue(unsigned code) {
  int exponent = static_cast<int>((code >> 1) & 3);
  int mantissa = static_cast<int>(code & 1);
  double magnitude = exponent == 0
                         ? 0.5 * mantissa
                         : std::ldexp(1 + 0.5 * mantissa, exponent - 1);
  return code & 8 ? -magnitude : magnitude;
}

TEST(Mxfp4, ScalesArePowersOfTwo) {
  for (unsigned scale = 0; scale < 255; ++scale) {
    double expected = std::ldexp(1.0, static_cast<int>(scale) - 127);
    EXPECT_EQ(e8m0ToF64(static_cast<uint8_t>(scale)), expected);
    EXPECT_EQ(e8m0ToF32(static_cast<uint8_t>(scale)), expected);
  }
  EXPECT_TRUE(std::isnan(e8m0ToF32(255)));
  EXPECT_TRUE(std::isnan(e8m0ToF64(255)));
}

TEST(Mxfp4, EveryByteWithEveryScaleMatchesDoubles) {
  for (unsigned scale = 0; scale < 256; ++scale)
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::array<uint8_t, mxfp4BlockBytes> block;
      block.fill(static_cast<uint8_t>(byte));
      std::array<float, mxfp4BlockElements> out;
      dequantizeMxfp4Block(block.data(), static_cast<uint8_t>(scale),
                           out.data());
      for (size_t k = 0; k < out.size(); ++k) {
        unsigned code = k % 2 == 0 ? byte & 15 : byte >> 4;
        double exact = codeValue(code) * e8m0ToF64(static_cast<uint8_t>(scale));
        if (scale == 255) {
          ASSERT_TRUE(std::isnan(out[k]));
          continue;
        }
        // Beyond scale 252 the double may leave the range of float.
        ASSERT_EQ(out[k], static_cast<float>(exact)) << byte << " " << scale;
        ASSERT_EQ(std::signbit(out[k]), code >= 8);
        if (scale <= mxfp4LargestScale)
          ASSERT_EQ(static_cast<double>(out[k]), exact) << "exact in float32";
      }
    }
}

TEST(Mxfp4, DecodesTheExampleOfTheFormat) {
  std::vector<uint8_t> block = {0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE};
  block.resize(mxfp4BlockBytes, 0x7F);
  std::vector<uint8_t> scales = {126};
  std::vector<float> out(mxfp4BlockElements);
  dequantizeMxfp4Row(block, scales, out);
  std::vector<float> expected = {0,   0.25f,  0.5f,  0.75f,  1,  1.5f,  2,  3,
                                 -0., -0.25f, -0.5f, -0.75f, -1, -1.5f, -2, -3};
  for (int i = 0; i < 8; ++i)
    expected.insert(expected.end(), {-3, 3});
  EXPECT_EQ(out, expected);
  EXPECT_TRUE(std::signbit(out[8])) << "code 8 is the negative zero";
}

TEST(Mxfp4, RowsTakeOneScaleABlock) {
  std::vector<uint8_t> blocks(2 * mxfp4BlockBytes, 0x22);
  std::vector<uint8_t> scales = {127, 130};
  std::vector<float> out(2 * mxfp4BlockElements);
  dequantizeMxfp4Row(blocks, scales, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[31], 1.0f);
  EXPECT_EQ(out[32], 8.0f);
  EXPECT_EQ(out[63], 8.0f);
}

TEST(Mxfp4, FindsScalesOutOfRange) {
  std::vector<uint8_t> scales = {0, 127, 252};
  EXPECT_EQ(findBadMxfp4Scale(scales), 3u);
  scales.push_back(253);
  scales.push_back(255);
  EXPECT_EQ(findBadMxfp4Scale(scales), 3u);
  EXPECT_EQ(findBadMxfp4Scale({}), 0u);
}

} // namespace
