//===- KernelKinds.cpp - The table of kernel kinds ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelKinds.h"

#include "backends/KernelSelection.h"
#include "backends/cpu/KernelEmitters.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer::cpu {

static constexpr llvm::StringLiteral kAvx512[] = {"avx512f", "avx512bw",
                                                  "avx512vl"};
static constexpr llvm::StringLiteral kVnni[] = {"avx512f", "avx512bw",
                                                "avx512vl", "avx512vnni"};

static constexpr llvm::StringLiteral kPlain =
    "scalar loops, sums in the order of the inputs";
static constexpr llvm::StringLiteral kRows = "16 elements at a time";
static constexpr llvm::StringLiteral kTable =
    "4-bit codes looked up by vpermps, 4 rows x up to 4 tokens";
static constexpr llvm::StringLiteral kInteger =
    "4-bit codes decoded by integer arithmetic, any target, same bits";
static constexpr llvm::StringLiteral kPanelTable =
    "vectors over the 16 rows of a panel, same bits as by rows";
static constexpr llvm::StringLiteral kPanelInteger = "the same on any target";
static constexpr llvm::StringLiteral kRowsVnni =
    "16 rows transposed in registers, vpdpbusd, up to 16 tokens";
static constexpr llvm::StringLiteral kPanelsVnni =
    "16 rows of a panel, vpdpbusd, up to 16 tokens";
static constexpr llvm::StringLiteral kAnyInt8 =
    "the same by 16-bit products, any target, same bits";
static constexpr llvm::StringLiteral kDotRows =
    "16-lane sums along rows, 4 rows x up to 4 tokens; from 1 MiB on, one "
    "token row after row";
static constexpr llvm::StringLiteral kDotColumns =
    "vectors over 16 outputs of transposed weights, same bits as by rows";

// clang-format off
static constexpr KernelKind kKinds[] = {
#define PLAIN(operation, emit)                                                 \
  {operation, "plain", 1, WeightNeed::Any, false, {}, kPlain, emit}
#define LANES(operation, emit)                                                 \
  {operation, "lanes16", 16, WeightNeed::Any, false, {}, kRows, emit}, \
  PLAIN(operation, emit)
#define EXPERT(operation, emit, plain)                                         \
  {operation, "mxfp4_table", 16, WeightNeed::MxFp4, false, kAvx512, kTable, emit}, \
  {operation, "mxfp4_integer", 16, WeightNeed::MxFp4, false, {}, kInteger, emit}, \
  {operation, "panels_table", 16, WeightNeed::MxFp4Panels, false, kAvx512, kPanelTable, emit}, \
  {operation, "panels_integer", 16, WeightNeed::MxFp4Panels, false, {}, kPanelInteger, emit}, \
  {operation, "rows_vnni", 16, WeightNeed::MxFp4, true, kVnni, kRowsVnni, emit}, \
  {operation, "rows_int8", 16, WeightNeed::MxFp4, true, {}, kAnyInt8, emit}, \
  {operation, "panels_vnni", 16, WeightNeed::MxFp4Panels, true, kVnni, kPanelsVnni, emit}, \
  {operation, "panels_int8", 16, WeightNeed::MxFp4Panels, true, {}, kAnyInt8, emit}, \
  {operation, "dense_rows", 16, WeightNeed::DenseRows, false, {}, kDotRows, emit}, \
  {operation, "dense_columns", 16, WeightNeed::DenseColumns, false, {}, kDotColumns, emit}, \
  PLAIN(operation, plain)
  LANES("embedding", emitEmbedding),
  LANES("rms_norm", emitRmsNorm),
  {"quantize", "blocks32", 16, WeightNeed::Any, false, {}, "a row's step, then a block of 32 at a time", emitQuantize},
  {"linear", "mxfp4_table", 16, WeightNeed::MxFp4, false, kAvx512, kTable, emitLinear},
  {"linear", "mxfp4_integer", 16, WeightNeed::MxFp4, false, {}, kInteger, emitLinear},
  {"linear", "panels_vnni", 16, WeightNeed::Int8Panels, true, kVnni, kPanelsVnni, emitLinear},
  {"linear", "panels_int8", 16, WeightNeed::Int8Panels, true, {}, kAnyInt8, emitLinear},
  {"linear", "dense_rows", 16, WeightNeed::DenseRows, false, {}, kDotRows, emitLinear},
  PLAIN("linear", emitPlainLinear),
  LANES("rope_table", emitRopeTable),
  LANES("rope", emitRope),
  LANES("split_half", emitSplitHalf),
  LANES("rotate", emitRotate),
  LANES("merge_half", emitMergeHalf),
  LANES("cache_append", emitCacheAppend),
  {"attention", "pages16", 16, WeightNeed::Any, false, {},
   "16 keys at a time, softmax by blocks of 64, heads of a group and runs of tokens together", emitPagedAttention},
  PLAIN("attention", emitPlainAttention),
  PLAIN("attention_scores", emitAttentionScores),
  PLAIN("mask", emitMask),
  PLAIN("softmax_sink", emitSoftmaxSink),
  PLAIN("attention_values", emitAttentionValues),
  PLAIN("top_k", emitTopK),
  PLAIN("softmax", emitSoftmax),
  PLAIN("expert_linear", emitPlainExpertLinear),
  PLAIN("swiglu", emitSwiglu),
  LANES("weighted_sum", emitWeightedSum),
  LANES("add", emitAdd),
  LANES("gather_rows", emitGatherRows),
  PLAIN("route", emitRoute),
  EXPERT("expert_gate_up", emitExpertGateUp, emitPlainExpertGateUp),
  EXPERT("expert_down", emitExpertDown, emitPlainExpertDown),
#undef EXPERT
#undef LANES
#undef PLAIN
};
// clang-format on

