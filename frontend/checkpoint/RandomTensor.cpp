//===- RandomTensor.cpp - Random contents of a tensor ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/RandomTensor.h"

#include "runtime/weights/FloatTypes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

namespace gossamer {

namespace {

using Content = RandomTensor::Content;
using Recipe = RandomTensor::Recipe;

/// The finalizer of SplitMix64: a bijection whose outputs for a counter pass
/// the usual tests of randomness.
GOSS_VECTOR_INLINE uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// Random words in a row that are made at once: they stay in the L1 cache.
constexpr size_t blockWords = 1024;
constexpr uint64_t increment = 0x9E3779B97F4A7C15u;

GOSS_VECTOR_INLINE void makeWords(uint64_t counter, std::byte *out) {
  for (uint64_t i = 0; i < blockWords; ++i) {
    uint64_t word = mix(counter + i * increment);
    std::memcpy(out + 8 * i, &word, 8);
  }
}

/// Turns random int16 into bf16 values, in place.
GOSS_VECTOR_INLINE void toBf16(std::byte *bytes, float center, float unit) {
  for (size_t i = 0; i < 4 * blockWords; ++i) {
    int16_t fraction;
    std::memcpy(&fraction, bytes + 2 * i, 2);
    // Where the centre is not zero the product is exact, so the result is the
    // same whether or not a compiler fuses product and sum.
    float value = center + static_cast<float>(fraction) * unit;
    uint16_t bits = f32ToBf16(value);
    std::memcpy(bytes + 2 * i, &bits, 2);
  }
}

/// Turns random bytes into the middle scale or its neighbours, in place.
GOSS_VECTOR_INLINE void toScales(std::byte *bytes, uint8_t scale) {
  for (size_t i = 0; i < 8 * blockWords; ++i) {
    auto random = static_cast<uint16_t>(bytes[i]);
    bytes[i] = static_cast<std::byte>(scale - 1 + (random * 3 >> 8));
  }
}

GOSS_VECTOR_INLINE void makeBlock(const Recipe &recipe, uint64_t counter,
                                  std::byte *block) {
  makeWords(counter, block);
  if (recipe.content == Content::Bf16)
    toBf16(block, recipe.center, recipe.unit);
  else if (recipe.content == Content::Scales)
    toScales(block, recipe.scale);
}

GOSS_VECTOR_INLINE void fillBytes(const Recipe &recipe, uint64_t begin,
                                  std::span<std::byte> out) {
  uint64_t counter = recipe.key + begin / 8 * increment;
  constexpr size_t blockBytes = 8 * blockWords;
  while (out.size() >= blockBytes) {
    makeBlock(recipe, counter, out.data());
    counter += blockWords * increment;
    out = out.subspan(blockBytes);
  }
  if (out.empty())
    return;
  std::array<std::byte, blockBytes> last;
  makeBlock(recipe, counter, last.data());
  std::memcpy(out.data(), last.data(), out.size());
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
                           uint64_t seed) {
  recipe_.key = mix(mix(seed) ^ hashName(tensor.name));
  double in = static_cast<double>(parameter.shape.back());
  double amplitude = 0;
  switch (parameter.kind) {
  case ParameterKind::Embedding:
    amplitude = uniformWidth;
    break;
  case ParameterKind::Norm:
    recipe_.center = 1.0f;
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
    recipe_.content = &tensor == &parameter.tensors.front() ? Content::Codes
                                                            : Content::Scales;
    recipe_.scale = rowScale(in);
    break;
  }
  recipe_.unit = static_cast<float>(amplitude * 0x1p-15);
}

void RandomTensor::fill(uint64_t begin, std::span<std::byte> out,
                        VectorIsa isa) const {
  callWith(isa, [&]() GOSS_VECTOR_LAMBDA { fillBytes(recipe_, begin, out); });
}

} // namespace gossamer
