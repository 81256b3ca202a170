//===- RateArguments.h - What rates are measured of -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_RATEARGUMENTS_H
#define GOSSAMER_TOOLS_GOSS_RATEARGUMENTS_H

#include "tools/goss/BenchRunner.h"
#include "tools/support/CommandLine.h"

#include <optional>

namespace gossamer::tools {

/// The options of bench and profile that decide what is run.
struct RateArguments {
  std::optional<int64_t> prompt; ///< none: 512, or what the context holds.
  std::optional<int64_t> decode; ///< none: 128, or what the context holds.
  int64_t depth = 0;
  int64_t batch = 1;

  /// Adds all but the batch.
  void addTo(Command &command);
  std::vector<BenchTest> tests(int64_t maxContext) const {
    return makeRateTests(prompt, decode, depth, batch, maxContext);
  }
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_RATEARGUMENTS_H
