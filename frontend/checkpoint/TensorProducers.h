//===- TensorProducers.h - Tensors in another layout ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What the forms of a checkpoint differ in, each as a function from the bytes
// of tensors to those of a tensor. All of them keep the numbers; only
// convertFloats may lose some, and counts what it loses.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_TENSORPRODUCERS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_TENSORPRODUCERS_H

#include "frontend/checkpoint/TensorBytes.h"
#include "runtime/weights/Safetensors.h"

#include <atomic>

namespace gossamer {

/// Row 2r is row r of `even`, row 2r + 1 is row r of `odd`: how gate and up are
/// stored by Hugging Face.
TensorBytes interleaveRows(const TensorBytes &even, const TensorBytes &odd,
                           uint64_t rowBytes);
/// Row r is row 2r + `first` of `source`: the inverse.
TensorBytes takeAlternateRows(const TensorBytes &source, uint64_t rowBytes,
                              uint64_t first);
/// One after another.
TensorBytes concatenate(std::vector<TensorBytes> parts);

/// @name MXFP4 in GGML: 17 bytes a block of 32, the scale and then 16 bytes in
/// which byte j holds elements j and j + 16. Published blocks hold elements 2j
/// and 2j + 1 there, and the scales stand apart.
/// @{
inline constexpr uint64_t ggmlMxfp4BlockBytes = 17;
TensorBytes publishedBlocks(const TensorBytes &ggml);
TensorBytes publishedScales(const TensorBytes &ggml);
TensorBytes ggmlMxfp4(const TensorBytes &blocks, const TensorBytes &scales);
/// @}

/// Q8_0 of GGML as F32, exact: 34 bytes a block of 32, an F16 step and 32 int8.
inline constexpr uint64_t ggmlQ8BlockBytes = 34;
TensorBytes dequantizeQ8(const TensorBytes &ggml);

/// Numbers that a narrower type could not hold.
struct ConversionLoss {
  std::atomic<uint64_t> overflows{0};  ///< finite that became infinite.
  std::atomic<uint64_t> underflows{0}; ///< not zero that became zero.
  std::atomic<uint64_t> rounded{0};    ///< any other that changed.
};

/// Elements of `from` as `to`, each one of BF16, F16 and F32: exact, or to
/// nearest with ties to even. Counts in `loss`, if any, what each reading
/// loses.
TensorBytes
convertFloats(const TensorBytes &source, DType from, DType to,
              const std::shared_ptr<ConversionLoss> &loss = nullptr);
/// Whether every element is the same number in BF16. Reads all.
bool isExactInBf16(const TensorBytes &source, DType from);

/// The shape of an expert's matrices, before a transposition.
struct MatrixShape {
  uint64_t matrices = 1, rows = 0, columns = 0;
};

/// MXFP4 [E, rows, columns] as BF16 [E, columns, rows].
TensorBytes dequantizeTransposed(const TensorBytes &blocks,
                                 const TensorBytes &scales, MatrixShape shape);

/// The inverse: blocks and scales [E, rows, columns] of a matrix [E, columns,
/// rows] of floating-point numbers. A block's scale is the smallest power of
/// two with which its largest number is at most 6; codes are the nearest, ties
/// to even. Numbers that came from MXFP4 stay the same numbers, if not the same
/// bytes. A block with NaN or infinity gets the scale 255. `loss` counts what
/// making the blocks loses.
struct Mxfp4Tensors {
  TensorBytes blocks, scales;
};
Mxfp4Tensors
quantizeTransposed(const TensorBytes &plain, DType from, MatrixShape shape,
                   const std::shared_ptr<ConversionLoss> &loss = nullptr);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_TENSORPRODUCERS_H
