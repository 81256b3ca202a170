//===- FloatArraysTest.cpp - Arrays of floats in another type -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/FloatArrays.h"

#include "gtest/gtest.h"

#include <bit>
#include <random>
#include <vector>

using namespace gossamer;

namespace {

using Bytes = std::vector<std::byte>;

constexpr VectorIsa isas[] = {VectorIsa::Baseline, VectorIsa::Avx2,
                              VectorIsa::Avx512};

/// Bits of float32: every upper half, with lower halves at and beside what is
/// a tie of BF16 and of F16, and with random ones. So every exponent with every
/// upper mantissa, both zeros, infinities, subnormals and NaN of both kinds.
std::vector<uint32_t> makeFloats() {
  std::mt19937 random(1);
  std::vector<uint32_t> words;
  for (uint32_t upper = 0; upper < 0x10000; ++upper) {
    for (uint32_t lower : {0x0000, 0x0001, 0x0FFF, 0x1000, 0x1001, 0x2000,
                           0x3000, 0x7FFF, 0x8000, 0x8001, 0xF000, 0xFFFF})
      words.push_back(upper << 16 | lower);
    words.push_back(upper << 16 | (random() & 0xFFFF));
  }
  return words;
}

std::vector<uint16_t> makeHalves() {
  std::vector<uint16_t> halves;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    halves.push_back(static_cast<uint16_t>(bits));
  return halves;
}

uint16_t narrow(float value, DType to) {
  if (to == DType::F16)
    return f32ToF16(value);
  auto bits = std::bit_cast<uint32_t>(value);
  return bits & 0xFFFF ? f32ToBf16(value) : static_cast<uint16_t>(bits >> 16);
}

float widen(uint16_t half, DType from) {
  return from == DType::F16 ? f16ToF32(half) : bf16ToF32(half);
}

/// What one number after another loses, by the definitions.
void countLoss(float before, float after, LossCounts<uint64_t> &losses) {
  if (std::isnan(before) || before == after)
    return;
  ++losses.changed;
  losses.overflows += std::isinf(after);
  losses.underflows += after == 0;
}

/// A copy at an odd place in memory.
template <typename T> Bytes shifted(const std::vector<T> &values) {
  Bytes bytes(values.size() * sizeof(T) + 1);
  std::memcpy(bytes.data() + 1, values.data(), bytes.size() - 1);
  return bytes;
}

/// Converts with each set of instructions and expects these elements and
/// losses; the last elements are some that are no whole vector.
template <typename Out, typename In>
void expectConverted(std::vector<In> in, DType from, DType to,
                     const std::vector<Out> &want,
                     const LossCounts<uint64_t> &losses) {
  ASSERT_EQ(in.size() % 64, 13U);
  Bytes source = shifted(in);
  for (VectorIsa isa : isas) {
    if (isa > bestVectorIsa())
      continue;
    Bytes out(want.size() * sizeof(Out) + 1);
    auto lost = convertFloatArray(std::span(source).subspan(1), from,
                                  std::span(out).subspan(1), to, isa);
    for (size_t i = 0; i < want.size(); ++i) {
      Out got;
      std::memcpy(&got, &out[1 + i * sizeof(Out)], sizeof(Out));
      ASSERT_EQ(got, want[i]) << std::hex << in[i] << " with instructions "
                              << static_cast<int>(isa);
    }
    EXPECT_EQ(lost.changed, losses.changed);
    EXPECT_EQ(lost.overflows, losses.overflows);
    EXPECT_EQ(lost.underflows, losses.underflows);
  }
}

TEST(FloatArrays, NarrowAsOneByOne) {
  std::vector<uint32_t> words = makeFloats();
  words.resize(words.size() - 64 + 13);
  for (DType to : {DType::BF16, DType::F16}) {
    std::vector<uint16_t> want;
    LossCounts<uint64_t> losses;
    for (uint32_t word : words) {
      auto value = std::bit_cast<float>(word);
      want.push_back(narrow(value, to));
      countLoss(value, widen(want.back(), to), losses);
    }
    // BF16 has subnormals as far down as float32, but less fine.
    EXPECT_GT(losses.overflows, 0U);
    EXPECT_GT(losses.underflows, 0U);
    EXPECT_GT(losses.changed, losses.overflows + losses.underflows);
    expectConverted(words, DType::F32, to, want, losses);
  }
}

TEST(FloatArrays, WidenAsOneByOne) {
  std::vector<uint16_t> halves = makeHalves();
  halves.insert(halves.end(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  for (DType from : {DType::BF16, DType::F16}) {
    std::vector<uint32_t> want;
    for (uint16_t half : halves)
      want.push_back(std::bit_cast<uint32_t>(widen(half, from)));
    expectConverted(halves, from, DType::F32, want, {});
  }
}

TEST(FloatArrays, OneHalfToTheOther) {
  std::vector<uint16_t> halves = makeHalves();
  halves.insert(halves.end(), {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13});
  for (DType from : {DType::BF16, DType::F16}) {
    DType to = from == DType::BF16 ? DType::F16 : DType::BF16;
    std::vector<uint16_t> want;
    LossCounts<uint64_t> losses;
    for (uint16_t half : halves) {
      float value = widen(half, from);
      want.push_back(narrow(value, to));
      countLoss(value, widen(want.back(), to), losses);
    }
    expectConverted(halves, from, to, want, losses);
  }
}

TEST(FloatArrays, OneNumberThatDoesNotFitIsSeen) {
  for (VectorIsa isa : isas) {
    if (isa > bestVectorIsa())
      continue;
    for (size_t count : {1, 15, 64, 333}) {
      std::vector<uint32_t> words(count, 0x3F810000);
      Bytes bytes = shifted(words);
      std::span<const std::byte> place = std::span(bytes).subspan(1);
      EXPECT_TRUE(fitsBf16(place, DType::F32, isa));
      for (size_t at = 0; at < count; at += 1 + at / 4) {
        bytes[1 + 4 * at] = std::byte{1};
        EXPECT_FALSE(fitsBf16(place, DType::F32, isa)) << at << " of " << count;
        bytes[1 + 4 * at] = std::byte{0};
      }
    }
    // 11 bits of precision, of which BF16 holds 8; subnormals hold fewer.
    for (uint16_t half : {0x3C00, 0x3C08, 0x0001, 0x00FF, 0x7C00})
      EXPECT_TRUE(fitsBf16(std::as_bytes(std::span(&half, 1)), DType::F16, isa))
          << half;
    for (uint16_t half : {0x3C01, 0x3C04, 0x01FF})
      EXPECT_FALSE(
          fitsBf16(std::as_bytes(std::span(&half, 1)), DType::F16, isa))
          << half;
    uint16_t any = 0x3C01;
    EXPECT_TRUE(fitsBf16(std::as_bytes(std::span(&any, 1)), DType::BF16, isa));
  }
}

} // namespace
