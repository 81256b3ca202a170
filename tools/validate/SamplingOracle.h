//===- SamplingOracle.h - Exact probabilities of the next token -*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What a sampler must draw from, written down a second time: as Hugging Face
// transformers' logits processors say it, on whole rows, in double precision,
// with full sorts. Shares no code with runtime/generate/Sampler.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_SAMPLINGORACLE_H
#define GOSSAMER_TOOLS_VALIDATE_SAMPLINGORACLE_H

#include "runtime/generate/Sampler.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gossamer::tools {

/// The probability of each token. `logits` are finite or -inf, at least one
/// finite; `seen` are the tokens of the sequence so far; `options` are valid.
/// In this order:
///   repetition penalty r: of each distinct seen id, s < 0 ? s r : s / r;
///   greedy (or temperature 0): 1 for the largest s, the lowest id among
///   equals; temperature T: s / T; top-k: drops every s strictly below the k-th
///   largest; top-p: in ascending order of s, drops those whose cumulative
///   softmax is
///     at most 1 - p, never the last;
///   min-p m: drops those less probable than m times the most probable;
///   softmax.
std::vector<double> exactProbabilities(std::span<const float> logits,
                                       const SamplingOptions &options,
                                       std::span<const int32_t> seen);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_SAMPLINGORACLE_H
