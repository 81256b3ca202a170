//===- Histogram.h - Weights of a row by bins -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_HISTOGRAM_H
#define GOSSAMER_BACKENDS_CUDA_HISTOGRAM_H

#include "backends/cuda/KernelBuilder.h"

namespace gossamer::cuda {

/// Elements of a bin, or of all up to it: their number and their weight.
struct Tally {
  Val count;  ///< i32.
  Val weight; ///< i64.
};

/// Bins in shared memory that all threads of a block add to. Weights are kept
/// as halves of 32 bits: chips add those at once.
class Histogram {
public:
  static constexpr int64_t kBins = 256;

  explicit Histogram(KernelBuilder &k)
      : k_(k), counts_(k.shared(k.i32Type(), kBins)),
        low_(k.shared(k.i32Type(), kBins)),
        high_(k.shared(k.i32Type(), kBins)) {}

  void set(Val bin, Tally tally);
  Tally at(Val bin);
  /// Sets all bins to 0; a barrier must follow.
  void clear();
  /// Adds atomically; barriers must come before and after.
  void add(Val bin, Val weight);
  void addCount(Val bin);

  struct Found {
    Val bin; ///< i32.
    Tally before, through;
  };
  /// The first bin at which `isReached` of the running tally, which begins with
  /// `base`, holds: it must not hold before where it does not after. Each warp
  /// finds it for itself, in all lanes.
  Found find(Tally base, llvm::function_ref<Val(Tally)> isReached);

private:
  Tally scanLanes(Tally own);

  KernelBuilder &k_;
  Array counts_, low_, high_;
};

/// Of an i64, over the lanes of a warp; all lanes have it.
Val wideWarpSum(KernelBuilder &k, Val v);
/// Over the block; all threads have it. Holds a barrier.
Val wideBlockSum(KernelBuilder &k, Val v);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_HISTOGRAM_H
