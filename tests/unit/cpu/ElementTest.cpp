//===- ElementTest.cpp - Kernels that work on rows ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Reference.h"

using namespace gossamer;
using namespace gossamer::cpu;
using namespace gossamer::cpu::testing;

namespace {

constexpr int64_t kTokens = 5;

KernelDescription describe(const std::string &operation,
                           std::vector<BindingForm> bindings) {
  KernelDescription kernel;
  kernel.operation = operation;
  kernel.bindings = std::move(bindings);
  return kernel;
}

/// Runs every kind over tokens, whole and one by one, and hands the results to
/// `check`; both runs must agree bit for bit.
template <typename Check>
void forKinds(const KernelDescription &kernel,
              const std::vector<const void *> &inputs,
              const std::vector<size_t> &outputSizes, Check check) {
  for (const std::string &kind : kindsFor(kernel)) {
    CompiledKernel compiled(kernel, kind);
    std::vector<Floats> whole, single;
    for (auto [result, chunk] :
         {std::pair(&whole, int64_t(100)), std::pair(&single, int64_t(1))}) {
      std::vector<const void *> bindings = inputs;
      for (size_t size : outputSizes)
        result->emplace_back(size, -77.0F);
      for (Floats &output : *result)
        bindings.push_back(output.data());
      compiled.run(bindings, {kTokens, kTokens, 0, 1}, kTokens, chunk);
    }
    for (size_t i = 0; i < whole.size(); ++i)
      expectSameBits(single[i], whole[i], kernel.operation + " " + kind);
    check(kind, whole);
  }
}

} // namespace

TEST(Element, EmbeddingWidensRows) {
  for (Element element : {Element::BF16, Element::F16, Element::F32})
    for (int64_t hidden : {64, 37}) {
      Weights table = makeWeights({{11, hidden}, element, Layout::RowMajor}, 1);
      std::vector<int32_t> tokens = {3, 0, 10, 3, 7};
      auto kernel = describe(
          "embedding", {i32({kTokens}), table.form, f32({kTokens, hidden})});
      forKinds(kernel, {tokens.data(), table.bytes.data()},
               {static_cast<size_t>(kTokens * hidden)},
               [&](const std::string &kind, const std::vector<Floats> &y) {
                 for (int64_t t = 0; t < kTokens; ++t)
                   for (int64_t i = 0; i < hidden; ++i)
                     ASSERT_EQ(y[0][t * hidden + i], table.at(tokens[t], i))
                         << kind;
               });
    }
}

TEST(Element, RmsNorm) {
  for (int64_t n : {192, 16, 50, 5}) {
    Weights weight = makeWeights({{n}, Element::BF16, Layout::RowMajor}, 1);
    Floats x = randomFloats(kTokens * n, 2, 3.0F);
    auto kernel = describe("rms_norm",
                           {f32({kTokens, n}), weight.form, f32({kTokens, n})});
    std::vector<double> want(x.size());
    for (int64_t t = 0; t < kTokens; ++t) {
      double squares = 0;
      for (int64_t i = 0; i < n; ++i)
        squares += double(x[t * n + i]) * x[t * n + i];
      double factor = 1.0 / std::sqrt(squares / n + 1e-5);
      for (int64_t i = 0; i < n; ++i)
        want[t * n + i] = x[t * n + i] * factor * weight.values[i];
    }
    forKinds(kernel, {x.data(), weight.bytes.data()}, {x.size()},
             [&](const std::string &kind, const std::vector<Floats> &y) {
               expectNear(y[0], want, 1e-6, "rms_norm " + kind);
             });
  }
}

