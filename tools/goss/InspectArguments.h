//===- InspectArguments.h - The options of goss inspect ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_INSPECTARGUMENTS_H
#define GOSSAMER_TOOLS_GOSS_INSPECTARGUMENTS_H

#include "tools/goss/ModelReport.h"
#include "tools/support/CommandLine.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace gossamer::tools {

/// Layers to show in full.
struct LayerChoice {
  std::set<int> open;
  bool openAll = false;
};

struct InspectArguments {
  std::string path;
  std::string what; ///< after check() never empty.
  std::string format = "text";
  std::string output;
  std::string level;
  std::vector<std::string> layers;
  bool hash = false;
  bool stats = false; ///< and hash.
  std::string weights;
  std::string kernel;
  std::optional<uint64_t> tokens, depth, sequences;
  std::optional<double> bandwidth, peak, int8Peak; ///< in 10^9 a second.
  bool measure = false;

  void addTo(Command &command);
  bool asksForStep() const { return tokens || depth || sequences; }
  bool readsWeights() const { return hash || stats; }

  /// Refuses options that do not go together, and settles --what.
  Status check();
  /// Refuses what there is not of that kind of model.
  Status checkFor(const InspectedModel &model) const;
  /// The layers of --layer, which the model must have.
  Expected<LayerChoice> chooseLayers(const InspectedModel &model) const;

private:
  Status checkParts() const;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_INSPECTARGUMENTS_H
