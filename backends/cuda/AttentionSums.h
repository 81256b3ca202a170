//===- AttentionSums.h - Softmax as one goes --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Of the keys so far a head has the maximum m of the scores, the denominator l
// and the weighted sum o, both relative to m.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_ATTENTIONSUMS_H
#define GOSSAMER_BACKENDS_CUDA_ATTENTIONSUMS_H

#include "backends/cuda/KernelBuilder.h"

namespace gossamer::cuda {

/// Keys of a page of the cache, as these kernels take them: half a warp.
inline constexpr int64_t kPageKeys = 16;

/// Less than any score; finite, so that differences are numbers.
inline constexpr double kNoMaximum = -1e30;

/// An element of the result: the sink joins the denominator.
inline Val withSink(KernelBuilder &k, Val sink, Val m, Val l, Val o) {
  Val most = k.max(m, sink);
  Val rescale = k.exp(m - most);
  return o * rescale / k.fma(l, rescale, k.exp(sink - most));
}

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_ATTENTIONSUMS_H
