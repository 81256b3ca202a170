//===- MathTest.cpp - exp, sigmoid, sine and cosine without a library -----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Reference.h"

#include "backends/cpu/KernelEmitters.h"
#include "runtime/weights/FloatTypes.h"

#include <limits>

using namespace gossamer;
using namespace gossamer::cpu;
using namespace gossamer::cpu::testing;

namespace {

constexpr int64_t kCount = 4096;

/// y[i] = f(x[i]) for one row.
void emitExp(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(1);
  k.forItems([&](Value t) {
    k.forChunks(k.rowSize(0), [&](Value i, Value mask) {
      k.store(k.exp(k.load(x, {t, i}, mask)), y, {t, i}, mask);
    });
  });
}

void emitExpOfNegative(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(1);
  k.forItems([&](Value t) {
    k.forChunks(k.rowSize(0), [&](Value i, Value mask) {
      k.store(k.expOfNegative(k.load(x, {t, i}, mask)), y, {t, i}, mask);
    });
  });
}

/// To bf16 and back.
void emitRound(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(1);
  k.forItems([&](Value t) {
    k.forChunks(k.rowSize(0), [&](Value i, Value mask) {
      Value v = k.load(x, {t, i}, mask);
      k.store(k.widen(k.narrowToBF16(v)), y, {t, i}, mask);
    });
  });
}

void emitSigmoid(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(1);
  k.forItems([&](Value t) {
    k.forChunks(k.rowSize(0), [&](Value i, Value mask) {
      k.store(k.sigmoid(k.load(x, {t, i}, mask)), y, {t, i}, mask);
    });
  });
}

Floats evaluate(void (*emit)(KernelBuilder &), const Floats &x, int64_t lanes,
                const std::string &mcpu) {
  KernelDescription kernel;
  kernel.operation = "test";
  auto size = static_cast<int64_t>(x.size());
  kernel.bindings = {f32({1, size}), f32({1, size})};
  KernelKind kind{"test", "test", lanes, WeightNeed::Any, false, {}, "", emit};
  CompiledKernel compiled(kernel, kind, mcpu);
  Floats y(x.size());
  compiled.run({x.data(), y.data()}, {1, 0, 0, 1}, 1);
  return y;
}

/// Distance in units of the last place of the true value.
double ulps(float got, double want) {
  auto nearest = static_cast<float>(want);
  if (got == nearest)
    return 0;
  double step = std::nextafter(std::abs(nearest),
                               std::numeric_limits<float>::infinity()) -
                std::abs(nearest);
  return std::abs(got - want) / step;
}

} // namespace

TEST(Math, ExpIsWithinTwoUlps) {
  Floats x(kCount);
  for (int64_t i = 0; i < kCount; ++i)
    x[i] = -104.0F + 193.0F * static_cast<float>(i) / kCount;
  for (const char *mcpu : {"x86-64", "x86-64-v3", "native"})
    for (int64_t lanes : {1, 16}) {
      Floats y = evaluate(emitExp, x, lanes, mcpu);
      for (int64_t i = 0; i < kCount; ++i)
        if (x[i] < 88.7F)
          ASSERT_LE(ulps(y[i], std::exp(static_cast<double>(x[i]))), 2.0)
              << mcpu << ": exp(" << x[i] << ") = " << y[i];
    }
}

TEST(Math, ExpAtTheEnds) {
  float infinity = std::numeric_limits<float>::infinity();
  Floats x = {
      -infinity, -1e30F,   -105.0F, -104.0F,
      0.0F,      -0.0F,    88.72F,  88.8F,
      1e30F,     infinity, 1.0F,    std::numeric_limits<float>::quiet_NaN(),
      89.0F,     -87.5F,   -100.0F, 3.0F};
  for (int64_t lanes : {1, 16}) {
    Floats y = evaluate(emitExp, x, lanes, "native");
    EXPECT_EQ(y[0], 0.0F);
    EXPECT_EQ(y[1], 0.0F);
    EXPECT_EQ(y[2], 0.0F);
    EXPECT_EQ(y[4], 1.0F);
    EXPECT_EQ(y[5], 1.0F);
    EXPECT_TRUE(std::isfinite(y[6]));
    EXPECT_EQ(y[7], infinity);
    EXPECT_EQ(y[8], infinity);
    EXPECT_EQ(y[9], infinity);
    EXPECT_TRUE(std::isnan(y[11]));
    // Subnormal results are rounded once.
    EXPECT_LE(ulps(y[13], std::exp(-87.5)), 2.0);
    EXPECT_LE(ulps(y[14], std::exp(-100.0)), 2.0);
  }
}

