//===- ValidationPagesTest.cpp - Tests of the validation's reports --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/SvgPlot.h"
#include "tools/validate/ValidationPrinters.h"

#include <gtest/gtest.h>
#include <limits>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

size_t count(const std::string &text, const std::string &part) {
  size_t number = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size()))
    ++number;
  return number;
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escapeHtml("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
  EXPECT_EQ(escapeHtml("a\x01\xff z"), "a\xEF\xBF\xBD\xEF\xBF\xBD z");
}

TEST(SvgPlot, DrawsEveryPoint) {
  Plot plot{"T <1>", "x", "y"};
  plot.isLogX = plot.isLogY = true;
  plot.series = {{"a", true, {{1, 10}, {10, 100}, {100, 0}}},
                 {"b", false, {{1, std::numeric_limits<double>::infinity()}}}};
  plot.limits = {{"limit", 50}};
  std::string text = plot.print();
  EXPECT_EQ(count(text, "<circle"), 4U);
  EXPECT_EQ(count(text, "<polyline"), 1U);
  EXPECT_EQ(count(text, "class=\"limit\""), 1U);
  EXPECT_EQ(count(text, "T &lt;1&gt;"), 2U);
  for (const char *wrong : {"=\"nan", "=\"inf", ",nan", ",inf"})
    EXPECT_EQ(count(text, wrong), 0U) << wrong;
}

TEST(SvgPlot, DrawsNothingOfNothing) {
  EXPECT_EQ(Plot{}.print(), "");
  Plot plot;
  plot.series = {{"a", true, {}}};
  EXPECT_EQ(plot.print(), "");
}

TEST(SvgPlot, HasAxesOfOneValue) {
  Plot plot;
  plot.series = {{"", false, {{0, 0}}}};
  EXPECT_EQ(count(plot.print(), "<circle"), 1U);
  EXPECT_EQ(count(plot.print(), "=\"nan"), 0U);
}

proto::Validation sample() {
  proto::Validation validation;
  validation.set_checkpoint("<b>evil</b>");
  proto::Verdict &check = *validation.add_checks();
  check.set_name("decode");
  check.set_outcome(proto::Verdict::FAILED);
  check.set_summary("one is <wrong>");
  check.set_limit("none");
  proto::StrategyCheck &strategy = *validation.add_strategies();
  strategy.set_name("top-k");
  strategy.set_text("<script>alert(1)</script>");
  strategy.add_tokens(3);
  return validation;
}

TEST(ValidationPage, MakesTextOfWhatItIsGiven) {
  std::string page = printValidationHtml(sample());
  EXPECT_EQ(count(page, "<b>"), 0U);
  EXPECT_EQ(count(page, "<script"), 0U);
  EXPECT_EQ(count(page, "&lt;script&gt;"), 1U);
  EXPECT_EQ(count(page, "class=\"FAILED\""), 1U);
}

TEST(ValidationPage, ShowsOnlyWhatThereIs) {
  std::string page = printValidationHtml(sample());
  EXPECT_EQ(count(page, "id=\"sampling\""), 1U);
  EXPECT_EQ(count(page, "id=\"throughput\""), 0U);
  EXPECT_EQ(count(page, "<svg"), 0U);
}

TEST(ValidationText, SaysWhatFailed) {
  std::string text = printValidationText(sample());
  EXPECT_NE(text.find("FAILED"), std::string::npos);
  EXPECT_NE(text.find("one is <wrong> (expects none)"), std::string::npos);
  // A strategy that was generated with, but not drawn from.
  EXPECT_NE(text.find("NO"), std::string::npos);
}

} // namespace
