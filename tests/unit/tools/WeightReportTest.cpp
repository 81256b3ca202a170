//===- WeightReportTest.cpp - Statistics of stored weights ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/WeightReport.h"
#include "frontend/checkpoint/PackedWeights.h"
#include "runtime/support/Sha256.h"
#include "runtime/weights/FloatTypes.h"
#include "tests/TestPaths.h"
#include "tools/report/CheckpointReport.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

template <typename T> std::span<const std::byte> bytesOf(const T &values) {
  return std::as_bytes(std::span(values));
}

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

void expectExample(const proto::WeightStatistics &stats) {
  // Of -3, 0, 0, 5 and one of each that is not finite.
  EXPECT_EQ(stats.min(), -3);
  EXPECT_EQ(stats.max(), 5);
  EXPECT_EQ(stats.mean(), 0.5);
  EXPECT_EQ(stats.rms(), std::sqrt(34.0 / 4));
  EXPECT_EQ(stats.zeros(), 2U);
  EXPECT_EQ(stats.nans(), 1U);
  EXPECT_EQ(stats.infinities(), 2U);
}

TEST(WeightReport, CountsFloats) {
  std::vector<float> values = {-3, 0, 5, -0.0F, nan, inf, -inf};
  expectExample(computeStatistics({WeightForm::F32, bytesOf(values), {}}));
  std::vector<uint16_t> bf16, f16;
  for (float value : values) {
    bf16.push_back(f32ToBf16(value));
    f16.push_back(f32ToF16(value));
  }
  expectExample(computeStatistics({WeightForm::BF16, bytesOf(bf16), {}}));
  expectExample(computeStatistics({WeightForm::F16, bytesOf(f16), {}}));
}

TEST(WeightReport, CountsScalesByExponent) {
  std::vector<uint8_t> scales = {127, 127, 120, 255, 0};
  proto::WeightStatistics stats =
      computeStatistics({WeightForm::Mxfp4Scales, bytesOf(scales), {}});
  ASSERT_EQ(stats.scales_size(), 3);
  EXPECT_EQ(stats.scales(0).exponent(), -127);
  EXPECT_EQ(stats.scales(1).exponent(), -7);
  EXPECT_EQ(stats.scales(2).exponent(), 0);
  EXPECT_EQ(stats.scales(2).count(), 2U);
  EXPECT_EQ(stats.nans(), 1U);
  EXPECT_EQ(stats.max(), 1);
  EXPECT_EQ(stats.min(), std::ldexp(1.0, -127));
}

TEST(WeightReport, MultipliesCodesByTheirScales) {
  // Block 0: 6 and 31 zeros, times 2; block 1: -0.5 throughout, times 1/4.
  std::vector<uint8_t> codes(32, 0x99), scales = {128, 125};
  std::fill_n(codes.begin(), 16, 0);
  codes[0] = 0x07;
  proto::WeightStatistics stats = computeStatistics(
      {WeightForm::Mxfp4Codes, bytesOf(codes), bytesOf(scales)});
  EXPECT_EQ(stats.max(), 12);
  EXPECT_EQ(stats.min(), -0.125);
  EXPECT_EQ(stats.zeros(), 31U);
  EXPECT_EQ(stats.mean(), (12 - 32 * 0.125) / 64);
  // Without scales, of the codes.
  stats = computeStatistics({WeightForm::Mxfp4Codes, bytesOf(codes), {}});
  EXPECT_EQ(stats.max(), 6);
  EXPECT_EQ(stats.min(), -0.5);
  // A scale that is NaN makes its whole block NaN.
  scales[1] = 255;
  stats = computeStatistics(
      {WeightForm::Mxfp4Codes, bytesOf(codes), bytesOf(scales)});
  EXPECT_EQ(stats.nans(), 32U);
  EXPECT_EQ(stats.min(), 0);
}

void expectEqual(const proto::WeightStatistics &a,
                 const proto::WeightStatistics &b) {
  EXPECT_EQ(a.SerializeAsString(), b.SerializeAsString())
      << a.DebugString() << b.DebugString();
}

TEST(WeightReport, SeesThroughPanels) {
  // 2 matrices of 32 rows of 64 inputs: 2 blocks a row.
  std::vector<uint8_t> codes(2 * 32 * 64 / 2), scales(2 * 32 * 2);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(i * 37 + i / 7);
  for (size_t i = 0; i < scales.size(); ++i)
    scales[i] = static_cast<uint8_t>(110 + i % 23);
  PackedTensor values{bytesOf(codes),
                      ElementType::F4E2M1,
                      PackedTensor::Part::Values,
                      2,
                      32,
                      64};
  PackedTensor steps{bytesOf(scales),
                     ElementType::F4E2M1,
                     PackedTensor::Part::Scales,
                     2,
                     32,
                     64};
  std::vector<std::byte> packed(values.byteSize()),
      packedScales(steps.byteSize());
  values.pack(0, packed);
  steps.pack(0, packedScales);
  expectEqual(
      computeStatistics({WeightForm::PanelMxfp4Codes, TensorBytes(packed),
                         TensorBytes(packedScales)}),
      computeStatistics(
          {WeightForm::Mxfp4Codes, bytesOf(codes), bytesOf(scales)}));
}

