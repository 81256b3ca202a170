//===- Candidates.h - The largest of a row ----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_CANDIDATES_H
#define GOSSAMER_BACKENDS_CUDA_CANDIDATES_H

#include "backends/cuda/KernelBuilder.h"

namespace gossamer::cuda {

/// Orders of infinities; see `orderOf`.
inline constexpr int64_t kInfinityOrder = 0x7f800000,
                         kMinusInfinityOrder = ~kInfinityOrder;

/// An element by value, then by lower index.
struct Candidate {
  Val order; ///< i32 that compares like the value.
  Val index; ///< i32.
};

/// Less than any element.
Candidate noCandidate(KernelBuilder &k);

/// Integers in the order of floats. Zeros are equal; NaN is less than all.
Val orderOf(KernelBuilder &k, Val v);

/// The value of an order, 0 for either zero.
Val valueOf(KernelBuilder &k, Val order);

Candidate better(KernelBuilder &k, Candidate l, Candidate r);
/// Over the lanes of a warp; all lanes have it.
Candidate warpBest(KernelBuilder &k, Candidate own);
/// Over the block; all threads have it. Holds a barrier.
Candidate blockBest(KernelBuilder &k, Candidate own);

/// Chooses the `count` largest of the `n` elements of a row with one warp, ties
/// to the lower index; hands (rank, value, index) to `take` in all lanes.
void chooseLargest(KernelBuilder &k, Array row, int64_t n, int64_t count,
                   llvm::function_ref<void(int64_t, Val, Val)> take);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_CANDIDATES_H
