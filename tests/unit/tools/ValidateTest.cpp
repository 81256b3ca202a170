//===- ValidateTest.cpp - Tests of what goss validate compares with -------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"
#include "tools/validate/ChiSquare.h"
#include "tools/validate/DecodeCheck.h"
#include "tools/validate/SamplingCheck.h"
#include "tools/validate/SamplingOracle.h"
#include "tools/validate/ScalarDecode.h"

#include <array>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// Equal as bits, or both no number.
bool isSame(double exact, float decoded) {
  if (std::isnan(exact))
    return std::isnan(decoded);
  return std::bit_cast<uint64_t>(exact) ==
         std::bit_cast<uint64_t>(static_cast<double>(decoded));
}

//===----------------------------------------------------------------------===//
// Chi-square
//===----------------------------------------------------------------------===//

// Critical values of printed tables, and closed forms of small degrees.
TEST(ChiSquareTail, HasTheTabulatedValues) {
  EXPECT_NEAR(chiSquareTail(3.841458820694124, 1), 0.05, 1e-12);
  EXPECT_NEAR(chiSquareTail(5.991464547107979, 2), 0.05, 1e-12);
  EXPECT_NEAR(chiSquareTail(18.307038053275146, 10), 0.05, 1e-12);
  EXPECT_NEAR(chiSquareTail(29.58829844507442, 10), 0.001, 1e-13);
  EXPECT_NEAR(chiSquareTail(124.34211340400407, 100), 0.05, 1e-11);
  EXPECT_NEAR(chiSquareTail(1118.9, 1000), 0.00498, 5e-5);
  for (double x : {0.1, 1.0, 7.0, 60.0}) {
    EXPECT_DOUBLE_EQ(chiSquareTail(x, 2), std::exp(-x / 2));
    EXPECT_NEAR(chiSquareTail(x, 4) / (std::exp(-x / 2) * (1 + x / 2)), 1,
                1e-13);
    EXPECT_NEAR(chiSquareTail(x, 1) / std::erfc(std::sqrt(x / 2)), 1, 1e-13);
  }
}

TEST(ChiSquareTail, HasItsLimits) {
  EXPECT_EQ(chiSquareTail(0, 5), 1);
  EXPECT_EQ(chiSquareTail(100, 0), 1);
  EXPECT_EQ(chiSquareTail(1e9, 3), 0);
  EXPECT_EQ(chiSquareTail(std::numeric_limits<double>::infinity(), 3), 0);
  EXPECT_GT(chiSquareTail(1400, 10), 0);
  EXPECT_NEAR(chiSquareTail(1e-9, 1000), 1, 1e-12);
  double last = 1;
  for (double x = 1; x < 300; x += 7) {
    double now = chiSquareTail(x, 51);
    EXPECT_LE(now, last);
    last = now;
  }
}

TEST(Frequencies, MatchTheFormula) {
  std::vector<uint64_t> counts = {45, 35, 20};
  std::vector<double> probabilities = {0.5, 0.3, 0.2};
  ChiSquareResult result = testFrequencies(counts, probabilities);
  // 5^2 / 50 + 5^2 / 30 + 0
  EXPECT_NEAR(result.statistic, 0.5 + 25.0 / 30, 1e-12);
  EXPECT_EQ(result.degrees, 2U);
  EXPECT_NEAR(result.pValue, std::exp(-result.statistic / 2), 1e-12);
}

TEST(Frequencies, PutRareOutcomesTogether) {
  // 100 draws expect 60, 30, 6, 2, 1 and 1.
  std::vector<uint64_t> counts = {55, 33, 6, 3, 2, 1};
  std::vector<double> probabilities = {0.6, 0.3, 0.06, 0.02, 0.01, 0.01};
  ChiSquareResult result = testFrequencies(counts, probabilities);
  // The three rarest expect 4 together, so that the next joins them.
  ASSERT_EQ(result.bins.size(), 3U);
  EXPECT_EQ(result.bins[0].outcomes, std::vector<uint32_t>{0});
  EXPECT_EQ(result.bins[1].outcomes, std::vector<uint32_t>{1});
  EXPECT_EQ(result.bins[2].outcomes, (std::vector<uint32_t>{2, 3, 4, 5}));
  EXPECT_NEAR(result.bins[2].expected, 10, 1e-12);
  EXPECT_EQ(result.bins[2].observed, 12U);
  EXPECT_EQ(result.degrees, 2U);
}