TEST(WeightReport, MultipliesPanelBytesByTheirSteps) {
  // Multiples of a step that 8 bits hold exactly; one row in 16 exists.
  std::vector<float> matrix(32);
  for (size_t i = 0; i < matrix.size(); ++i)
    matrix[i] = static_cast<float>(i) * 0.25F - 2;
  matrix[31] = 31.75F; // 127 steps of 0.25.
  PackedTensor values{
      bytesOf(matrix), ElementType::F32, PackedTensor::Part::Values, 1, 1, 32};
  PackedTensor steps = values;
  steps.part = PackedTensor::Part::Scales;
  std::vector<std::byte> packed(values.byteSize()),
      packedSteps(steps.byteSize());
  values.pack(0, packed);
  steps.pack(0, packedSteps);
  proto::WeightStatistics stats = computeStatistics(
      {WeightForm::PanelBytes, TensorBytes(packed), TensorBytes(packedSteps)});
  EXPECT_EQ(stats.min(), -2);
  EXPECT_EQ(stats.max(), 31.75);
  EXPECT_EQ(stats.zeros(), 1U + 15 * 32);
}

TEST(WeightReport, MultipliesPanelBytesByTheStepsOfRows) {
  // 17 rows of 64 inputs, all one number a row: every other row is zero.
  std::vector<float> matrix(17 * 64);
  for (size_t row = 0; row < 17; row += 2)
    std::fill_n(matrix.begin() + static_cast<ptrdiff_t>(row * 64), 64,
                127.0F * static_cast<float>(row + 1));
  matrix[63] = -127;
  PackedTensor values{bytesOf(matrix),
                      ElementType::F32,
                      PackedTensor::Part::Values,
                      1,
                      17,
                      64,
                      64};
  PackedTensor steps = values;
  steps.part = PackedTensor::Part::Scales;
  std::vector<std::byte> packed(values.byteSize()),
      packedSteps(steps.byteSize());
  ASSERT_EQ(packedSteps.size(), 2U * 16 * 2);
  values.pack(0, packed);
  steps.pack(0, packedSteps);
  proto::WeightStatistics stats = computeStatistics(
      {WeightForm::PanelBytes, TensorBytes(packed), TensorBytes(packedSteps)});
  EXPECT_EQ(stats.min(), -127);
  EXPECT_EQ(stats.max(), 127 * 17);
  EXPECT_EQ(stats.zeros(), (8U + 15) * 64);
}

TEST(WeightReport, HashesAndCancels) {
  std::vector<uint8_t> bytes = {1, 2, 3};
  std::vector<StoredTensor> tensors = {
      {WeightForm::Unknown, bytesOf(bytes), {}}};
  proto::Report report;
  report.add_weights();
  ASSERT_TRUE(addWeightContents(tensors, true, report).isOk());
  EXPECT_EQ(report.weights(0).sha256(), toHex(sha256(bytesOf(bytes))));
  EXPECT_FALSE(report.weights(0).has_stats());
  Status status =
      addWeightContents(tensors, true, report, [](uint64_t) { return false; });
  EXPECT_EQ(status.code(), StatusCode::Interrupted);
  report.add_weights();
  EXPECT_EQ(addWeightContents(tensors, true, report).code(),
            StatusCode::Internal);
}

TEST(CheckpointReport, CountsThe20bModel) {
  Expected<Checkpoint> checkpoint = Checkpoint::open(
      GOSSAMER_SOURCE_DIR "/tests/data/configs/gpt-oss-20b.json");
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  ReportParts parts;
  parts.summary = parts.weights = true;
  proto::Report report = buildReport(*checkpoint, parts);
  EXPECT_EQ(report.weights_size(), 459);
  EXPECT_EQ(report.summary().parameters_total(), 20914757184U);
  EXPECT_EQ(report.summary().weight_bytes(), 13761264768U);
  // 3.61 B as published: of the embedding only a row is used.
  EXPECT_EQ(report.summary().parameters_active(), 3608310144U);
  uint64_t bytes = 0;
  for (const proto::Weight &weight : report.weights())
    bytes += weight.size();
  EXPECT_EQ(bytes, 13761264768U);
}

} // namespace
