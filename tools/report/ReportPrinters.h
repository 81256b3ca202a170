//===- ReportPrinters.h - Reports as text, JSON, DOT and HTML ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTPRINTERS_H
#define GOSSAMER_TOOLS_REPORT_REPORTPRINTERS_H

#include "tools/report/ReportBuilder.h"

#include <set>
#include <string>

namespace gossamer::tools {

/// What a text shows of what the report holds.
struct TextOptions {
  ReportParts parts = ReportParts::all();
  std::string level; ///< of the graph; empty: each.
  /// Layers listed in full; of the others only one period is (LayerPattern).
  std::set<int> openLayers;
  bool openAll = false;
};

/// Tables for a terminal. A report of one part may hold what that part refers
/// to, such as the launches that costs are of.
std::string printReportText(const proto::Report &report,
                            const TextOptions &options = {});

/// One object: names of report.proto, numbers as numbers, enumerations by name,
/// bytes in hexadecimal. A text, list or message that is empty has no member;
/// numbers and booleans always have one, as zero says something (index 0, no
/// layer -1). `indent` spaces a level; 0: a single line.
std::string printReportJson(const proto::Report &report, unsigned indent = 2);
/// The same of any message that does not contain itself.
std::string printMessageJson(const google::protobuf::Message &message,
                             unsigned indent = 2);

/// What a drawing shows.
struct DotOptions {
  std::string level = "fused"; ///< "graph", "fused" or "plan".
  /// Layers drawn in full; of the others only one period is (LayerPattern).
  std::set<int> openLayers;
  bool openAll = false;
};

/// One level as a Graphviz digraph, equal layers folded to one × N.
std::string printReportDot(const proto::Report &report,
                           const DotOptions &options);

/// One self-contained page: opens without a network.
std::string printReportHtml(const proto::Report &report);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_REPORTPRINTERS_H
