//===- TargetTest.cpp - Processors, the table of kinds, code generation ---===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "backends/cpu/CodeGen.h"
#include "backends/cpu/CpuTarget.h"
#include "tests/TestPaths.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

using namespace gossamer;
using namespace gossamer::cpu;
using namespace gossamer::cpu::testing;

namespace {

TargetOptions options(const std::string &mcpu, const std::string &features = "",
                      unsigned optLevel = 2) {
  TargetOptions result;
  result.mcpu = mcpu;
  result.features = features;
  result.optLevel = optLevel;
  return result;
}

CpuFeatures resolved(const std::string &mcpu,
                     const std::string &features = "") {
  TargetOptions target = options(mcpu, features);
  EXPECT_TRUE(resolveTarget(target).isOk());
  return CpuFeatures(target.features);
}

} // namespace

TEST(Target, LevelsHaveTheirFeatures) {
  EXPECT_TRUE(resolved("x86-64").names().empty());
  EXPECT_TRUE(resolved("x86-64-v2").has("sse4.2"));
  EXPECT_FALSE(resolved("x86-64-v2").has("avx"));
  EXPECT_TRUE(resolved("x86-64-v3").has("avx2"));
  EXPECT_TRUE(resolved("x86-64-v3").has("fma"));
  EXPECT_FALSE(resolved("x86-64-v3").has("avx512f"));
  EXPECT_TRUE(resolved("x86-64-v4").has("avx512vl"));
  // A processor gets no feature that no kernel counts on.
  EXPECT_EQ(resolved("sapphirerapids").names(),
            resolved("x86-64-v4", "+avx512vbmi,+avx512vnni").names());
}

TEST(Target, FeaturesCanBeTakenAway) {
  CpuFeatures features = resolved("x86-64-v4", "-avx2");
  EXPECT_FALSE(features.has("avx2"));
  EXPECT_FALSE(features.has("avx512f")); // needs avx2.
  EXPECT_TRUE(features.has("avx"));
  EXPECT_TRUE(resolved("x86-64", "+avx512vnni").has("avx512vnni"));
}

TEST(Target, ResolvingTwiceChangesNothing) {
  for (const char *mcpu : {"native", "x86-64-v3", "znver4"}) {
    TargetOptions once = options(mcpu);
    ASSERT_TRUE(resolveTarget(once).isOk());
    TargetOptions twice = once;
    ASSERT_TRUE(resolveTarget(twice).isOk());
    EXPECT_EQ(once.mcpu, twice.mcpu);
    EXPECT_EQ(once.features, twice.features);
    EXPECT_NE(once.mcpu, "native");
  }
}

TEST(Target, UnknownNamesAreRefused) {
  for (const char *mcpu : {"", "pentium-9000", "i386", "generic-arm"}) {
    TargetOptions target = options(mcpu);
    Status status = resolveTarget(target);
    EXPECT_EQ(status.code(), StatusCode::Usage);
    EXPECT_NE(status.message().find("unknown processor '" + std::string(mcpu)),
              std::string::npos)
        << status.message();
  }
  for (const char *features : {"avx2", "+avx9", "+avx2,,fma"}) {
    TargetOptions target = options("x86-64", features);
    EXPECT_EQ(resolveTarget(target).code(), StatusCode::Usage) << features;
  }
}

TEST(KernelKinds, EveryOperationEndsWithThePlainKind) {
  std::map<std::string, std::string> last;
  std::set<std::pair<std::string, std::string>> names;
  for (const KernelKind &kind : kernelKinds()) {
    last[kind.operation.str()] = kind.name.str();
    EXPECT_TRUE(names.insert({kind.operation.str(), kind.name.str()}).second)
        << kind.operation.str() << " " << kind.name.str() << " twice";
    EXPECT_EQ(kind.lanes == 1, kind.name == "plain");
  }
  // The oracle never quantizes.
  last.erase("quantize");
  for (const auto &[operation, name] : last)
    EXPECT_EQ(name, "plain") << operation;
}