TEST(Frequencies, LeaveNoBinTooSmall) {
  // The most probable, met last, expects 4.
  std::vector<uint64_t> counts = {4, 3, 3};
  std::vector<double> probabilities = {0.4, 0.3, 0.3};
  ChiSquareResult result = testFrequencies(counts, probabilities);
  ASSERT_EQ(result.bins.size(), 1U);
  EXPECT_EQ(result.bins[0].observed, 10U);
  EXPECT_EQ(result.degrees, 0U);
  EXPECT_EQ(result.pValue, 1);
}

TEST(Frequencies, FailOnWhatCannotBeDrawn) {
  std::vector<uint64_t> counts = {50, 49, 1};
  std::vector<double> probabilities = {0.5, 0.5, 0};
  ChiSquareResult result = testFrequencies(counts, probabilities);
  EXPECT_EQ(result.impossible, 1U);
  EXPECT_EQ(result.pValue, 0);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

TEST(ScalarDecode, KnowsTheSpecsVector) {
  // 10 32 54 76 ... with scale 126 are 0, .25, .5, .75, 1, 1.5, 2, 3, ...
  constexpr std::array<double, 8> magnitudes = {0, 0.25, 0.5, 0.75,
                                                1, 1.5,  2,   3};
  for (uint8_t code = 0; code < 16; ++code) {
    double value = decodeMxfp4(code, 126);
    EXPECT_EQ(std::abs(value), magnitudes[code % 8]);
    EXPECT_EQ(std::signbit(value), code >= 8);
  }
  EXPECT_TRUE(std::isnan(decodeMxfp4(3, 255)));
  EXPECT_EQ(decodeMxfp4(1, 0), 0x1p-128);
  EXPECT_EQ(decodeMxfp4(7, 254), 6 * 0x1p127);
}

TEST(ScalarDecode, AgreesOnEveryByteUnderEveryScale) {
  std::array<uint8_t, mxfp4BlockBytes> block;
  std::array<float, mxfp4BlockElements> decoded;
  for (int scale = 0; scale < 256; ++scale)
    for (int first = 0; first < 256; first += mxfp4BlockBytes) {
      std::iota(block.begin(), block.end(), static_cast<uint8_t>(first));
      dequantizeMxfp4Block(block.data(), static_cast<uint8_t>(scale),
                           decoded.data());
      for (size_t i = 0; i < decoded.size(); ++i) {
        uint8_t byte = block[i / 2];
        double exact = decodeMxfp4(i % 2 ? byte >> 4 : byte & 15,
                                   static_cast<uint8_t>(scale));
        // Beyond the range of float32 the product is infinite.
        if (std::abs(exact) > std::numeric_limits<float>::max())
          exact = std::copysign(double{infinity}, exact);
        ASSERT_TRUE(isSame(exact, decoded[i]))
            << "byte " << int{byte} << ", scale " << scale;
      }
    }
}

TEST(ScalarDecode, AgreesOnEveryHalf) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    auto half = static_cast<uint16_t>(bits);
    ASSERT_TRUE(isSame(decodeBf16(half), bf16ToF32(half))) << bits;
    ASSERT_TRUE(isSame(decodeF16(half), f16ToF32(half))) << bits;
  }
}

TEST(ScalarDecode, ReadsFloats) {
  for (float value : {0.0F, -0.0F, 1.0F, -3.1415927F, 1e-45F, 1.1754942e-38F,
                      3.4028235e38F, infinity, -infinity})
    EXPECT_TRUE(isSame(decodeF32(std::bit_cast<uint32_t>(value)), value))
        << value;
  EXPECT_TRUE(std::isnan(decodeF32(0x7FC00000)));
}

/// A parameter over bytes of the test.
struct StoredParameter {
  Parameter parameter;
  std::vector<std::byte> values, scales;

