//===- KernelOperationTest.cpp - What kernels can compute -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/KernelOperation.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::gptoss;

namespace {

TEST(KernelOperationTest, TableIsWellFormed) {
  llvm::StringSet<> names;
  for (const KernelOperation &operation : getKernelOperations()) {
    EXPECT_TRUE(names.insert(operation.name).second) << operation.name.str();
    EXPECT_EQ(lookupKernelOperation(operation.name), &operation);
    EXPECT_FALSE(operation.description.empty());
    llvm::StringSet<> roles;
    unsigned written = 0;
    for (const BindingSpec &binding : operation.bindings) {
      EXPECT_TRUE(roles.insert(binding.role).second)
          << operation.name.str() << ' ' << binding.role.str();
      written += binding.access == Access::Write ||
                 binding.access == Access::ReadWrite;
      // Whether a binding is there is an attribute of the kernel.
      if (!binding.condition.empty())
        EXPECT_TRUE(
            llvm::is_contained(operation.attributes, binding.condition));
    }
    EXPECT_GT(written, 0u) << operation.name.str();
    EXPECT_TRUE(llvm::is_sorted(operation.attributes));
  }
  EXPECT_EQ(lookupKernelOperation("gemm"), nullptr);
}

TEST(KernelOperationTest, ConditionalBindings) {
  MLIRContext context;
  Builder builder(&context);
  const KernelOperation *linear = lookupKernelOperation("linear");
  ASSERT_TRUE(linear);
  auto roles = [&](bool bias, bool residual) {
    std::string text;
    auto config = builder.getDictionaryAttr(
        {builder.getNamedAttr("has_bias", builder.getBoolAttr(bias)),
         builder.getNamedAttr("has_residual", builder.getBoolAttr(residual))});
    for (const BindingSpec *binding : getBindings(*linear, config))
      text += binding->role.str() + " ";
    return text;
  };
  EXPECT_EQ(roles(false, false), "x weight y ");
  EXPECT_EQ(roles(true, false), "x weight bias y ");
  EXPECT_EQ(roles(true, true), "x weight bias residual y ");
}

TEST(KernelOperationTest, Items) {
  MLIRContext context;
  context.loadDialect<GptOssDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
      R"(gptoss.kernel @k "softmax" (r memref<8xf32>, w memref<8xf32>)
           work affine_map<(t, r) -> (256, t * 64, r + 5)> attributes {})",
      &context);
  ASSERT_TRUE(module);
  KernelOp kernel = *module->getOps<KernelOp>().begin();
  EXPECT_EQ(kernel.getItems(1, 100), 64);
  EXPECT_EQ(kernel.getItems(100, 1000), 256);
  EXPECT_EQ(kernel.getItems(100, 0), 5);
}

} // namespace