TEST(Element, RopeEqualsItsParts) {
  for (int64_t headDim : {32, 64, 40, 6}) {
    int64_t heads = 3, half = headDim / 2;
    Floats x = randomFloats(kTokens * heads * headDim, 1);
    Floats cosines = randomFloats(kTokens * half, 2);
    Floats sines = randomFloats(kTokens * half, 3);
    auto whole = f32({kTokens, heads, headDim});
    auto part = f32({kTokens, heads, half});
    auto table = f32({kTokens, half});
    size_t partSize = kTokens * heads * half;
    Floats low, high, newLow, newHigh;
    forKinds(describe("split_half", {whole, part, part}), {x.data()},
             {partSize, partSize},
             [&](const std::string &, const std::vector<Floats> &y) {
               low = y[0];
               high = y[1];
             });
    ASSERT_EQ(low[half], x[headDim]);
    ASSERT_EQ(high[half], x[headDim + half]);
    forKinds(describe("rotate", {part, part, table, table, part, part}),
             {low.data(), high.data(), cosines.data(), sines.data()},
             {partSize, partSize},
             [&](const std::string &, const std::vector<Floats> &y) {
               newLow = y[0];
               newHigh = y[1];
             });
    for (int64_t i = 0; i < half; ++i)
      ASSERT_NEAR(newHigh[i], high[i] * cosines[i] + low[i] * sines[i], 1e-6);
    Floats want;
    forKinds(describe("merge_half", {part, part, whole}),
             {newLow.data(), newHigh.data()}, {x.size()},
             [&](const std::string &, const std::vector<Floats> &y) {
               want = y[0];
             });
    forKinds(describe("rope", {whole, table, table, whole}),
             {x.data(), cosines.data(), sines.data()}, {x.size()},
             [&](const std::string &kind, const std::vector<Floats> &y) {
               expectSameBits(y[0], want, "rope " + kind);
             });
  }
}

TEST(Element, AddGatherAndWeightedSum) {
  for (int64_t n : {48, 21}) {
    Floats a = randomFloats(kTokens * n, 1), b = randomFloats(kTokens * n, 2);
    auto rows = f32({kTokens, n});
    forKinds(describe("add", {rows, rows, rows}), {a.data(), b.data()},
             {a.size()},
             [&](const std::string &kind, const std::vector<Floats> &y) {
               for (size_t i = 0; i < a.size(); ++i)
                 ASSERT_EQ(y[0][i], a[i] + b[i]) << kind;
             });

    std::vector<int32_t> chosen = {4, 0, 4, 1, 3};
    forKinds(describe("gather_rows", {rows, i32({kTokens}), rows}),
             {a.data(), chosen.data()}, {a.size()},
             [&](const std::string &kind, const std::vector<Floats> &y) {
               for (int64_t r = 0; r < kTokens; ++r)
                 for (int64_t i = 0; i < n; ++i)
                   ASSERT_EQ(y[0][r * n + i], a[chosen[r] * n + i]) << kind;
             });

    int64_t terms = 3;
    Floats y = randomFloats(kTokens * terms * n, 3);
    Floats weights = randomFloats(kTokens * terms, 4);
    std::vector<double> want(kTokens * n);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t j = 0; j < terms; ++j)
        for (int64_t i = 0; i < n; ++i)
          want[t * n + i] +=
              double(weights[t * terms + j]) * y[(t * terms + j) * n + i];
    forKinds(describe("weighted_sum",
                      {f32({kTokens, terms, n}), f32({kTokens, terms}), rows}),
             {y.data(), weights.data()}, {want.size()},
             [&](const std::string &kind, const std::vector<Floats> &got) {
               expectNear(got[0], want, 1e-6, "weighted_sum " + kind);
             });
  }
}

TEST(Element, Swiglu) {
  // gate, up, expected: the vectors of the model's specification.
  struct Vector {
    float gate, up;
    double want;
  };
  const Vector vectors[] = {{0, 0, 0},
                            {1, 0, .8457957659},
                            {1, 1, 1.6915915319},
                            {-1, 1, -.3084084682},
                            {8, 8, 55.9996250264},
                            {8, -9, -41.9997187698},
                            {-50, 3, -2.2e-35},
                            {-3, -1, 0},
                            {2.5, -.5, 1.2325069175},
                            {-1e30F, 3, 0}};
  int64_t n = std::size(vectors);
  Floats h;
  for (int64_t t = 0; t < kTokens; ++t)
    for (const Vector &v : vectors)
      h.insert(h.end(), {v.gate, v.up});
  auto kernel =
      describe("swiglu", {f32({kTokens, 1, 2 * n}), f32({kTokens, 1, n})});
  forKinds(kernel, {h.data()}, {static_cast<size_t>(kTokens * n)},
           [&](const std::string &, const std::vector<Floats> &y) {
             for (int64_t i = 0; i < n; ++i)
               ASSERT_NEAR(y[0][i], vectors[i].want,
                           1e-6 * std::abs(vectors[i].want) + 1e-36)
                   << vectors[i].gate << ", " << vectors[i].up;
           });
}
