//===- CheckpointReport.h - The report of a checkpoint ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_CHECKPOINTREPORT_H
#define GOSSAMER_TOOLS_REPORT_CHECKPOINTREPORT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "tools/report/ReportBuilder.h"

namespace gossamer::tools {

/// What the manifest says of a model's architecture.
proto::ModelConfig describeConfig(const ModelConfig &config);

/// Summary and weights of a checkpoint, as far as they are asked for; the other
/// parts exist once it is compiled. Without weight files the tensors are those
/// that the config implies, at no place.
proto::Report buildReport(const Checkpoint &checkpoint,
                          const ReportParts &parts);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_CHECKPOINTREPORT_H
