//===- ReportDiff.h - What differs between two reports ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTDIFF_H
#define GOSSAMER_TOOLS_REPORT_REPORTDIFF_H

#include "tools/report/report.pb.h"

#include <string>
#include <vector>

namespace gossamer::tools {

/// One thing that only one of two reports has, or that they have unlike.
struct Difference {
  enum class Change { Added, Removed, Changed };

  std::string part; ///< "config", "graph", "kernels", ...
  std::string name; ///< "layers.3.attention.q", "max_context".
  Change change = Change::Changed;
  std::string before; ///< empty when added.
  std::string after;  ///< empty when removed.
};

/// Differences of `b` from `a`, part by part, in the order of `a`: the
/// configuration, summary, graph (operations by name), kernels, the totals of
/// costs, memory and weights. Where the reports come from, what the compile
/// stages took, and offsets in files do not count.
std::vector<Difference> compareReports(const proto::Report &a,
                                       const proto::Report &b);

/// A list by part; what differs alike in many layers is said once.
std::string printDiffText(const std::vector<Difference> &differences);

/// An object: "equal", and "differences" with part, name, change, a and b.
std::string printDiffJson(const std::vector<Difference> &differences);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_REPORTDIFF_H
