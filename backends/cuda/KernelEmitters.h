//===- KernelEmitters.h - The device functions of the kernels ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One function a kernel operation and way of computing it. KernelKinds.cpp says
// when which is used.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_KERNELEMITTERS_H
#define GOSSAMER_BACKENDS_CUDA_KERNELEMITTERS_H

#include "backends/cuda/KernelWriter.h"

namespace gossamer::cuda {

// ElementKernels.cpp: a block a row, each thread some of its elements.
void emitEmbedding(KernelWriter &w);
void emitGatherRows(KernelWriter &w);
void emitRopeTable(KernelWriter &w);
void emitRope(KernelWriter &w);
void emitRotate(KernelWriter &w);
void emitSplitHalf(KernelWriter &w);
void emitMergeHalf(KernelWriter &w);
void emitAdd(KernelWriter &w);
void emitWeightedSum(KernelWriter &w);
void emitSwiglu(KernelWriter &w);
void emitCacheAppend(KernelWriter &w);

// RowKernels.cpp: a row is reduced by a warp or a block.
void emitRmsNorm(KernelWriter &w);
void emitSoftmax(KernelWriter &w);
void emitSoftmaxSink(KernelWriter &w);
void emitTopK(KernelWriter &w);

// RoutingKernels.cpp: the choice of experts, and the norm and the product
// before it.
void emitRoute(KernelWriter &w);
void emitNormRouteExact(KernelWriter &w);
void emitNormRouteRounded(KernelWriter &w);
void emitPlainNormRoute(KernelWriter &w);

// ProjectKernels.cpp: from a row to its query and to the cache.
std::string refuseProject(const KernelDescription &kernel);
void emitProjectExact(KernelWriter &w);
void emitProjectRounded(KernelWriter &w);
void emitPlainProject(KernelWriter &w);

// ChoiceKernel.cpp: goss_cuda_code.choose, described for the buffer of logits.
/// Of a larger vocabulary the sum of weights may not fit an i64.
inline constexpr int64_t kMostTokensToChoose = int64_t{1} << 22;
KernelDescription describeChoice(mlir::MemRefType logits);
void emitChoice(KernelWriter &w);

// ProductKernels.cpp: a warp computes an output, lane by lane.
void emitPlainLinear(KernelWriter &w);
void emitPlainExpertLinear(KernelWriter &w);
void emitPlainExpertGateUp(KernelWriter &w);
void emitPlainExpertDown(KernelWriter &w);
/// The stage of expert_down that adds up the products of each token's experts,
/// [slot][output] in scratch memory, in the order of rank.
void emitDownSum(KernelWriter &w);

// VectorProducts.cpp: whole rows of weights, 16 bytes a lane.
std::string refuseDenseVectors(const KernelDescription &kernel);
void emitDenseVectors(KernelWriter &w);
/// Its variants for up to `mostRows` rows.
void emitFewDenseRows(KernelWriter &w, uint32_t mostRows);
std::string refuseExpertVectors(const KernelDescription &kernel);
void emitExpertGateUpVectors(KernelWriter &w);
void emitExpertDownVectors(KernelWriter &w);
/// Its variants for up to `mostRows` rows.
void emitFewExpertDownRows(KernelWriter &w, uint32_t mostRows);

// TileProducts.cpp: tensor cores for many rows, vectors for few. Exact ones
// take inputs as they are, the others round them to bf16.
std::string refuseDenseTiles(const KernelDescription &kernel);
void emitDenseTilesExact(KernelWriter &w);
void emitDenseTilesRounded(KernelWriter &w);
void emitExpertGateUpTilesExact(KernelWriter &w);
void emitExpertGateUpTilesRounded(KernelWriter &w);
void emitExpertDownTilesExact(KernelWriter &w);
void emitExpertDownTilesRounded(KernelWriter &w);

// AttentionKernels.cpp: a warp a head.
void emitAttentionScores(KernelWriter &w);
void emitMask(KernelWriter &w);
void emitAttentionValues(KernelWriter &w);
void emitPlainAttention(KernelWriter &w);

// SplitAttention.cpp: the heads of a key together, keys divided by pages.
std::string refuseSplitAttention(const KernelDescription &kernel);
void emitSplitAttention(KernelWriter &w);
/// Its variants for up to `mostRows` rows.
void emitFewQueries(KernelWriter &w, uint32_t mostRows);
/// Query heads that share keys.
int64_t groupSize(const KernelDescription &kernel);

// TileAttention.cpp: tensor cores for many queries. Exact ones take queries and
// probabilities as they are, the others round them, keys and values to bf16.
std::string refuseTileAttention(const KernelDescription &kernel);
std::string refuseExactTileAttention(const KernelDescription &kernel);
void emitTileAttentionExact(KernelWriter &w);
void emitTileAttentionRounded(KernelWriter &w);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_KERNELEMITTERS_H
