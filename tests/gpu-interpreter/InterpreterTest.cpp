//===- InterpreterTest.cpp - What the interpreter computes ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/KernelText.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

using namespace gossamer::cuda::testing;

namespace {

using Ints = std::vector<int32_t>;
using Floats = std::vector<float>;

/// Stores %v of a type to element %t of the first argument.
std::string storeResult(const std::string &type) {
  return "  %out = llvm.getelementptr %a0[%t] : (!llvm.ptr<1>, i32) -> "
         "!llvm.ptr<1>, " +
         type + "\n  llvm.store %v, %out : " + type + ", !llvm.ptr<1>\n";
}

/// Loads %x of a type from element %t of an argument.
std::string loadOperand(const std::string &name, int argument,
                        const std::string &type) {
  return "  " + name + "p = llvm.getelementptr %a" + std::to_string(argument) +
         "[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, " + type + "\n  " + name +
         " = llvm.load " + name + "p : !llvm.ptr<1> -> " + type + "\n";
}

/// What `%v = operation` gives for each pair (%x, %y).
template <typename R, typename T>
std::vector<R> evaluate(const std::string &operation, std::vector<T> x,
                        std::vector<T> y, const std::string &type,
                        const std::string &resultType) {
  std::vector<R> results(x.size());
  auto threads = static_cast<uint32_t>(x.size());
  EXPECT_EQ(runText(loadOperand("%x", 1, type) + loadOperand("%y", 2, type) +
                        "  %v = " + operation + "\n" + storeResult(resultType),
                    {{1, 1, 1}, threads}, {inOut(results), input(x), input(y)}),
            "");
  return results;
}

Ints integers(const std::string &operation) {
  return evaluate<int32_t, int32_t>(operation, {-7, 7, 5, -1}, {2, -2, 5, 31},
                                    "i32", "i32");
}

/// As 0 and 1.
Ints compareInts(const std::string &predicate) {
  std::vector<int32_t> x = {-1, 1, 3}, y = {1, -1, 3};
  Ints results(3);
  EXPECT_EQ(runText(loadOperand("%x", 1, "i32") + loadOperand("%y", 2, "i32") +
                        "  %c = arith.cmpi " + predicate +
                        ", %x, %y : i32\n  %v = arith.extui %c : i1 to i32\n" +
                        storeResult("i32"),
                    {{1, 1, 1}, 3}, {inOut(results), input(x), input(y)}),
            "");
  return results;
}

Ints compareFloats(const std::string &predicate) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  Floats x = {1, 2, 3, nan}, y = {2, 1, 3, 0};
  Ints results(4);
  EXPECT_EQ(runText(loadOperand("%x", 1, "f32") + loadOperand("%y", 2, "f32") +
                        "  %c = arith.cmpf " + predicate +
                        ", %x, %y : f32\n  %v = arith.extui %c : i1 to i32\n" +
                        storeResult("i32"),
                    {{1, 1, 1}, 4}, {inOut(results), input(x), input(y)}),
            "");
  return results;
}

Floats floats(const std::string &operation, Floats x, Floats y) {
  return evaluate<float, float>(operation, std::move(x), std::move(y), "f32",
                                "f32");
}

} // namespace

