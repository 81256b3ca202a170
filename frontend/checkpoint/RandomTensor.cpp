//===- RandomTensor.cpp - Random contents of a tensor ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/RandomTensor.h"

#include "runtime/weights/FloatTypes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

namespace gossamer {

namespace {

/// The finalizer of SplitMix64: a bijection whose outputs for a counter pass
/// the usual tests of randomness.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

uint64_t hashName(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325u; // FNV-1a
  for (char c : name)
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return hash;
}

/// Root mean square of the 16 E2M1 values, each as likely.
constexpr double e2m1Rms = 2.9262;

/// Half-width of a uniform distribution, in its standard deviations.
constexpr double uniformWidth = 1.7320508;

/// E8M0 scale that gives rows of `in` random codes the norm one.
uint8_t rowScale(double in) {
  double exponent = std::nearbyint(-std::log2(e2m1Rms * std::sqrt(in)));
  return static_cast<uint8_t>(std::clamp(127.0 + exponent, 2.0, 250.0));
}

} // namespace

RandomTensor::RandomTensor(const Parameter &parameter, const TensorSpec &tensor,
                           uint64_t seed)
    : content_(Content::Bf16), key_(mix(mix(seed) ^ hashName(tensor.name))) {
  double in = static_cast<double>(parameter.shape.back());
  double amplitude = 0;
  switch (parameter.kind) {
  case ParameterKind::Embedding:
    amplitude = uniformWidth;
    break;
  case ParameterKind::Norm:
    center_ = 1.0f;
    amplitude = 0.125;
    break;
  case ParameterKind::Linear:
    // Rows of norm one keep the size of activations; twice that lets router
    // and head prefer some outputs clearly.
    amplitude = 2.0 * uniformWidth / std::sqrt(in);
    break;
  case ParameterKind::Bias:
    amplitude = 0.125;
    break;
  case ParameterKind::Sinks:
    amplitude = 1.0;
    break;
  case ParameterKind::Expert:
    content_ = &tensor == &parameter.tensors.front() ? Content::Codes
                                                     : Content::Scales;
    scale_ = rowScale(in);
    break;
  }
  unit_ = static_cast<float>(amplitude * 0x1p-15);
}

uint64_t RandomTensor::toScales(uint64_t word) const {
  uint64_t result = 0;
  // The middle scale, or its neighbours below and above.
  for (unsigned shift = 0; shift < 64; shift += 8) {
    uint64_t scale = scale_ - 1 + (((word >> shift) & 0xFF) * 3 >> 8);
    result |= scale << shift;
  }
  return result;
}

uint64_t RandomTensor::toBf16(uint64_t word) const {
  // Where the centre is not zero the product is exact, so the result is the
  // same whether or not a compiler fuses product and sum.
  uint64_t result = 0;
  for (unsigned shift = 0; shift < 64; shift += 16) {
    auto fraction = static_cast<float>(static_cast<int16_t>(word >> shift));
    float value = center_ + fraction * unit_;
    result |= static_cast<uint64_t>(f32ToBf16(value)) << shift;
  }
  return result;
}

template <typename Convert>
void RandomTensor::fillWords(uint64_t begin, std::span<std::byte> out,
                             Convert convert) const {
  constexpr uint64_t increment = 0x9E3779B97F4A7C15u;
  uint64_t counter = key_ + begin / 8 * increment;
  size_t whole = out.size() / 8;
  for (size_t i = 0; i < whole; ++i, counter += increment) {
    uint64_t word = convert(mix(counter));
    std::memcpy(out.data() + 8 * i, &word, 8);
  }
  uint64_t last = convert(mix(counter));
  std::memcpy(out.data() + 8 * whole, &last, out.size() % 8);
}

void RandomTensor::fill(uint64_t begin, std::span<std::byte> out) const {
  switch (content_) {
  case Content::Bf16:
    return fillWords(begin, out, [this](uint64_t w) { return toBf16(w); });
  case Content::Codes:
    return fillWords(begin, out, [](uint64_t w) { return w; });
  case Content::Scales:
    return fillWords(begin, out, [this](uint64_t w) { return toScales(w); });
  }
}

} // namespace gossamer
