//===- RoutingTest.cpp - Softmax, top-k and the experts' work lists -------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Reference.h"

#include <limits>

using namespace gossamer;
using namespace gossamer::cpu;
using namespace gossamer::cpu::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

KernelDescription describe(const std::string &operation,
                           std::vector<BindingForm> bindings, int64_t k = 1) {
  KernelDescription kernel;
  kernel.operation = operation;
  kernel.bindings = std::move(bindings);
  kernel.topK = k;
  return kernel;
}

} // namespace

TEST(Routing, TopKPrefersTheLowerIndex) {
  constexpr int64_t tokens = 3, experts = 6, k = 4;
  float nan = std::numeric_limits<float>::quiet_NaN();
  Floats logits = {
      .5F,        2,          2,          -1,         3,   1, //
      -kInfinity, -kInfinity, -kInfinity, -kInfinity, 0,   -kInfinity,
      nan,        nan,        nan,        nan,        nan, nan};
  CompiledKernel topK(
      describe("top_k",
               {f32({tokens, experts}), f32({tokens, k}), i32({tokens, k})}, k),
      "plain");
  Floats values(tokens * k);
  std::vector<int32_t> indices(tokens * k, -1);
  topK.run({logits.data(), values.data(), indices.data()}, {tokens, 0, 0, 1},
           tokens);
  EXPECT_EQ(std::vector<int32_t>(indices.begin(), indices.begin() + 4),
            (std::vector<int32_t>{4, 1, 2, 5}));
  EXPECT_EQ(std::vector<int32_t>(indices.begin() + 4, indices.begin() + 8),
            (std::vector<int32_t>{4, 0, 1, 2}));
  // Whatever the values, the indices differ and exist.
  EXPECT_EQ(std::vector<int32_t>(indices.begin() + 8, indices.end()),
            (std::vector<int32_t>{0, 1, 2, 3}));

  CompiledKernel softmax(
      describe("softmax", {f32({tokens, k}), f32({tokens, k})}), "plain");
  Floats weights(tokens * k);
  softmax.run({values.data(), weights.data()}, {tokens, 0, 0, 1}, tokens);
  const double want[] = {.5344466454, .1966119332, .1966119332, .0723294881};
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(weights[i], want[i], 1e-7);
}

TEST(Routing, SoftmaxWithSinkAndMask) {
  constexpr int64_t heads = 2, keys = 8;
  Floats scores = {1, 2, 3, 9, 0, 0, 0, 0, 1, 2, 3, 9, 0, 0, 0, 0};
  std::vector<int32_t> positions = {2};
  auto type = f32({1, heads, keys});
  auto kernel = describe("mask", {type, i32({1}), type});
  CompiledKernel mask(kernel, "plain");
  Floats masked(heads * keys, 7.0F);
  mask.run({scores.data(), positions.data(), masked.data()}, {1, 0, 4, 1}, 1);
  EXPECT_EQ(masked[2], 3.0F);
  EXPECT_EQ(masked[3], -kInfinity);
  EXPECT_EQ(masked[4], 7.0F); // beyond the step's keys.

  kernel.window = 2;
  CompiledKernel windowed(kernel, "plain");
  Floats narrow(heads * keys);
  windowed.run({scores.data(), positions.data(), narrow.data()}, {1, 0, 4, 1},
               1);
  EXPECT_EQ(narrow[0], -kInfinity);
  EXPECT_EQ(narrow[1], 2.0F);

  Weights sinks = makeWeights({{heads}, Element::F32, Layout::RowMajor}, 1);
  const float values[] = {0.5F, -kInfinity};
  std::memcpy(sinks.bytes.data(), values, sizeof values);
  CompiledKernel softmax(describe("softmax_sink", {type, sinks.form, type}),
                         "plain");
  Floats p(heads * keys);
  softmax.run({masked.data(), sinks.bytes.data(), p.data()}, {1, 0, 4, 1}, 1);
  const double want[] = {.0853688935, .2320567119, .6307955432, 0};
  for (int i = 0; i < 4; ++i)
    EXPECT_NEAR(p[i], want[i], 1e-7);
  EXPECT_NEAR(p[keys] + p[keys + 1] + p[keys + 2], 1.0, 1e-6);
}

TEST(Routing, RouteGroupsSlotsByExpert) {
  constexpr int64_t maxTokens = 8, experts = 7, k = 2;
  auto kernel =
      describe("route",
               {f32({maxTokens, experts}), f32({maxTokens, k}), i32({experts}),
                i32({experts + 1}), i32({1}), i32({maxTokens * k})},
               k);
  CompiledKernel route(kernel, "plain");
  Floats logits = randomFloats(maxTokens * experts, 5);
  for (int64_t tokens : {1, 3, 8}) {
    Floats weights(maxTokens * k);
    std::vector<int32_t> list(experts), offsets(experts + 1), active(1),
        slots(maxTokens * k);
    route.run({logits.data(), weights.data(), list.data(), offsets.data(),
               active.data(), slots.data()},
              {tokens, 0, 0, 1}, 1);
    std::vector<std::vector<int32_t>> want(experts);
    for (int64_t t = 0; t < tokens; ++t) {
      std::vector<int64_t> order(experts);
      for (int64_t e = 0; e < experts; ++e)
        order[e] = e;
      const float *row = &logits[t * experts];
      std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
        return row[a] != row[b] ? row[a] > row[b] : a < b;
      });
      double sum = 1 + std::exp(double(row[order[1]]) - row[order[0]]);
      EXPECT_NEAR(weights[t * k], 1 / sum, 1e-6);
      for (int64_t j = 0; j < k; ++j)
        want[order[j]].push_back(static_cast<int32_t>(t * k + j));
    }
    int32_t a = 0, place = 0;
    for (int64_t e = 0; e < experts; ++e) {
      if (want[e].empty())
        continue;
      ASSERT_EQ(list[a], e);
      ASSERT_EQ(offsets[a], place);
      for (int32_t slot : want[e])
        ASSERT_EQ(slots[place++], slot);
      ++a;
    }
    EXPECT_EQ(active[0], a);
    EXPECT_EQ(offsets[a], tokens * k);
  }
}