TEST(Interpreter, Integers) {
  EXPECT_EQ(integers("arith.addi %x, %y : i32"), (Ints{-5, 5, 10, 30}));
  EXPECT_EQ(integers("arith.subi %x, %y : i32"), (Ints{-9, 9, 0, -32}));
  EXPECT_EQ(integers("arith.muli %x, %y : i32"), (Ints{-14, -14, 25, -31}));
  EXPECT_EQ(integers("arith.divsi %x, %y : i32"), (Ints{-3, -3, 1, 0}));
  EXPECT_EQ(integers("arith.remsi %x, %y : i32"), (Ints{-1, 1, 0, -1}));
  EXPECT_EQ(integers("arith.divui %x, %y : i32"),
            (Ints{0x7ffffffc, 0, 1, 138547332}));
  EXPECT_EQ(integers("arith.remui %x, %y : i32"), (Ints{1, 7, 0, 3}));
  EXPECT_EQ(integers("arith.andi %x, %y : i32"), (Ints{0, 6, 5, 31}));
  EXPECT_EQ(integers("arith.ori %x, %y : i32"), (Ints{-5, -1, 5, -1}));
  EXPECT_EQ(integers("arith.xori %x, %y : i32"), (Ints{-5, -7, 0, -32}));
  EXPECT_EQ(integers("arith.minsi %x, %y : i32"), (Ints{-7, -2, 5, -1}));
  EXPECT_EQ(integers("arith.maxsi %x, %y : i32"), (Ints{2, 7, 5, 31}));
  EXPECT_EQ(integers("arith.minui %x, %y : i32"), (Ints{2, 7, 5, 31}));
  EXPECT_EQ(integers("arith.maxui %x, %y : i32"), (Ints{-7, -2, 5, -1}));
  auto shift = [](const std::string &name) {
    return evaluate<int32_t, int32_t>("arith." + name + " %x, %y : i32",
                                      {-8, 5, -1}, {1, 0, 31}, "i32", "i32");
  };
  EXPECT_EQ(shift("shli"), (Ints{-16, 5, std::numeric_limits<int32_t>::min()}));
  EXPECT_EQ(shift("shrsi"), (Ints{-4, 5, -1}));
  EXPECT_EQ(shift("shrui"), (Ints{0x7ffffffc, 5, 1}));
}

TEST(Interpreter, Comparisons) {
  EXPECT_EQ(compareInts("slt"), (Ints{1, 0, 0}));
  EXPECT_EQ(compareInts("sge"), (Ints{0, 1, 1}));
  EXPECT_EQ(compareInts("ult"), (Ints{0, 1, 0}));
  EXPECT_EQ(compareInts("uge"), (Ints{1, 0, 1}));
  EXPECT_EQ(compareInts("eq"), (Ints{0, 0, 1}));
  EXPECT_EQ(compareInts("ne"), (Ints{1, 1, 0}));
  EXPECT_EQ(compareFloats("olt"), (Ints{1, 0, 0, 0}));
  EXPECT_EQ(compareFloats("ogt"), (Ints{0, 1, 0, 0}));
  EXPECT_EQ(compareFloats("oeq"), (Ints{0, 0, 1, 0}));
  EXPECT_EQ(compareFloats("ord"), (Ints{1, 1, 1, 0}));
  EXPECT_EQ(compareFloats("uno"), (Ints{0, 0, 0, 1}));
  EXPECT_EQ(compareFloats("une"), (Ints{1, 1, 0, 1}));
  EXPECT_EQ(compareFloats("ule"), (Ints{1, 0, 1, 1}));
}

TEST(Interpreter, FloatsAndIntrinsics) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(floats("arith.divf %x, %y : f32", {1, 6}, {4, -3}),
            (Floats{0.25F, -2}));
  EXPECT_EQ(floats("arith.maxnumf %x, %y : f32", {1, nan, 5}, {2, 3, nan}),
            (Floats{2, 3, 5}));
  EXPECT_EQ(floats("llvm.intr.minnum(%x, %y) : (f32, f32) -> f32", {1, nan, 5},
                   {2, 3, nan}),
            (Floats{1, 3, 5}));
  // One rounding: the product alone would be rounded to 1.
  float e = std::numeric_limits<float>::epsilon();
  Floats x = {1 + e}, y = {1 - e}, out(1);
  EXPECT_EQ(runText(loadOperand("%x", 1, "f32") + loadOperand("%y", 2, "f32") +
                        "  %one = arith.constant -1.0 : f32\n"
                        "  %v = llvm.intr.fma(%x, %y, %one) : (f32, f32, f32) "
                        "-> f32\n" +
                        storeResult("f32"),
                    {{1, 1, 1}, 1}, {inOut(out), input(x), input(y)}),
            "");
  EXPECT_EQ(out[0], -e * e);
  auto ex2 = [](Floats of) {
    return floats("llvm.call_intrinsic \"llvm.nvvm.ex2.approx.ftz\"(%x) : "
                  "(f32) -> f32",
                  of, of);
  };
  EXPECT_EQ(ex2({3, -1, -126, -127, -200, 1e-40F}),
            (Floats{8, 0.5F, 0x1p-126F, 0, 0, 1}));
  EXPECT_EQ(floats("llvm.call_intrinsic \"llvm.nvvm.sqrt.rn.f\"(%x) : (f32) -> "
                   "f32",
                   {2, 9}, {0, 0}),
            (Floats{std::sqrt(2.0F), 3}));
}

