//===- KernelKinds.cpp - The table of kernel kinds ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelKinds.h"

#include "backends/KernelSelection.h"
#include "backends/cuda/KernelEmitters.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer::cuda {

static constexpr llvm::StringLiteral kElements =
    "a block a row, a thread an element";
static constexpr llvm::StringLiteral kBlockRow = "a block a row";
static constexpr llvm::StringLiteral kWarpRow = "a warp a row";
static constexpr llvm::StringLiteral kWarpOutput =
    "a warp an output, any weights but row panels";

static constexpr llvm::StringLiteral kTiles =
    "tensor cores for many rows, inputs as three bf16 parts; vectors for few";
static constexpr llvm::StringLiteral kTilesRounded =
    "tensor cores for many rows, inputs rounded to bf16; vectors for few";
static constexpr llvm::StringLiteral kMerged =
    "a launch for a lone row, two for few by vectors, tensor cores for many";
static constexpr llvm::StringLiteral kMergedRounded =
    "the same, with inputs rounded to bf16 for tensor cores";
static constexpr llvm::StringLiteral kTileAttention =
    "tensor cores for many rows, queries as three bf16 parts; split for few";
static constexpr llvm::StringLiteral kTileAttentionRounded =
    "tensor cores for many rows, all rounded to bf16; split for few";
static constexpr llvm::StringLiteral kVectors =
    "a warp some outputs, 16 bytes of weights a lane, for few rows";

// clang-format off
static constexpr KernelKind kKinds[] = {
  {"embedding", "plain", kElements, emitEmbedding},
  {"rms_norm", "plain", kBlockRow, emitRmsNorm},
  {"linear", "tiles_bf16", kTilesRounded, emitDenseTilesRounded, refuseDenseTiles, true},
  {"linear", "tiles", kTiles, emitDenseTilesExact, refuseDenseTiles},
  {"linear", "vectors", kVectors, emitDenseVectors, refuseDenseVectors},
  {"linear", "plain", kWarpOutput, emitPlainLinear},
  {"rope_table", "plain", kElements, emitRopeTable},
  {"rope", "plain", kElements, emitRope},
  {"split_half", "plain", kElements, emitSplitHalf},
  {"rotate", "plain", kElements, emitRotate},
  {"merge_half", "plain", kElements, emitMergeHalf},
  {"cache_append", "plain", kElements, emitCacheAppend},
  {"attention", "tiles_bf16", kTileAttentionRounded, emitTileAttentionRounded, refuseTileAttention, true},
  {"attention", "tiles", kTileAttention, emitTileAttentionExact, refuseExactTileAttention},
  {"attention", "split", "the heads of a key together, keys divided by pages", emitSplitAttention, refuseSplitAttention},
  {"attention", "plain", "a warp a head, keys one by one", emitPlainAttention},
  {"attention_scores", "plain", "a block a head, a thread a key", emitAttentionScores},
  {"mask", "plain", "a block a head, a thread a key", emitMask},
  {"softmax_sink", "plain", kBlockRow, emitSoftmaxSink},
  {"attention_values", "plain", "a block a head, a thread a dimension", emitAttentionValues},
  {"top_k", "plain", kWarpRow, emitTopK},
  {"softmax", "plain", kWarpRow, emitSoftmax},
  {"expert_linear", "plain", kWarpOutput, emitPlainExpertLinear},
  {"swiglu", "plain", kElements, emitSwiglu},
  {"weighted_sum", "plain", kElements, emitWeightedSum},
  {"add", "plain", kElements, emitAdd},
  {"gather_rows", "plain", kElements, emitGatherRows},
  {"route", "plain", "a warp a token, then a thread an expert", emitRoute},
  {"expert_gate_up", "tiles_bf16", kTilesRounded, emitExpertGateUpTilesRounded, refuseExpertVectors, true},
  {"expert_gate_up", "tiles", kTiles, emitExpertGateUpTilesExact, refuseExpertVectors},
  {"expert_gate_up", "vectors", kVectors, emitExpertGateUpVectors, refuseExpertVectors},
  {"expert_gate_up", "plain", kWarpOutput, emitPlainExpertGateUp},
  {"expert_down", "tiles_bf16", kTilesRounded, emitExpertDownTilesRounded, refuseExpertVectors, true},
  {"expert_down", "tiles", kTiles, emitExpertDownTilesExact, refuseExpertVectors},
  {"expert_down", "vectors", kVectors, emitExpertDownVectors, refuseExpertVectors},
  {"expert_down", "plain", kWarpOutput, emitPlainExpertDown},
  {"project", "tiles_bf16", kMergedRounded, emitProjectRounded, refuseProject, true},
  {"project", "tiles", kMerged, emitProjectExact, refuseProject},
  {"project", "plain", kWarpOutput, emitPlainProject},
  {"norm_route", "tiles_bf16", kMergedRounded, emitNormRouteRounded, refuseDenseTiles, true},
  {"norm_route", "tiles", kMerged, emitNormRouteExact, refuseDenseTiles},
  {"norm_route", "plain", kWarpOutput, emitPlainNormRoute},
};
// clang-format on

