//===- DenseProducts.h - Products as stages of kernels ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The ways to multiply rows with dense matrices, for kernels that are more than
// a product: where rows come from and where sums go is the caller's.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_DENSEPRODUCTS_H
#define GOSSAMER_BACKENDS_CUDA_DENSEPRODUCTS_H

#include "backends/cuda/KernelWriter.h"

namespace gossamer::cuda {

/// The inputs of a row; rows are those of the kernel.
using RowInput = llvm::function_ref<Array(KernelBuilder &, Val row)>;
/// Takes the sum of (row, output), once.
using SumStore = llvm::function_ref<void(KernelBuilder &, Val, Val, Val)>;

/// A matrix, and what becomes of the products with it.
struct DenseMatrix {
  unsigned weight; ///< binding.
  SumStore store;
};

/// Where the rows of a kernel of `linear` are, and where its sums go: bias and
/// residual are added to them.
class LinearBindings {
public:
  explicit LinearBindings(const KernelDescription &kernel);
  void operator()(KernelBuilder &k, Val row, Val output, Val sum) const;

private:
  unsigned bias_, residual_, y_; ///< 0: there is none.
};
inline Array inputRow(KernelBuilder &k, Val row) { return k.row(0, row); }

// ProductKernels.cpp ----------------------------------------------------------

/// A warp an output of a row, with any weights but row panels.
void emitWarpStage(KernelWriter &w, RowInput input, DenseMatrix matrix);

// VectorProducts.cpp ----------------------------------------------------------

/// Warps of a block that each have outputs of their own.
inline constexpr int64_t kDenseWarps = 8;

/// A tile of outputs and rows of the input, computed by a warp.
struct DenseTile {
  int64_t outputs; ///< of a warp.
  int64_t rows;    ///< of the input.
  int64_t unroll;  ///< loads of each output under way.
};

/// Products of rows of bf16 weights with rows of inputs, a multiple of 8 of
/// them, by a warp; by output and then row, in all lanes.
Vals denseProduct(KernelBuilder &k, DenseTile tile, int64_t inputs,
                  llvm::ArrayRef<Array> weights, llvm::ArrayRef<Array> xs);

/// What of a weight these products lack an answer to; empty if nothing.
std::string refuseDenseVectorWeight(const WeightForm &weight);

/// A warp some outputs of some rows.
void emitVectorStage(KernelWriter &w, DenseTile tile, RowInput input,
                     DenseMatrix matrix);

// TileProducts.cpp ------------------------------------------------------------

/// Rows up to which products by vectors read less.
inline constexpr uint32_t kFewRows = 16;

/// Parts of an input that products by tensor cores take: nothing is lost, or
/// what does not fit a bf16.
inline constexpr int64_t kExactParts = 3, kRoundedParts = 1;

std::string refuseDenseTileWeight(const WeightForm &weight);

/// A block 128 outputs of 64 rows.
void emitTileStage(KernelWriter &w, int64_t parts, RowInput input,
                   DenseMatrix matrix);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_DENSEPRODUCTS_H
