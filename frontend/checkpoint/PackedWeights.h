//===- PackedWeights.h - Weights in row panels ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Makes the tensors of the layout `row_panel` of !gptoss.weight from those of a
// checkpoint. MXFP4 blocks only change places. A dense matrix is rounded to 8
// bits: for each block of 32 inputs of a row, step = max |w| / 127 rounded up
// to a bf16, w = nearest integer of weight / step (ties to even), stored + 128.
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