TEST(Interpreter, Permute) {
  Ints out(3), x = {0x03020180, 0x03020180, 0x03020180},
               y = {0x07060504, 0x07060504, 0x07060504},
               s = {0x7531, 0x0008, 0x4440};
  EXPECT_EQ(runText(loadOperand("%x", 1, "i32") + loadOperand("%y", 2, "i32") +
                        loadOperand("%s", 3, "i32") +
                        "  %v = llvm.call_intrinsic \"llvm.nvvm.prmt\"(%x, %y, "
                        "%s) : (i32, i32, i32) -> i32\n" +
                        storeResult("i32"),
                    {{1, 1, 1}, 3}, {inOut(out), input(x), input(y), input(s)}),
            "");
  EXPECT_EQ(out,
            (Ints{0x07050301, static_cast<int32_t>(0x808080ffU), 0x04040480}));
}

TEST(Interpreter, Conversions) {
  auto through = [](const std::string &type, Floats x) {
    Floats out(x.size());
    EXPECT_EQ(runText(loadOperand("%x", 1, "f32") +
                          "  %h = arith.truncf %x : f32 to " + type +
                          "\n  %v = arith.extf %h : " + type + " to f32\n" +
                          storeResult("f32"),
                      {{1, 1, 1}, static_cast<uint32_t>(x.size())},
                      {inOut(out), input(x)}),
              "");
    return out;
  };
  // To the nearest, ties to even.
  EXPECT_EQ(through("bf16", {1 + 0x1p-8F, 1 + 0x3p-8F, -3.5F}),
            (Floats{1, 1 + 0x1p-6F, -3.5F}));
  EXPECT_EQ(through("f16", {1 + 0x1p-11F, 1 + 0x3p-11F, 65504}),
            (Floats{1, 1 + 0x1p-9F, 65504}));
  auto convert = [](const std::string &text) {
    Ints x = {-2, 300, 255}, out(3);
    EXPECT_EQ(runText(loadOperand("%x", 1, "i32") + text + storeResult("i32"),
                      {{1, 1, 1}, 3}, {inOut(out), input(x)}),
              "");
    return out;
  };
  EXPECT_EQ(convert("  %n = arith.trunci %x : i32 to i8\n"
                    "  %v = arith.extsi %n : i8 to i32\n"),
            (Ints{-2, 44, -1}));
  EXPECT_EQ(convert("  %n = arith.trunci %x : i32 to i8\n"
                    "  %v = arith.extui %n : i8 to i32\n"),
            (Ints{254, 44, 255}));
  EXPECT_EQ(convert("  %n = arith.trunci %x : i32 to i1\n"
                    "  %v = arith.extsi %n : i1 to i32\n"),
            (Ints{0, 0, -1}));
  EXPECT_EQ(convert("  %f = arith.sitofp %x : i32 to f32\n"
                    "  %v = arith.bitcast %f : f32 to i32\n"),
            (Ints{std::bit_cast<int32_t>(-2.0F), std::bit_cast<int32_t>(300.0F),
                  std::bit_cast<int32_t>(255.0F)}));
}

