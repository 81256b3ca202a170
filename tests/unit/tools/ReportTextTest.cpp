//===- ReportTextTest.cpp - Reports as text and DOT -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "SampleReport.h"

#include "tools/report/LayerFolding.h"
#include "tools/report/ReportPrinters.h"
#include "tools/report/TextTable.h"
#include "gtest/gtest.h"

#include <limits>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

std::string textOf(const proto::Report &report, bool ReportParts::*part,
                   TextOptions options = {}) {
  options.parts = {};
  options.parts.*part = true;
  return printReportText(report, options);
}

size_t countOf(const std::string &text, const std::string &part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(TextTable, AlignsAndLeavesOutEmptyColumns) {
  TextTable table({{"name"}, {"none"}, {"n", true}});
  table.addRow({"a", "", "1"});
  table.addRow({"µ×", "", "200"});
  EXPECT_EQ(table.print(), "  name    n\n"
                           "  a       1\n"
                           "  µ×    200\n");
}

TEST(TextTable, MakesControlCharactersHarmless) {
  EXPECT_EQ(printable("a\x1b[2Jb\n\xc2\x9b"), "a?[2Jb???");
  EXPECT_EQ(printable("µ×"), "µ×");
}

TEST(LayerFolding, TakesOpenedLayersOutOfTheirGroup) {
  proto::LayerPattern pattern;
  pattern.set_first_layer(1);
  pattern.set_period(2);
  pattern.set_count(3);
  LayerFolding folding(pattern, {-1, 0, 1, 2, 3, 4, 5, 6, 7}, {1}, false);
  EXPECT_TRUE(folding.isShown(-1));
  EXPECT_TRUE(folding.isShown(0)); // before the pattern.
  EXPECT_TRUE(folding.isShown(1)); // opened.
  EXPECT_EQ(folding.representative(5), 3);
  EXPECT_EQ(folding.members(2), (std::vector<int>{2, 4, 6}));
  EXPECT_EQ(folding.repeats(3), 2U);
  EXPECT_TRUE(folding.isShown(7)); // after it.
  EXPECT_EQ(folding.title(2), "layers 2, 4, 6 (× 3)");
  EXPECT_EQ(folding.title(1), "layer 1");
}

TEST(LayerFolding, BearsAnyPattern) {
  proto::LayerPattern pattern;
  uint32_t most = std::numeric_limits<uint32_t>::max();
  pattern.set_first_layer(most);
  pattern.set_period(most);
  pattern.set_count(most);
  LayerFolding huge(pattern, {0, 1}, {}, false);
  EXPECT_TRUE(huge.isShown(1));
  pattern.set_first_layer(0);
  pattern.set_period(0);
  EXPECT_TRUE(LayerFolding(pattern, {0, 1}, {}, false).isShown(1));
}

TEST(LayerFolding, TakesNumbersOutOfNames) {
  EXPECT_EQ(withoutLayer("layers.12.attention.q"), "layers.*.attention.q");
  EXPECT_EQ(withoutLayer("model.layers.3"), "model.layers.*");
  EXPECT_EQ(withoutLayer("layers.x layers.1.y"), "layers.x layers.*.y");
  EXPECT_EQ(withoutLayer("lm_head"), "lm_head");
}

TEST(ReportText, SaysEachFactOfTheSummary) {
  std::string text = textOf(sampleReport(), &ReportParts::summary);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "20,914,757,184 (20.9 B)", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "model.goss", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, std::string(12, 'c') + "\n", text);
  EXPECT_PRED_FORMAT2(testing::IsNotSubstring, std::string(13, 'c'), text);
}

