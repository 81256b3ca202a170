//===- ChecksTest.cpp - What the interpreter refuses ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/KernelText.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace gossamer::cuda::testing;
using ::testing::IsSubstring;

namespace {

using Ints = std::vector<int32_t>;

/// %name = the address of element `index` of `base`.
std::string at(const std::string &name, const std::string &base,
               const std::string &index, const std::string &element = "i32",
               int space = 1) {
  std::string pointer = "!llvm.ptr<" + std::to_string(space) + ">";
  return "  " + name + " = llvm.getelementptr " + base + "[" + index + "] : (" +
         pointer + ", i32) -> " + pointer + ", " + element + "\n";
}

const std::string kShared =
    "llvm.mlir.global internal @s() {addr_space = 3 : i32} : "
    "!llvm.array<64 x i32>\n";
const std::string kTakeShared =
    "  %s = llvm.mlir.addressof @s : !llvm.ptr<3>\n" +
    at("%own", "%s", "%t", "i32", 3) +
    "  %c1 = arith.constant 1 : i32\n  %n1 = arith.xori %t, %c1 : i32\n" +
    at("%next", "%s", "%n1", "i32", 3);
const std::string kStoreOwn = "  llvm.store %t, %own : i32, !llvm.ptr<3>\n";
const std::string kLoadNext = "  %v = llvm.load %next : !llvm.ptr<3> -> i32\n";

} // namespace

TEST(Checks, AccessesOutsideOfTheArgument) {
  Ints values(31);
  std::string load =
      at("%p", "%a0", "%t") + "  %v = llvm.load %p : !llvm.ptr<1> -> i32\n";
  EXPECT_EQ(runText(load, {{1, 1, 1}, 31}, {input(values)}), "");
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'llvm.load' op reads 4 bytes at 124 of argument 0, "
                      "which has 124 (block 0, 0, 0, thread 31)",
                      runText(load, {}, {input(values)}));
  EXPECT_PRED_FORMAT2(IsSubstring, "argument 0, which is null",
                      runText(load, {}, {Region()}));
  std::string before = "  %c = arith.constant -1 : i32\n" +
                       at("%p", "%a0", "%c") +
                       "  %v = llvm.load %p : !llvm.ptr<1> -> i32\n";
  EXPECT_PRED_FORMAT2(IsSubstring, "reads 4 bytes at -4 of argument 0",
                      runText(before, {}, {input(values)}));
}

TEST(Checks, ThreadsThatAreNotActiveTouchNothing) {
  Ints values(5);
  std::string body = "  %c5 = arith.constant 5 : i32\n"
                     "  %in = arith.cmpi slt, %t, %c5 : i32\n  scf.if %in {\n" +
                     at("%p", "%a0", "%t") +
                     "  llvm.store %t, %p : i32, !llvm.ptr<1>\n  }\n";
  EXPECT_EQ(runText(body, {}, {inOut(values)}), "");
  EXPECT_EQ(values, (Ints{0, 1, 2, 3, 4}));
}

TEST(Checks, Alignment) {
  alignas(16) static std::byte bytes[256];
  std::string load = at("%p", "%a0", "%t", "i64") +
                     "  %v = llvm.load %p {alignment = 16 : i64} : "
                     "!llvm.ptr<1> -> vector<2xi64>\n";
  EXPECT_PRED_FORMAT2(
      IsSubstring, "at 8 of argument 0, which is not a multiple of 16",
      runText(load, {{1, 1, 1}, 2}, {{bytes, sizeof bytes, false}}));
}

TEST(Checks, WritesOfWhatIsOnlyRead) {
  Ints values(32);
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'llvm.store' op writes 4 bytes at 0 of argument 0, "
                      "which is not to be written",
                      runText(at("%p", "%a0", "%t") +
                                  "  llvm.store %t, %p : i32, !llvm.ptr<1>\n",
                              {}, {input(values)}));
}

TEST(Checks, BarriersNeedAllThreads) {
  std::string body = "  %c = arith.constant 40 : i32\n"
                     "  %in = arith.cmpi slt, %t, %c : i32\n"
                     "  scf.if %in {\n    gpu.barrier\n  }\n";
  EXPECT_EQ(runText(body, {{1, 1, 1}, 40}, {}), "");
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'gpu.barrier' op is not reached by all threads",
                      runText(body, {{1, 1, 1}, 64}, {}));
}

TEST(Checks, ShufflesNeedWholeWarps) {
  auto body = [](int threads) {
    return "  %c = arith.constant " + std::to_string(threads) +
           " : i32\n  %w = arith.constant 32 : i32\n"
           "  %one = arith.constant 1 : i32\n"
           "  %in = arith.cmpi slt, %t, %c : i32\n  scf.if %in {\n"
           "    %v, %ok = gpu.shuffle xor %t, %one, %w : i32\n  }\n";
  };
  EXPECT_EQ(runText(body(32), {{1, 1, 1}, 64}, {}), "");
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "is not reached by thread 40 of the same warp",
                      runText(body(40), {{1, 1, 1}, 64}, {}));
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "is not reached by thread 40 of the same warp",
                      runText(body(64), {{1, 1, 1}, 40}, {}));
}

