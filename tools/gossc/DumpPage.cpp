//===- DumpPage.cpp - index.html of --dump-dir ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One page without scripts that opens from a file: the stages in order, what
// each changed and how to repeat it, then the kernels.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/StageDump.h"
#include "tools/support/Terminal.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

namespace gossamer {
namespace {

using llvm::StringRef;
using tools::formatBytes;
using tools::formatCount;
using tools::formatSeconds;

constexpr const char *kStyle = R"(
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem;
       margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
pre { font: 12px/1.4 ui-monospace, monospace; background: var(--soft);
      padding: .7rem; overflow: auto; max-height: 30rem; }
pre.command { white-space: pre-wrap; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0;
         border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
summary { cursor: pointer; } nav a { margin-right: 1rem; }
)";

std::string escape(StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(text, os);
  return result;
}

int64_t sum(const NameCounts &counts) {
  int64_t total = 0;
  for (const auto &[name, count] : counts)
    total += count;
  return total;
}

class Page {
public:
  explicit Page(const CompileReport &report) : report_(report) {}

  std::string make(const std::vector<DumpedStage> &stages,
                   const std::vector<DumpedKernel> &kernels);

private:
  void printHead();
  void printOverview(const std::vector<DumpedStage> &stages);
  void printStage(const std::vector<DumpedStage> &stages, size_t index);
  void printChanges(const DumpedStage *before, const DumpedStage &stage);
  void printFusions();
  void printKernelTable(const std::vector<DumpedKernel> &kernels);
  void printKernel(const DumpedKernel &kernel);
  void printLink(const DumpedFile &file);
  void printCell(int64_t number);
  void printText(StringRef summary, StringRef text);

