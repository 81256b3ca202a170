//===- ReportTextGraph.cpp - Levels and fusions as text -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LayerFolding.h"
#include "tools/report/ReportText.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

namespace gossamer::tools::detail {

namespace {

/// "tensor<?x256xf32>", "tensor<...> + 2".
std::string resultType(const proto::Level &level,
                       const proto::Operation &operation) {
  if (operation.results_size() == 0)
    return "";
  uint32_t index = operation.results(0);
  if (index >= static_cast<uint32_t>(level.values_size()))
    return "?";
  std::string type = level.values(static_cast<int>(index)).type();
  constexpr size_t longest = 48;
  if (type.size() > longest)
    type = type.substr(0, longest - 4) + "...>";
  if (operation.results_size() > 1)
    type += " + " + std::to_string(operation.results_size() - 1);
  return type;
}

/// What an operation becomes: the operation of the next level, or launches
/// with their kernels. Names that do not change are not repeated.
class LoweringText {
public:
  LoweringText(const proto::Report &report, int level)
      : report_(report), level_(report.graph(level)),
        next_(level + 1 < report.graph_size() ? &report.graph(level + 1).level()
                                              : nullptr) {}

  std::string describe(int operation) const {
    if (operation >= level_.lowerings_size())
      return "";
    const proto::Lowering &lowering = level_.lowerings(operation);
    const std::string &name = level_.level().operations(operation).name();
    std::string text;
    constexpr int shown = 3;
    for (int i = 0; i < std::min(shown, lowering.targets_size()); ++i)
      text += (i ? ", " : "→ ") + target(lowering.targets(i), name);
    if (lowering.targets_size() > shown)
      text += ", " + std::to_string(lowering.targets_size() - shown) + " more";
    return text;
  }

private:
  std::string target(uint32_t index, const std::string &name) const {
    if (!next_ || index >= static_cast<uint32_t>(next_->operations_size()))
      return "?";
    const proto::Operation &operation =
        next_->operations(static_cast<int>(index));
    std::string text =
        next_->name() == "plan" ? kernelOf(index) : operation.op();
    if (text.empty())
      text = operation.op();
    return operation.name() == name ? text : text + " " + operation.name();
  }

  /// The kernel of a launch: "goss_linear_3 (packed)".
  std::string kernelOf(uint32_t launch) const {
    if (launch >= static_cast<uint32_t>(report_.launches_size()))
      return "";
    uint32_t kernel = report_.launches(static_cast<int>(launch)).kernel();
    if (kernel >= static_cast<uint32_t>(report_.kernels_size()))
      return "";
    const proto::KernelReport &entry =
        report_.kernels(static_cast<int>(kernel));
    return entry.symbol() + " (" + entry.kind() + ")";
  }

  const proto::Report &report_;
  const proto::GraphLevel &level_;
  const proto::Level *next_;
};

std::string textOfLevel(const proto::Report &report, int index,
                        const TextOptions &options) {
  const proto::GraphLevel &graph = report.graph(index);
  const proto::Level &level = graph.level();
  LayerFolding folding(graph.layers(), LayerFolding::layersOf(level),
                       options.openLayers, options.openAll);
  LoweringText lowerings(report, index);
  TextTable table({{"name"}, {"operation"}, {"result"}, {"becomes"}});
  int layer = -1;
  for (int i = 0; i < level.operations_size(); ++i) {
    const proto::Operation &operation = level.operations(i);
    if (!folding.isShown(operation.layer()))
      continue;
    if (operation.layer() != layer)
      table.addLine(operation.layer() < 0 ? "outside the layers"
                                          : folding.title(operation.layer()));
    layer = operation.layer();
    table.addRow({operation.name(), operation.op(),
                  resultType(level, operation), lowerings.describe(i)});
  }
  return "Graph at level " + printable(level.name()) + ": " +
         formatCount(static_cast<uint64_t>(level.operations_size())) +
         " operations\n" + table.print();
}

} // namespace

std::string textOfGraph(const proto::Report &report,
                        const TextOptions &options) {
  std::string text;
  for (int i = 0; i < report.graph_size(); ++i)
    if (options.level.empty() ||
        report.graph(i).level().name() == options.level)
      text += (text.empty() ? "" : "\n") + textOfLevel(report, i, options);
  return text;
}

std::string textOfFusions(const proto::Report &report) {
  if (report.fusions_size() == 0)
    return "";
  // What happened alike in many layers is one row; passes as they ran.
  struct Group {
    const proto::FusionRecord *first;
    uint64_t count = 0;
  };
  std::vector<std::string> passes;
  std::map<std::string, std::vector<Group>> groups;
  std::map<std::string, size_t> index;
  uint64_t done = 0;
  for (const proto::FusionRecord &fusion : report.fusions()) {
    done += fusion.fused();
    std::vector<Group> &ofPass = groups[fusion.pass()];
    if (ofPass.empty())
      passes.push_back(fusion.pass());
    std::string key = fusion.pass() + '\n' + withoutLayer(fusion.place()) +
                      '\n' + (fusion.fused() ? '1' : '0') + fusion.message();
    auto [found, isNew] = index.try_emplace(key, ofPass.size());
    if (isNew)
      ofPass.push_back({&fusion});
    ++ofPass[found->second].count;
  }
  TextTable table(
      {{"place"}, {"times", true}, {"fused"}, {"what, or why not"}});
  for (const std::string &pass : passes) {
    table.addLine(pass);
    for (const Group &group : groups[pass])
      table.addRow({group.count > 1 ? withoutLayer(group.first->place())
                                    : group.first->place(),
                    formatCount(group.count),
                    group.first->fused() ? "yes" : "no",
                    group.first->message()});
  }
  return "Fusions: " + formatCount(done) + " done, " +
         formatCount(static_cast<uint64_t>(report.fusions_size()) - done) +
         " not\n" + table.print();
}

} // namespace gossamer::tools::detail