TEST(KernelKinds, SelectionFollowsFeaturesWeightsAndLevel) {
  KernelDescription kernel;
  kernel.operation = "linear";
  auto select = [&](Element element, Layout layout, const std::string &mcpu,
                    unsigned level) {
    kernel.bindings = {f32({4, 64}), WeightForm{{32, 64}, element, layout},
                       f32({4, 32})};
    TargetOptions target = options(mcpu, "", level);
    EXPECT_TRUE(resolveTarget(target).isOk());
    const KernelKind *kind = selectKernelKind(kernel, target);
    return kind ? kind->name.str() : "none";
  };
  EXPECT_EQ(select(Element::MXFP4, Layout::Published, "x86-64-v4", 2),
            "mxfp4_table");
  EXPECT_EQ(select(Element::MXFP4, Layout::Published, "x86-64-v3", 2),
            "mxfp4_integer");
  EXPECT_EQ(select(Element::MXFP4, Layout::Published, "x86-64-v4", 0), "plain");
  EXPECT_EQ(select(Element::BF16, Layout::RowMajor, "x86-64", 1), "dense_rows");
  EXPECT_EQ(select(Element::BF16, Layout::Transposed, "x86-64", 3), "plain");
  kernel.operation = "no_such_operation";
  EXPECT_EQ(select(Element::BF16, Layout::RowMajor, "x86-64", 2), "none");
}

TEST(KernelKinds, TableNeedsItsInstructions) {
  KernelDescription kernel;
  kernel.operation = "linear";
  kernel.bindings = {f32({4, 64}),
                     WeightForm{{32, 64}, Element::MXFP4, Layout::Published},
                     f32({4, 32})};
  std::string why;
  EXPECT_FALSE(isApplicable(*findKernelKind("linear", "mxfp4_table"), kernel,
                            resolved("x86-64-v3"), &why));
  EXPECT_EQ(why, "needs the processor feature avx512f");
  EXPECT_FALSE(isApplicable(*findKernelKind("linear", "dense_rows"), kernel,
                            resolved("x86-64-v4"), &why));
  EXPECT_EQ(why, "needs weights of the form bf16, f16, f32 by rows");
}

TEST(CodeGen, UndefinedSymbolsAreAnError) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    llvm.func @expf(f32) -> f32
    llvm.func @f(%x: f32) -> f32 {
      %y = llvm.call @expf(%x) : (f32) -> f32
      llvm.return %y : f32
    })",
                                                        &context());
  ASSERT_TRUE(module);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context(),
                                        [&](mlir::Diagnostic &diagnostic) {
                                          message = diagnostic.str();
                                          return mlir::success();
                                        });
  TargetOptions target = options("x86-64");
  ASSERT_TRUE(resolveTarget(target).isOk());
  EXPECT_TRUE(
      mlir::failed(emitMachineCode(*module, target, MachineCode::Object)));
  EXPECT_EQ(message, "generated code needs symbols that nothing defines: expf");
}

TEST(CodeGen, SameInputGivesSameBytes) {
  auto compile = [] {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
      llvm.func @f(%x: f32) -> f32 {
        %y = llvm.fadd %x, %x : f32
        llvm.return %y : f32
      })",
                                                          &context());
    TargetOptions target = options("x86-64-v3");
    EXPECT_TRUE(resolveTarget(target).isOk());
    auto object = emitMachineCode(*module, target, MachineCode::Object);
    EXPECT_TRUE(mlir::succeeded(object));
    return *linkSharedObject(*object);
  };
  EXPECT_EQ(compile(), compile());
}

TEST(CodeGen, TheLinkerReportsBadInput) {
  Expected<std::string> linked = linkSharedObject("this is no object");
  ASSERT_FALSE(linked);
  EXPECT_EQ(linked.status().code(), StatusCode::Internal);
}
