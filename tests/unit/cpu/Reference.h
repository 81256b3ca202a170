//===- Reference.h - Random data and comparisons ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CPU_REFERENCE_H
#define GOSSAMER_TESTS_UNIT_CPU_REFERENCE_H

#include "backends/cpu/KernelDescription.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace gossamer::cpu::testing {

using Floats = std::vector<float>;

/// `n` normally distributed values.
inline Floats randomFloats(size_t n, unsigned seed, float scale = 1.0F) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> distribution(0.0F, scale);
  Floats values(n);
  for (float &v : values)
    v = distribution(engine);
  return values;
}

inline uint32_t bitsOf(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

inline float fromBits(uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

/// A parameter: bytes as stored, and values in logical order.
struct Weights {
  WeightForm form;
  std::vector<uint8_t> bytes;  ///< elements, or MXFP4 blocks.
  std::vector<uint8_t> scales; ///< MXFP4, or steps of 8-bit weights.
  std::vector<double> values;  ///< [experts][out][in].

  double at(int64_t row, int64_t column) const {
    return values[row * form.inputs() + column];
  }
  double at(int64_t expert, int64_t row, int64_t column) const {
    return at(expert * form.outputs() + row, column);
  }
  /// The pointers a launch passes.
  void appendTo(std::vector<const void *> &bindings) const {
    bindings.push_back(bytes.data());
    if (!scales.empty())
      bindings.push_back(scales.data());
  }
};

/// Random weights of a form.
Weights makeWeights(WeightForm form, unsigned seed);

/// The same values in another dense element and layout; exact for bf16 from
/// MXFP4.
Weights convertWeights(const Weights &from, Element element, Layout layout);

/// The same numbers in row panels: MXFP4 from published, or 8-bit from dense
/// weights (rounded, with the values that are then stored) with a step for each
/// `block` inputs of a row.
Weights packPanels(const Weights &from, int64_t block = 32);

/// Rows of an activation as `quantize` stores them, by its definition.
struct Quantized {
  int64_t rowBytes;
  std::vector<int8_t> bytes;   ///< [row][blocks of parts, step].
  std::vector<double> decoded; ///< what they stand for: [row][input].

  Quantized(const Floats &x, int64_t inputs, int64_t parts, double unit,
            int32_t zero);
  /// Of a row, in units of the weights' steps.
  float step(int64_t row) const;

private:
  void quantizeRow(const float *in, int64_t inputs, int64_t parts, double unit,
                   int32_t zero);
};

/// Expects |got - want| <= tolerance * scale of the sum's terms.
inline void expectNear(const Floats &got, const std::vector<double> &want,
                       double tolerance, const std::string &what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_NEAR(got[i], want[i], tolerance * (1.0 + std::abs(want[i])))
        << what << ": element " << i;
}

inline void expectSameBits(const Floats &got, const Floats &want,
                           const std::string &what) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(bitsOf(got[i]), bitsOf(want[i]))
        << what << ": element " << i << " expects " << want[i] << " but got "
        << got[i];
}

} // namespace gossamer::cpu::testing

#endif // GOSSAMER_TESTS_UNIT_CPU_REFERENCE_H
