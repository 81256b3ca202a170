//===- RandomTest.cpp -----------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Random.h"

#include <gtest/gtest.h>

#include <set>

using namespace gossamer;

namespace {

using Words = std::array<uint32_t, 4>;

// The known answers published with the authors' Random123 library.
TEST(Random, PhiloxKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, UniformIsInTheUnitIntervalAndKeyed) {
  EXPECT_EQ(uniformAt(0, 0),
            static_cast<double>(0xe169c58d6627e8d5ULL >> 11) * 0x1p-53);
  std::set<double> seen;
  double sum = 0;
  for (uint64_t seed : {0ULL, 1ULL, 1ULL << 32, ~0ULL})
    for (uint64_t position = 0; position < 1000; ++position) {
      double value = uniformAt(seed, position);
      ASSERT_GE(value, 0);
      ASSERT_LT(value, 1);
      seen.insert(value);
      sum += value;
    }
  EXPECT_EQ(seen.size(), 4000U);
  EXPECT_NEAR(sum / 4000, 0.5, 0.02);
}

} // namespace
