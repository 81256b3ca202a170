//===- ReportHtml.cpp - Reports as one page -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportPrinters.h"

namespace gossamer::tools {

std::string printReportHtml(const proto::Report &report) {
  std::string json = printReportJson(report, 0);
  std::string text = "<!doctype html><meta charset=\"utf-8\"><pre>";
  for (char c : json)
    text += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return text + "</pre>\n";
}

} // namespace gossamer::tools
