//===- RandomTensor.h - Random contents of a tensor -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to the making of synthetic checkpoints. The bytes of a tensor are a
// function of seed, tensor name and byte position, so any part can be made on
// any thread.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H
#define GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H

#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/VectorIsa.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace gossamer {

/// Makes the bytes of one tensor of a parameter.
class RandomTensor {
public:
  /// `tensor` is one of `parameter.tensors`; both only serve construction.
  RandomTensor(const Parameter &parameter, const TensorSpec &tensor,
               uint64_t seed);

  /// Writes the bytes from `begin` (a multiple of 8) on. The processor must
  /// have the instructions.
  void fill(uint64_t begin, std::span<std::byte> out,
            VectorIsa isa = bestVectorIsa()) const;

  enum class Content : uint8_t { Bf16, Codes, Scales };

  /// What the bytes are made from.
  struct Recipe {
    Content content = Content::Bf16;
    uint64_t key = 0;
    float center = 0; ///< bf16 values are center + unit * (a random int16).
    float unit = 0;
    uint8_t scale = 0; ///< middle E8M0 scale.
  };

private:
  Recipe recipe_;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H