TEST(Checks, SharedMemoryMustBeWrittenFirst) {
  EXPECT_PRED_FORMAT2(IsSubstring, "of @s, which nobody wrote",
                      runText(kTakeShared + kLoadNext, {}, {}, kShared));
  // What the block before wrote is gone.
  std::string firstOnly = "  %c0 = arith.constant 0 : i32\n"
                          "  %first = arith.cmpi eq, %b, %c0 : i32\n"
                          "  scf.if %first {\n" +
                          kStoreOwn + "  }\n  gpu.barrier\n";
  EXPECT_EQ(runText(kTakeShared + firstOnly + kLoadNext, {}, {}, kShared), "");
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "which nobody wrote (block 1, 0, 0, thread 0)",
                      runText(kTakeShared + firstOnly + kLoadNext,
                              {{2, 1, 1}, 32}, {}, kShared));
}

TEST(Checks, RacesOfThreads) {
  EXPECT_EQ(runText(kTakeShared + kStoreOwn + "  gpu.barrier\n" + kLoadNext, {},
                    {}, kShared),
            "");
  EXPECT_PRED_FORMAT2(
      IsSubstring,
      "which thread 1 wrote with no barrier between (block 0, 0, 0, "
      "thread 0)",
      runText(kTakeShared + kStoreOwn + kLoadNext, {}, {}, kShared));
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'llvm.store' op writes 4 bytes at 0 of @s, which "
                      "other threads, like 1, read with no barrier",
                      runText(kTakeShared + kStoreOwn + "  gpu.barrier\n" +
                                  kLoadNext + kStoreOwn,
                              {}, {}, kShared));
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "which thread 0 wrote with no barrier between",
                      runText("  %s = llvm.mlir.addressof @s : !llvm.ptr<3>\n"
                              "  llvm.store %t, %s : i32, !llvm.ptr<3>\n",
                              {}, {}, kShared));
  // A thread may read again what it wrote.
  EXPECT_EQ(runText(kTakeShared + kStoreOwn +
                        "  %v = llvm.load %own : !llvm.ptr<3> -> i32\n",
                    {}, {}, kShared),
            "");
}

TEST(Checks, RacesInGlobalMemory) {
  Ints values(32);
  std::string next = "  %one = arith.constant 1 : i32\n"
                     "  %n = arith.xori %t, %one : i32\n" +
                     at("%own", "%a0", "%t") + at("%next", "%a0", "%n") +
                     "  llvm.store %t, %own : i32, !llvm.ptr<1>\n";
  std::string load = "  %v = llvm.load %next : !llvm.ptr<1> -> i32\n";
  EXPECT_EQ(runText(next + "  gpu.barrier\n" + load, {}, {inOut(values)}), "");
  EXPECT_PRED_FORMAT2(IsSubstring, "of argument 0, which thread 1 wrote",
                      runText(next + load, {}, {inOut(values)}));
}

TEST(Checks, RacesBetweenOverlappingArguments) {
  Ints values(32);
  std::string body = "  %one = arith.constant 1 : i32\n"
                     "  %n = arith.xori %t, %one : i32\n" +
                     at("%p", "%a0", "%t") + at("%q", "%a1", "%n") +
                     "  llvm.store %t, %p : i32, !llvm.ptr<1>\n"
                     "  %v = llvm.load %q : !llvm.ptr<1> -> i32\n";
  EXPECT_PRED_FORMAT2(IsSubstring, "of argument 1, which thread 1 wrote",
                      runText(body, {}, {inOut(values), input(values)}));
  Ints other(32);
  EXPECT_EQ(runText(body, {}, {inOut(values), input(other)}), "");
}

TEST(Checks, RacesOfBlocks) {
  Ints values(64);
  std::string store =
      at("%p", "%a0", "%t") + "  llvm.store %t, %p : i32, !llvm.ptr<1>\n";
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "which another block wrote (block 1, 0, 0, thread 0)",
                      runText(store, {{2, 1, 1}, 32}, {inOut(values)}));
  // Each block writes a number of its own, and reads that of the other.
  auto body = [](const std::string &order) {
    std::string load = "  %v = llvm.load %q : !llvm.ptr<1> -> i32\n";
    std::string write = "  llvm.store %b, %p : i32, !llvm.ptr<1>\n";
    return "  %one = arith.constant 1 : i32\n"
           "  %o = arith.xori %b, %one : i32\n"
           "  %zero = arith.constant 0 : i32\n"
           "  %first = arith.cmpi eq, %t, %zero : i32\n  scf.if %first {\n" +
           at("%p", "%a0", "%b") + at("%q", "%a0", "%o") +
           (order == "load first" ? load + write : write + load) + "  }\n";
  };
  EXPECT_PRED_FORMAT2(
      IsSubstring, "which another block wrote",
      runText(body("load first"), {{2, 1, 1}, 32}, {inOut(values)}));
  EXPECT_PRED_FORMAT2(
      IsSubstring, "which another block read",
      runText(body("store first"), {{2, 1, 1}, 32}, {inOut(values)}));
  // All blocks read what the last one writes.
  std::string last = at("%p", "%a0", "%t") +
                     "  %v = llvm.load %p : !llvm.ptr<1> -> i32\n"
                     "  %two = arith.constant 2 : i32\n"
                     "  %is = arith.cmpi eq, %b, %two : i32\n  scf.if %is {\n"
                     "    llvm.store %v, %p : i32, !llvm.ptr<1>\n  }\n";
  EXPECT_EQ(runText(last, {{2, 1, 1}, 32}, {inOut(values)}), "");
  EXPECT_PRED_FORMAT2(IsSubstring, "which another block read (block 2, 0, 0",
                      runText(last, {{3, 1, 1}, 32}, {inOut(values)}));
}

