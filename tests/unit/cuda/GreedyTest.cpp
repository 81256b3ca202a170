//===- GreedyTest.cpp - The token of the largest logit --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelEmitters.h"
#include "runtime/generate/Sampler.h"
#include "tests/unit/cuda/KernelCase.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// What goss_cuda_code.greedy writes for each row; beyond them nothing.
Ints choose(const std::vector<Floats> &rows) {
  auto vocabulary = static_cast<int64_t>(rows[0].size());
  auto count = static_cast<int64_t>(rows.size());
  KernelDescription kernel;
  kernel.operation = "greedy";
  kernel.bindings = {f32({kMaxTokens, vocabulary}), i32({kMaxTokens})};
  kernel.rowsAreOutputs = true;
  Floats logits;
  for (const Floats &row : rows)
    logits.insert(logits.end(), row.begin(), row.end());
  std::vector<Argument> arguments = {{bytesOf(logits), false},
                                     {bytesOf(Ints(kMaxTokens, -77)), true}};
  DeviceKernel device(kernel, {"greedy", "plain", "", emitGreedy});
  EXPECT_TRUE(device.run(arguments, {count + 5, count, 0, 1}));
  Ints chosen(kMaxTokens);
  std::memcpy(chosen.data(), arguments[1].bytes.data(),
              arguments[1].bytes.size());
  EXPECT_EQ(chosen[rows.size()], -77);
  chosen.resize(rows.size());
  return chosen;
}

/// What the host's sampler takes; -1 where it fails.
int32_t sample(const Floats &row) {
  SamplingOptions options;
  options.greedy = true;
  Sampler sampler(options, static_cast<uint32_t>(row.size()));
  auto token = sampler.sample(row, 0);
  return token.isOk() ? *token : -1;
}

void check(const std::vector<Floats> &rows) {
  Ints want;
  for (const Floats &row : rows)
    want.push_back(sample(row));
  EXPECT_EQ(choose(rows), want) << rows[0].size() << " logits";
}

} // namespace

TEST(CudaGreedy, LargestLogits) {
  // Less than a block has threads, shares of unequal size, many parts.
  for (size_t vocabulary : {1, 7, 256, 3072, 8191, 9001, 20000}) {
    std::vector<Floats> rows;
    for (unsigned seed = 1; seed <= 3; ++seed)
      rows.push_back(randomFloats(vocabulary, seed));
    check(rows);
  }
}

TEST(CudaGreedy, TheLowestOfEqualLogits) {
  constexpr size_t vocabulary = 12293; // Three parts.
  for (auto [first, second] : {std::pair<size_t, size_t>{0, 12292},
                               {4097, 4098},
                               {255, 256},
                               {4000, 9000},
                               {31, 8200},
                               {12291, 12292}}) {
    Floats row(vocabulary, -1.0F);
    row[first] = row[second] = 2.5F;
    EXPECT_EQ(choose({row}), Ints{static_cast<int32_t>(first)});
    // Zeros are equal whatever their sign.
    row[first] = -0.0F;
    row[second] = 0.0F;
    check({row});
  }
  check({Floats(vocabulary, 0.5F)});
}

TEST(CudaGreedy, LeavesWhatIsNoLogitToTheHost) {
  Floats good = randomFloats(9001, 1);
  for (size_t place : {0, 4500, 9000}) {
    Floats nan = good, infinite = good, low = good;
    nan[place] = kNan;
    infinite[place] = kInfinity;
    low[place] = -kInfinity;
    check({nan, good, infinite, low, Floats(9001, -kInfinity)});
    EXPECT_EQ(choose({nan, infinite}), (Ints{-1, -1}));
  }
  Floats single(9001, -kInfinity);
  single[77] = -3e38F;
  check({single});
}
