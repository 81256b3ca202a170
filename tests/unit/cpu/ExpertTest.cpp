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

constexpr int64_t kMaxTokens = 40, kExperts = 5, kTopK = 2;

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

double dot(const Weights &w, int64_t expert, int64_t row, const double *x) {
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
  int64_t parts = 0; ///< of quantized inputs; 0: float32.

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

  /// The same weights in panels.
  ExpertCase packed() const {
    ExpertCase result = *this;
    result.gateUp = packPanels(gateUp);
    result.down = packPanels(down);
    return result;
  }

  /// The input's and the lists' bindings.
  KernelDescription startKernel(const char *operation, int64_t rows,
                                int64_t inputs) const {
    KernelDescription kernel;
    kernel.operation = operation;
    kernel.topK = kTopK;
    kernel.isQuantized = parts > 0;
    if (parts > 0)
      kernel.bindings = {i8({rows, quantizedRowBytes(inputs, parts)})};
    else
      kernel.bindings = {f32({rows, inputs})};
    for (int64_t n : {kExperts, kExperts + 1, int64_t(1), kMaxTokens * kTopK})
      kernel.bindings.push_back(i32({n}));
    return kernel;
  }

  KernelDescription gateUpKernel() const {
    KernelDescription kernel =
        startKernel("expert_gate_up", kMaxTokens, hidden);
    kernel.bindings.push_back(gateUp.form);
    kernel.bindings.push_back(gateUpBias.form);
    kernel.bindings.push_back(f32({kMaxTokens * kTopK, width}));
    return kernel;
  }

  KernelDescription downKernel() const {
    KernelDescription kernel =
        startKernel("expert_down", kMaxTokens * kTopK, width);
    kernel.hasResidual = hasResidual;
    kernel.bindings.push_back(f32({kMaxTokens, kTopK}));
    kernel.bindings.push_back(down.form);
    kernel.bindings.push_back(downBias.form);
    if (hasResidual)
      kernel.bindings.push_back(f32({kMaxTokens, hidden}));
    kernel.bindings.push_back(f32({kMaxTokens, hidden}));
    return kernel;
  }

  /// The input as the kernels read it: 4-bit weights are stored plus 12.
  Quantized quantize(const Floats &input, int64_t inputs) const {
    return Quantized(input, inputs, std::max<int64_t>(parts, 1), 0.5, 12);
  }

  std::vector<const void *> startPointers(const Floats &input,
                                          const Quantized &quantized,
                                          const Lists &of) const {
    std::vector<const void *> pointers;
    if (parts > 0)
      pointers.push_back(quantized.bytes.data());
    else
      pointers.push_back(input.data());
    for (const auto *list : {&of.experts, &of.offsets, &of.active, &of.slots})
      pointers.push_back(list->data());
    return pointers;
  }

  Floats runGateUp(const CompiledKernel &compiled, int64_t count,
                   int64_t chunk) const {
    Lists of(count);
    Quantized quantized = quantize(x, hidden);
    std::vector<const void *> bindings = startPointers(x, quantized, of);
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
    Quantized quantized = quantize(act, width);
    std::vector<const void *> bindings = startPointers(act, quantized, of);
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

  /// The input as it is multiplied.
  std::vector<double> effective(const Floats &input, int64_t inputs) const {
    if (parts > 0)
      return quantize(input, inputs).decoded;
    return {input.begin(), input.end()};
  }

  std::vector<double> wantGateUp() const {
    // One unit of a stored weight is half of a 4-bit weight's step.
    double unit = parts > 0 ? 2.0 : 1.0;
    std::vector<double> want, in = effective(x, hidden);
    for (int64_t s = 0; s < tokens * kTopK; ++s)
      for (int64_t j = 0; j < width; ++j) {
        int64_t e = lists.choices[s];
        const double *row = &in[s / kTopK * hidden];
        auto product = [&](int64_t n) {
          return unit * dot(gateUp, e, n, row) +
                 gateUpBias.values[e * 2 * width + n];
        };
        want.push_back(swiglu(product(2 * j), product(2 * j + 1)));
      }
    return want;
  }

  std::vector<double> wantDown() const {
    double unit = parts > 0 ? 2.0 : 1.0;
    std::vector<double> want(tokens * hidden), in = effective(act, width);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t n = 0; n < hidden; ++n) {
        double sum = hasResidual ? residual[t * hidden + n] : 0;
        for (int64_t s = t * kTopK; s < (t + 1) * kTopK; ++s) {
          int64_t e = lists.choices[s];
          sum += weights[s] * (unit * dot(down, e, n, &in[s * width]) +
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

TEST(Expert, QuantizedInputs) {
  for (int64_t parts : {1, 2})
    // Blocks and rows that fill no step or panel; many tokens and few.
    for (auto [hidden, width, tokens] :
         {std::tuple(160, 96, 40), std::tuple(224, 32, 3)}) {
      ExpertCase test(hidden, width, tokens, Element::MXFP4, Layout::Published);
      test.parts = parts;
      test.check();
      test.packed().check();
    }
}

TEST(Expert, LayoutAndInstructionsDoNotChangeABit) {
  for (int64_t parts : {0, 1, 2}) {
    ExpertCase rows(224, 96, 40, Element::MXFP4, Layout::Published);
    rows.parts = parts;
    ExpertCase panels = rows.packed();
    Floats gateUp, down;
    for (const ExpertCase *test : {&rows, &panels})
      for (const char *mcpu : {"native", "x86-64-v3"})
        for (const std::string &kind : kindsFor(test->gateUpKernel())) {
          bool isNative = std::string(mcpu) == "native";
          if (kind == "plain" || (!isNative && (kind.ends_with("_vnni") ||
                                                kind.ends_with("_table"))))
            continue;
          CompiledKernel a(test->gateUpKernel(), kind, mcpu);
          CompiledKernel b(test->downKernel(), kind, mcpu);
          Floats nowGateUp = test->runGateUp(a, 40, 2);
          Floats nowDown = test->runDown(b, 40, 2);
          if (gateUp.empty()) {
            gateUp = nowGateUp;
            down = nowDown;
          }
          expectSameBits(nowGateUp, gateUp, kind);
          expectSameBits(nowDown, down, kind);
        }
    EXPECT_FALSE(gateUp.empty());
  }
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
      std::vector<double> want, wide(x.begin(), x.end());
      for (int64_t s = 0; s < tokens * kTopK; ++s)
        for (int64_t n = 0; n < outputs; ++n)
          want.push_back(
              dot(w, indices[s], n, &wide[(shared ? s / kTopK : s) * inputs]) +
              bias.values[indices[s] * outputs + n]);
      expectNear(y, want, 1e-5, "expert_linear");
    }
}
