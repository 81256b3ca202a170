//===- Mxfp4.cpp - Scalar arithmetic of MXFP4 -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Mxfp4.h"
#include <algorithm>
#include <cassert>
#include <cmath>

using namespace gossamer;

double gossamer::e8m0ToF64(uint8_t scale) {
  if (scale == 255)
    return std::numeric_limits<double>::quiet_NaN();
  return std::ldexp(1.0, static_cast<int>(scale) - 127);
}

void gossamer::dequantizeMxfp4Block(const uint8_t *block, uint8_t scale,
                                    float *out) {
  float factor = e8m0ToF32(scale);
  for (size_t i = 0; i < mxfp4BlockBytes; ++i) {
    out[2 * i] = e2m1Values[block[i] & 15] * factor;
    out[2 * i + 1] = e2m1Values[block[i] >> 4] * factor;
  }
}

void gossamer::dequantizeMxfp4Row(std::span<const uint8_t> blocks,
                                  std::span<const uint8_t> scales,
                                  std::span<float> out) {
  assert(blocks.size() == scales.size() * mxfp4BlockBytes &&
         out.size() == scales.size() * mxfp4BlockElements &&
         "expects one scale and 32 outputs a block");
  for (size_t i = 0; i < scales.size(); ++i)
    dequantizeMxfp4Block(&blocks[i * mxfp4BlockBytes], scales[i],
                         &out[i * mxfp4BlockElements]);
}

size_t gossamer::findBadMxfp4Scale(std::span<const uint8_t> scales) {
  auto bad = std::find_if(scales.begin(), scales.end(), [](uint8_t scale) {
    return scale > mxfp4LargestScale;
  });
  return static_cast<size_t>(bad - scales.begin());
}
