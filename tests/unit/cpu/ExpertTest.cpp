//===- ExpertTest.cpp - The experts' products -----------------------------===//
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

constexpr int64_t kMaxTokens = 9, kExperts = 5, kTopK = 2;

/// Work lists for tokens whose experts are chosen by a fixed rule.
struct Lists {
  std::vector<int32_t> choices, experts, offsets, active, slots;

  explicit Lists(int64_t tokens)
      : experts(kExperts), offsets(kExperts + 1), active(1),
        slots(kMaxTokens * kTopK) {
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t j = 0; j < kTopK; ++j)
        // Expert 3 never has work; expert 1 has most.
        choices.push_back(
            j == 0 ? 1 : static_cast<int32_t>(t % 2 * 2 + t % 3 / 2 * 2));
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
  }
};

double swiglu(double gate, double up) {
  gate = std::min(gate, 7.0);
  up = std::clamp(up, -7.0, 7.0);
  return (up + 1) * gate / (1 + std::exp(-1.702 * gate));
}

double dot(const Weights &w, int64_t expert, int64_t row, const float *x) {
  double sum = 0;
  for (int64_t i = 0; i < w.form.inputs(); ++i)
    sum += w.at(expert, row, i) * x[i];
  return sum;
}

struct ExpertCase {
  int64_t hidden, width, tokens;
  Lists lists;
  Weights gateUp, gateUpBias, down, downBias;
  Floats x, act, weights, residual;
  bool hasResidual = true;

  ExpertCase(int64_t hidden, int64_t width, int64_t tokens, Element element,
             Layout layout)
      : hidden(hidden), width(width), tokens(tokens), lists(tokens) {
    gateUp = makeWeights({{kExperts, 2 * width, hidden}, element, layout}, 1);
    down = makeWeights({{kExperts, hidden, width}, element, layout}, 2);
    gateUpBias = makeWeights(
        {{kExperts, 2 * width}, Element::BF16, Layout::RowMajor}, 3);
    downBias =
        makeWeights({{kExperts, hidden}, Element::BF16, Layout::RowMajor}, 4);
    x = randomFloats(kMaxTokens * hidden, 5);
    act = randomFloats(kMaxTokens * kTopK * width, 6);
    weights = randomFloats(kMaxTokens * kTopK, 7);
    residual = randomFloats(kMaxTokens * hidden, 8);
  }

  KernelDescription gateUpKernel() const {
    KernelDescription kernel;
    kernel.operation = "expert_gate_up";
    kernel.topK = kTopK;
    kernel.bindings = {
        f32({kMaxTokens, hidden}), i32({kExperts}),
        i32({kExperts + 1}),       i32({1}),
        i32({kMaxTokens * kTopK}), gateUp.form,
        gateUpBias.form,           f32({kMaxTokens * kTopK, width})};
    return kernel;
  }

  KernelDescription downKernel() const {
    KernelDescription kernel;
    kernel.operation = "expert_down";
    kernel.topK = kTopK;
    kernel.hasResidual = hasResidual;
    kernel.bindings = {f32({kMaxTokens * kTopK, width}),
                       i32({kExperts}),
                       i32({kExperts + 1}),
                       i32({1}),
                       i32({kMaxTokens * kTopK}),
                       f32({kMaxTokens, kTopK}),
                       down.form,
                       downBias.form};
    if (hasResidual)
      kernel.bindings.push_back(f32({kMaxTokens, hidden}));
    kernel.bindings.push_back(f32({kMaxTokens, hidden}));
    return kernel;
  }

  std::vector<const void *> listPointers(const Floats &first,
                                         const Lists &of) const {
    return {first.data(), of.experts.data(), of.offsets.data(),
            of.active.data(), of.slots.data()};
  }