  ParameterReader read() {
    locations = {{0, 0, values.size(), TensorBytes(std::span(values))}};
    if (!scales.empty())
      locations.push_back(
          {0, 0, scales.size(), TensorBytes(std::span(scales))});
    return {parameter, locations};
  }
  std::vector<TensorLocation> locations;
};

std::vector<std::byte> bytesOf(const std::vector<float> &values) {
  std::vector<std::byte> bytes(values.size() * 4);
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST(DecodeCheck, ReadsTransposedMatrices) {
  // Two matrices of 2 outputs and 3 inputs, stored [matrix, in, out].
  StoredParameter stored;
  stored.parameter.shape = {2, 2, 3};
  stored.parameter.element = ElementType::F32;
  stored.parameter.layout = StorageLayout::Transposed;
  stored.parameter.tensors = {{"w", DType::F32, {2, 3, 2}}};
  stored.values = bytesOf({0, 10, 1, 11, 2, 12, 100, 110, 101, 111, 102, 112});
  ParameterReader reader = stored.read();
  ASSERT_EQ(reader.rows(), 4U);
  std::vector<double> exact(3);
  std::vector<float> decoded(3);
  reader.readExact(3, exact);
  reader.readDecoded(3, decoded);
  EXPECT_EQ(exact, (std::vector<double>{110, 111, 112}));
  EXPECT_EQ(decoded, (std::vector<float>{110, 111, 112}));
  proto::TensorCheck check = checkDecoding(reader);
  EXPECT_EQ(check.elements(), 12U);
  EXPECT_EQ(check.different() + check.not_finite(), 0U);
}

TEST(DecodeCheck, CountsWhatIsNoNumber) {
  StoredParameter stored;
  stored.parameter.shape = {1, 2, 32};
  stored.parameter.element = ElementType::F4E2M1;
  stored.parameter.layout = StorageLayout::Published;
  stored.parameter.tensors = {{"blocks", DType::U8, {1, 2, 1, 16}},
                              {"scales", DType::U8, {1, 2, 1}}};
  stored.values.resize(32, std::byte{0x77});
  stored.scales = {std::byte{127}, std::byte{255}};
  EXPECT_EQ(checkDecoding(stored.read()).not_finite(), 32U);
  // 6 * 2^127 is a number that float32 does not hold.
  stored.scales[1] = std::byte{254};
  proto::TensorCheck check = checkDecoding(stored.read());
  EXPECT_EQ(check.not_finite(), 0U);
  EXPECT_EQ(check.different(), 32U);
  EXPECT_EQ(check.type(), "MXFP4");
}

//===----------------------------------------------------------------------===//
// Sampling
//===----------------------------------------------------------------------===//

std::vector<double> exact(std::vector<float> logits, SamplingOptions options,
                          std::vector<int32_t> seen = {}) {
  return exactProbabilities(logits, options, seen);
}

void expectNear(const std::vector<double> &got,
                const std::vector<double> &want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-12) << i;
}

/// log of each: logits whose softmax these are.
std::vector<float> logitsOf(std::vector<float> probabilities) {
  for (float &each : probabilities)
    each = std::log(each);
  return probabilities;
}

TEST(SamplingOracle, DoesEachStep) {
  std::vector<float> logits = logitsOf({0.5F, 0.25F, 0.125F, 0.125F});
  auto near = [](const std::vector<double> &got, std::vector<double> want) {
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], want[i], 1e-6) << i;
  };
  near(exact(logits, {}), {0.5, 0.25, 0.125, 0.125});
  near(exact(logits, {.greedy = true}), {1, 0, 0, 0});
  near(exact(logits, {.temperature = 0}), {1, 0, 0, 0});
  double sum = 0.25 + 0.0625 + 2 * 0.015625;
  near(exact(logits, {.temperature = 0.5}),
       {0.25 / sum, 0.0625 / sum, 0.015625 / sum, 0.015625 / sum});
  near(exact(logits, {.topK = 1}), {1, 0, 0, 0});
  // Ties at the border stay.
  near(exact(logits, {.topK = 3}), {0.5, 0.25, 0.125, 0.125});
  near(exact(logits, {.topK = 100}), {0.5, 0.25, 0.125, 0.125});
  // The one that crosses stays; of equal ones the lower id.
  near(exact(logits, {.topP = 0.6}), {2 / 3.0, 1 / 3.0, 0, 0});
  near(exact(logits, {.topP = 0.8}), {4 / 7.0, 2 / 7.0, 1 / 7.0, 0});
  near(exact(logits, {.topP = 0}), {1, 0, 0, 0});
  near(exact(logits, {.minP = 0.3}), {2 / 3.0, 1 / 3.0, 0, 0});
  near(exact(logits, {.minP = 1}), {1, 0, 0, 0});
}