  const CompileReport &report_;
  std::string text_;
  llvm::raw_string_ostream os_{text_};
};

void Page::printHead() {
  os_ << "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n"
         "<title>Stages of a compilation</title>\n<style>"
      << kStyle << "</style>\n<h1>Stages of a compilation</h1>\n<p>"
      << escape(report_.model) << "; target " << escape(report_.target) << ", "
      << escape(report_.cpu) << ", opt level " << report_.optLevel << ", math "
      << escape(report_.math) << ", cache " << escape(report_.cacheType)
      << ".</p>\n";
}

void Page::printLink(const DumpedFile &file) {
  std::string path = escape(file.path);
  os_ << "<a href=\"" << path << "\">" << path << "</a>";
}

void Page::printCell(int64_t number) {
  os_ << "<td class=\"n\">";
  if (number)
    os_ << formatCount(static_cast<uint64_t>(number));
  os_ << "</td>";
}

void Page::printText(StringRef summary, StringRef text) {
  os_ << "<details><summary>" << escape(summary) << "</summary><pre>"
      << escape(text) << "</pre></details>\n";
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

void Page::printOverview(const std::vector<DumpedStage> &stages) {
  os_ << "<div class=\"wide\"><table><tr><th>stage<th>file<th class=\"n\">"
         "time<th class=\"n\">operations<th class=\"n\">size</tr>\n";
  for (const auto &[i, stage] : llvm::enumerate(stages)) {
    os_ << "<tr><td><a href=\"#stage-" << i << "\">" << escape(stage.title)
        << "</a></td><td>";
    printLink(stage.file);
    os_ << "</td><td class=\"n\">"
        << (stage.seconds > 0 ? formatSeconds(stage.seconds) : "") << "</td>";
    printCell(sum(stage.counts));
    os_ << "<td class=\"n\">" << formatBytes(stage.file.bytes)
        << "</td></tr>\n";
  }
  os_ << "</table></div>\n<p>A text made from the lowered module has the time "
         "from there on. The commands below repeat each step in this "
         "folder.</p>\n";
}

/// Texts can be compared when they are of one language.
bool isComparable(const DumpedStage *before, const DumpedStage &stage) {
  auto ending = [](const DumpedStage &each) {
    return StringRef(each.file.path).rsplit('.').second;
  };
  return before && ending(*before) == ending(stage);
}

void Page::printChanges(const DumpedStage *before, const DumpedStage &stage) {
  bool compares = isComparable(before, stage);
  std::set<std::string> names;
  for (const auto &[name, count] : stage.counts)
    names.insert(name);
  if (compares)
    for (const auto &[name, count] : before->counts)
      names.insert(name);
  auto count = [](const NameCounts &counts, const std::string &name) {
    auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
  };
  if (names.empty())
    return;
  os_ << "<details" << (compares ? " open" : "") << "><summary>"
      << (compares ? "What changed" : "What it is made of")
      << "</summary><div class=\"wide\"><table><tr><th>operation"
      << (compares ? "<th class=\"n\">before" : "") << "<th class=\"n\">"
      << (compares ? "after" : "uses") << "</tr>\n";
  for (const std::string &name : names) {
    int64_t now = count(stage.counts, name);
    if (compares && now == count(before->counts, name))
      continue;
    os_ << "<tr><td><code>" << escape(name) << "</code></td>";
    if (compares)
      printCell(count(before->counts, name));
    printCell(now);
    os_ << "</tr>\n";
  }
  os_ << "</table></div></details>\n";
}

void Page::printFusions() {
  std::map<std::string, std::pair<size_t, size_t>> passes; // fused, not.
  for (const proto::FusionRecord &fusion : report_.record.fusions())
    ++(fusion.fused() ? passes[fusion.pass()].first
                      : passes[fusion.pass()].second);
  if (passes.empty())
    return;
  os_ << "<table><tr><th>fusion<th class=\"n\">fused<th class=\"n\">not"
         "</tr>\n";
  for (const auto &[pass, counts] : passes)
    os_ << "<tr><td>" << escape(pass) << "</td><td class=\"n\">" << counts.first
        << "</td><td class=\"n\">" << counts.second << "</td></tr>\n";
  os_ << "</table>\n";
  for (const proto::FusionRecord &fusion : report_.record.fusions())
    if (!fusion.fused())
      os_ << "<p>" << escape(fusion.pass()) << " at <code>"
          << escape(fusion.place()) << "</code>: " << escape(fusion.message())
          << "</p>\n";
}

void Page::printStage(const std::vector<DumpedStage> &stages, size_t index) {
  const DumpedStage &stage = stages[index];
  os_ << "<h2 id=\"stage-" << index << "\">" << index << ". "
      << escape(stage.title) << "</h2>\n<p>";
  printLink(stage.file);
  os_ << ", " << formatBytes(stage.file.bytes) << "</p>\n";
  if (!stage.command.empty())
    os_ << "<pre class=\"command\">" << escape(stage.command) << "</pre>\n";
  if (stage.title == "fused")
    printFusions();
  printChanges(index ? &stages[index - 1] : nullptr, stage);
  if (!stage.passes.empty()) {
    os_ << "<details><summary>After its passes</summary><ul>\n";
    for (const DumpedFile &pass : stage.passes) {
      os_ << "<li>";
      printLink(pass);
      os_ << "</li>\n";
    }
    os_ << "</ul></details>\n";
  }
  os_ << "<nav>";
  if (index)
    os_ << "<a href=\"#stage-" << index - 1 << "\">← "
        << escape(stages[index - 1].title) << "</a>";
  if (index + 1 < stages.size())
    os_ << "<a href=\"#stage-" << index + 1 << "\">"
        << escape(stages[index + 1].title) << " →</a>";
  os_ << "</nav>\n";
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

void Page::printKernelTable(const std::vector<DumpedKernel> &kernels) {
  os_ << "<h2 id=\"kernels\">Kernels</h2>\n<div class=\"wide\"><table>"
         "<tr><th>symbol<th>operation<th>kind<th class=\"n\">launches"
         "<th class=\"n\">instructions<th class=\"n\">bytes per item"
         "<th class=\"n\">flops per item</tr>\n";
  for (const DumpedKernel &kernel : kernels) {
    std::string symbol = escape(kernel.record.symbol);
    os_ << "<tr><td><a href=\"#" << symbol << "\">" << symbol << "</a></td><td>"
        << escape(kernel.record.operation) << "</td><td>"
        << escape(kernel.record.kind) << "</td>";
    printCell(static_cast<int64_t>(kernel.launches));
    printCell(static_cast<int64_t>(kernel.instructions));
    printCell(static_cast<int64_t>(kernel.record.bytesPerItem));
    printCell(static_cast<int64_t>(kernel.record.flopsPerItem));
    os_ << "</tr>\n";
  }
  os_ << "</table></div>\n";
}

void Page::printKernel(const DumpedKernel &kernel) {
  os_ << "<h2 id=\"" << escape(kernel.record.symbol) << "\">"
      << escape(kernel.record.symbol) << ": " << escape(kernel.record.operation)
      << ", " << escape(kernel.record.kind) << "</h2>\n<p>In the plan <code>@"
      << escape(kernel.name) << "</code>, launched " << kernel.launches
      << (kernel.launches == 1 ? " time" : " times") << " a step.</p>\n<p>";
  for (const auto &[i, file] : llvm::enumerate(kernel.files)) {
    os_ << (i ? " · " : "");
    printLink(file);
    os_ << " (" << formatBytes(file.bytes) << ")";
  }
  os_ << "</p>\n";
  printText("Operation of the plan", kernel.operation);
  if (kernel.loop.empty())
    os_ << "<p>Not analysed: " << escape(kernel.loopMissing) << ".</p>\n";
  else
    printText("Hottest loop, by llvm-mca", kernel.loop);
  os_ << "<nav><a href=\"#kernels\">↑ kernels</a></nav>\n";
}

std::string Page::make(const std::vector<DumpedStage> &stages,
                       const std::vector<DumpedKernel> &kernels) {
  printHead();
  printOverview(stages);
  if (!kernels.empty())
    os_ << "<p>" << kernels.size()
        << " <a href=\"#kernels\">kernels</a>, each with its files.</p>\n";
  for (size_t i = 0; i < stages.size(); ++i)
    printStage(stages, i);
  if (!kernels.empty())
    printKernelTable(kernels);
  for (const DumpedKernel &kernel : kernels)
    printKernel(kernel);
  os_ << "</html>\n";
  return std::move(text_);
}

} // namespace

std::string makeDumpPage(const std::vector<DumpedStage> &stages,
                         const std::vector<DumpedKernel> &kernels,
                         const CompileReport &report) {
  return Page(report).make(stages, kernels);
}

} // namespace gossamer
