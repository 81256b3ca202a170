//===- FloatArrays.cpp - Arrays of floats in another type -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/FloatArrays.h"

#include <algorithm>
#include <cassert>
#include <type_traits>

namespace gossamer {

namespace {

/// Elements that 32 bits can count, which take a quarter of a vector's lanes
/// less than 64 do, and whose bytes stay in the L2 cache.
constexpr size_t blockElements = 1 << 14;

constexpr size_t bytesOf(DType dtype) { return dtype == DType::F32 ? 4 : 2; }

template <DType from, DType to>
GOSS_VECTOR_INLINE void convert(const std::byte *in, std::byte *out,
                                size_t count, LossCounts<uint64_t> &losses) {
  while (count != 0) {
    size_t block = std::min(count, blockElements);
    LossCounts<uint32_t> lost;
    for (size_t i = 0; i < block; ++i) {
      float value = loadFloat(in + i * bytesOf(from), from);
      std::byte *place = out + i * bytesOf(to);
      storeFloat(value, place, to);
      if (to != DType::F32)
        lost.compare(value, loadFloat(place, to));
    }
    losses.add(lost);
    in += block * bytesOf(from);
    out += block * bytesOf(to);
    count -= block;
  }
}

template <DType from>
GOSS_VECTOR_INLINE bool fits(const std::byte *in, size_t count) {
  uint32_t lost = 0;
  for (size_t i = 0; i < count; ++i)
    lost |= std::bit_cast<uint32_t>(loadFloat(in + i * bytesOf(from), from));
  return (lost & 0xFFFF) == 0;
}

/// Calls `use` with the type as a constant: its loop has no branch for it.
template <typename Use> void withConstant(DType type, const Use &use) {
  if (type == DType::BF16)
    use(std::integral_constant<DType, DType::BF16>());
  else if (type == DType::F16)
    use(std::integral_constant<DType, DType::F16>());
  else
    use(std::integral_constant<DType, DType::F32>());
}

} // namespace

LossCounts<uint64_t> convertFloatArray(std::span<const std::byte> in,
                                       DType from, std::span<std::byte> out,
                                       DType to, VectorIsa isa) {
  size_t count = in.size() / bytesOf(from);
  assert(from != to && out.size() == count * bytesOf(to));
  LossCounts<uint64_t> losses;
  withConstant(from, [&](auto source) {
    withConstant(to, [&](auto target) {
      if constexpr (source.value != target.value)
        callWith(isa, [&]() GOSS_VECTOR_LAMBDA {
          convert<source.value, target.value>(in.data(), out.data(), count,
                                              losses);
        });
    });
  });
  return losses;
}

bool fitsBf16(std::span<const std::byte> in, DType from, VectorIsa isa) {
  bool result = false;
  withConstant(from, [&](auto source) {
    callWith(isa, [&]() GOSS_VECTOR_LAMBDA {
      result = fits<source.value>(in.data(), in.size() / bytesOf(from));
    });
  });
  return result;
}

} // namespace gossamer
