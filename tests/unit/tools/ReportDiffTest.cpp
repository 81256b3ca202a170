//===- ReportDiffTest.cpp - What differs between two reports --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "SampleReport.h"

#include "runtime/support/Json.h"
#include "tools/report/ReportDiff.h"
#include "gtest/gtest.h"

using namespace gossamer;
using namespace gossamer::tools;

namespace {

TEST(ReportDiff, FindsNothingBetweenEqualReports) {
  proto::Report a = sampleReport(), b = sampleReport();
  b.mutable_summary()->set_source("elsewhere.goss");
  EXPECT_TRUE(compareReports(a, b).empty());
}

TEST(ReportDiff, NamesWhatChanged) {
  proto::Report a = sampleReport(), b = sampleReport();
  b.mutable_summary()->set_math_mode("exact");
  b.mutable_summary()->mutable_model()->mutable_rope()->set_factor(32);
  b.mutable_kernels(0)->set_kind("packed");
  b.mutable_costs(0)->mutable_total()->set_flops(13e6);
  b.mutable_memory()->set_arena_bytes(2464);
  b.mutable_weights(0)->set_sha256(std::string(64, 'e'));
  std::vector<Difference> found = compareReports(a, b);
  ASSERT_EQ(found.size(), 6U);
  EXPECT_EQ(found[0].part, "config");
  EXPECT_EQ(found[0].name, "rope.factor");
  EXPECT_EQ(found[0].before, "0.0");
  EXPECT_EQ(found[0].after, "32.0");
  EXPECT_EQ(found[1].name, "math_mode");
  EXPECT_EQ(found[2].part, "kernels");
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "decode, 1 tokens after 2048: flops", found[3].name);
  EXPECT_EQ(found[4].after, "2464");
  EXPECT_EQ(found[5].part, "weights");
  std::string text = printDiffText(found);
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "summary\n  changed math_mode\n    - fast\n    + "
                      "exact\n",
                      text);
}

TEST(ReportDiff, ComparesOperationsByNameAndOperands) {
  proto::Report a = sampleReport(), b = sampleReport();
  proto::Level &level = *b.mutable_graph(0)->mutable_level();
  // Other value numbers say nothing.
  level.mutable_operations(1)->set_text("%99 = gptoss.attention(%98)");
  EXPECT_TRUE(compareReports(a, b).empty());
  level.mutable_operations(2)->set_operands(0, 0);
  level.mutable_operations()->RemoveLast();
  std::vector<Difference> found = compareReports(a, b);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].part, "graph, level fused");
  EXPECT_EQ(found[0].name, "layers.1.norm gptoss.rms_norm");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "of tokens", found[0].after);
  EXPECT_EQ(found[1].change, Difference::Change::Removed);
  EXPECT_EQ(found[1].name, "head gptoss.linear");
}

TEST(ReportDiff, SaysOnceWhatManyLayersShare) {
  std::vector<Difference> found;
  for (int layer = 0; layer < 3; ++layer) {
    std::string name = "layers." + std::to_string(layer) + ".q";
    found.push_back(
        {"graph", name, Difference::Change::Added, "", "linear of " + name});
  }
  EXPECT_EQ(printDiffText(found), "graph\n  added layers.*.q (× 3)\n    + "
                                  "linear of layers.*.q\n");
}

TEST(ReportDiff, WritesJson) {
  EXPECT_EQ(printDiffJson({}), "{\n  \"equal\": true,\n  \"differences\": "
                               "[]\n}\n");
  std::string text = printDiffJson(
      {{"weights", "a\"b", Difference::Change::Removed, "BF16", ""}});
  Expected<JsonDocument> json = JsonDocument::parse(text, "diff");
  ASSERT_TRUE(json.isOk());
  JsonValue entry = *json->root().find("differences").begin();
  EXPECT_EQ(entry.find("name").text(), "a\"b");
  EXPECT_EQ(entry.find("change").text(), "removed");
  EXPECT_FALSE(entry.find("b").isPresent());
}

} // namespace