TEST(Math, ExpOfNegativeIsWithinTwoUlps) {
  float infinity = std::numeric_limits<float>::infinity();
  Floats x(kCount);
  for (int64_t i = 0; i < kCount; ++i)
    x[i] = -87.0F + 87.0F * static_cast<float>(i) / kCount;
  Floats ends = {-infinity, -1e30F, -87.5F,
                 -0.0F,     0.0F,   std::numeric_limits<float>::quiet_NaN()};
  for (const char *mcpu : {"x86-64", "x86-64-v3", "native"})
    for (int64_t lanes : {1, 16}) {
      Floats y = evaluate(emitExpOfNegative, x, lanes, mcpu);
      for (int64_t i = 0; i < kCount; ++i)
        ASSERT_LE(ulps(y[i], std::exp(static_cast<double>(x[i]))), 2.0)
            << mcpu << ": exp(" << x[i] << ") = " << y[i];
      Floats e = evaluate(emitExpOfNegative, ends, lanes, mcpu);
      EXPECT_EQ(Floats(e.begin(), e.end() - 1), Floats({0, 0, 0, 1, 1}));
      EXPECT_TRUE(std::isnan(e.back()));
    }
}

TEST(Math, RoundsToBf16) {
  float infinity = std::numeric_limits<float>::infinity();
  Floats x = {0.0F,     -0.0F,     1.0F,          1.00390625F, 1.01171875F,
              1.0040F,  -1.0040F,  3.4028235e38F, 1e-40F,      -1e-45F,
              infinity, -infinity, 0x1.ffffp3F,   0x1.fep-127F};
  for (const char *mcpu : {"x86-64", "native"})
    for (int64_t lanes : {1, 16}) {
      Floats y = evaluate(emitRound, x, lanes, mcpu);
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_EQ(std::bit_cast<uint32_t>(y[i]),
                  std::bit_cast<uint32_t>(bf16ToF32(f32ToBf16(x[i]))))
            << mcpu << ": " << x[i];
      Floats nan = {std::bit_cast<float>(0x7f800001U)};
      EXPECT_TRUE(std::isnan(evaluate(emitRound, nan, lanes, mcpu)[0]));
    }
}

TEST(Math, SigmoidDoesNotOverflow) {
  Floats x = {-1e30F, -200.0F, -85.0F, -1.0F, 0.0F, 1.0F, 20.0F, 1e30F};
  Floats y = evaluate(emitSigmoid, x, 1, "native");
  EXPECT_EQ(y[0], 0.0F);
  EXPECT_EQ(y[1], 0.0F);
  for (size_t i = 2; i < x.size(); ++i) {
    double want = 1.0 / (1.0 + std::exp(-static_cast<double>(x[i])));
    EXPECT_NEAR(y[i], want, 4e-7 * want + 1e-44) << x[i];
  }
}

TEST(RopeTable, MatchesTheLibraryToLargePositions) {
  KernelDescription kernel;
  kernel.operation = "rope_table";
  constexpr int64_t tokens = 12, half = 20;
  kernel.bindings = {i32({tokens}), f32({tokens, half}), f32({tokens, half})};
  kernel.concentration = 1.3465735902799727;
  for (int64_t i = 0; i < half; ++i)
    kernel.inverseFrequencies.push_back(
        std::pow(150000.0, -static_cast<double>(i) / half));
  std::vector<int32_t> positions = {
      0, 1, 2, 3, 63, 1000, 4095, 32767, 131071, 131072, 500000, 1048575};
  for (const std::string &kind : kindsFor(kernel)) {
    CompiledKernel compiled(kernel, kind);
    Floats cosines(tokens * half), sines(tokens * half);
    compiled.run({positions.data(), cosines.data(), sines.data()},
                 {tokens, 0, 0, 1}, tokens, 5);
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < half; ++i) {
        double angle = positions[t] * kernel.inverseFrequencies[i];
        double c = kernel.concentration;
        ASSERT_NEAR(cosines[t * half + i], c * std::cos(angle), 1.3e-7)
            << kind << " position " << positions[t] << " pair " << i;
        ASSERT_NEAR(sines[t * half + i], c * std::sin(angle), 1.3e-7)
            << kind << " position " << positions[t] << " pair " << i;
      }
  }
}
