//===- Reference.cpp - Random data and comparisons ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"

#include <functional>
#include <numeric>

namespace gossamer::cpu::testing {

static constexpr double kE2M1[] = {
    0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0};

static int64_t elements(const WeightForm &form) {
  return std::accumulate(form.shape.begin(), form.shape.end(), int64_t(1),
                         std::multiplies<>());
}

static void putElement(Weights &weights, int64_t at, float value) {
  if (weights.form.element == Element::F32) {
    std::memcpy(&weights.bytes[at * 4], &value, 4);
    return;
  }
  uint16_t half;
  if (weights.form.element == Element::BF16) {
    half = static_cast<uint16_t>(bitsOf(value) >> 16);
  } else {
    _Float16 narrow = static_cast<_Float16>(value);
    std::memcpy(&half, &narrow, 2);
  }
  std::memcpy(&weights.bytes[at * 2], &half, 2);
}

static double getElement(const Weights &weights, int64_t at) {
  if (weights.form.element == Element::F32) {
    float value;
    std::memcpy(&value, &weights.bytes[at * 4], 4);
    return value;
  }
  uint16_t half;
  std::memcpy(&half, &weights.bytes[at * 2], 2);
  if (weights.form.element == Element::BF16)
    return fromBits(uint32_t(half) << 16);
  _Float16 narrow;
  std::memcpy(&narrow, &half, 2);
  return static_cast<double>(narrow);
}

/// Where a logical element is stored.
static int64_t storedAt(const WeightForm &form, int64_t logical) {
  if (form.layout != Layout::Transposed)
    return logical;
  int64_t in = form.inputs(), out = form.outputs();
  int64_t matrix = logical / (in * out), within = logical % (in * out);
  return matrix * in * out + (within % in) * out + within / in;
}

static Weights makeMxfp4(WeightForm form, unsigned seed) {
  std::mt19937 engine(seed);
  int64_t n = elements(form);
  Weights weights;
  weights.form = std::move(form);
  weights.bytes.resize(n / 2);
  weights.scales.resize(n / 32);
  weights.values.resize(n);
  for (uint8_t &b : weights.bytes)
    b = static_cast<uint8_t>(engine());
  for (uint8_t &s : weights.scales)
    s = static_cast<uint8_t>(118 + engine() % 8);
  for (int64_t i = 0; i < n; ++i) {
    uint8_t byte = weights.bytes[i / 2];
    // The even element is in the low nibble.
    int code = i % 2 == 0 ? byte & 15 : byte >> 4;
    weights.values[i] = std::ldexp(kE2M1[code], weights.scales[i / 32] - 127);
  }
  return weights;
}

Weights makeWeights(WeightForm form, unsigned seed) {
  if (form.element == Element::MXFP4)
    return makeMxfp4(std::move(form), seed);
  int64_t n = elements(form);
  Weights weights;
  weights.form = std::move(form);
  weights.bytes.resize(n * (weights.form.element == Element::F32 ? 4 : 2));
  weights.values.resize(n);
  Floats random = randomFloats(n, seed, 0.1F);
  for (int64_t i = 0; i < n; ++i) {
    putElement(weights, storedAt(weights.form, i), random[i]);
    weights.values[i] = getElement(weights, storedAt(weights.form, i));
  }
  return weights;
}

Weights convertWeights(const Weights &from, Element element, Layout layout) {
  Weights weights;
  weights.form = from.form;
  weights.form.element = element;
  weights.form.layout = layout;
  int64_t n = elements(from.form);
  weights.bytes.resize(n * (element == Element::F32 ? 4 : 2));
  weights.values = from.values;
  for (int64_t i = 0; i < n; ++i)
    putElement(weights, storedAt(weights.form, i),
               static_cast<float>(from.values[i]));
  return weights;
}

} // namespace gossamer::cpu::testing
