//===- SamplingArguments.h - How tokens are chosen --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_SAMPLINGARGUMENTS_H
#define GOSSAMER_TOOLS_GOSS_SAMPLINGARGUMENTS_H

#include "runtime/generate/Sampler.h"
#include "tools/support/CommandLine.h"

#include <optional>

namespace gossamer::tools {

/// The options of run and chat that decide what is generated.
struct SamplingArguments {
  SamplingOptions sampling;
  std::optional<int64_t> seed;
  std::optional<int64_t> maxTokens; ///< none: as many as the context holds.
  std::vector<std::string> stops;
  bool ignoreEos = false;

  void addTo(Command &command, bool withStops = true);
  /// Checks the values and draws a seed where none was given.
  Status settle();
  /// "temperature 0.8, top-p 0.95, seed 17" or "greedy".
  std::string describe() const;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_SAMPLINGARGUMENTS_H
