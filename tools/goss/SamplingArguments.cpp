//===- SamplingArguments.cpp - How tokens are chosen ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/SamplingArguments.h"

#include <random>
#include <sstream>

namespace gossamer::tools {

void SamplingArguments::addTo(Command &command, bool withStops) {
  command.group("Generation")
      .integer("-n,--max-tokens", "N", maxTokens, {0, 1 << 24},
               "generate at most N tokens (default: until the model ends or "
               "its context is full)")
      .flag("--greedy", sampling.greedy, "always take the most likely token")
      .real("--temperature", "T", sampling.temperature, {0},
            "below 1 is safer, above 1 is wilder, 0 is greedy (default 1)")
      .integer("--top-k", "K", sampling.topK, {0},
               "choose among the K most likely tokens, 0 is all (default 0)")
      .real("--top-p", "P", sampling.topP, {0, 1},
            "choose among the most likely tokens that make up P (default 1)")
      .real("--min-p", "P", sampling.minP, {0, 1},
            "leave out tokens less likely than P times the best (default 0)")
      .real("--repetition-penalty", "R", sampling.repetitionPenalty,
            {0, 1e6, /*openMin=*/true},
            "above 1 makes tokens that were used less likely (default 1)")
      .integer("--seed", "S", seed, {0},
               "the same seed gives the same text (default: drawn)")
      .flag("--ignore-eos", ignoreEos, "go on after the model's end token");
  if (withStops)
    command.texts("--stop", "TEXT", stops, "end before TEXT; may be repeated");
}

Status SamplingArguments::settle() {
  if (!seed) {
    std::random_device device;
    // Short enough to be typed again.
    seed = static_cast<int64_t>(device() & 0x7fffffffU);
  }
  sampling.seed = static_cast<uint64_t>(*seed);
  return sampling.validate();
}

std::string SamplingArguments::describe() const {
  std::ostringstream text;
  bool greedy = sampling.greedy || sampling.temperature == 0;
  if (greedy)
    text << "greedy";
  else
    text << "temperature " << sampling.temperature;
  if (!greedy && sampling.topK > 0)
    text << ", top-k " << sampling.topK;
  if (!greedy && sampling.topP < 1)
    text << ", top-p " << sampling.topP;
  if (!greedy && sampling.minP > 0)
    text << ", min-p " << sampling.minP;
  if (sampling.repetitionPenalty != 1)
    text << ", repetition penalty " << sampling.repetitionPenalty;
  if (!greedy)
    text << ", seed " << sampling.seed;
  return text.str();
}

} // namespace gossamer::tools
