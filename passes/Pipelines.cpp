//===- Pipelines.cpp - The named pipelines ----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace {

struct NamedFusion {
  llvm::StringRef name;
  std::unique_ptr<Pass> (*create)();
};

constexpr NamedFusion fusions[] = {
    {"fuse-rope", gossamer::createFuseRope},
    {"fuse-attention", gossamer::createFuseAttention},
    {"fuse-expert-routing", gossamer::createFuseExpertRouting},
    // After the others: it takes what they made.
    {"fuse-residual", gossamer::createFuseResidual},
};

} // namespace

llvm::StringRef gossamer::stringifyDenseForm(DenseForm form) {
  switch (form) {
  case DenseForm::Kept:
    return "bf16";
  case DenseForm::Int8:
    return "int8";
  case DenseForm::Int8Channel:
    return "int8-channel";
  }
  return "";
}

llvm::cl::ValuesClass gossamer::denseFormValues() {
  auto value = [](DenseForm form, llvm::StringRef help) {
    return llvm::cl::OptionEnumValue{stringifyDenseForm(form),
                                     static_cast<int>(form), help};
  };
  return llvm::cl::values(
      value(DenseForm::Kept, "as in the checkpoint"),
      value(DenseForm::Int8, "8 bits, with a scale for 32 inputs of a row"),
      value(DenseForm::Int8Channel, "8 bits, with a scale for each row"));
}

llvm::ArrayRef<llvm::StringRef> gossamer::getFusionNames() {
  static const auto names = llvm::map_to_vector(
      fusions, [](const NamedFusion &fusion) { return fusion.name; });
  return names;
}

void gossamer::buildFusePipeline(OpPassManager &manager,
                                 const FusePipelineOptions &options) {
  // Views of views and doubled weights would hide groups from the fusions.
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createCSEPass());
  for (const NamedFusion &fusion : fusions)
    if (!llvm::is_contained(options.disable, fusion.name))
      manager.addNestedPass<func::FuncOp>(fusion.create());
}

void gossamer::buildPlanPipeline(OpPassManager &manager,
                                 const PlanPipelineOptions &options) {
  if (options.packMxFp4 || options.dense != DenseForm::Kept) {
    PackWeightsOptions pack;
    pack.mxfp4 = options.packMxFp4;
    pack.dense = options.dense;
    manager.addPass(createPackWeights(pack));
  }
  OutlineKernelsOptions outline;
  outline.maxTokens = options.maxTokens;
  outline.activationParts = options.activationParts;
  manager.addPass(createOutlineKernels(outline));
  if (options.mergeLaunches)
    manager.addPass(createMergeLaunches());
  manager.addNestedPass<func::FuncOp>(createGroupDispatches());
  manager.addNestedPass<func::FuncOp>(createPlanMemory());
}

/// Parses the options of gptoss-fuse, checks the names in it, and builds.
static LogicalResult
addFusePipeline(OpPassManager &manager, llvm::StringRef text,
                llvm::function_ref<LogicalResult(const llvm::Twine &)> error) {
  gossamer::FusePipelineOptions options;
  if (failed(options.parseFromString(text)))
    return failure();
  for (const std::string &name : options.disable)
    if (!llvm::is_contained(gossamer::getFusionNames(), name))
      return error("expects disable to name a fusion (" +
                   llvm::join(gossamer::getFusionNames(), ", ") +
                   ") but got '" + name + "'");
  gossamer::buildFusePipeline(manager, options);
  return success();
}

void gossamer::registerGossamerPipelines() {
  registerPassPipeline(
      "gptoss-fuse", "Fuse groups of primitive operations", addFusePipeline,
      [](llvm::function_ref<void(const detail::PassOptions &)> visit) {
        visit(FusePipelineOptions());
      });
  PassPipelineRegistration<PlanPipelineOptions>(
      "gptoss-plan", "Turn operations into planned launches of kernels",
      buildPlanPipeline);
}
