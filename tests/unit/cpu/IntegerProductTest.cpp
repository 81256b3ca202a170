//===- IntegerProductTest.cpp - Products with quantized activations -------===//
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

constexpr int64_t kMaxTokens = 40;

KernelDescription quantizeKernel(int64_t inputs, int64_t parts, double unit,
                                 int64_t zero) {
  KernelDescription kernel;
  kernel.operation = "quantize";
  kernel.unit = unit;
  kernel.zero = zero;
  kernel.bindings = {f32({kMaxTokens, inputs}),
                     i8({kMaxTokens, quantizedRowBytes(inputs, parts)})};
  return kernel;
}

/// y = x W^T + bias + residual with 8-bit weights.
struct LinearCase {
  int64_t inputs, outputs, tokens, parts;
  Weights weights, bias;
  Floats x, residual;
  Quantized quantized;

  LinearCase(int64_t inputs, int64_t outputs, int64_t tokens, int64_t parts,
             int64_t block)
      : inputs(inputs), outputs(outputs), tokens(tokens), parts(parts),
        weights(packPanels(
            makeWeights({{outputs, inputs}, Element::BF16, Layout::RowMajor},
                        1),
            block)),
        bias(makeWeights({{outputs}, Element::BF16, Layout::RowMajor}, 2)),
        x(randomFloats(kMaxTokens * inputs, 3)),
        residual(randomFloats(kMaxTokens * outputs, 4)),
        quantized(x, inputs, parts, 1.0, 128) {}

  KernelDescription kernel() const {
    KernelDescription kernel;
    kernel.operation = "linear";
    kernel.isQuantized = kernel.hasBias = kernel.hasResidual = true;
    kernel.bindings = {i8({kMaxTokens, quantizedRowBytes(inputs, parts)}),
                       weights.form, bias.form, f32({kMaxTokens, outputs}),
                       f32({kMaxTokens, outputs})};
    return kernel;
  }

  Floats run(const CompiledKernel &compiled, int64_t count,
             int64_t chunk) const {
    std::vector<const void *> bindings = {quantized.bytes.data()};
    weights.appendTo(bindings);
    bias.appendTo(bindings);
    bindings.push_back(residual.data());
    Floats y(kMaxTokens * outputs, -77.0F);
    bindings.push_back(y.data());
    compiled.run(bindings, {count, 0, 0, 1}, (outputs + 15) / 16, chunk);
    for (size_t i = count * outputs; i < y.size(); ++i)
      EXPECT_EQ(y[i], -77.0F);
    y.resize(count * outputs);
    return y;
  }

  std::vector<double> want() const {
    std::vector<double> result;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t n = 0; n < outputs; ++n) {
        double sum = 0;
        for (int64_t i = 0; i < inputs; ++i)
          sum += weights.at(n, i) * quantized.decoded[t * inputs + i];
        result.push_back(sum + bias.values[n] + residual[t * outputs + n]);
      }
    return result;
  }
};

} // namespace

TEST(Quantize, IsTheDefinition) {
  for (int64_t parts : {1, 2})
    for (auto [unit, zero] : {std::pair(0.5, 12), std::pair(1.0, 128)}) {
      constexpr int64_t inputs = 96;
      Floats x = randomFloats(kMaxTokens * inputs, 7, 3.0F);
      std::fill_n(x.begin() + 32, 32, 0.0F); // a block of zeros
      std::fill_n(x.begin() + 64, 32, -1e-3F);
      std::fill_n(x.begin() + inputs, inputs, 0x1p-120F); // vanishes
      std::fill_n(x.begin() + 2 * inputs, inputs, 0.0F);
      std::fill_n(x.begin() + 3 * inputs, 32, 0x1p-60F); // most halvings
      Quantized want(x, inputs, parts, unit, zero);
      EXPECT_GT(want.step(0), 0.0F);
      EXPECT_EQ(want.step(1), 0.0F);
      EXPECT_EQ(want.step(2), 0.0F);
      for (const char *mcpu : {"x86-64", "native"}) {
        CompiledKernel compiled(quantizeKernel(inputs, parts, unit, zero),
                                "blocks32", mcpu);
        std::vector<int8_t> bytes(want.bytes.size());
        compiled.run({x.data(), bytes.data()}, {kMaxTokens, 0, 0, 1},
                     kMaxTokens, 7);
        EXPECT_EQ(bytes, want.bytes) << mcpu;
      }
    }
}

TEST(Quantize, NumbersThatAreNotFiniteStayVisible) {
  constexpr int64_t inputs = 64;
  Floats x(kMaxTokens * inputs, 1.0F);
  x[3] = std::numeric_limits<float>::infinity();
  x[inputs + 40] = std::numeric_limits<float>::quiet_NaN();
  CompiledKernel compiled(quantizeKernel(inputs, 2, 0.5, 12), "blocks32");
  Quantized got(Floats(x.size()), inputs, 2, 0.5, 12);
  compiled.run({x.data(), got.bytes.data()}, {kMaxTokens, 0, 0, 1}, kMaxTokens);
  EXPECT_FALSE(std::isfinite(got.step(0)));
  EXPECT_FALSE(std::isfinite(got.step(1)));
  EXPECT_TRUE(std::isfinite(got.step(2)));
}

TEST(IntegerProduct, LinearWithInt8Weights) {
  // A scale for each block, and one for each row.
  for (int64_t parts : {1, 2})
    for (auto [inputs, outputs, tokens, block] :
         {std::tuple(96, 37, 40, 32), std::tuple(160, 20, 5, 32),
          std::tuple(160, 37, 40, 160)}) {
      LinearCase test(inputs, outputs, tokens, parts, block);
      std::vector<double> want = test.want();
      Floats first;
      for (const std::string &kind : kindsFor(test.kernel()))
        for (const char *mcpu : {"native", "x86-64-v3", "x86-64"}) {
          if (kind == "panels_vnni" && std::string(mcpu) != "native")
            continue;
          CompiledKernel compiled(test.kernel(), kind, mcpu);
          Floats whole = test.run(compiled, tokens, 1 << 20);
          if (first.empty()) {
            expectNear(whole, want, 1e-5, kind);
            first = whole;
          }
          // Without an instruction for it, fma rounds twice.
          if (std::string(mcpu) != "x86-64")
            expectSameBits(whole, first, kind + " for " + mcpu);
          else
            expectNear(whole, want, 1e-5, kind + " for " + mcpu);
          Floats items = test.run(compiled, tokens, 1);
          expectSameBits(items, whole, kind + " by item");
          Floats one = test.run(compiled, 1, 3);
          expectSameBits(one, Floats(whole.begin(), whole.begin() + outputs),
                         kind + " with one token");
        }
      EXPECT_FALSE(first.empty());
    }
}

TEST(IntegerProduct, AScaleThatIsNotANumberStaysVisible) {
  for (int64_t block : {32, 96}) {
    LinearCase test(96, 20, 1, 2, block);
    uint16_t nan = 0x7fc0, infinity = 0x7f80;
    // Rows 3 and 17; of the first block where there are more.
    std::memcpy(&test.weights.scales[3 * 2], &nan, 2);
    int64_t panelScales = 96 / block * 16;
    std::memcpy(&test.weights.scales[(panelScales + 1) * 2], &infinity, 2);
    for (const std::string &kind : kindsFor(test.kernel())) {
      CompiledKernel compiled(test.kernel(), kind);
      Floats y = test.run(compiled, 1, 1 << 20);
      for (int64_t row = 0; row < 20; ++row)
        EXPECT_EQ(std::isfinite(y[row]), row != 3 && row != 17)
            << kind << ", row " << row;
    }
  }
}