  Floats runGateUp(const CompiledKernel &compiled, int64_t count,
                   int64_t chunk) const {
    Lists of(count);
    std::vector<const void *> bindings = listPointers(x, of);
    gateUp.appendTo(bindings);
    gateUpBias.appendTo(bindings);
    Floats y(kMaxTokens * kTopK * width, -77.0F);
    bindings.push_back(y.data());
    int64_t blocks = (2 * width + 15) / 16;
    compiled.run(bindings, {count, 0, 0, 1},
                 std::min(kExperts, count * kTopK) * blocks, chunk);
    y.resize(count * kTopK * width);
    return y;
  }

  Floats runDown(const CompiledKernel &compiled, int64_t count,
                 int64_t chunk) const {
    Lists of(count);
    std::vector<const void *> bindings = listPointers(act, of);
    bindings.push_back(weights.data());
    down.appendTo(bindings);
    downBias.appendTo(bindings);
    if (hasResidual)
      bindings.push_back(residual.data());
    Floats y(kMaxTokens * hidden, -77.0F);
    bindings.push_back(y.data());
    compiled.run(bindings, {count, 0, 0, 1}, (hidden + 15) / 16, chunk);
    for (size_t i = count * hidden; i < y.size(); ++i)
      EXPECT_EQ(y[i], -77.0F);
    y.resize(count * hidden);
    return y;
  }

  std::vector<double> wantGateUp() const {
    std::vector<double> want;
    for (int64_t s = 0; s < tokens * kTopK; ++s)
      for (int64_t j = 0; j < width; ++j) {
        int64_t e = lists.choices[s];
        const float *row = &x[s / kTopK * hidden];
        auto product = [&](int64_t n) {
          return dot(gateUp, e, n, row) + gateUpBias.values[e * 2 * width + n];
        };
        want.push_back(swiglu(product(2 * j), product(2 * j + 1)));
      }
    return want;
  }

  std::vector<double> wantDown() const {
    std::vector<double> want(tokens * hidden);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t n = 0; n < hidden; ++n) {
        double sum = hasResidual ? residual[t * hidden + n] : 0;
        for (int64_t s = t * kTopK; s < (t + 1) * kTopK; ++s) {
          int64_t e = lists.choices[s];
          sum += weights[s] * (dot(down, e, n, &act[s * width]) +
                               downBias.values[e * hidden + n]);
        }
        want[t * hidden + n] = sum;
      }
    return want;
  }

  /// Every kind against the reference, and against itself with other ranges
  /// and fewer tokens.
  void check() const {
    std::string what = std::to_string(hidden) + " x " + std::to_string(width) +
                       ", " + std::to_string(tokens) + " tokens, ";
    auto label = [&](const char *part, const std::string &kind) {
      return std::string(what).append(part).append(kind);
    };
    for (const std::string &kind : kindsFor(gateUpKernel())) {
      CompiledKernel compiled(gateUpKernel(), kind);
      Floats whole = runGateUp(compiled, tokens, 1 << 20);
      expectNear(whole, wantGateUp(), 5e-5, label("gate_up ", kind));
      expectSameBits(runGateUp(compiled, tokens, 1), whole,
                     label("gate_up by item ", kind));
      Floats one = runGateUp(compiled, 1, 3);
      expectSameBits(one, Floats(whole.begin(), whole.begin() + one.size()),
                     label("one token of gate_up ", kind));
    }
    for (const std::string &kind : kindsFor(downKernel())) {
      CompiledKernel compiled(downKernel(), kind);
      Floats whole = runDown(compiled, tokens, 1 << 20);
      expectNear(whole, wantDown(), 5e-5, label("down ", kind));
      expectSameBits(runDown(compiled, tokens, 1), whole,
                     label("down by item ", kind));
      Floats one = runDown(compiled, 1, 3);
      expectSameBits(one, Floats(whole.begin(), whole.begin() + one.size()),
                     label("one token of down ", kind));
    }
  }
};

} // namespace