TEST(SamplingOracle, PenalisesWhatWasSeenOnce) {
  std::vector<float> logits = {2, -1, 0, 1};
  std::vector<double> got =
      exact(logits, {.repetitionPenalty = 2}, {0, 1, 1, 2, 0, -5, 99});
  double total = std::exp(1) + std::exp(-2) + 1 + std::exp(1);
  expectNear(got, {std::exp(1) / total, std::exp(-2) / total, 1 / total,
                   std::exp(1) / total});
  // Greedy takes the lowest of the equal ones that the penalty makes.
  expectNear(exact(logits, {.repetitionPenalty = 2, .greedy = true}, {0}),
             {1, 0, 0, 0});
}

TEST(SamplingOracle, CutsAfterTheTemperature) {
  // At temperature 2 the first has 0.41 of the whole, at 1 it has 0.5.
  std::vector<float> logits = logitsOf({0.5F, 0.25F, 0.125F, 0.125F});
  std::vector<double> got = exact(logits, {.temperature = 2, .topP = 0.45});
  EXPECT_GT(got[1], 0);
  EXPECT_EQ(got[2], 0);
}

TEST(SamplingOracle, KeepsTheImpossibleOut) {
  std::vector<double> got = exact({-infinity, 0, -infinity, 0}, {.topP = 0.9});
  expectNear(got, {0, 0.5, 0, 0.5});
}

/// Some logits with a long tail.
std::vector<float> someLogits() {
  std::vector<float> logits(300);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = 4 * std::sin(static_cast<float>(i) * 1.7F) -
                static_cast<float>(i) * 0.01F;
  return logits;
}

TEST(SamplingCheck, FindsTheSamplerRight) {
  std::vector<float> logits = someLogits();
  std::vector<int32_t> seen = {0, 1, 4, 4, 250};
  for (const SamplingStrategy &strategy : samplingStrategies(3)) {
    auto result = checkSampling(logits, strategy.options, seen, 20000);
    ASSERT_TRUE(result) << result.status().message();
    EXPECT_EQ(result->test.impossible, 0U) << strategy.name;
    EXPECT_GT(result->test.pValue, 1e-6) << strategy.name;
    EXPECT_EQ(std::accumulate(result->counts.begin(), result->counts.end(),
                              uint64_t{0}),
              20000U);
  }
}

// Draws with slightly other options do not pass for those of a strategy.
TEST(SamplingCheck, FindsSmallMistakes) {
  std::vector<float> logits = someLogits();
  std::vector<int32_t> seen = {0, 1, 4, 4, 250};
  struct Case {
    const char *name;
    SamplingOptions drawn, claimed;
  };
  const Case cases[] = {
      {"temperature", {.temperature = 0.85}, {}},
      {"top-k", {.topK = 21}, {.topK = 20}},
      {"top-p", {.topP = 0.92}, {.topP = 0.9}},
      {"min-p", {.minP = 0.04}, {.minP = 0.05}},
      {"penalty", {.repetitionPenalty = 1.2}, {.repetitionPenalty = 1.4}},
  };
  for (const Case &each : cases) {
    auto drawn = checkSampling(logits, each.drawn, seen, 20000);
    ASSERT_TRUE(drawn) << each.name;
    ChiSquareResult test = testFrequencies(
        drawn->counts, exactProbabilities(logits, each.claimed, seen));
    EXPECT_LT(test.pValue, 1e-6) << each.name;
  }
}

TEST(SamplingCheck, SaysWhatIsNoNumber) {
  std::vector<float> logits = {0, std::numeric_limits<float>::quiet_NaN()};
  auto result = checkSampling(logits, {}, {}, 100);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().code(), StatusCode::InvalidData);
}

} // namespace
