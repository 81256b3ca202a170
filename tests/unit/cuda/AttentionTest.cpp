//===- AttentionTest.cpp - Attention by device functions ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelCache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

namespace {

void checkAttention(int64_t kvHeads, int64_t group, int64_t headDim,
                    int64_t window, const Ints &positions,
                    const Ints &sequences) {
  auto tokens = static_cast<int64_t>(positions.size());
  int64_t heads = kvHeads * group;
  int64_t numSequences =
      1 + *std::max_element(sequences.begin(), sequences.end());
  for (Element element : {Element::F32, Element::BF16}) {
    Cache cache(kvHeads, headDim, numSequences, element);
    std::string what = std::to_string(kvHeads) + " x " + std::to_string(group) +
                       " heads of " + std::to_string(headDim) + ", window " +
                       std::to_string(window) +
                       (element == Element::BF16 ? ", bf16" : ", f32");
    auto start = [&](const char *operation, int64_t items) {
      Case c(operation, tokens, items);
      c.dims.keys = 1 + *std::max_element(positions.begin(), positions.end());
      c.dims.sequences = numSequences;
      c.kernel.window = window;
      c.kernel.scale = 1.0 / std::sqrt(static_cast<double>(headDim));
      return c;
    };
    Case c = start("attention", tokens * kvHeads);
    c.in({tokens, heads, headDim});
    Cache written = cache;
    for (int32_t s = 0; s < numSequences; ++s) {
      int32_t last = 0;
      for (size_t t = 0; t < positions.size(); ++t)
        if (sequences[t] == s)
          last = std::max(last, positions[t]);
      written.forgetAfter(s, last);
    }
    written.addTo(c, false);
    // Keys, values and probabilities are rounded, too.
    c.roundedTolerance = 1e-2;
    c.in({heads}, Element::BF16).in({tokens}, positions);
    c.in({tokens}, sequences).out({tokens, heads, headDim});
    c.check(what);

    Case append = start("cache_append", tokens);
    append.in({tokens, kvHeads, headDim}).in({tokens, kvHeads, headDim});
    append.in({tokens}, positions).in({tokens}, sequences);
    cache.addTo(append, true);
    append.check(what);

    Case scores = start("attention_scores", tokens);
    scores.in({tokens, heads, headDim});
    cache.addTo(scores, false);
    scores.in({tokens}, sequences).out({tokens, heads, kMaxPages * kPage});
    scores.check(what);

    Case values = start("attention_values", tokens);
    values.in({tokens, heads, kMaxPages * kPage});
    cache.addTo(values, false);
    values.in({tokens}, sequences).out({tokens, heads, headDim});
    values.tolerance = 1e-4;
    values.check(what);
  }
}

void checkRun(int64_t kvHeads, int64_t group, int64_t headDim, int64_t window,
              int32_t first, int32_t count) {
  Ints positions(count);
  std::iota(positions.begin(), positions.end(), first);
  checkAttention(kvHeads, group, headDim, window, positions, Ints(count, 0));
}

} // namespace

TEST(CudaAttention, HeadSizesAndGroups) {
  checkAttention(2, 4, 32, 0, {40, 0, 3}, {0, 1, 1});
  checkAttention(1, 1, 16, 0, {16}, {0});
  checkAttention(1, 8, 64, 0, {20}, {0});
  checkAttention(2, 2, 40, 0, {33, 34}, {0, 0});
  checkAttention(1, 9, 6, 0, {17}, {0});
  checkAttention(1, 1, 144, 0, {5}, {0});
}

TEST(CudaAttention, EdgesOfPagesAndWindows) {
  checkAttention(1, 2, 32, 64, {62, 63, 64, 65}, {0, 1, 2, 3});
  checkAttention(1, 2, 32, 64, {79, 80}, {0, 1});
  checkAttention(1, 2, 16, 16, {15, 16, 31, 32}, {0, 1, 2, 3});
  checkAttention(2, 1, 16, 5, {0, 4, 5, 20}, {0, 1, 2, 3});
  checkAttention(1, 1, 16, 1, {37}, {0});
}

TEST(CudaAttention, RunsOfTokens) {
  checkRun(2, 8, 64, 0, 120, 20);
  checkRun(2, 4, 32, 64, 50, 40);
  checkRun(1, 3, 24, 5, 60, 9);
  checkAttention(2, 2, 32, 0, {7, 8, 9, 10, 11, 63, 64, 65, 3, 4},
                 {0, 0, 1, 1, 0, 0, 0, 0, 0, 1});
}

// Tiles of several sequences, that end within a tile, and of all shapes.
TEST(CudaAttention, ManyRows) {
  Ints positions, sequences;
  for (int32_t i = 0; i < 25; ++i) {
    positions.push_back(i % 3 == 1 ? 100 + i : 3 + i);
    sequences.push_back(i % 3);
  }
  for (int64_t window : {0, 20}) {
    checkAttention(2, 8, 64, window, positions, sequences);
    checkAttention(1, 2, 32, window, positions, sequences);
  }
  checkRun(2, 1, 32, 0, 0, 70);
  checkRun(1, 16, 128, 33, 70, 19);
  checkRun(1, 4, 96, 16, 0, 17);
}
