//===- BenchReport.h - What goss bench prints -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_BENCHREPORT_H
#define GOSSAMER_TOOLS_GOSS_BENCHREPORT_H

#include "tools/goss/BenchRunner.h"
#include "tools/goss/ProcessMemory.h"
#include "tools/goss/Roofline.h"

#include <optional>
#include <string>
#include <vector>

namespace gossamer::tools {

/// One observed run of a test.
struct TestProfile {
  double seconds = 0; ///< of the run, what lies between dispatches included.
  int64_t tokens = 0;
  std::vector<KernelRow> kernels;

  /// The part of the run outside all dispatches.
  double otherShare() const {
    double share = 1 - totalSeconds(kernels) / seconds;
    return share > 0 ? share : 0;
  }
};

/// A test with all that is known about it.
struct BenchEntry {
  BenchResult result;
  std::optional<TestProfile> profile; ///< none yet.
};

struct BenchReport {
  std::string model; ///< path of the artifact.
  std::string target, cpu, math;
  uint32_t optLevel = 0;
  unsigned threads = 1;
  int64_t repeats = 0;
  double loadSeconds = 0;
  std::vector<BenchEntry> results;
  std::vector<BenchEntry> cases;
  std::optional<ProcessMemory> memory;
  std::optional<MachineLimits> limits;

  /// From the start of loading to the logits of the first prompt, in the first
  /// run of this process.
  std::optional<double> coldFirstTokenSeconds() const;
  double meanCaseRate() const;
};

std::string toText(const BenchReport &report);
/// The keys are described in docs/performance.md.
std::string toJson(const BenchReport &report);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_BENCHREPORT_H
