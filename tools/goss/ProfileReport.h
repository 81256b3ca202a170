//===- ProfileReport.h - What goss profile prints ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_PROFILEREPORT_H
#define GOSSAMER_TOOLS_GOSS_PROFILEREPORT_H

#include "runtime/artifact/manifest.pb.h"
#include "tools/goss/BenchRunner.h"
#include "tools/goss/Roofline.h"

#include <string>
#include <vector>

namespace gossamer::tools {

/// The observed runs of a test; all numbers are sums over them.
struct ProfiledTest {
  BenchTest test;
  int64_t runs = 0;
  double seconds = 0; ///< what lies between dispatches included.
  std::vector<LaunchRow> launches;
};

struct ProfileReport {
  std::string model; ///< path of the artifact.
  unsigned threads = 1;
  MachineLimits limits;
  std::vector<ProfiledTest> tests;
};

/// What was measured against what the cost model predicts: for a launch the
/// longer of reading and computing, for a kernel the sum of its launches.
struct Prediction {
  KernelRow measured;
  Roof roof; ///< sums of both limits.
  double seconds = 0;

  void add(const KernelRow &row, const MachineLimits &limits);
  /// Measured by predicted; 0 where nothing is predicted (copies, choices).
  double ratio() const { return seconds > 0 ? measured.seconds / seconds : 0; }
};

/// By operation and kind, the longest measured time first.
std::vector<Prediction> predictKernels(const std::vector<LaunchRow> &launches,
                                       const MachineLimits &limits);

/// `byLaunch`: a table of launches after that of kernels.
std::string toText(const ProfileReport &report, const proto::Manifest &manifest,
                   bool byLaunch);
/// Numbers are of one run of each test; goss profile --help names the keys.
std::string toJson(const ProfileReport &report, const proto::Manifest &manifest,
                   bool byLaunch);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_PROFILEREPORT_H
