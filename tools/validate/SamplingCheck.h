//===- SamplingCheck.h - Is what the sampler draws distributed right? -----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_SAMPLINGCHECK_H
#define GOSSAMER_TOOLS_VALIDATE_SAMPLINGCHECK_H

#include "runtime/generate/Sampler.h"
#include "tools/validate/ChiSquare.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gossamer::tools {

/// A set of sampling options under a name.
struct SamplingStrategy {
  std::string name;
  SamplingOptions options;
};

/// Every strategy alone, and one of all together; each with a seed of its own
/// that `seed` determines.
std::vector<SamplingStrategy> samplingStrategies(uint64_t seed);

/// What draws from one distribution gave.
struct SamplingResult {
  std::vector<uint64_t> counts;      ///< of each token.
  std::vector<double> probabilities; ///< exact.
  ChiSquareResult test;
};

/// Draws `draws` tokens with the runtime's Sampler, one for each position from
/// 0 on, always from these logits after `seen`, and tests their frequencies
/// against exactProbabilities. Uses all cores; the result does not depend on
/// how many. Interrupted after Ctrl-C.
Expected<SamplingResult> checkSampling(std::span<const float> logits,
                                       const SamplingOptions &options,
                                       std::span<const int32_t> seen,
                                       uint64_t draws);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_SAMPLINGCHECK_H
