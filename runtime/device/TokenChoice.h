//===- TokenChoice.h - How a token is to be chosen --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_TOKENCHOICE_H
#define GOSSAMER_RUNTIME_DEVICE_TOKENCHOICE_H

#include <cstdint>
#include <limits>
#include <span>

namespace gossamer {

/// One choice of a token by a row of logits. runtime/generate/Sampler says what
/// it means, and is what a device's choice must equal.
struct TokenChoice {
  /// Divides the logits; 0: the token with the largest one.
  double temperature = 0;
  int64_t topK = 0; ///< 0: off.
  double topP = 1;  ///< 1: off.
  /// Logarithm of the least probability, relative to the largest; -inf: off.
  double logMinP = -std::numeric_limits<double>::infinity();
  double penalty = 1; ///< of the logits of `seen`; 1: off.
  double uniform = 0; ///< what draws the token, in [0, 1).
  /// A bit a token, lowest first; empty without a penalty. Valid until the
  /// token is chosen.
  std::span<const uint32_t> seen;
};

/// Words of TokenChoice::seen.
constexpr uint64_t seenWords(uint64_t vocabulary) {
  return vocabulary / 32 + 1;
}

/// Instead of a token: the logits of the row, and no choice.
inline constexpr int32_t wholeRow = -1;

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_TOKENCHOICE_H
