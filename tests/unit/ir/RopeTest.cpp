//===- RopeTest.cpp - Frequencies of the rotary embedding -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::gptoss;

namespace {

class RopeTest : public testing::Test {
protected:
  RopeTest() { context.loadDialect<GptOssDialect>(); }

  RopeAttr yarn(double theta, double factor, int64_t context0,
                bool truncate = false, double attentionFactor = 0.0) {
    return RopeAttr::get(&context, theta, RopeScaling::Yarn, factor, 32.0, 1.0,
                         context0, truncate, attentionFactor);
  }

  /// The published models.
  RopeAttr published() { return yarn(150000.0, 32.0, 4096); }

  MLIRContext context;
};

TEST_F(RopeTest, PublishedInverseFrequencies) {
  // float64 of the formulas, ten digits.
  const double expected[] = {1.0,
                             .6890443059,
                             .4747820555,
                             .3271458719,
                             .2254180002,
                             .1553229895,
                             .1070244215,
                             7.374456821e-2,
                             5.081327482e-2,
                             3.170569618e-2,
                             1.933500113e-2,
                             1.159204926e-2,
                             6.794959490e-3,
                             3.860359317e-3,
                             2.093792379e-3,
                             1.052602101e-3,
                             4.564839192e-4,
                             1.293187012e-4,
                             3.830881237e-5,
                             2.639646903e-5,
                             1.818833668e-5,
                             1.253256982e-5,
                             8.635495875e-6,
                             5.950239261e-6,
                             4.099978482e-6,
                             2.825066827e-6,
                             1.946596211e-6,
                             1.341291035e-6,
                             9.242089502e-7,
                             6.368209146e-7,
                             4.387978251e-7,
                             3.023511428e-7};
  SmallVector<double> inverse = published().computeInverseFrequencies(64);
  ASSERT_EQ(inverse.size(), std::size(expected));
  for (auto [i, value] : llvm::enumerate(expected))
    EXPECT_NEAR(inverse[i] / value, 1.0, 1e-9) << "pair " << i;
}

TEST_F(RopeTest, PublishedCosinesAndSines) {
  struct {
    double position;
    int pair;
    double cosine, sine;
  } points[] = {{1, 0, 0.72755682, 1.13310261},
                {1, 9, 1.34589682, 0.04268690},
                {1000, 12, 1.17404657, 0.65945060},
                {131071, 17, -0.43485459, -1.27442611},
                {131071, 31, 1.34551634, 0.05335003}};
  SmallVector<double> inverse = published().computeInverseFrequencies(64);
  double c = published().getConcentration();
  for (auto &point : points) {
    double angle = point.position * inverse[point.pair];
    EXPECT_NEAR(c * std::cos(angle), point.cosine, 1e-7);
    EXPECT_NEAR(c * std::sin(angle), point.sine, 1e-7);
  }
}

TEST_F(RopeTest, Concentration) {
  EXPECT_DOUBLE_EQ(published().getConcentration(), 1.3465735902799727);
  EXPECT_DOUBLE_EQ(yarn(150000, 32, 4096, false, 1.25).getConcentration(),
                   1.25);
  EXPECT_DOUBLE_EQ(yarn(150000, 1, 4096).getConcentration(), 1.0);
}

TEST_F(RopeTest, TruncateRoundsTheRamp) {
  // low 8.09 -> 8, high 17.39 -> 18.
  SmallVector<double> inverse =
      yarn(150000, 32, 4096, /*truncate=*/true).computeInverseFrequencies(64);
  for (int i = 0; i < 32; ++i) {
    double base = std::pow(150000.0, 2.0 * i / 64);
    double ramp = std::min(std::max((i - 8.0) / 10.0, 0.0), 1.0);
    double expected = ramp / (32.0 * base) + (1.0 - ramp) / base;
    EXPECT_NEAR(inverse[i] / expected, 1.0, 1e-12) << "pair " << i;
  }
  // The difference to the exact ramp is largest at pair 17.
  double exact = published().computeInverseFrequencies(64)[17];
  EXPECT_NEAR(inverse[17] / exact - 1.0, 0.763, 1e-3);
}

TEST_F(RopeTest, TruncateClampsToTheHead) {
  // A tiny context: low is negative and high beyond the head.
  SmallVector<double> inverse =
      yarn(10.0, 4.0, 1, /*truncate=*/true).computeInverseFrequencies(8);
  ASSERT_EQ(inverse.size(), 4u);
  for (double value : inverse)
    EXPECT_TRUE(std::isfinite(value) && value > 0.0 && value <= 1.0);
}

TEST_F(RopeTest, EqualLowAndHigh) {
  auto rope = RopeAttr::get(&context, 150000.0, RopeScaling::Yarn, 4.0, 2.0,
                            2.0, 4096, false, 0.0);
  // The ramp is a step: everything below is kept, everything above stretched.
  SmallVector<double> inverse = rope.computeInverseFrequencies(64);
  double low =
      32.0 * std::log(4096.0 / (2.0 * 2.0 * M_PI)) / std::log(150000.0);
  for (int i = 0; i < 32; ++i) {
    double base = std::pow(150000.0, 2.0 * i / 64);
    double expected = i < low ? 1.0 / base : 1.0 / (4.0 * base);
    EXPECT_NEAR(inverse[i] / expected, 1.0, 1e-12) << "pair " << i;
  }
}

TEST_F(RopeTest, WithoutScaling) {
  auto rope = RopeAttr::get(&context, 10000.0, RopeScaling::None, 1.0, 32.0,
                            1.0, 0, true, 0.0);
  SmallVector<double> inverse = rope.computeInverseFrequencies(4);
  ASSERT_EQ(inverse.size(), 2u);
  EXPECT_DOUBLE_EQ(inverse[0], 1.0);
  EXPECT_DOUBLE_EQ(inverse[1], 0.01);
  EXPECT_DOUBLE_EQ(rope.getConcentration(), 1.0);
}

TEST_F(RopeTest, PrintsEveryBit) {
  for (double factor : {1.0 + 0x1p-52, 32.0, 1.0 / 0.3, 1e300, 123456789.125}) {
    RopeAttr rope = yarn(150000.0, factor, 4096);
    std::string text;
    llvm::raw_string_ostream(text) << rope;
    auto back = dyn_cast_or_null<RopeAttr>(parseAttribute(text, &context));
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back, rope) << text;
  }
}

} // namespace
