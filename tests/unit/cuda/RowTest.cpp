//===- RowTest.cpp - Rows by device functions -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelCase.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

TEST(CudaRows, Elements) {
  for (int64_t tokens : {1, 5, 40})
    for (int64_t n : {64, 37, 600}) {
      std::string what = "rows of " + std::to_string(n);
      std::vector<int64_t> rows = {kMaxTokens, n};
      for (Element element : {Element::BF16, Element::F16, Element::F32})
        Case("embedding", tokens, tokens)
            .in({kMaxTokens}, randomInts(kMaxTokens, 11, 1))
            .in({11, n}, element)
            .out(rows)
            .check(what);
      Case norm("rms_norm", tokens, tokens);
      norm.in(rows).in({n}, Element::BF16).out(rows).check(what);
      Case("add", tokens, tokens).in(rows).in(rows).out(rows).check(what);
      Case("swiglu", tokens, tokens)
          .in({kMaxTokens, 2, 2 * n})
          .out({kMaxTokens, 2, n})
          .check(what);
      Case("weighted_sum", tokens, tokens)
          .in({kMaxTokens, 3, n})
          .in({kMaxTokens, 3})
          .out(rows)
          .check(what);
      Case gather("gather_rows", tokens, tokens);
      gather.dims.outputs = tokens;
      gather.kernel.rowsAreOutputs = true;
      gather.in(rows).in({kMaxTokens}, randomInts(kMaxTokens, 40, 2));
      gather.out(rows).check(what);
    }
}

TEST(CudaRows, Rope) {
  for (int64_t headDim : {32, 40, 6}) {
    int64_t tokens = 5, heads = 3, half = headDim / 2;
    std::string what = "heads of " + std::to_string(headDim);
    std::vector<int64_t> whole = {kMaxTokens, heads, headDim},
                         part = {kMaxTokens, heads, half},
                         table = {kMaxTokens, half};
    Case("rope", tokens, tokens)
        .in(whole)
        .in(table)
        .in(table)
        .out(whole)
        .check(what);
    Case("split_half", tokens, tokens)
        .in(whole)
        .out(part)
        .out(part)
        .check(what);
    Case("merge_half", tokens, tokens).in(part).in(part).out(whole).check(what);
    Case("rotate", tokens, tokens)
        .in(part)
        .in(part)
        .in(table)
        .in(table)
        .out(part)
        .out(part)
        .check(what);
    Case angles("rope_table", tokens, tokens);
    for (int64_t i = 0; i < half; ++i)
      angles.kernel.inverseFrequencies.push_back(
          std::pow(150000.0, -double(i) / double(half)));
    angles.kernel.concentration = 1.35;
    angles.in({kMaxTokens}, randomInts(kMaxTokens, 131072, 5));
    angles.out(table).out(table);
    angles.tolerance = 1e-6;
    angles.check(what);
  }
}

TEST(CudaRows, SoftmaxAndMask) {
  int64_t tokens = 3, heads = 2, keys = 160;
  std::vector<int64_t> type = {kMaxTokens, heads, keys};
  for (int64_t window : {0, 7}) {
    Case mask("mask", tokens, tokens);
    mask.kernel.window = window;
    mask.dims.keys = 97;
    mask.in(type).in({kMaxTokens}, randomInts(kMaxTokens, 97, 3)).out(type);
    mask.check("window " + std::to_string(window));
  }
  Case sink("softmax_sink", tokens, tokens);
  sink.dims.keys = 131;
  sink.in(type).in({heads}, Element::BF16).out(type).check("keys");
  for (int64_t n : {4, 32, 45})
    Case("softmax", tokens, tokens)
        .in({kMaxTokens, n})
        .out({kMaxTokens, n})
        .check("rows of " + std::to_string(n));
}

TEST(CudaRows, TopKAndRoute) {
  for (int64_t tokens : {1, 3, 40})
    for (auto [experts, k] : {std::pair(7, 2), std::pair(32, 4),
                              std::pair(128, 4), std::pair(33, 1)}) {
      std::string what = std::to_string(experts) + " experts";
      Case top("top_k", tokens, tokens);
      top.kernel.topK = k;
      top.in({kMaxTokens, experts}).out({kMaxTokens, k});
      top.outInts({kMaxTokens, k}).check(what);
      Case route("route", tokens, 1);
      route.kernel.topK = k;
      route.in({kMaxTokens, experts}).out({kMaxTokens, k});
      route.outInts({experts}).outInts({experts + 1}).outInts({1});
      route.outInts({kMaxTokens * k});
      route.normalize = forgetUnusedExperts<2>;
      route.check(what);
    }
}