llvm::ArrayRef<KernelKind> kernelKinds() { return kKinds; }

std::string whyNotApplicable(const KernelKind &kind,
                             const KernelDescription &kernel) {
  if (kind.operation != kernel.operation)
    return "is for " + kind.operation.str();
  for (const cpu::BindingForm &form : kernel.bindings)
    if (const auto *weight = std::get_if<WeightForm>(&form);
        weight && weight->layout == Layout::RowPanel)
      return "needs weights that do not lie in row panels "
             "(--layout=published, --dense=bf16)";
  return kind.refuse ? kind.refuse(kernel) : std::string();
}

/// Why the selection passes `kind` by; empty when it does not.
static std::string whyNotSelected(const KernelKind &kind,
                                  const KernelDescription &kernel,
                                  const TargetOptions &options) {
  if (kind.roundsInputs && options.math == MathMode::Exact)
    return "rounds inputs, which needs --math=fast";
  return whyNotApplicable(kind, kernel);
}

const KernelKind *selectKernelKind(const KernelDescription &kernel,
                                   const TargetOptions &options) {
  for (const KernelKind &kind : kKinds)
    if ((options.optLevel > 0 || kind.name == "plain") &&
        whyNotSelected(kind, kernel, options).empty())
      return &kind;
  return nullptr;
}

std::string explainKernelKind(const KernelKind &kind,
                              const KernelDescription &kernel,
                              const TargetOptions &options) {
  if (options.optLevel == 0)
    return "opt level 0 uses plain kernels only";
  return explainKind<KernelKind>(
      kernelKinds(), kind, [&](const KernelKind &other) {
        return whyNotSelected(other, kernel, options);
      });
}

const KernelKind *findKernelKind(llvm::StringRef operation,
                                 llvm::StringRef name) {
  return findKind(kernelKinds(), operation, name);
}

void printKernelKinds(llvm::raw_ostream &os) {
  os << "# Kernel kinds of the cuda backend\n\n"
        "Written from the table in `backends/cuda/KernelKinds.cpp`. Of one "
        "operation the first kind\nthat fits is used; `--opt-level=0` uses "
        "`plain` only.\n\n"
     << "| operation | kind | how |\n| --- | --- | --- |\n";
  for (const KernelKind &kind : kKinds)
    os << "| " << kind.operation << " | " << kind.name << " | "
       << kind.description << " |\n";
}

KernelLaunches expandKernel(gpu::GPUModuleOp module, Location loc,
                            StringRef symbol, const KernelDescription &kernel,
                            const KernelKind &kind, uint32_t rows) {
  KernelWriter writer(module, loc, symbol.str(), kernel, rows);
  kind.emit(writer);
  return writer.takeLaunches();
}

} // namespace gossamer::cuda
