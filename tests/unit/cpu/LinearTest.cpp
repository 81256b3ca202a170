//===- LinearTest.cpp - Products with dense and MXFP4 matrices ------------===//
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

/// One product, all its data, and what it should give.
struct LinearCase {
  int64_t inputs, outputs, tokens;
  KernelDescription kernel;
  Weights weights, bias;
  Floats x, residual;
  std::vector<double> want;
  int64_t maxTokens = 9;

  LinearCase(int64_t inputs, int64_t outputs, int64_t tokens, Element element,
             bool hasBias, bool hasResidual)
      : inputs(inputs), outputs(outputs), tokens(tokens) {
    Layout layout =
        element == Element::MXFP4 ? Layout::Published : Layout::RowMajor;
    weights = makeWeights({{outputs, inputs}, element, layout}, 1);
    bias = makeWeights({{outputs}, Element::BF16, Layout::RowMajor}, 2);
    x = randomFloats(maxTokens * inputs, 3);
    residual = randomFloats(maxTokens * outputs, 4);
    kernel.operation = "linear";
    kernel.hasBias = hasBias;
    kernel.hasResidual = hasResidual;
    kernel.bindings = {f32({maxTokens, inputs}), weights.form};
    if (hasBias)
      kernel.bindings.push_back(bias.form);
    if (hasResidual)
      kernel.bindings.push_back(f32({maxTokens, outputs}));
    kernel.bindings.push_back(f32({maxTokens, outputs}));
    want = reference();
  }

  std::vector<double> reference() const {
    std::vector<double> result(tokens * outputs);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t n = 0; n < outputs; ++n) {
        double sum = 0;
        for (int64_t i = 0; i < inputs; ++i)
          sum += weights.at(n, i) * x[t * inputs + i];
        if (kernel.hasBias)
          sum += bias.values[n];
        if (kernel.hasResidual)
          sum += residual[t * outputs + n];
        result[t * outputs + n] = sum;
      }
    return result;
  }

  Floats run(const CompiledKernel &compiled, int64_t chunk,
             int64_t count) const {
    Floats y(maxTokens * outputs, -77.0F);
    std::vector<const void *> bindings = {x.data()};
    weights.appendTo(bindings);
    if (kernel.hasBias)
      bias.appendTo(bindings);
    if (kernel.hasResidual)
      bindings.push_back(residual.data());
    bindings.push_back(y.data());
    compiled.run(bindings, {count, 0, 0, 1}, (outputs + 15) / 16, chunk);
    // Rows of other tokens must stay as they were.
    for (size_t i = count * outputs; i < y.size(); ++i)
      EXPECT_EQ(y[i], -77.0F);
    y.resize(count * outputs);
    return y;
  }
};

std::string describe(const LinearCase &c, const std::string &kind) {
  return kind + " " + std::to_string(c.inputs) + " -> " +
         std::to_string(c.outputs) + ", " + std::to_string(c.tokens) +
         " tokens";
}

void checkCase(const LinearCase &c) {
  for (const std::string &kind : kindsFor(c.kernel)) {
    CompiledKernel compiled(c.kernel, kind);
    Floats whole = c.run(compiled, 1 << 20, c.tokens);
    expectNear(whole, c.want, 2e-5, describe(c, kind));
    expectSameBits(c.run(compiled, 1, c.tokens), whole,
                   describe(c, kind) + ", one item a range");
    // Fewer tokens: the same rows.
    for (int64_t fewer = 1; fewer < c.tokens; ++fewer) {
      Floats part = c.run(compiled, 1 << 20, fewer);
      Floats same(whole.begin(), whole.begin() + fewer * c.outputs);
      expectSameBits(part, same, describe(c, kind) + ", fewer tokens");
    }
  }
}

} // namespace

TEST(Linear, EveryKindMatchesTheReference) {
  for (Element element :
       {Element::BF16, Element::F16, Element::F32, Element::MXFP4}) {
    checkCase({192, 256, 9, element, true, true});
    checkCase({64, 16, 5, element, false, false});
    checkCase({32, 7, 3, element, true, false});
  }
}

TEST(Linear, OddShapes) {
  for (Element element : {Element::BF16, Element::F16, Element::F32}) {
    checkCase({1, 1, 1, element, true, false});
    checkCase({15, 17, 4, element, true, true});
    checkCase({48, 30, 6, element, false, true});
    checkCase({49, 33, 7, element, true, false});
    checkCase({95, 64, 2, element, false, false});
  }
}

// From 1 MiB on one token reads rows one after another, several do not.
TEST(Linear, LargeWeights) {
  for (Element element : {Element::BF16, Element::F16, Element::F32}) {
    checkCase({2100, 260, 5, element, true, true});
    checkCase({1024, 512, 1, element, false, false});
  }
}

TEST(Linear, IntegerDecodingGivesTheBitsOfTheTable) {
  LinearCase c(160, 40, 9, Element::MXFP4, true, true);
  CompiledKernel plain(c.kernel, "mxfp4_integer");
  Floats want = c.run(plain, 1 << 20, c.tokens);
  for (const std::string &kind : kindsFor(c.kernel))
    if (kind == "mxfp4_table")
      expectSameBits(c.run(CompiledKernel(c.kernel, kind), 1 << 20, c.tokens),
                     want, kind);
}

TEST(Linear, OtherTargetsAndLevelsGiveRightResults) {
  for (Element element : {Element::BF16, Element::F16, Element::MXFP4}) {
    LinearCase c(96, 40, 5, element, true, true);
    std::string kind =
        element == Element::MXFP4 ? "mxfp4_integer" : "dense_rows";
    for (const char *mcpu : {"x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"}) {
      if (std::string(mcpu) == "x86-64-v4" && kindsFor(c.kernel).size() < 3 &&
          element == Element::MXFP4)
        continue;
      for (unsigned level : {0U, 1U, 3U}) {
        CompiledKernel compiled(c.kernel, kind, mcpu, level);
        expectNear(c.run(compiled, 1 << 20, c.tokens), c.want, 2e-5,
                   std::string(mcpu) + " " + describe(c, kind));
      }
    }
  }
}

TEST(Linear, OutputRowsCountInsteadOfTokens) {
  LinearCase c(64, 32, 3, Element::BF16, false, false);
  c.kernel.rowsAreOutputs = true;
  CompiledKernel compiled(c.kernel, "dense_rows");
  Floats y(c.maxTokens * c.outputs, -77.0F);
  std::vector<const void *> bindings = {c.x.data()};
  c.weights.appendTo(bindings);
  bindings.push_back(y.data());
  compiled.run(bindings, {7, 3, 0, 1}, 2);
  for (size_t i = 3 * c.outputs; i < y.size(); ++i)
    ASSERT_EQ(y[i], -77.0F);
  y.resize(3 * c.outputs);
  expectNear(y, c.want, 2e-5, "outputs");
}
