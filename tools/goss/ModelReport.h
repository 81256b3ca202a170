//===- ModelReport.h - The report of whatever MODEL names -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_MODELREPORT_H
#define GOSSAMER_TOOLS_GOSS_MODELREPORT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "runtime/artifact/Artifact.h"
#include "tools/report/ReportBuilder.h"

#include <optional>
#include <string>

namespace gossamer::tools {

/// An artifact, a checkpoint directory, one that has only an index of its
/// weights, or a config.json alone: open, and ready to be reported.
class InspectedModel {
public:
  /// `path` may be empty: the embedded model.
  static Expected<InspectedModel> open(const std::string &path);

  const std::string &path() const { return path_; }
  bool isArtifact() const { return artifact_.has_value(); }
  const Artifact &artifact() const { return *artifact_; }

  /// What to call it in messages: "an artifact", "a checkpoint", ...
  std::string describeKind() const;
  /// The parts that there are of it.
  Expected<proto::Report> report(const ReportOptions &options) const;
  /// Reads all weights into the report's: SHA-256 and, if asked for,
  /// statistics. Those of an artifact that only refers to them are looked for
  /// in `directory`, by default beside it. A usage error where there are none.
  Status addWeights(const std::string &directory, bool withStatistics,
                    proto::Report &report) const;

private:
  Status addArtifactWeights(const std::string &directory, bool withStatistics,
                            proto::Report &report) const;

  std::string path_;
  std::optional<Artifact> artifact_;
  std::optional<Checkpoint> checkpoint_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_MODELREPORT_H