TEST(ReportText, FoldsAndOpensLayers) {
  TextOptions options;
  options.level = "fused";
  std::string folded = textOf(sampleReport(), &ReportParts::graph, options);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "6 operations", folded);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "layers 0, 2 (× 2)", folded);
  EXPECT_EQ(countOf(folded, "gptoss.attention"), 1U);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "tensor<?x8xf32>", folded);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "→ goss_b (plain)", folded);
  options.openLayers = {2};
  std::string opened = textOf(sampleReport(), &ReportParts::graph, options);
  EXPECT_EQ(countOf(opened, "gptoss.attention"), 2U);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "layer 2\n", opened);
  options.openAll = true;
  opened = textOf(sampleReport(), &ReportParts::graph, options);
  EXPECT_EQ(countOf(opened, "gptoss.rms_norm"), 2U);
}

TEST(ReportText, SumsCostsByKernel) {
  std::string text = textOf(sampleReport(), &ReportParts::costs);
  // Three of six launches each.
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "6.0 MFLOP   3.0 MB", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "50.0 %", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "3333.3 tokens/s", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "layers 1, 3 (× 2), each", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "no other fits", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "12.3 MB (12,345,678 bytes)", text);
}

TEST(ReportText, DrawsTheArena) {
  TextOptions options;
  options.openAll = true;
  std::string text = textOf(sampleReport(), &ReportParts::memory, options);
  // Two halves of the arena, each buffer in two launches.
  EXPECT_EQ(countOf(text, "|AACCEE|\n"), 12U);
  EXPECT_EQ(countOf(text, "|.BBDDF|\n"), 12U);
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "peak 2.0 kB (2,000 bytes) alive in "
                      "layers.0.norm",
                      text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "2.0 times the arena", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "Buffers: 4 of 6",
                      textOf(sampleReport(), &ReportParts::memory));
}

TEST(ReportText, ShowsWeightsWithTheirScales) {
  std::string text = textOf(sampleReport(), &ReportParts::weights);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "4x16", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "4,096", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "2^-9 ... 2^-2", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "   2^-2      40  " + std::string(60, '#'), text);
}

TEST(ReportText, CountsFusionsByLayerPattern) {
  std::string text = textOf(sampleReport(), &ReportParts::fusions);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "3 done, 1 not", text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "layers.*.attention.q      3  yes",
                      text);
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "layers.3.attention.q      1  no     has two "
                      "users",
                      text);
}

TEST(ReportText, BearsWrongIndices) {
  proto::Report report = sampleReport();
  uint32_t most = std::numeric_limits<uint32_t>::max();
  proto::Operation &operation =
      *report.mutable_graph(0)->mutable_level()->mutable_operations(0);
  operation.set_operands(0, most);
  operation.set_results(0, most);
  report.mutable_graph(0)->mutable_lowerings(1)->set_targets(0, most);
  report.mutable_launches(1)->set_kernel(most);
  report.mutable_memory()->set_peak_launch(most);
  report.mutable_memory()->mutable_buffers(0)->set_first_launch(most);
  report.mutable_memory()->mutable_buffers(1)->set_last_launch(most);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "alive in ?",
                      printReportText(report));
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "digraph",
                      printReportDot(report, {}));
}

TEST(ReportText, IsEmptyForAnEmptyReport) {
  EXPECT_EQ(printReportText(proto::Report()), "");
}

TEST(ReportDot, DrawsEqualLayersOnce) {
  std::string folded = printReportDot(sampleReport(), {});
  EXPECT_EQ(countOf(folded, "subgraph cluster_"), 2U);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "label=\"layers 0, 2 (× 2)\"",
                      folded);
  // From the last folded layer's stand-in to the head.
  EXPECT_PRED_FORMAT2(testing::IsSubstring,
                      "op2 -> op5 [label=\"tensor<?x8xf32>\"]", folded);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "arg0 -> op0", folded);
  DotOptions all;
  all.openAll = true;
  EXPECT_EQ(countOf(printReportDot(sampleReport(), all), "subgraph cluster_"),
            4U);
}

TEST(ReportDot, EscapesNames) {
  proto::Report report = sampleReport();
  report.mutable_graph(0)->mutable_level()->mutable_operations(0)->set_name(
      "a\"]; x [label=\"\\N\n");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "a\\\"]; x [label=\\\"\\\\N?\"",
                      printReportDot(report, {}));
}

} // namespace
