//===- RandomTensor.h - Random contents of a tensor -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to Synth.cpp. The bytes of a tensor are a function of seed, tensor
// name and byte position, so any part can be made on any thread.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H
#define GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H

#include "frontend/checkpoint/ParameterList.h"

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

  /// Writes the bytes from `begin` (a multiple of 8) on.
  void fill(uint64_t begin, std::span<std::byte> out) const;

private:
  enum class Content : uint8_t { Bf16, Codes, Scales };

  /// Turn eight random bytes into scales or bf16 values.
  uint64_t toScales(uint64_t word) const;
  uint64_t toBf16(uint64_t word) const;
  template <typename Convert>
  void fillWords(uint64_t begin, std::span<std::byte> out,
                 Convert convert) const;

  Content content_;
  uint64_t key_;
  float center_ = 0; ///< bf16 values are center + unit * (a random int16).
  float unit_ = 0;
  uint8_t scale_ = 0; ///< middle E8M0 scale.
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_RANDOMTENSOR_H
