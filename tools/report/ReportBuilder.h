//===- ReportBuilder.h - The report of a model ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Makes the data model of inspection (report.proto, docs/inspection.md) from a
// manifest and a record: those of an artifact, or those that gossc is about to
// write. No MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTBUILDER_H
#define GOSSAMER_TOOLS_REPORT_REPORTBUILDER_H

#include "runtime/artifact/Artifact.h"
#include "tools/report/report.pb.h"

#include <vector>

namespace gossamer::tools {

/// The parts of a report that can be asked for.
struct ReportParts {
  bool summary = false;
  bool graph = false; ///< levels and launches.
  bool costs = false;
  bool memory = false;
  bool weights = false; ///< without statistics (WeightReport.h).
  bool fusions = false;
  bool kernels = false; ///< without machine code (CodeReport.h).

  static ReportParts all() {
    return {true, true, true, true, true, true, true};
  }
};

/// What a report is to hold.
struct ReportOptions {
  ReportParts parts = ReportParts::all();
  /// Steps whose cost is asked for; names, tokens, depth, sequences, outputs.
  std::vector<proto::StepShape> steps;
  proto::MachineModel machine;
};

/// Bandwidth and peaks that predictions rest on unless they are stated or
/// measured: two cores of a server with AVX-512.
proto::MachineModel defaultMachine();

/// One token after an empty cache and after 2048 tokens, a prompt of 512, eight
/// sequences at once; as far as the manifest's limits allow them.
std::vector<proto::StepShape> defaultSteps(const proto::Manifest &manifest);

/// The parts asked for. `record` may be empty: then there is no graph, and no
/// reasons. The manifest must have passed its checks (ManifestChecks.h); of the
/// record every index is checked here (InvalidData).
Expected<proto::Report> buildReport(const proto::Manifest &manifest,
                                    const proto::CompileRecord &record,
                                    const ReportOptions &options);

/// The same of an artifact, with what only the file tells: source, sections,
/// size.
Expected<proto::Report> buildReport(const Artifact &artifact,
                                    const std::string &source,
                                    const ReportOptions &options);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_REPORTBUILDER_H
