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
                        int64_t outputs, int64_t inputs) {
  PackedTensor tensor;
  tensor.source = std::span(source);
  tensor.element = element;
  tensor.part = part;
  tensor.matrices = matrices;
  tensor.outputs = outputs;
  tensor.inputs = inputs;
  return tensor;
}

/// A dense float matrix, packed.
struct Int8Matrix {
  Bytes values, steps;
  int64_t outputs, inputs;

  Int8Matrix(const std::vector<float> &weights, int64_t rows)
      : outputs(rows), inputs(static_cast<int64_t>(weights.size()) / rows) {
    Bytes source(weights.size() * 4);
    std::memcpy(source.data(), weights.data(), source.size());
    values = packAll(makeTensor(source, ElementType::F32,
                                PackedTensor::Part::Values, 1, rows, inputs));
    steps = packAll(makeTensor(source, ElementType::F32,
                               PackedTensor::Part::Scales, 1, rows, inputs));
  }

  /// By the formula of the layout: a word is four bytes of each of 16 rows,
  /// first the even inputs of a block.
  int value(int64_t row, int64_t input) const {
    int64_t block = row / 16 * (inputs / 32) + input / 32;
    int64_t in = input % 32;
    int64_t place = in % 2 == 0 ? in / 2 : 16 + in / 2;
    int64_t at = ((block * 8 + place / 4) * 16 + row % 16) * 4 + place % 4;
    return static_cast<int>(values[static_cast<size_t>(at)]) - 128;
  }
  uint16_t stepBits(int64_t row, int64_t block) const {
    uint16_t bits;
    int64_t at = (row / 16 * (inputs / 32) + block) * 16 + row % 16;
    std::memcpy(&bits, steps.data() + at * 2, 2);
    return bits;
  }
  float step(int64_t row, int64_t block) const {
    return bf16ToF32(stepBits(row, block));
  }
};

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

TEST(PackedWeights, Int8IsTheNearestMultipleOfTheStep) {
  std::vector<float> weights;
  uint32_t state = 1;
  for (int64_t i = 0; i < kOutputs * kInputs; ++i) {
    state = state * 1664525U + 1013904223U;
    weights.push_back(static_cast<float>(static_cast<int32_t>(state)) *
                      std::ldexp(1.0F, -40 + static_cast<int>(i / 32 % 7)));
  }
  Int8Matrix packed(weights, kOutputs);
  for (int64_t row = 0; row < kOutputs; ++row)
    for (int64_t block = 0; block < kBlocks; ++block) {
      const float *w = weights.data() + row * kInputs + block * 32;
      float largest = 0;
      for (int64_t i = 0; i < 32; ++i)
        largest = std::max(largest, std::fabs(w[i]));
      // The least bf16 with 127 steps of which the largest weight is reached.
      float step = packed.step(row, block);
      float below =
          bf16ToF32(static_cast<uint16_t>(packed.stepBits(row, block) - 1));
      ASSERT_GE(step, largest / 127.0F);
      ASSERT_LT(below, largest / 127.0F);
      for (int64_t i = 0; i < 32; ++i) {
        int value = packed.value(row, block * 32 + i);
        ASSERT_EQ(value, std::lrint(w[i] / step)) << row << " " << i;
        ASSERT_LE(std::abs(value), 127);
        ASSERT_LE(std::fabs(static_cast<double>(value) * step - w[i]),
                  0.5001 * step);
      }
    }
}

TEST(PackedWeights, Int8TiesGoToEven) {
  std::vector<float> weights(32, 0.0F);
  weights[0] = 127; // a step of exactly 1
  weights[1] = 0.5F;
  weights[2] = 1.5F;
  weights[3] = -2.5F;
  weights[4] = -0.5F;
  Int8Matrix packed(weights, 1);
  EXPECT_EQ(packed.step(0, 0), 1.0F);
  const int want[] = {127, 0, 2, -2, 0, 0};
  for (int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(packed.value(0, i), want[i]) << i;
}

TEST(PackedWeights, Int8BlocksOfZerosAndMissingRowsAreZero) {
  Int8Matrix packed(std::vector<float>(3 * 64, 0.0F), 3);
  for (int64_t row = 0; row < 16; ++row)
    for (int64_t block = 0; block < 2; ++block) {
      EXPECT_EQ(packed.stepBits(row, block), 0);
      for (int64_t i = 0; i < 32; ++i)
        EXPECT_EQ(packed.value(row, block * 32 + i), 0);
    }
}

TEST(PackedWeights, WeightsThatAreNoNumbersStayVisible) {
  float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> weights(4 * 32, 1.0F);
  weights[5] = std::numeric_limits<float>::quiet_NaN();
  weights[32 + 7] = -infinity;
  // A NaN whose upper half alone would be an infinity.
  weights[2 * 32] = std::bit_cast<float>(0x7F800001U);
  Int8Matrix packed(weights, 4);
  EXPECT_TRUE(std::isnan(packed.step(0, 0)));
  EXPECT_TRUE(std::isinf(packed.step(1, 0)));
  EXPECT_TRUE(std::isnan(packed.step(2, 0)));
  EXPECT_TRUE(std::isfinite(packed.step(3, 0)));
  // No product of such a block is a number: its weights are not zero.
  for (int64_t row = 0; row < 3; ++row)
    for (int64_t i = 0; i < 32; ++i)
      EXPECT_NE(packed.value(row, i), 0);
}

TEST(PackedWeights, Bf16AndF16GiveWhatTheirFloatsGive) {
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
    Int8Matrix want(weights, kOutputs);
    EXPECT_EQ(packAll(makeTensor(source, element, PackedTensor::Part::Values, 1,
                                 kOutputs, kInputs)),
              want.values);
    EXPECT_EQ(packAll(makeTensor(source, element, PackedTensor::Part::Scales, 1,
                                 kOutputs, kInputs)),
              want.steps);
  }
}

TEST(PackedWeights, PiecesOfAnySizeGiveTheSameBytes) {
  Bytes codes = makeBytes(kMatrices * kOutputs * kBlocks * 16);
  Bytes floats = makeBytes(kMatrices * kOutputs * kInputs * 4);
  for (size_t i = 3; i < floats.size(); i += 4)
    floats[i] &= std::byte{0xBF}; // finite.
  for (ElementType element : {ElementType::F4E2M1, ElementType::F32})
    for (auto part : {PackedTensor::Part::Values, PackedTensor::Part::Scales}) {
      PackedTensor tensor =
          makeTensor(element == ElementType::F32 ? floats : codes, element,
                     part, kMatrices, kOutputs, kInputs);
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
