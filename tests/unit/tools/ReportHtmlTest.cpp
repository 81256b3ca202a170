//===- ReportHtmlTest.cpp - The page loads nothing and trusts nothing -----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "runtime/support/Sha256.h"
#include "tools/report/ReportPrinters.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

/// Names that would end the element they stand in, or begin one of their own.
const std::string hostileNames[] = {"</script><script>alert(1)</script>",
                                    "<!--<script>",
                                    "]]>",
                                    "\"><img src=x onerror=alert(1)>",
                                    "a\u2028b\u2029c",
                                    "&lt;b&gt;",
                                    "@scripts@@policy@",
                                    "\xf0\x9f\x95\xb8 \\ \" \n \x01"};

proto::Report makeReport() {
  proto::Report report;
  report.mutable_summary()->set_source(hostileNames[0]);
  for (const std::string &name : hostileNames) {
    report.add_weights()->set_name(name);
    report.add_kernels()->set_disassembly(name);
    report.add_fusions()->set_message(name);
    proto::Operation &operation =
        *report.add_graph()->mutable_level()->add_operations();
    operation.set_name(name);
    operation.set_text(name);
  }
  return report;
}

struct Element {
  std::string attributes;
  std::string text;
};

/// The elements of a tag that holds text only, as a browser finds them: up to
/// the first end tag.
std::vector<Element> findElements(std::string_view page, std::string tag) {
  std::vector<Element> elements;
  for (size_t at = page.find("<" + tag); at != std::string_view::npos;
       at = page.find("<" + tag, at)) {
    size_t begin = page.find('>', at) + 1;
    size_t end = page.find("</" + tag, begin);
    size_t attributes = at + 1 + tag.size();
    elements.push_back(
        {std::string(page.substr(attributes, begin - 1 - attributes)),
         std::string(page.substr(begin, end - begin))});
    at = end + 1;
  }
  return elements;
}

std::string findReport(std::string_view page) {
  for (const Element &script : findElements(page, "script"))
    if (script.attributes.find("application/json") != std::string::npos)
      return script.text;
  return "";
}

std::string decodeBase64(std::string_view text) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t buffer = 0;
  unsigned bits = 0;
  for (char digit : text.substr(0, text.find('='))) {
    buffer = buffer << 6 | static_cast<uint32_t>(digits.find(digit));
    bits += 6;
    if (bits < 8)
      continue;
    bits -= 8;
    bytes += static_cast<char>(buffer >> bits & 255);
  }
  return bytes;
}

/// The digests that a directive of the policy allows.
std::multiset<std::string> allowedHashes(std::string_view page,
                                         const std::string &directive) {
  size_t policy = page.find("Content-Security-Policy");
  size_t begin = page.find(directive, policy);
  std::string_view list = page.substr(begin, page.find(';', begin) - begin);
  std::multiset<std::string> hashes;
  constexpr std::string_view prefix = "'sha256-";
  for (size_t at = list.find(prefix); at != std::string_view::npos;
       at = list.find(prefix, at)) {
    at += prefix.size();
    hashes.insert(decodeBase64(list.substr(at, list.find('\'', at) - at)));
  }
  return hashes;
}

TEST(ReportHtml, HoldsTheWholeReport) {
  proto::Report report = makeReport();
  std::string text = findReport(printReportHtml(report));
  Expected<JsonDocument> found = JsonDocument::parse(text, "page");
  ASSERT_TRUE(found) << found.status().message();
  JsonValue weights = found->root().find("weights");
  ASSERT_EQ(weights.size(), std::size(hostileNames));
  size_t index = 0;
  for (JsonValue weight : weights)
    EXPECT_EQ(*weight.find("name").asString(), hostileNames[index++]);
  // One line: what people read is `--format=json`.
  EXPECT_EQ(text.find("\n  "), std::string::npos);
}

TEST(ReportHtml, NamesCannotLeaveTheirElement) {
  std::string page = printReportHtml(makeReport());
  std::string text = findReport(page);
  for (const char *part : {"<", ">", "&", "\u2028", "\u2029"})
    EXPECT_EQ(text.find(part), std::string::npos) << part;
  // The page around the report does not depend on it.
  std::string empty = printReportHtml(proto::Report());
  EXPECT_EQ(page.substr(0, page.find(text)),
            empty.substr(0, empty.find(findReport(empty))));
  EXPECT_EQ(
      page.substr(page.find(text) + text.size()),
      empty.substr(empty.find(findReport(empty)) + findReport(empty).size()));
}

TEST(ReportHtml, AllowsItsOwnScriptsAndStylesOnly) {
  std::string page = printReportHtml(makeReport());
  std::multiset<std::string> scripts;
  std::multiset<std::string> styles;
  for (const Element &script : findElements(page, "script"))
    if (script.attributes.empty())
      scripts.insert(std::string(toBytes(sha256(script.text))));
  for (const Element &style : findElements(page, "style"))
    styles.insert(std::string(toBytes(sha256(style.text))));
  EXPECT_GT(scripts.size(), 10U);
  EXPECT_EQ(styles.size(), 1U);
  EXPECT_EQ(allowedHashes(page, "script-src"), scripts);
  EXPECT_EQ(allowedHashes(page, "style-src"), styles);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.find("unsafe"), std::string::npos);
  // The policy comes before what it rules.
  EXPECT_LT(page.find("Content-Security-Policy"), page.find("<style"));
}

TEST(ReportHtml, LoadsNothing) {
  std::string page = printReportHtml(makeReport());
  // The only address is a name: the namespace of SVG.
  const std::string name = "http://www.w3.org/2000/svg";
  size_t at = page.find(name);
  ASSERT_NE(at, std::string::npos);
  page.erase(at, name.size());
  page.erase(page.find(findReport(page)), findReport(page).size());
  for (const char *part : {"http:", "https:", "//cdn", "@import", "url(",
                           " src=", "import(", "fetch(", "XMLHttpRequest",
                           "@policy@", "@style@", "@scripts@", "@report@"})
    EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(ReportHtml, MakesTextOfNamesNeverMarkup) {
  for (const Element &script :
       findElements(printReportHtml(proto::Report()), "script"))
    for (const char *part : {"innerHTML", "outerHTML", "insertAdjacentHTML",
                             "document.write", "eval(", "new Function"})
      EXPECT_EQ(script.text.find(part), std::string::npos) << part;
}

} // namespace
