//===- ReportJsonTest.cpp - Reports as JSON -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportPrinters.h"

#include <gtest/gtest.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

TEST(ReportJson, HasNumbersAsNumbersAndNothingEmpty) {
  proto::Report report;
  proto::Summary &summary = *report.mutable_summary();
  summary.set_source("a \"b\"");
  summary.set_parameters_total(UINT64_MAX);
  summary.add_required_features("avx2");
  summary.add_weight_files()->set_header_sha256("\x01\xff");
  proto::LaunchReport &launch = *report.add_launches();
  launch.set_layer(-1);
  launch.add_bindings()->set_role(proto::Binding::LOGITS);
  proto::Buffer &buffer = *report.mutable_memory()->add_buffers();
  buffer.add_shape(3);
  report.add_costs()->mutable_total()->set_seconds(0.1);
  std::string json = printReportJson(report, 0);
  auto has = [&](const char *text) {
    EXPECT_NE(json.find(text), std::string::npos) << text << "\n" << json;
  };
  has("{\"summary\":{\"source\":\"a \\\"b\\\"\",\"parameters_total\":"
      "18446744073709551615,");
  has("\"required_features\":[\"avx2\"]");
  has("\"header_sha256\":\"01ff\"");
  has("\"launches\":[{\"kernel\":0,\"layer\":-1,\"bindings\":[{\"role\":"
      "\"LOGITS\",\"arena_offset\":0,\"index\":0,\"written\":false}]}]");
  has("\"shape\":[3]");
  has("\"seconds\":0.1,");
  EXPECT_EQ(printReportJson(proto::Report()), "{}\n");
}

} // namespace
