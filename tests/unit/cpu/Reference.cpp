//===- Reference.cpp - Random data and comparisons ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "Reference.h"

#include <array>
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

/// Input of the block that is at place i of a panel's order.
static int64_t panelInput(int64_t i) {
  return i < 16 ? 2 * i : 2 * (i - 16) + 1;
}

static Weights packMxfp4(const Weights &from) {
  Weights to;
  to.form = from.form;
  to.form.layout = Layout::RowPanel;
  to.values = from.values;
  int64_t out = from.form.outputs(), blocks = from.form.inputs() / 32;
  int64_t matrices = elements(from.form) / (out * from.form.inputs());
  int64_t panels = (out + 15) / 16;
  to.bytes.resize(matrices * panels * blocks * 256);
  to.scales.resize(matrices * panels * blocks * 16);
  for (int64_t m = 0; m < matrices; ++m)
    for (int64_t row = 0; row < out; ++row)
      for (int64_t block = 0; block < blocks; ++block) {
        int64_t source = (m * out + row) * blocks + block;
        int64_t target = (m * panels + row / 16) * blocks + block;
        to.scales[target * 16 + row % 16] = from.scales[source];
        for (int64_t i = 0; i < 16; ++i)
          to.bytes[target * 256 + i / 4 * 64 + row % 16 * 4 + i % 4] =
              from.bytes[source * 16 + i];
      }
  return to;
}

static Weights packInt8(const Weights &from, int64_t blockInputs) {
  Weights to;
  to.form = from.form;
  to.form.element = Element::I8;
  to.form.layout = Layout::RowPanel;
  to.form.block = blockInputs;
  int64_t out = from.form.outputs(), inputs = from.form.inputs();
  int64_t groups = inputs / 32, blocks = inputs / blockInputs;
  int64_t panels = (out + 15) / 16;
  to.bytes.assign(panels * groups * 512, 128);
  to.scales.resize(panels * blocks * 32);
  to.values.resize(from.values.size());
  for (int64_t row = 0; row < out; ++row)
    for (int64_t block = 0; block < blocks; ++block) {
      double largest = 0;
      for (int64_t i = 0; i < blockInputs; ++i)
        largest =
            std::max(largest, std::abs(from.at(row, block * blockInputs + i)));
      // Rounded up to a bf16, so that no weight exceeds 127 steps.
      uint32_t bits = bitsOf(static_cast<float>(largest / 127));
      auto half = static_cast<uint16_t>((bits + 0xffff) >> 16);
      int64_t place = (row / 16 * blocks + block) * 16 + row % 16;
      std::memcpy(&to.scales[place * 2], &half, 2);
      double step = fromBits(uint32_t(half) << 16);
      for (int64_t i = 0; i < blockInputs; ++i) {
        int64_t group = (block * blockInputs + i) / 32;
        int64_t input = group * 32 + panelInput(i % 32);
        double w = std::nearbyint(from.at(row, input) / step);
        to.values[row * inputs + input] = w * step;
        to.bytes[(row / 16 * groups + group) * 512 + i % 32 / 4 * 64 +
                 row % 16 * 4 + i % 4] = static_cast<uint8_t>(w + 128);
      }
    }
  return to;
}

Weights packPanels(const Weights &from, int64_t block) {
  return from.form.element == Element::MXFP4 ? packMxfp4(from)
                                             : packInt8(from, block);
}

Quantized::Quantized(const Floats &x, int64_t inputs, int64_t parts,
                     double unit, int32_t zero)
    : rowBytes(quantizedRowBytes(inputs, parts)) {
  for (size_t row = 0; row < x.size(); row += inputs)
    quantizeRow(&x[row], inputs, parts, unit, zero);
}

static float largestOf(const float *in, int64_t count) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, std::abs(in[i]));
  return largest;
}

static void putWord(std::vector<int8_t> &bytes, uint32_t word) {
  bytes.resize(bytes.size() + 4);
  std::memcpy(bytes.data() + bytes.size() - 4, &word, 4);
}

void Quantized::quantizeRow(const float *in, int64_t inputs, int64_t parts,
                            double unit, int32_t zero) {
  float most = parts == 1 ? 127 : 32512, largest = largestOf(in, inputs);
  bool isZero = largest < 0x1p-100F;
  float step = isZero ? 0 : largest / most;
  float inverse = isZero ? 0 : most / largest;
  for (int64_t block = 0; block < inputs; block += 32) {
    int shift = 0;
    float ratio = largest / largestOf(in + block, 32);
    // Without limit for a block of zeros.
    while (shift < 22 && !(ratio < std::ldexp(1.0F, shift + 1)))
      ++shift;
    std::array<int32_t, 32> q;
    size_t first = decoded.size();
    decoded.resize(first + 32);
    for (int64_t i = 0; i < 32; ++i) {
      int64_t k = panelInput(i);
      float scaled = in[block + k] * std::ldexp(inverse, shift);
      q[i] = static_cast<int32_t>(std::nearbyint(scaled));
      decoded[first + k] = std::ldexp(double(q[i]) * step * unit, -shift);
    }
    for (int64_t part = 0; part < parts; ++part) {
      bool isHigh = part + 1 < parts;
      int32_t sum = 0;
      for (int32_t value : q) {
        int32_t high = parts == 1 ? 0 : (value + 128) >> 8;
        bytes.push_back(
            static_cast<int8_t>(isHigh ? high : value - high * 256));
        sum += bytes.back();
      }
      uint32_t anchor = bitsOf(std::ldexp(1.5F, (isHigh ? 31 : 23) - shift));
      putWord(bytes, anchor);
      putWord(bytes, anchor - static_cast<uint32_t>(zero * sum));
    }
  }
  putWord(bytes, bitsOf(step * static_cast<float>(unit)));
}

float Quantized::step(int64_t row) const {
  float value;
  std::memcpy(&value, &bytes[(row + 1) * rowBytes - 4], 4);
  return value;
}

} // namespace gossamer::cpu::testing