TEST(Checks, SmallStoresBesideEachOtherAreNoRace) {
  std::vector<uint8_t> bytes(32);
  EXPECT_EQ(runText("  %v = arith.trunci %t : i32 to i8\n" +
                        at("%p", "%a0", "%t", "i8") +
                        "  llvm.store %v, %p : i8, !llvm.ptr<1>\n",
                    {}, {inOut(bytes)}),
            "");
  std::vector<uint8_t> want(32);
  std::iota(want.begin(), want.end(), 0);
  EXPECT_EQ(bytes, want);
}

// Between two barriers, memory is added to or used in other ways.
TEST(Checks, AtomicAdditions) {
  std::string first = "  %zero = arith.constant 0 : i32\n" +
                      at("%sum", "%s", "%zero", "i32", 3);
  std::string clear = "  llvm.store %zero, %own : i32, !llvm.ptr<3>\n";
  std::string add = "  %old = llvm.atomicrmw add %sum, %t syncscope(\"block\") "
                    "monotonic : !llvm.ptr<3>, i32\n";
  std::string load = "  %v = llvm.load %sum : !llvm.ptr<3> -> i32\n";
  std::string barrier = "  gpu.barrier\n";
  auto run = [&](const std::string &body) {
    return runText(kTakeShared + first + body, {}, {}, kShared);
  };
  EXPECT_EQ(run(clear + barrier + add + barrier + load), "");
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "adds to 4 bytes at 0 of @s, which nobody "
                      "wrote",
                      run(add));
  for (const std::string &body : {clear + add, clear + barrier + load + add,
                                  clear + barrier + clear + add})
    EXPECT_PRED_FORMAT2(IsSubstring,
                        "which threads read or wrote with no barrier between",
                        run(body));
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "which threads added to with no barrier between",
                      run(clear + barrier + add + load));
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "which threads added to with no barrier between",
                      run(clear + barrier + add + clear));
  EXPECT_PRED_FORMAT2(
      IsSubstring, "other than additions of i32 to shared memory",
      runText("  %v = llvm.atomicrmw add %a0, %t monotonic : !llvm.ptr<1>, "
              "i32\n",
              {}, {Region()}));
}

TEST(Checks, ArithmeticThatIsNotDefined) {
  std::string divide = "  %v = arith.divui %t, %t : i32\n";
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'arith.divui' op divides by zero (block 0, 0, 0, "
                      "thread 0)",
                      runText(divide, {}, {}));
  EXPECT_PRED_FORMAT2(
      IsSubstring,
      "shifts by the width or more (block 0, 0, 0, thread "
      "32)",
      runText("  %v = arith.shli %t, %t : i32\n", {{1, 1, 1}, 64}, {}));
  EXPECT_EQ(runText("  %zero = arith.constant 0 : i32\n"
                    "  %some = arith.cmpi ne, %t, %zero : i32\n"
                    "  scf.if %some {\n" +
                        divide + "  }\n",
                    {}, {}),
            "");
}

TEST(Checks, OperationsOutsideOfTheLevel) {
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "'math.exp' op is outside of the level of kernels",
                      runText("  %f = arith.sitofp %t : i32 to f32\n"
                              "  %v = math.exp %f : f32\n",
                              {}, {}));
  EXPECT_PRED_FORMAT2(
      IsSubstring, "is outside of the level of kernels",
      runText("  %f = arith.sitofp %t : i32 to f64\n"
              "  %v = llvm.call_intrinsic \"llvm.nvvm.sqrt.rn.d\"(%f) "
              ": (f64) -> f64\n",
              {}, {}));
  EXPECT_PRED_FORMAT2(IsSubstring, "'gpu.block_dim' op is outside of the level",
                      runText("  %n = gpu.block_dim x\n", {}, {}));
}

TEST(Checks, LaunchesThatDoNotFit) {
  Ints values(4);
  EXPECT_PRED_FORMAT2(IsSubstring,
                      "expects a block of 1 to 1024 threads, found 1025",
                      runText("", {{1, 1, 1}, 1025}, {}));
}
