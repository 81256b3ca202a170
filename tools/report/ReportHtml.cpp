//===- ReportHtml.cpp - Reports as one self-contained page ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The page is fixed files (tools/report/html) around the JSON of the report.
// Names in a report come from checkpoints and artifacts of anyone, so the JSON
// cannot end its element, the page makes text of it and never markup, and a
// policy allows this page's own scripts and styles, by hash, and no load at
// all.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Sha256.h"
#include "tools/report/ReportPage.h"
#include "tools/report/ReportPrinters.h"

namespace gossamer::tools {

namespace {

std::string encodeBase64(std::string_view bytes) {
  constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  uint32_t buffer = 0;
  unsigned bits = 0;
  for (char byte : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6)
      text += digits[buffer >> (bits - 6) & 63];
  }
  if (bits > 0)
    text += digits[buffer << (6 - bits) & 63];
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

/// A source of a Content-Security-Policy: the element with just this text.
std::string hashSource(std::string_view text) {
  return "'sha256-" + encodeBase64(toBytes(sha256(text))) + "'";
}

/// The same JSON, safe within a script element: `<` can neither end it nor
/// begin a comment, and no character ends a line of JavaScript. Outside of
/// strings JSON has none of these.
std::string escapeForScript(std::string_view json) {
  std::string text;
  text.reserve(json.size() + json.size() / 16);
  for (size_t i = 0; i < json.size(); ++i) {
    std::string_view rest = json.substr(i);
    if (json[i] == '<') {
      text += "\\u003c";
    } else if (json[i] == '>') {
      text += "\\u003e";
    } else if (json[i] == '&') {
      text += "\\u0026";
    } else if (rest.starts_with("\xe2\x80\xa8") ||
               rest.starts_with("\xe2\x80\xa9")) {
      text += rest[2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      text += json[i];
    }
  }
  return text;
}

std::string element(std::string_view tag, std::string_view text) {
  std::string out = "<";
  (out += tag) += ">";
  ((out += text) += "</") += tag;
  return out += ">";
}

/// What stands for the places of report.html.
struct PageParts {
  std::string policy;
  std::string style;
  std::string scripts;
  std::string report;
};

PageParts makeParts(const proto::Report &report) {
  PageParts parts;
  std::string scriptSources;
  std::string styleSources;
  for (const EmbeddedFile &file : reportPageFiles().subspan(1)) {
    bool isStyle = file.name.ends_with(".css");
    (isStyle ? parts.style : parts.scripts) +=
        element(isStyle ? "style" : "script", file.bytes);
    (isStyle ? styleSources : scriptSources) += " " + hashSource(file.bytes);
  }
  parts.policy = "<meta http-equiv=\"Content-Security-Policy\" "
                 "content=\"default-src 'none'; script-src" +
                 scriptSources + "; style-src" + styleSources +
                 "; img-src data:; base-uri 'none'; form-action 'none'\">";
  parts.report = escapeForScript(printReportJson(report, 0));
  return parts;
}

} // namespace

std::string printReportHtml(const proto::Report &report) {
  PageParts parts = makeParts(report);
  const std::pair<std::string_view, const std::string &> places[] = {
      {"@policy@", parts.policy},
      {"@style@", parts.style},
      {"@report@", parts.report},
      {"@scripts@", parts.scripts}};
  std::string_view page = reportPageFiles()[0].bytes;
  std::string out;
  out.reserve(page.size() + parts.report.size() + parts.scripts.size() +
              parts.style.size() + parts.policy.size());
  // The places stand in this order, each once.
  for (const auto &[place, text] : places) {
    size_t at = page.find(place);
    out += page.substr(0, at);
    out += text;
    page.remove_prefix(at + place.size());
  }
  out += page;
  return out;
}

} // namespace gossamer::tools
