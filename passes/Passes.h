//===- Passes.h - Target-independent passes and pipelines -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// From the graph to the plan. The two named pipelines and what holds after:
//
//   gptoss-fuse  Fused level: groups of primitive operations that a fusion
//                recognises are one operation; all others are as they were.
//                Values, effects and the function's type are unchanged.
//   gptoss-plan  Plan level: no tensor is left. Each function has memref
//                arguments, an arena and the sizes of the step; its body holds
//                constants, views of the arena, gptoss.weight, arithmetic for
//                work items, and gptoss.concurrent groups of gptoss.dispatch.
//                Every kernel is outlined once. Any order of the dispatches
//                that respects the order of the groups gives the same bits.
//
// docs/reference/Passes.md, generated from Passes.td, describes each pass.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_PASSES_H
#define GOSSAMER_PASSES_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassOptions.h"

namespace gossamer {

/// How the matrices of gptoss.linear are stored.
enum class DenseForm {
  Kept,        ///< as in the checkpoint.
  Int8,        ///< 8 bits, with a scale for each block of 32 inputs of a row.
  Int8Channel, ///< 8 bits, with a scale for each row, an output channel.
};

/// "bf16", "int8" or "int8-channel", as options say it. What is kept is bf16 in
/// the published models.
llvm::StringRef stringifyDenseForm(DenseForm form);

/// The values of an option of a pass or pipeline.
llvm::cl::ValuesClass denseFormValues();

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

//===----------------------------------------------------------------------===//
// Patterns of the fusions. Each rewrites its group of operations and emits a
// remark of the category named after the pass ("fuse-rope").
//===----------------------------------------------------------------------===//

void populateFuseRopePatterns(mlir::RewritePatternSet &patterns);
void populateFuseAttentionPatterns(mlir::RewritePatternSet &patterns);
void populateFuseExpertRoutingPatterns(mlir::RewritePatternSet &patterns);
void populateFuseResidualPatterns(mlir::RewritePatternSet &patterns);

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

struct FusePipelineOptions
    : public mlir::PassPipelineOptions<FusePipelineOptions> {
  ListOption<std::string> disable{
      *this, "disable",
      llvm::cl::desc("fusions to leave out: fuse-rope, fuse-attention, "
                     "fuse-expert-routing, fuse-residual")};
};

struct PlanPipelineOptions
    : public mlir::PassPipelineOptions<PlanPipelineOptions> {
  Option<int64_t> maxTokens{*this, "max-tokens",
                            llvm::cl::desc("tokens of the largest step"),
                            llvm::cl::init(512)};
  Option<int64_t> activationParts{
      *this, "activation-parts",
      llvm::cl::desc("int8 parts of the inputs of products with scaled "
                     "weights; 0: float32"),
      llvm::cl::init(0)};
  Option<bool> mergeLaunches{
      *this, "merge-launches",
      llvm::cl::desc("one launch in place of several small ones"),
      llvm::cl::init(false)};
  Option<bool> packMxFp4{
      *this, "pack-mxfp4",
      llvm::cl::desc("row panels of the experts' MXFP4 matrices"),
      llvm::cl::init(false)};
  Option<DenseForm> dense{
      *this, "dense",
      llvm::cl::desc("how the matrices of gptoss.linear are stored"),
      llvm::cl::init(DenseForm::Kept), denseFormValues()};
};

/// Names that `disable` takes, in the order in which they run.
llvm::ArrayRef<llvm::StringRef> getFusionNames();

/// Graph level to fused level. Unknown names in `disable` have no effect here;
/// the named pipeline reports them.
void buildFusePipeline(mlir::OpPassManager &manager,
                       const FusePipelineOptions &options);

/// Graph or fused level to plan level.
void buildPlanPipeline(mlir::OpPassManager &manager,
                       const PlanPipelineOptions &options);

/// Registers gptoss-fuse and gptoss-plan with the pass registry, once.
void registerGossamerPipelines();

} // namespace gossamer

#endif // GOSSAMER_PASSES_PASSES_H
