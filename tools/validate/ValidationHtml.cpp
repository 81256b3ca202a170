//===- ValidationHtml.cpp - A validation as one page ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Names and texts come from checkpoints and models of anyone: all of them go
// through escapeHtml, and a policy allows this page's style and nothing else.
//
//===----------------------------------------------------------------------===//

#include "tools/support/Terminal.h"
#include "tools/validate/SvgPlot.h"
#include "tools/validate/ValidationPrinters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace gossamer::tools {

namespace {

constexpr const char *pageStyle = R"(
:root { color-scheme: light dark; --page: light-dark(#fbfbf9, #131517);
  --surface: light-dark(#ffffff, #1a1d20); --line: light-dark(#dfdfd9, #30353a);
  --text: light-dark(#1c1e20, #e4e6e8); --muted: light-dark(#5d6166, #9ca3aa);
  --good: light-dark(#2c7232, #7fc987); --bad: light-dark(#b3261e, #ff8a80);
  --series-0: light-dark(#3767c8, #7ea6f2);
  --series-1: light-dark(#b3440f, #ff9d6b);
  --series-2: light-dark(#0c8278, #4cc3b8); }
body { margin: 0 auto; max-width: 76rem; padding: 1rem;
  background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, "Noto Sans", "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
p { margin: .3rem 0; } .muted { color: var(--muted); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--muted); font-weight: 600; }
td.n, th.n { text-align: right; white-space: nowrap; }
.passed { color: var(--good); } .FAILED { color: var(--bad); font-weight: 700; }
.skipped, .measured { color: var(--muted); }
.plots { display: grid; gap: 1rem; margin: .8rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr)); }
.plot { width: 100%; height: auto; background: var(--surface);
  border: 1px solid var(--line); border-radius: 6px; }
.plot text { fill: var(--muted); font-size: 11px; }
.plot .title { fill: var(--text); font-size: 13px; font-weight: 600; }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .limit { stroke: var(--bad); stroke-dasharray: 5 4; }
.plot .limit-name { fill: var(--bad); }
.plot .line { fill: none; stroke-width: 1.6; }
.plot circle.series-0, .plot .series-0.name { fill: var(--series-0); }
.plot circle.series-1, .plot .series-1.name { fill: var(--series-1); }
.plot circle.series-2, .plot .series-2.name { fill: var(--series-2); }
.plot polyline.series-0 { stroke: var(--series-0); }
.plot polyline.series-1 { stroke: var(--series-1); }
.plot polyline.series-2 { stroke: var(--series-2); }
blockquote { margin: .2rem 0; white-space: pre-wrap; }
summary { cursor: pointer; }
)";

std::string shortNumber(double value) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

/// Cells and headings; those whose title begins with '#' are numbers.
class HtmlTable {
public:
  explicit HtmlTable(std::vector<std::string> titles)
      : titles_(std::move(titles)) {
    text_ = "<div class=\"wide\"><table>\n<tr>";
    for (const std::string &title : titles_)
      text_ += isNumber(title)
                   ? "<th class=\"n\">" + escapeHtml(title.substr(1))
                   : "<th>" + escapeHtml(title);
    text_ += "</tr>\n";
  }
  void addRow(const std::vector<std::string> &cells,
              const std::string &kind = "") {
    text_ += "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) {
      std::string kinds = isNumber(titles_[i]) ? "n" : "";
      if (i == 1)
        kinds += (kinds.empty() || kind.empty() ? "" : " ") + kind;
      text_ += kinds.empty() ? "<td>" : "<td class=\"" + kinds + "\">";
      text_ += escapeHtml(cells[i]) + "</td>";
    }
    text_ += "</tr>\n";
  }
  std::string take() { return text_ + "</table></div>\n"; }

private:
  static bool isNumber(const std::string &title) {
    return title.starts_with('#');
  }
  std::vector<std::string> titles_;
  std::string text_;
};

std::string section(const std::string &id, const std::string &title,
                    const std::string &content) {
  if (content.empty())
    return "";
  return "<section id=\"" + id + "\">\n<h2>" + title + "</h2>\n" + content +
         "</section>\n";
}

std::string details(const std::string &summary, const std::string &content) {
  return "<details><summary>" + summary + "</summary>\n" + content +
         "</details>\n";
}

/// The line that a check's values must not cross.
std::vector<std::pair<std::string, double>>
limitsOf(const proto::Validation &validation, std::string_view check) {
  for (const proto::Verdict &verdict : validation.checks())
    if (verdict.name() == check && verdict.bound() > 0)
      return {{"limit", verdict.bound()}};
  return {};
}

std::string printHead(const proto::Validation &validation) {
  auto fact = [](const char *name, const std::string &value) {
    return std::string(name) + " " + escapeHtml(value);
  };
  std::string text = "<h1>Validation of " +
                     escapeHtml(validation.checkpoint()) +
                     "</h1>\n<p class=\"verdict ";
  text += validation.passed() ? "passed\">All checks passed"
                              : "FAILED\">A check failed";
  text += "</p>\n<p class=\"muted\">" + fact("form", validation.form()) + "; " +
          fact("math", validation.math_mode()) + "; " +
          fact("target", validation.target()) + ", " +
          escapeHtml(validation.cpu()) + "; " +
          std::to_string(validation.threads()) + " threads; " +
          fact("compiler", validation.compiler_version()) + "; " +
          formatSeconds(validation.seconds()) + "</p>\n<p class=\"muted\">" +
          fact("model", validation.model()) + "; " +
          fact("oracle", validation.oracle()) + "; " +
          fact("flags", validation.flags()) + "</p>\n";
  return text;
}

std::string printChecks(const proto::Validation &validation) {
  HtmlTable table({"check", "result", "#time", "seen", "demanded"});
  for (const proto::Verdict &verdict : validation.checks()) {
    std::string outcome = outcomeText(verdict.outcome());
    table.addRow({verdict.name(), outcome, formatSeconds(verdict.seconds()),
                  verdict.summary(), verdict.limit()},
                 outcome);
  }
  return table.take();
}

//===----------------------------------------------------------------------===//
// Weights, values, logits
//===----------------------------------------------------------------------===//

std::string printTensors(const proto::Validation &validation) {
  if (validation.tensors().empty())
    return "";
  Plot plot{"Products with each parameter against double precision",
            "parameter, in the checkpoint's order", "relative RMS error"};
  plot.isLogY = true;
  plot.limits = limitsOf(validation, "products");
  PlotSeries &points = plot.series.emplace_back();
  HtmlTable table({"tensor", "type", "#numbers", "#different", "#not finite",
                   "#products", "#max error", "#relative RMS"});
  int number = 0;
  for (const proto::TensorCheck &check : validation.tensors()) {
    bool isProduct = check.products() > 0;
    table.addRow({check.name(), check.type(), formatCount(check.elements()),
                  formatCount(check.different()),
                  formatCount(check.not_finite()),
                  isProduct ? formatCount(check.products()) : "",
                  isProduct ? shortNumber(check.max_error()) : "",
                  isProduct ? shortNumber(check.relative()) : ""});
    if (isProduct) {
      points.points.emplace_back(number, check.relative());
      points.labels.push_back(check.name() + ": " +
                              shortNumber(check.relative()));
    }
    ++number;
  }
  return "<div class=\"plots\">" + plot.print() + "</div>\n" +
         details("Each tensor", table.take());
}

std::string printValues(const proto::Validation &validation) {
  if (validation.values().empty())
    return "";
  Plot plot{"Values of the model against the unfused oracle",
            "operation, in the order of execution", "relative RMS error"};
  plot.isLogY = true;
  plot.limits = limitsOf(validation, "layers");
  HtmlTable table({"operation", "#step", "#max error", "#relative RMS"});
  int number = 0;
  for (const proto::ValueComparison &value : validation.values()) {
    if (plot.series.empty() || value.step() >= plot.series.size())
      plot.series.push_back({value.step() ? "last token" : "prompt"});
    PlotSeries &points = plot.series.back();
    number = points.points.empty() ? 0 : number + 1;
    points.points.emplace_back(number, value.relative());
    points.labels.push_back(value.name() + ": " +
                            shortNumber(value.relative()));
    table.addRow({value.name(), std::to_string(value.step()),
                  shortNumber(value.max_error()),
                  shortNumber(value.relative())});
  }
  return "<div class=\"plots\">" + plot.print() + "</div>\n" +
         details("Each value", table.take());
}

std::string printLogits(const proto::Validation &validation) {
  if (validation.logits().empty())
    return "";
  HtmlTable table({"against", "#positions", "#max error", "#RMS error",
                   "#mean KL", "#max KL", "#top-1 agreement", "#scored",
                   "#perplexity", "#of the reference"});
  std::string plots;
  for (const proto::LogitCheck &check : validation.logits()) {
    table.addRow(
        {check.against(), formatCount(check.positions()),
         shortNumber(check.max_error()), shortNumber(check.rms_error()),
         shortNumber(check.mean_kl()), shortNumber(check.max_kl()),
         formatFixed(100 * check.top1_agreement(), 2) + " %",
         formatCount(check.scored_tokens()), formatFixed(check.perplexity(), 4),
         formatFixed(check.reference_perplexity(), 4)});
    Plot plot{"Logits against " + check.against(), "position",
              "KL divergence (nats), largest difference"};
    plot.isLogY = true;
    PlotSeries kl{"KL"}, errors{"difference"};
    for (int i = 0; i < check.kl_size(); ++i) {
      kl.points.emplace_back(i, check.kl(i));
      errors.points.emplace_back(i, check.errors(i));
    }
    plot.series = {kl, errors};
    plots += plot.print();
  }
  return "<div class=\"plots\">" + plots + "</div>\n" + table.take();
}

//===----------------------------------------------------------------------===//
// Sampling and rates
//===----------------------------------------------------------------------===//

std::string plotFrequencies(const proto::StrategyCheck &check) {
  Plot plot{check.name() + ": draws of " + formatCount(check.draws()),
            "bin, the most probable first", "draws"};
  plot.isLogY = true;
  PlotSeries expected{"exact", true}, observed{"drawn"};
  for (int i = 0; i < check.frequencies_size(); ++i) {
    const proto::FrequencyRow &row = check.frequencies(i);
    auto drawn = static_cast<double>(row.observed());
    expected.points.emplace_back(i + 1, row.expected());
    observed.points.emplace_back(i + 1, drawn);
    expected.labels.push_back(row.tokens() + ": expected " +
                              formatFixed(row.expected(), 1));
    observed.labels.push_back(row.tokens() + ": drawn " +
                              formatCount(row.observed()));
  }
  plot.series = {expected, observed};
  return plot.print();
}

std::string printStrategies(const proto::Validation &validation) {
  if (validation.strategies().empty())
    return "";
  HtmlTable table({"strategy", "options", "#tokens", "#impossible",
                   "#chi-square", "#degrees", "#p", "repeats"});
  std::string plots, texts;
  for (const proto::StrategyCheck &check : validation.strategies()) {
    bool isDrawn = check.draws() > 0;
    table.addRow({check.name(), check.options(),
                  isDrawn ? formatCount(check.candidates()) : "",
                  isDrawn ? formatCount(check.impossible()) : "",
                  isDrawn ? formatFixed(check.statistic(), 2) : "",
                  isDrawn ? formatCount(check.degrees()) : "",
                  isDrawn ? shortNumber(check.p_value()) : "",
                  check.tokens().empty() ? ""
                  : check.repeats()      ? "yes"
                                         : "NO"});
    plots += plotFrequencies(check);
    if (!check.text().empty())
      texts += "<p class=\"muted\">" + escapeHtml(check.name()) +
               "</p><blockquote>" + escapeHtml(check.text()) +
               "</blockquote>\n";
  }
  return table.take() + "<div class=\"plots\">" + plots + "</div>\n" +
         (texts.empty() ? "" : details("What each generated", texts));
}

std::string printRates(const proto::Validation &validation) {
  if (validation.rates().empty())
    return "";
  Plot plot{"Throughput by length", "tokens of the sequence",
            "tokens a second"};
  plot.isLogX = plot.isLogY = true;
  PlotSeries prompt{"prompt", true}, decode{"decoding", true};
  HtmlTable table(
      {"#length", "#prompt tokens/s", "#decoded tokens/s", "#first token"});
  for (const proto::RateMeasurement &rate : validation.rates()) {
    auto length = static_cast<double>(rate.length());
    prompt.points.emplace_back(length, rate.prompt_rate());
    decode.points.emplace_back(length, rate.decode_rate());
    table.addRow({formatCount(rate.length()),
                  formatFixed(rate.prompt_rate(), 1),
                  formatFixed(rate.decode_rate(), 1),
                  formatSeconds(rate.first_token_seconds())});
  }
  plot.series = {prompt, decode};
  return "<div class=\"plots\">" + plot.print() + "</div>\n" + table.take();
}

} // namespace

std::string printValidationHtml(const proto::Validation &validation) {
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
      "'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
      "form-action "
      "'none'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>Validation of " +
      escapeHtml(validation.checkpoint()) + "</title>\n<style>";
  page += pageStyle;
  page += "</style>\n" + printHead(validation);
  page += section("checks", "Checks", printChecks(validation));
  page += section("weights", "Weights", printTensors(validation));
  page += section("values", "Layers", printValues(validation));
  page += section("logits", "Logits", printLogits(validation));
  page += section("sampling", "Sampling", printStrategies(validation));
  page += section("throughput", "Throughput", printRates(validation));
  return page;
}

} // namespace gossamer::tools
