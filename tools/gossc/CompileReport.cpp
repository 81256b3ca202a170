//===- CompileReport.cpp - What a compilation did -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/CompileReport.h"

#include "tools/report/ReportBuilder.h"

#include <sys/resource.h>

namespace gossamer {

/// Most memory that the process had so far.
static uint64_t getPeakBytes() {
  rusage usage = {};
  if (::getrusage(RUSAGE_SELF, &usage) != 0)
    return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

void StageTimer::finish(int64_t operations) {
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - begin_;
  proto::CompileStage &stage = report_.stages.emplace_back();
  stage.set_name(name_);
  stage.set_seconds(elapsed.count());
  stage.set_operations(operations);
  stage.set_peak_bytes(getPeakBytes());
}

size_t CompileReport::countFused(llvm::StringRef pass) const {
  return llvm::count_if(record.fusions(), [&](const auto &fusion) {
    return fusion.fused() && (pass.empty() || fusion.pass() == pass.str());
  });
}

Expected<proto::Report> makeReport(const CompilerOptions &options,
                                   const CompileReport &compiled) {
  tools::ReportOptions what;
  what.machine = tools::defaultMachine();
  if (compiled.manifest.launches_size() > 0)
    what.steps = tools::defaultSteps(compiled.manifest);
  proto::Report report;
  if (options.writesArtifact()) {
    GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(options.output));
    GOSS_ASSIGN_OR_RETURN(report,
                          tools::buildReport(artifact, options.input, what));
  } else {
    GOSS_ASSIGN_OR_RETURN(
        report, tools::buildReport(compiled.manifest, compiled.record, what));
    report.mutable_summary()->set_source(options.input);
  }
  report.mutable_summary()->set_kind("compilation");
  for (const proto::CompileStage &stage : compiled.stages)
    *report.add_stages() = stage;
  return report;
}

} // namespace gossamer
