//===- PackedWeightsTest.cpp - Row panels against scalar code -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/PackedWeights.h"
#include "runtime/weights/FloatTypes.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace gossamer;

namespace {

using Bytes = std::vector<std::byte>;

/// Different bytes at different places.
Bytes makeBytes(size_t count) {
  Bytes bytes(count);
  uint64_t state = 7;
  for (std::byte &byte : bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

Bytes packAll(const PackedTensor &tensor) {
  Bytes out(tensor.byteSize(), std::byte{0xAA});
  EXPECT_EQ(tensor.pack(0, out), out.size());
  return out;
}

PackedTensor makeTensor(const Bytes &source, ElementType element,
                        PackedTensor::Part part, int64_t matrices,
                        int64_t outputs, int64_t inputs, int64_t block = 32) {
  PackedTensor tensor;
  tensor.source = std::span(source);
  tensor.element = element;
  tensor.part = part;
  tensor.matrices = matrices;
  tensor.outputs = outputs;
  tensor.inputs = inputs;
  tensor.block = block;
  return tensor;
}

/// A dense float matrix, packed with a step for each `block` inputs of a row; 0
/// is all of them.
struct Int8Matrix {
  Bytes values, steps;
  int64_t outputs, inputs, block;

  Int8Matrix(const std::vector<float> &weights, int64_t rows,
             int64_t blockInputs = 32)
      : outputs(rows), inputs(static_cast<int64_t>(weights.size()) / rows),
        block(blockInputs ? blockInputs : inputs) {
    Bytes source(weights.size() * 4);
    std::memcpy(source.data(), weights.data(), source.size());
    auto pack = [&](PackedTensor::Part part) {
      return packAll(
          makeTensor(source, ElementType::F32, part, 1, rows, inputs, block));
    };
    values = pack(PackedTensor::Part::Values);
    steps = pack(PackedTensor::Part::Scales);
  }

  /// By the formula of the layout: a word is four bytes of each of 16 rows,
  /// first the even inputs of a block.
  int value(int64_t row, int64_t input) const {
    int64_t group = row / 16 * (inputs / 32) + input / 32;
    int64_t in = input % 32;
    int64_t place = in % 2 == 0 ? in / 2 : 16 + in / 2;
    int64_t at = ((group * 8 + place / 4) * 16 + row % 16) * 4 + place % 4;
    return static_cast<int>(values[static_cast<size_t>(at)]) - 128;
  }
  uint16_t stepBits(int64_t row, int64_t number) const {
    uint16_t bits;
    int64_t at = (row / 16 * (inputs / block) + number) * 16 + row % 16;
    std::memcpy(&bits, steps.data() + at * 2, 2);
    return bits;
  }
  float step(int64_t row, int64_t number) const {
    return bf16ToF32(stepBits(row, number));
  }
};

/// Weights of every sign, of other sizes in every 32.
std::vector<float> makeWeights(int64_t count) {
  std::vector<float> weights;
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525U + 1013904223U;
    weights.push_back(static_cast<float>(static_cast<int32_t>(state)) *
                      std::ldexp(1.0F, -40 + static_cast<int>(i / 32 % 7)));
  }
  return weights;
}

// 20 rows: a panel of 16, and one with 4 rows and 12 of zeros.
constexpr int64_t kMatrices = 3, kOutputs = 20, kInputs = 96;
constexpr int64_t kBlocks = kInputs / 32, kPanels = 2;

TEST(PackedWeights, Mxfp4BlocksChangePlaces) {
  Bytes source = makeBytes(kMatrices * kOutputs * kBlocks * 16);
  Bytes packed = packAll(makeTensor(source, ElementType::F4E2M1,
                                    PackedTensor::Part::Values, kMatrices,
                                    kOutputs, kInputs));
  ASSERT_EQ(packed.size(), size_t{kMatrices * kPanels * kBlocks * 256});
  size_t at = 0;
  for (int64_t matrix = 0; matrix < kMatrices; ++matrix)
    for (int64_t panel = 0; panel < kPanels; ++panel)
      for (int64_t block = 0; block < kBlocks; ++block)
        for (int64_t word = 0; word < 4; ++word)
          for (int64_t row = panel * 16; row < panel * 16 + 16; ++row)
            for (int64_t byte = 0; byte < 4; ++byte, ++at) {
              int64_t from =
                  ((matrix * kOutputs + row) * kBlocks + block) * 16 +
                  word * 4 + byte;
              std::byte want = row < kOutputs
                                   ? source[static_cast<size_t>(from)]
                                   : std::byte{0};
              ASSERT_EQ(packed[at], want)
                  << matrix << " " << row << " " << block;
            }
}

TEST(PackedWeights, Mxfp4ScalesLieByPanels) {
  Bytes source = makeBytes(kMatrices * kOutputs * kBlocks);
  Bytes packed = packAll(makeTensor(source, ElementType::F4E2M1,
                                    PackedTensor::Part::Scales, kMatrices,
                                    kOutputs, kInputs));
  ASSERT_EQ(packed.size(), size_t{kMatrices * kPanels * kBlocks * 16});
  size_t at = 0;
  for (int64_t matrix = 0; matrix < kMatrices; ++matrix)
    for (int64_t panel = 0; panel < kPanels; ++panel)
      for (int64_t block = 0; block < kBlocks; ++block)
        for (int64_t row = panel * 16; row < panel * 16 + 16; ++row, ++at) {
          int64_t from = (matrix * kOutputs + row) * kBlocks + block;
          std::byte want =
              row < kOutputs ? source[static_cast<size_t>(from)] : std::byte{0};
          ASSERT_EQ(packed[at], want) << matrix << " " << row << " " << block;
        }
}

// Blocks of 32 inputs, and whole rows.
class PackedInt8 : public testing::TestWithParam<int64_t> {};

INSTANTIATE_TEST_SUITE_P(PackedWeights, PackedInt8, testing::Values(32, 0),
                         [](const auto &info) {
                           return info.param ? "PerBlock" : "PerChannel";
                         });

TEST_P(PackedInt8, IsTheNearestMultipleOfTheStep) {
  std::vector<float> weights = makeWeights(kOutputs * kInputs);
  Int8Matrix packed(weights, kOutputs, GetParam());
  EXPECT_EQ(packed.steps.size(),
            size_t{2} * 16 * kPanels * (GetParam() ? kBlocks : 1));
  for (int64_t row = 0; row < kOutputs; ++row)
    for (int64_t number = 0; number < kInputs / packed.block; ++number) {
      const float *w = weights.data() + row * kInputs + number * packed.block;
      float largest = 0;
      for (int64_t i = 0; i < packed.block; ++i)
        largest = std::max(largest, std::fabs(w[i]));
      // The least bf16 with 127 steps of which the largest weight is reached.
      float step = packed.step(row, number);
      float below =
          bf16ToF32(static_cast<uint16_t>(packed.stepBits(row, number) - 1));
      ASSERT_GE(step, largest / 127.0F);
      ASSERT_LT(below, largest / 127.0F);
      for (int64_t i = 0; i < packed.block; ++i) {
        int value = packed.value(row, number * packed.block + i);
        ASSERT_EQ(value, std::lrint(w[i] / step)) << row << " " << i;
        ASSERT_LE(std::abs(value), 127);
        double error = std::fabs(static_cast<double>(value) * step - w[i]);
        ASSERT_LE(error, 0.5001 * step);
        // Half a step, which is rounded up by one in 128 at most.
        ASSERT_LE(error, largest * 0.004);
      }
    }
}

TEST(PackedWeights, AChannelHasTheStepOfItsLargestBlock) {
  std::vector<float> weights = makeWeights(kOutputs * kInputs);
  Int8Matrix blocks(weights, kOutputs), rows(weights, kOutputs, 0);
  for (int64_t row = 0; row < kOutputs; ++row) {
    float largest = 0;
    for (int64_t block = 0; block < kBlocks; ++block)
      largest = std::max(largest, blocks.step(row, block));
    EXPECT_EQ(rows.step(row, 0), largest) << row;
  }
}

TEST_P(PackedInt8, TiesGoToEven) {
  std::vector<float> weights(64, 0.0F);
  weights[0] = weights[63] = 127; // a step of exactly 1
  weights[1] = 0.5F;
  weights[2] = 1.5F;
  weights[3] = -2.5F;
  weights[4] = -0.5F;
  weights[62] = 3.5F;
  Int8Matrix packed(weights, 1, GetParam());
  EXPECT_EQ(packed.step(0, 0), 1.0F);
  const int want[] = {127, 0, 2, -2, 0, 0};
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(packed.value(0, i), want[i]) << i;
  EXPECT_EQ(packed.value(0, 62), 4);
}

TEST_P(PackedInt8, ZerosAndMissingRowsAreZero) {
  Int8Matrix packed(std::vector<float>(3 * 64, 0.0F), 3, GetParam());
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t input = 0; input < 64; ++input) {
      EXPECT_EQ(packed.stepBits(row, input / packed.block), 0);
      EXPECT_EQ(packed.value(row, input), 0);
    }
}

TEST_P(PackedInt8, WhatIsNoNumberStaysVisible) {
  float infinity = std::numeric_limits<float>::infinity();
  constexpr int64_t inputs = 64;
  std::vector<float> weights(4 * inputs, 1.0F);
  weights[5] = std::numeric_limits<float>::quiet_NaN();
  weights[inputs + 7] = -infinity;
  // A NaN whose upper half alone would be an infinity.
  weights[2 * inputs] = std::bit_cast<float>(0x7F800001U);
  Int8Matrix packed(weights, 4, GetParam());
  EXPECT_TRUE(std::isnan(packed.step(0, 0)));
  EXPECT_TRUE(std::isinf(packed.step(1, 0)));
  EXPECT_TRUE(std::isnan(packed.step(2, 0)));
  EXPECT_TRUE(std::isfinite(packed.step(3, 0)));
  // No product of such a block is a number: its weights are not zero.
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t i = 0; i < packed.block; ++i)
      EXPECT_NE(packed.value(row, i), 0);
}

