//===- KernelEmitters.h - The bodies of the kernels -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One function a kernel operation and way of computing it. Each writes the
// loop over the work items. KernelKinds.cpp says when which is used.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_KERNELEMITTERS_H
#define GOSSAMER_BACKENDS_CPU_KERNELEMITTERS_H

#include "backends/cpu/KernelBuilder.h"

namespace gossamer::cpu {

// ElementKernels.cpp: any number of lanes.
void emitEmbedding(KernelBuilder &k);
void emitRmsNorm(KernelBuilder &k);
void emitRopeTable(KernelBuilder &k);
void emitRope(KernelBuilder &k);
void emitSplitHalf(KernelBuilder &k);
void emitMergeHalf(KernelBuilder &k);
void emitRotate(KernelBuilder &k);
void emitAdd(KernelBuilder &k);
void emitWeightedSum(KernelBuilder &k);
void emitGatherRows(KernelBuilder &k);
void emitCacheAppend(KernelBuilder &k);

// RoutingKernels.cpp: one lane.
void emitSwiglu(KernelBuilder &k);
void emitMask(KernelBuilder &k);
void emitSoftmax(KernelBuilder &k);
void emitSoftmaxSink(KernelBuilder &k);
void emitTopK(KernelBuilder &k);
void emitRoute(KernelBuilder &k);

// ProductKernels.cpp: one lane, additions in the order of the inputs.
void emitPlainLinear(KernelBuilder &k);
void emitPlainExpertLinear(KernelBuilder &k);
void emitPlainExpertGateUp(KernelBuilder &k);
void emitPlainExpertDown(KernelBuilder &k);

// QuantizeKernel.cpp: inputs of integer products.
void emitQuantize(KernelBuilder &k);

// MatrixKernels.cpp: 16 rows at a time; the products themselves are those of
// Products.h.
void emitLinear(KernelBuilder &k);
void emitExpertGateUp(KernelBuilder &k);
void emitExpertDown(KernelBuilder &k);

// AttentionKernels.cpp: one lane.
void emitAttentionScores(KernelBuilder &k);
void emitAttentionValues(KernelBuilder &k);
void emitPlainAttention(KernelBuilder &k);

// PagedAttention.cpp: 16 keys at a time.
void emitPagedAttention(KernelBuilder &k);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_KERNELEMITTERS_H
