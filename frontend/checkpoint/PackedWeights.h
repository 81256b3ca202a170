//===- PackedWeights.h - Weights in row panels ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Makes the tensors of the layout `row_panel` of !gptoss.weight from those of a
// checkpoint. MXFP4 blocks only change places. A dense matrix is rounded to 8
// bits: for each block of inputs of a row (32 of them, or the row),
//
//   step = max |weight| / 127 in float32, rounded up to a bf16
//   w = the integer nearest to weight / step, ties to even, stored + 128
//
// so that |w| <= 127 and w * step is off by half a step, which is at most
// 0.4 % of the block's largest weight. A block of zeros has step 0 and w = 0.
// One with an infinity or NaN has such a step, and w = 1: no product with it is
// a number.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_PACKEDWEIGHTS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_PACKEDWEIGHTS_H

#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/TensorBytes.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace gossamer {

/// One tensor to be made: the values or the scales of a parameter.
struct PackedTensor {
  enum class Part { Values, Scales };

  /// Checkpoint tensor: MXFP4 blocks (values) or scales (scales), or a dense
  /// matrix by rows (for either).
  TensorBytes source;
  ElementType element = ElementType::F4E2M1; ///< of the source.
  Part part = Part::Values;
  int64_t matrices = 1;
  int64_t outputs = 0;
  int64_t inputs = 0; ///< a multiple of 32.
  /// Inputs that share a scale or step: 32, or of a dense matrix all.
  int64_t block = 32;

  /// Bytes of a panel, and of the tensor.
  uint64_t panelBytes() const;
  uint64_t byteSize() const;
  /// The largest whole number of panels that `bytes` hold, at least one panel,
  /// in bytes.
  uint64_t wholePanels(uint64_t bytes) const;

  /// Makes the bytes from `begin` on, a multiple of panelBytes(), as far as
  /// whole panels fit into `out`; returns their number. Uses all cores.
  size_t pack(uint64_t begin, std::span<std::byte> out) const;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_PACKEDWEIGHTS_H
