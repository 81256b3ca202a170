//===- CostTest.cpp - What operations cost --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::gptoss;

namespace {

class CostTest : public testing::Test {
protected:
  CostTest() { context.loadDialect<GptOssDialect, func::FuncDialect>(); }

  /// Cost of the one operation of a function with these arguments.
  Cost cost(StringRef arguments, StringRef op, StepSize size) {
    module = parseSourceString<ModuleOp>(
        ("func.func @f(" + arguments + ") {\n" + op + "\nreturn\n}").str(),
        &context);
    Cost result;
    if (!module) {
      ADD_FAILURE() << "does not parse";
      return result;
    }
    module->walk([&](ComputeOpInterface op) { result = op.getCost(size); });
    return result;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(CostTest, Linear) {
  Cost c = cost("%x: tensor<?x192xf32>, %w: !gptoss.weight<256x192xbf16>",
                "%0 = gptoss.linear %x, %w : (tensor<?x192xf32>, "
                "!gptoss.weight<256x192xbf16>) -> tensor<?x256xf32>",
                {.tokens = 8});
  EXPECT_EQ(c.flops, 2.0 * 8 * 192 * 256);
  EXPECT_EQ(c.weightBytes, 2.0 * 192 * 256);
  EXPECT_EQ(c.activationBytes, 4.0 * 8 * (192 + 256));
}

TEST_F(CostTest, EmbeddingReadsItsRows) {
  Cost c = cost("%t: tensor<?xi32>, %w: !gptoss.weight<3072x192xbf16>",
                "%0 = gptoss.embedding %t, %w : (tensor<?xi32>, "
                "!gptoss.weight<3072x192xbf16>) -> tensor<?x192xf32>",
                {.tokens = 8});
  EXPECT_EQ(c.flops, 0.0);
  EXPECT_EQ(c.weightBytes, 8.0 * 192 * 2);
}

TEST_F(CostTest, ExpertsAreCountedOnce) {
  StringRef arguments =
      "%x: tensor<?x192xf32>, %i: tensor<?x4xi32>, %w: "
      "!gptoss.weight<16x256x192xbf16>, %b: !gptoss.weight<16x256xbf16>";
  StringRef op = "%0 = gptoss.expert_linear %x, %i, %w, %b : "
                 "(tensor<?x192xf32>, tensor<?x4xi32>, "
                 "!gptoss.weight<16x256x192xbf16>, "
                 "!gptoss.weight<16x256xbf16>) -> tensor<?x4x256xf32>";
  double expert = 2.0 * 256 * 192 + 2.0 * 256;
  EXPECT_EQ(cost(arguments, op, {.tokens = 1}).weightBytes, 4 * expert);
  EXPECT_EQ(cost(arguments, op, {.tokens = 100}).weightBytes, 16 * expert);
  EXPECT_EQ(cost(arguments, op, {.tokens = 1}).flops, 2.0 * 4 * 256 * 192);
}

TEST_F(CostTest, AttentionSeesItsWindow) {
  auto attention = [](int window) {
    return "%0 = gptoss.attention %q, %c, %s, %p, %p {layer = 0 : i64, scale = "
           "0.125 : f64, window = " +
           std::to_string(window) +
           " : i64} : tensor<?x8x32xf32>, !gptoss.cache<f32, kv_heads = 2, "
           "head_dim = 32, page_tokens = 16, max_context = 2048, windows = "
           "[0], layers = [0]>, !gptoss.weight<8xbf16>, tensor<?xi32>";
  };
  StringRef arguments =
      "%q: tensor<?x8x32xf32>, %c: !gptoss.cache<f32, kv_heads = 2, head_dim = "
      "32, page_tokens = 16, max_context = 2048, windows = [0], layers = [0]>, "
      "%s: !gptoss.weight<8xbf16>, %p: tensor<?xi32>";
  StepSize size{.tokens = 1, .outputs = 1, .keys = 1000};
  EXPECT_EQ(cost(arguments, attention(0), size).flops, 4.0 * 8 * 32 * 1000);
  EXPECT_EQ(cost(arguments, attention(64), size).flops, 4.0 * 8 * 32 * 64);
}

TEST_F(CostTest, ViewsAreFree) {
  Cost c = cost("%x: tensor<?x256xf32>",
                "%0 = gptoss.split_heads %x : tensor<?x256xf32> -> "
                "tensor<?x8x32xf32>",
                {.tokens = 8});
  EXPECT_EQ(c.flops + c.weightBytes + c.activationBytes, 0.0);
}

} // namespace
