//===- TokenWeightTest.cpp ------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/TokenWeight.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

using namespace gossamer;

namespace {

TEST(TokenWeight, NearestWholeNumber) {
  EXPECT_EQ(token_weight::of(0), uint64_t{1} << 40);
  EXPECT_EQ(token_weight::of(-0.0), uint64_t{1} << 40);
  std::mt19937 random(3); // NOLINT(bugprone-random-generator-seed)
  for (int i = 0; i < 100000; ++i) {
    double x = -40.0 * static_cast<double>(random()) / 0x1p32;
    // Half of it is for the rounding, the rest for the series.
    ASSERT_NEAR(static_cast<double>(token_weight::of(x)), std::exp(x) * 0x1p40,
                0.51)
        << x;
  }
}

TEST(TokenWeight, NothingIsLeftOfTheLeastProbable) {
  EXPECT_EQ(token_weight::of(-28.4), 1U);
  for (double x : {-28.5, -64.0, -1e300, -std::numeric_limits<double>::max(),
                   -std::numeric_limits<double>::infinity()})
    EXPECT_EQ(token_weight::of(x), 0U) << x;
}

// Bits that no compiler and no machine may change: draws depend on them.
TEST(TokenWeight, IsTheSameEverywhere) {
  uint64_t hash = 0;
  for (int i = 0; i < 100000; ++i)
    hash = hash * 0x9E3779B97F4A7C15U + token_weight::of(-i / 3300.0);
  EXPECT_EQ(hash, 0x797E3ABEC5E3B2C0U);
}

} // namespace