TEST(Interpreter, Vectors) {
  Ints x(8), out(8);
  for (int i = 0; i < 8; ++i)
    x[i] = 0x01020304 * (i + 1);
  // Two threads, four elements each: bytes apart and together again, reversed.
  const char *body = R"(
  %p = llvm.getelementptr %a1[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
  %q = llvm.getelementptr %a0[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, vector<4xi32>
  %x = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<1> -> vector<4xi32>
  %bytes = vector.bitcast %x : vector<4xi32> to vector<16xi8>
  %same = vector.bitcast %bytes : vector<16xi8> to vector<4xi32>
  %w = vector.broadcast %t : i32 to vector<4xi32>
  %sum = arith.addi %same, %w : vector<4xi32>
  %e0 = vector.extract %sum[0] : i32 from vector<4xi32>
  %e1 = vector.extract %sum[1] : i32 from vector<4xi32>
  %e2 = vector.extract %sum[2] : i32 from vector<4xi32>
  %e3 = vector.extract %sum[3] : i32 from vector<4xi32>
  %v = vector.from_elements %e3, %e2, %e1, %e0 : vector<4xi32>
  llvm.store %v, %q {alignment = 4 : i64} : vector<4xi32>, !llvm.ptr<1>)";
  EXPECT_EQ(runText(body, {{1, 1, 1}, 2}, {inOut(out), input(x)}), "");
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(out[i], x[i / 4 * 4 + 3 - i % 4] + i / 4) << i;
}

// The number of rounds differs by thread; values change places.
TEST(Interpreter, LoopsWithValues) {
  Ints out(40);
  std::string body = R"(
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %f:2 = scf.for %i = %c0 to %t step %c1 iter_args(%a = %c0, %c = %c1) -> (i32, i32) : i32 {
    %n = arith.addi %a, %c : i32
    scf.yield %c, %n : i32, i32
  }
  %r:2 = scf.for %i = %c0 to %t step %c1 iter_args(%p = %c0, %q = %f#0) -> (i32, i32) : i32 {
    scf.yield %q, %p : i32, i32
  }
  %v = arith.addi %r#0, %r#1 : i32
)";
  EXPECT_EQ(runText(body + storeResult("i32"), {{1, 1, 1}, 40}, {inOut(out)}),
            "");
  int32_t a = 0, b = 1;
  for (int32_t value : out) {
    EXPECT_EQ(value, a);
    b += a;
    a = b - a;
  }
}

TEST(Interpreter, BranchesWithValues) {
  Ints out(64);
  std::string body = R"(
  %c0 = arith.constant 0 : i32
  %c3 = arith.constant 3 : i32
  %c10 = arith.constant 10 : i32
  %m = arith.remui %t, %c3 : i32
  %z = arith.cmpi eq, %m, %c0 : i32
  %v = scf.if %z -> i32 {
    %l = arith.cmpi slt, %t, %c10 : i32
    %n = scf.if %l -> i32 {
      scf.yield %c10 : i32
    } else {
      scf.yield %t : i32
    }
    scf.yield %n : i32
  } else {
    %n = arith.subi %c0, %t : i32
    scf.yield %n : i32
  }
)";
  EXPECT_EQ(runText(body + storeResult("i32"), {{1, 1, 1}, 64}, {inOut(out)}),
            "");
  for (int32_t t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], t % 3 ? -t : t < 10 ? 10 : t);
}

TEST(Interpreter, Shuffles) {
  Ints out(64);
  std::string constants = "  %w = arith.constant 32 : i32\n"
                          "  %m = arith.constant 5 : i32\n";
  EXPECT_EQ(runText(constants +
                        "  %v, %ok = gpu.shuffle xor %t, %m, %w : i32\n" +
                        storeResult("i32"),
                    {{1, 1, 1}, 64}, {inOut(out)}),
            "");
  for (int32_t t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], t ^ 5);
  EXPECT_EQ(runText(constants +
                        "  %v, %ok = gpu.shuffle idx %t, %m, %w : i32\n" +
                        storeResult("i32"),
                    {{1, 1, 1}, 64}, {inOut(out)}),
            "");
  for (int32_t t = 0; t < 64; ++t)
    EXPECT_EQ(out[t], t / 32 * 32 + 5);
}