TEST_P(PackedInt8, Bf16AndF16GiveWhatTheirFloatsGive) {
  Bytes source = makeBytes(kOutputs * kInputs * 2);
  for (ElementType element : {ElementType::BF16, ElementType::F16}) {
    std::vector<float> weights;
    for (size_t i = 0; i < source.size(); i += 2) {
      // Half of the exponents: finite.
      source[i + 1] &= std::byte{0xBB};
      uint16_t bits;
      std::memcpy(&bits, source.data() + i, 2);
      weights.push_back(element == ElementType::BF16 ? bf16ToF32(bits)
                                                     : f16ToF32(bits));
    }
    Int8Matrix want(weights, kOutputs, GetParam());
    EXPECT_EQ(packAll(makeTensor(source, element, PackedTensor::Part::Values, 1,
                                 kOutputs, kInputs, want.block)),
              want.values);
    EXPECT_EQ(packAll(makeTensor(source, element, PackedTensor::Part::Scales, 1,
                                 kOutputs, kInputs, want.block)),
              want.steps);
  }
}

TEST(PackedWeights, PiecesOfAnySizeGiveTheSameBytes) {
  Bytes codes = makeBytes(kMatrices * kOutputs * kBlocks * 16);
  Bytes floats = makeBytes(kMatrices * kOutputs * kInputs * 4);
  for (size_t i = 3; i < floats.size(); i += 4)
    floats[i] &= std::byte{0xBF}; // finite.
  for (auto [element, block] : {std::pair(ElementType::F4E2M1, int64_t{32}),
                                std::pair(ElementType::F32, int64_t{32}),
                                std::pair(ElementType::F32, kInputs)})
    for (auto part : {PackedTensor::Part::Values, PackedTensor::Part::Scales}) {
      PackedTensor tensor =
          makeTensor(element == ElementType::F32 ? floats : codes, element,
                     part, kMatrices, kOutputs, kInputs, block);
      Bytes want = packAll(tensor);
      for (uint64_t panels = 1; panels <= kMatrices * kPanels; ++panels) {
        // A piece may have room for a part of a panel, which stays free.
        Bytes piece(panels * tensor.panelBytes() + 5), got;
        while (got.size() < want.size()) {
          size_t count = tensor.pack(got.size(), piece);
          ASSERT_GT(count, 0U);
          ASSERT_EQ(count % tensor.panelBytes(), 0U);
          got.insert(got.end(), piece.begin(),
                     piece.begin() + static_cast<ptrdiff_t>(count));
        }
        ASSERT_EQ(got, want) << panels;
      }
      EXPECT_EQ(tensor.wholePanels(1), tensor.panelBytes());
      EXPECT_EQ(tensor.wholePanels(3 * tensor.panelBytes() - 1),
                2 * tensor.panelBytes());
    }
}

} // namespace