TEST(Expert, Mxfp4) {
  ExpertCase(64, 32, 9, Element::MXFP4, Layout::Published).check();
  ExpertCase(96, 64, 1, Element::MXFP4, Layout::Published).check();
  ExpertCase oddRows(32, 32, 4, Element::MXFP4, Layout::Published);
  oddRows.hasResidual = false;
  oddRows.check();
}

TEST(Expert, DenseByRowsAndColumns) {
  for (Layout layout : {Layout::RowMajor, Layout::Transposed})
    for (Element element : {Element::BF16, Element::F32}) {
      ExpertCase(64, 32, 9, element, layout).check();
      // Inputs and outputs that fill no vector.
      ExpertCase(37, 21, 6, element, layout).check();
    }
}

TEST(Expert, EveryFormOfTheSameNumbersGivesTheSameBits) {
  ExpertCase blocks(64, 32, 9, Element::MXFP4, Layout::Published);
  CompiledKernel gateUp(blocks.gateUpKernel(), "mxfp4_integer");
  CompiledKernel down(blocks.downKernel(), "mxfp4_integer");
  Floats wantGateUp = blocks.runGateUp(gateUp, 9, 2);
  Floats wantDown = blocks.runDown(down, 9, 2);
  for (const std::string &kind : kindsFor(blocks.gateUpKernel()))
    if (kind == "mxfp4_table") {
      CompiledKernel a(blocks.gateUpKernel(), kind);
      CompiledKernel b(blocks.downKernel(), kind);
      expectSameBits(blocks.runGateUp(a, 9, 2), wantGateUp, kind);
      expectSameBits(blocks.runDown(b, 9, 2), wantDown, kind);
    }
  for (auto [kind, layout] : {std::pair("dense_rows", Layout::RowMajor),
                              std::pair("dense_columns", Layout::Transposed)}) {
    ExpertCase dense = blocks;
    dense.gateUp = convertWeights(blocks.gateUp, Element::BF16, layout);
    dense.down = convertWeights(blocks.down, Element::BF16, layout);
    CompiledKernel a(dense.gateUpKernel(), kind);
    CompiledKernel b(dense.downKernel(), kind);
    expectSameBits(dense.runGateUp(a, 9, 2), wantGateUp, kind);
    expectSameBits(dense.runDown(b, 9, 2), wantDown, kind);
  }
}

TEST(Expert, PlainExpertLinear) {
  for (bool shared : {true, false})
    for (auto [element, layout] :
         {std::pair(Element::MXFP4, Layout::Published),
          std::pair(Element::BF16, Layout::Transposed)}) {
      int64_t tokens = 3, inputs = 32, outputs = 9;
      Weights w =
          makeWeights({{kExperts, outputs, inputs}, element, layout}, 1);
      Weights bias = makeWeights(
          {{kExperts, outputs}, Element::BF16, Layout::RowMajor}, 2);
      Floats x = randomFloats(tokens * kTopK * inputs, 3);
      std::vector<int32_t> indices = {4, 0, 1, 2, 3, 3};
      KernelDescription kernel;
      kernel.operation = "expert_linear";
      kernel.topK = kTopK;
      kernel.bindings = {shared ? f32({tokens, inputs})
                                : f32({tokens, kTopK, inputs}),
                         i32({tokens, kTopK}), w.form, bias.form,
                         f32({tokens, kTopK, outputs})};
      CompiledKernel compiled(kernel, "plain");
      std::vector<const void *> bindings = {x.data(), indices.data()};
      w.appendTo(bindings);
      bias.appendTo(bindings);
      Floats y(tokens * kTopK * outputs);
      bindings.push_back(y.data());
      compiled.run(bindings, {tokens, 0, 0, 1}, tokens);
      std::vector<double> want;
      for (int64_t s = 0; s < tokens * kTopK; ++s)
        for (int64_t n = 0; n < outputs; ++n)
          want.push_back(
              dot(w, indices[s], n, &x[(shared ? s / kTopK : s) * inputs]) +
              bias.values[indices[s] * outputs + n]);
      expectNear(y, want, 1e-5, "expert_linear");
    }
}