llvm::ArrayRef<KernelKind> kernelKinds() { return kKinds; }

static bool acceptsWeight(WeightNeed need, const WeightForm &weight) {
  bool isMx = weight.element == Element::MXFP4;
  bool isPanel = weight.layout == Layout::RowPanel;
  switch (need) {
  case WeightNeed::Any:
    return !isPanel;
  case WeightNeed::DenseRows:
    return !weight.isScaled() && weight.layout == Layout::RowMajor;
  case WeightNeed::DenseColumns:
    return !weight.isScaled() && weight.layout == Layout::Transposed;
  case WeightNeed::MxFp4:
    return isMx && weight.layout == Layout::Published;
  case WeightNeed::MxFp4Panels:
    return isMx && isPanel;
  case WeightNeed::Int8Panels:
    return weight.element == Element::I8 && isPanel;
  }
  return false;
}

static StringRef describe(WeightNeed need) {
  switch (need) {
  case WeightNeed::Any:
    return "any";
  case WeightNeed::DenseRows:
    return "bf16, f16, f32 by rows";
  case WeightNeed::DenseColumns:
    return "bf16, f16, f32 transposed";
  case WeightNeed::MxFp4:
    return "MXFP4 as published";
  case WeightNeed::MxFp4Panels:
    return "MXFP4 in row panels";
  case WeightNeed::Int8Panels:
    return "int8 in row panels";
  }
  return "";
}

bool isApplicable(const KernelKind &kind, const KernelDescription &kernel,
                  const CpuFeatures &features, std::string *why) {
  auto refuse = [&](std::string reason) {
    if (why)
      *why = std::move(reason);
    return false;
  };
  if (kind.operation != kernel.operation)
    return refuse("is for " + kind.operation.str());
  for (StringRef feature : kind.features)
    if (!features.has(feature))
      return refuse("needs the processor feature " + feature.str());
  const WeightForm *matrix = kernel.matrix();
  if (matrix && !acceptsWeight(kind.weights, *matrix))
    return refuse("needs weights of the form " + describe(kind.weights).str());
  if (matrix && kind.isQuantized != kernel.isQuantized)
    return refuse(kernel.isQuantized ? "multiplies float32 activations"
                                     : "multiplies int8 activations");
  // A page must fill the lanes exactly.
  const CacheForm *cache = kernel.cache();
  if (kind.name == "pages16" && cache && cache->pageTokens != kLanes)
    return refuse("needs pages of 16 tokens");
  return true;
}

const KernelKind *selectKernelKind(const KernelDescription &kernel,
                                   const TargetOptions &options) {
  CpuFeatures features(options.features);
  for (const KernelKind &kind : kKinds)
    if ((options.optLevel > 0 || kind.lanes == 1) &&
        isApplicable(kind, kernel, features))
      return &kind;
  return nullptr;
}

std::string explainKernelKind(const KernelKind &kind,
                              const KernelDescription &kernel,
                              const TargetOptions &options) {
  if (options.optLevel == 0)
    return "opt level 0 uses plain loops only";
  CpuFeatures features(options.features);
  return explainKind<KernelKind>(
      kernelKinds(), kind, [&](const KernelKind &other) {
        std::string why;
        bool fits = isApplicable(other, kernel, features, &why);
        return fits ? std::string() : why;
      });
}

const KernelKind *findKernelKind(llvm::StringRef operation,
                                 llvm::StringRef name) {
  return findKind(kernelKinds(), operation, name);
}

void printKernelKinds(llvm::raw_ostream &os) {
  os << "# Kernel kinds of the cpu backend\n\n"
        "Written from the table in `backends/cpu/KernelKinds.cpp`. Of one "
        "operation the first kind\nthat fits weights and processor is used; "
        "`--opt-level=0` uses `plain` only.\n\n"
     << "| operation | kind | weights | activations | processor features | how "
        "|\n"
     << "| --- | --- | --- | --- | --- | --- |\n";
  for (const KernelKind &kind : kKinds)
    os << "| " << kind.operation << " | " << kind.name << " | "
       << describe(kind.weights) << " | "
       << (kind.isQuantized ? "int8, one or two parts" : "float32") << " | "
       << (kind.features.empty() ? std::string("any")
                                 : llvm::join(kind.features, ", "))
       << " | " << kind.description << " |\n";
}

} // namespace gossamer::cpu
