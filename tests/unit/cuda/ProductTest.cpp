//===- ProductTest.cpp - Products of device functions ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelCase.h"

#include <gtest/gtest.h>

#include <utility>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

namespace {

void checkLinear(int64_t inputs, int64_t outputs, int64_t tokens,
                 Element element, bool hasBias, bool hasResidual,
                 bool rowsAreOutputs = false) {
  Layout layout =
      element == Element::MXFP4 ? Layout::Published : Layout::RowMajor;
  Case c("linear", tokens, (outputs + 15) / 16);
  c.kernel.hasBias = hasBias;
  c.kernel.hasResidual = hasResidual;
  c.kernel.rowsAreOutputs = rowsAreOutputs;
  c.in({kMaxTokens, inputs}).in({outputs, inputs}, element, layout);
  if (hasBias)
    c.in({outputs}, Element::BF16);
  if (hasResidual)
    c.in({kMaxTokens, outputs});
  c.out({kMaxTokens, outputs});
  if (rowsAreOutputs)
    c.dims = {tokens + 3, tokens, 0, 1};
  c.check(std::to_string(inputs) + " -> " + std::to_string(outputs));
}

constexpr int64_t kExperts = 5, kTopK = 2;

/// Adds the work lists of tokens whose experts are chosen by a fixed rule; 3
/// never has work.
void addLists(Case &c, int64_t tokens) {
  Ints choices, experts(kExperts), offsets(kExperts + 1), active(1),
      slots(kMaxTokens * kTopK);
  for (int64_t t = 0; t < tokens; ++t) {
    choices.push_back(1);
    choices.push_back(static_cast<int32_t>(t % 2 * 2 + t % 3 / 2 * 2));
  }
  int32_t place = 0;
  for (int32_t e = 0; e < kExperts; ++e) {
    int32_t first = place;
    for (size_t s = 0; s < choices.size(); ++s)
      if (choices[s] == e)
        slots[place++] = static_cast<int32_t>(s);
    if (place == first)
      continue;
    experts[active[0]] = e;
    offsets[active[0]++] = first;
  }
  offsets[active[0]] = place;
  c.in({kExperts}, experts).in({kExperts + 1}, offsets).in({1}, active);
  c.in({kMaxTokens * kTopK}, slots);
}

void checkExperts(int64_t hidden, int64_t width, int64_t tokens,
                  Element element, Layout layout, bool hasResidual) {
  std::string what = std::to_string(hidden) + " x " + std::to_string(width);
  Case up("expert_gate_up", tokens,
          std::min(kExperts, tokens * kTopK) * ((2 * width + 15) / 16));
  up.kernel.topK = kTopK;
  up.in({kMaxTokens, hidden});
  addLists(up, tokens);
  up.in({kExperts, 2 * width, hidden}, element, layout);
  up.in({kExperts, 2 * width}, Element::BF16);
  up.out({kMaxTokens * kTopK, width});
  up.tolerance = 5e-5;
  up.check(what);

  Case down("expert_down", tokens, (hidden + 15) / 16);
  down.kernel.topK = kTopK;
  down.kernel.hasResidual = hasResidual;
  down.in({kMaxTokens * kTopK, width});
  addLists(down, tokens);
  down.in({kMaxTokens, kTopK});
  down.in({kExperts, hidden, width}, element, layout);
  down.in({kExperts, hidden}, Element::BF16);
  if (hasResidual)
    down.in({kMaxTokens, hidden});
  down.out({kMaxTokens, hidden});
  down.tolerance = 5e-5;
  down.check(what);
}

} // namespace

TEST(CudaProducts, Linear) {
  for (Element element :
       {Element::BF16, Element::F16, Element::F32, Element::MXFP4}) {
    for (int64_t tokens : {1, 2, 3, 8, 17, 40})
      checkLinear(64, 48, tokens, element, tokens % 2 == 0, tokens % 3 == 0);
    checkLinear(288, 136, 5, element, true, true);
    checkLinear(256, 7, 3, element, true, false);
    checkLinear(64, 32, 3, element, false, false, true);
  }
}

TEST(CudaProducts, OddLinear) {
  for (Element element : {Element::BF16, Element::F16, Element::F32}) {
    checkLinear(1, 1, 1, element, true, false);
    checkLinear(15, 17, 4, element, true, true);
    checkLinear(49, 33, 33, element, true, false);
    checkLinear(95, 64, 2, element, false, false);
  }
}

TEST(CudaProducts, Experts) {
  for (int64_t tokens : {1, 2, 9, 40})
    checkExperts(64, 96, tokens, Element::MXFP4, Layout::Published,
                 tokens % 2 == 0);
  checkExperts(96, 32, 4, Element::MXFP4, Layout::Published, true);
  for (Layout layout : {Layout::RowMajor, Layout::Transposed})
    for (Element element : {Element::BF16, Element::F32}) {
      checkExperts(64, 32, 9, element, layout, true);
      checkExperts(37, 21, 6, element, layout, false);
    }
}

TEST(CudaProducts, ExpertLinear) {
  for (bool isShared : {true, false})
    for (auto [element, layout] :
         {std::pair(Element::MXFP4, Layout::Published),
          std::pair(Element::BF16, Layout::Transposed)}) {
      int64_t tokens = 3, inputs = 32, outputs = 9;
      Case c("expert_linear", tokens, tokens);
      c.kernel.topK = kTopK;
      if (isShared)
        c.in({kMaxTokens, inputs});
      else
        c.in({kMaxTokens, kTopK, inputs});
      c.in({kMaxTokens, kTopK}, randomInts(kMaxTokens * kTopK, kExperts, 3));
      c.in({kExperts, outputs, inputs}, element, layout);
      c.in({kExperts, outputs}, Element::BF16);
      c.out({kMaxTokens, kTopK, outputs});
      c.check(isShared ? "shared" : "not shared");
    }
}
