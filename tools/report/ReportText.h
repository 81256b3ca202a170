//===- ReportText.h - Parts of a report as text -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to printReportText. Each function gives a part with its title, or
// nothing where the report has none. Indices that lead nowhere print as "?".
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTTEXT_H
#define GOSSAMER_TOOLS_REPORT_REPORTTEXT_H

#include "tools/report/ReportPrinters.h"

#include <google/protobuf/repeated_field.h>

namespace gossamer::tools::detail {

std::string textOfSummary(const proto::Report &report);
std::string textOfGraph(const proto::Report &report,
                        const TextOptions &options);
std::string textOfCosts(const proto::Report &report,
                        const TextOptions &options);
std::string textOfMemory(const proto::Report &report,
                         const TextOptions &options);
std::string textOfWeights(const proto::Report &report);
std::string textOfFusions(const proto::Report &report);
std::string textOfKernels(const proto::Report &report);
std::string textOfStages(const proto::Report &report);

/// "7.4 MB (7,412,345 bytes)", "512 B".
std::string describeBytes(uint64_t bytes);
/// "1.5 GFLOP" for ("FLOP", 1.5e9); two or more digits count.
std::string formatWithPrefix(double value, const std::string &unit);
/// "4x16"; "scalar" without extents.
std::string
describeShape(const google::protobuf::RepeatedField<uint64_t> &shape);
/// The first twelve digits.
std::string shortHash(const std::string &hexadecimal);
/// "layers.3.attention.q", or "?".
std::string launchName(const proto::Report &report, uint64_t index);

} // namespace gossamer::tools::detail

#endif // GOSSAMER_TOOLS_REPORT_REPORTTEXT_H
