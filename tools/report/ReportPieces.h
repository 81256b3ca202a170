//===- ReportPieces.h - Pieces that ReportBuilder joins ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Inside of tools/report: ReportBuilder.h is for users. All of these take a
// manifest that has passed its checks.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTPIECES_H
#define GOSSAMER_TOOLS_REPORT_REPORTPIECES_H

#include "runtime/artifact/manifest.pb.h"
#include "runtime/artifact/record.pb.h"
#include "runtime/support/Status.h"
#include "tools/report/report.pb.h"

namespace gossamer::tools {

/// All but what only a file tells. Fails where the model has more parameters
/// than can be counted.
Status fillSummary(const proto::Manifest &manifest, proto::Summary &summary);

/// Checks every index of the record against the manifest and itself: values
/// have one definition, before their uses; layers are layers of the model; the
/// plan has the manifest's launches.
Status checkRecord(const proto::Manifest &manifest,
                   const proto::CompileRecord &record);

/// The levels of a checked record with their lowerings and patterns.
void fillGraph(const proto::Manifest &manifest,
               const proto::CompileRecord &record, proto::Report &report);

/// Costs of one step. Fails with Usage where the model cannot run it.
Expected<proto::Cost> makeCost(const proto::Manifest &manifest,
                               const proto::StepShape &step,
                               const proto::MachineModel &machine);

void fillMemory(const proto::Manifest &manifest, proto::MemoryPlan &plan);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_REPORTPIECES_H
