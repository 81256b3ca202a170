//===- ReportPage.h - The files of the report's page ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What tools/report/html holds, embedded by cmake/EmbedFiles.cmake.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_REPORTPAGE_H
#define GOSSAMER_TOOLS_REPORT_REPORTPAGE_H

#include <span>
#include <string_view>

namespace gossamer::tools {

struct EmbeddedFile {
  std::string_view name;
  std::string_view bytes;
};

/// report.html, report.css, then the scripts in the order in which they run.
std::span<const EmbeddedFile> reportPageFiles();

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_REPORTPAGE_H
