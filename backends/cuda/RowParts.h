//===- RowParts.h - What kernels do with rows -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_ROWPARTS_H
#define GOSSAMER_BACKENDS_CUDA_ROWPARTS_H

#include "backends/cuda/KernelWriter.h"

namespace gossamer::cuda {

/// The two halves of a head, turned by an angle.
struct Rotated {
  Rotated(Val a, Val b, Val cosine, Val sine)
      : first(a * cosine - b * sine), second(b * cosine + a * sine) {}
  Val first, second;
};

/// Threads of a block that normalises a row: they are part of the order of
/// additions.
inline constexpr int64_t kNormBlock = 256;

/// Hands (i, norm of the row's element i) to `take`, by all threads of a block.
/// `weight` is a binding. Holds a barrier.
void normalizeRow(KernelBuilder &k, Array x, int64_t n, unsigned weight,
                  llvm::function_ref<void(Val, Val)> take);

/// A stage that normalises the rows of binding 0 with the weight of binding 1.
void emitNormStage(KernelWriter &w,
                   llvm::function_ref<Array(KernelBuilder &, Val row)> output);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_ROWPARTS_H