TEST(Interpreter, SharedMemoryTablesAndBlocks) {
  Ints out(3 * 2 * 64);
  std::string globals = R"(
  llvm.mlir.global internal @s() {addr_space = 3 : i32} : !llvm.array<64 x i32>
  llvm.mlir.global external @dynamic() {addr_space = 3 : i32} : !llvm.array<0 x i8>
  llvm.mlir.global internal constant @table(dense<[100, 200, 300]> : tensor<3xi32>) {addr_space = 1 : i32} : !llvm.array<3 x i32>
)";
  // The number of block (x, y) and thread t from the thread 63 - t.
  std::string body = R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %d = llvm.mlir.addressof @dynamic : !llvm.ptr<3>
  %table = llvm.mlir.addressof @table : !llvm.ptr<1>
  %byx = gpu.block_id y
  %by = arith.index_cast %byx : index to i32
  %c63 = arith.constant 63 : i32
  %c64 = arith.constant 64 : i32
  %c3 = arith.constant 3 : i32
  %own = llvm.getelementptr %s[%t] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %o = arith.subi %c63, %t : i32
  %other = llvm.getelementptr %s[%o] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %more = llvm.getelementptr %d[%t] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %e = llvm.getelementptr %table[%b] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  %h = llvm.load %e : !llvm.ptr<1> -> i32
  %n = arith.addi %h, %t : i32
  llvm.store %n, %own : i32, !llvm.ptr<3>
  llvm.store %by, %more : i32, !llvm.ptr<3>
  gpu.barrier
  %v0 = llvm.load %other : !llvm.ptr<3> -> i32
  %v1 = llvm.load %more : !llvm.ptr<3> -> i32
  %v = arith.addi %v0, %v1 : i32
  %row = arith.muli %by, %c3 : i32
  %block = arith.addi %row, %b : i32
  %first = arith.muli %block, %c64 : i32
  %at = arith.addi %first, %t : i32
  %out = llvm.getelementptr %a0[%at] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
  llvm.store %v, %out : i32, !llvm.ptr<1>
)";
  EXPECT_EQ(runText(body, {{3, 2, 1}, 64, 256}, {inOut(out)}, globals), "");
  for (int32_t y = 0; y < 2; ++y)
    for (int32_t x = 0; x < 3; ++x)
      for (int32_t t = 0; t < 64; ++t)
        EXPECT_EQ(out[(y * 3 + x) * 64 + t], 100 * (x + 1) + 63 - t + y);
  EXPECT_NE(runText(body, {{3, 2, 1}, 64, 255}, {inOut(out)}, globals), "");
}

TEST(Interpreter, AtomicAdditions) {
  Ints out(64);
  std::string globals = "llvm.mlir.global internal @s() {addr_space = 3 : i32} "
                        ": !llvm.array<1 x i32>\n";
  // What was there before each, and then the sum.
  std::string body = R"(
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %hundred = arith.constant 100 : i32
  %c0 = arith.constant 0 : i32
  %c63 = arith.constant 63 : i32
  %c1 = arith.constant 1 : i32
  %isFirst = arith.cmpi eq, %t, %c0 : i32
  scf.if %isFirst {
    llvm.store %hundred, %s : i32, !llvm.ptr<3>
  }
  gpu.barrier
  %isOdd = arith.andi %t, %c1 : i32
  %odd = arith.cmpi ne, %isOdd, %c0 : i32
  scf.if %odd {
    %old = llvm.atomicrmw add %s, %t syncscope("block") monotonic : !llvm.ptr<3>, i32
    %p = llvm.getelementptr %a0[%t] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %old, %p : i32, !llvm.ptr<1>
  }
  gpu.barrier
  %v = llvm.load %s : !llvm.ptr<3> -> i32
  scf.if %isFirst {
    llvm.store %v, %a0 : i32, !llvm.ptr<1>
  }
)";
  EXPECT_EQ(runText(body, {{1, 1, 1}, 64}, {inOut(out)}, globals), "");
  EXPECT_EQ(out[0], 100 + 32 * 32);
  for (int32_t t = 1, sum = 100; t < 64; sum += t, t += 2) {
    EXPECT_EQ(out[t], sum) << t;
    EXPECT_EQ(out[t - 1], t == 1 ? 100 + 32 * 32 : 0);
  }
}
