//===- SamplingCheck.cpp - Is what the sampler draws distributed right? ---===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/SamplingCheck.h"

#include "tools/support/Terminal.h"
#include "tools/validate/SamplingOracle.h"

#include <mutex>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

namespace gossamer::tools {

std::vector<SamplingStrategy> samplingStrategies(uint64_t seed) {
  std::vector<SamplingStrategy> strategies = {
      {"greedy", {.greedy = true}},
      {"plain", {}},
      {"temperature", {.temperature = 0.7}},
      {"top-k", {.topK = 20}},
      {"top-p", {.topP = 0.9}},
      {"min-p", {.minP = 0.05}},
      {"repetition-penalty", {.repetitionPenalty = 1.3}},
      {"combined",
       {.temperature = 1.2,
        .topK = 40,
        .topP = 0.95,
        .minP = 0.01,
        .repetitionPenalty = 1.1}},
  };
  for (SamplingStrategy &strategy : strategies)
    strategy.options.seed = seed++;
  return strategies;
}

/// Adds the draws of positions from `begin` to `end` to `counts`.
static Status drawRange(std::span<const float> logits,
                        const SamplingOptions &options,
                        std::span<const int32_t> seen, uint64_t begin,
                        uint64_t end, std::span<uint64_t> counts) {
  Sampler sampler(options, static_cast<uint32_t>(logits.size()));
  sampler.observe(seen);
  // Once for all draws: of a flat row the candidates take long to sort.
  GOSS_RETURN_IF_ERROR(sampler.prepare(logits, begin));
  for (uint64_t position = begin; position < end; ++position) {
    int32_t token = sampler.draw(position);
    if (token < 0 || static_cast<size_t>(token) >= counts.size())
      return internalError("the sampler expects to draw one of " +
                           std::to_string(counts.size()) + " tokens but drew " +
                           std::to_string(token));
    ++counts[static_cast<size_t>(token)];
  }
  return Status::ok();
}

Expected<SamplingResult> checkSampling(std::span<const float> logits,
                                       const SamplingOptions &options,
                                       std::span<const int32_t> seen,
                                       uint64_t draws) {
  constexpr uint64_t drawsTogether = 1024;
  SamplingResult result;
  result.counts.resize(logits.size());
  std::mutex mutex;
  Status failure;
  tbb::parallel_for(tbb::blocked_range<uint64_t>(0, draws, drawsTogether),
                    [&](const tbb::blocked_range<uint64_t> &range) {
                      if (interruptFlag())
                        return;
                      std::vector<uint64_t> counts(logits.size());
                      Status status =
                          drawRange(logits, options, seen, range.begin(),
                                    range.end(), counts);
                      std::lock_guard<std::mutex> lock(mutex);
                      if (!status.isOk() && failure.isOk())
                        failure = std::move(status);
                      for (size_t i = 0; i < counts.size(); ++i)
                        result.counts[i] += counts[i];
                    });
  GOSS_RETURN_IF_ERROR(failure);
  GOSS_RETURN_IF_ERROR(checkInterrupt());
  result.probabilities = exactProbabilities(logits, options, seen);
  result.test = testFrequencies(result.counts, result.probabilities);
  return result;
}

} // namespace gossamer::tools
