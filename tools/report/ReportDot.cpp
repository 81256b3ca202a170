//===- ReportDot.cpp - The graph for Graphviz -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LayerFolding.h"
#include "tools/report/ReportPrinters.h"
#include "tools/report/TextTable.h"

#include <array>
#include <string_view>

namespace gossamer::tools {

namespace {

/// A quoted string of the DOT language. Quotes and backslashes are escaped, so
/// nothing in a name can end the string or act as an escape of its own.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char byte : printable(text)) {
    if (byte == '"' || byte == '\\')
      out += '\\';
    out += byte;
  }
  return out + "\"";
}

/// The same of two lines.
std::string quoted(std::string_view first, std::string_view second) {
  std::string text = quoted(first);
  text.pop_back();
  return text + "\\n" + quoted(second).substr(1);
}

struct KindColor {
  std::string_view part; ///< of an operation's name.
  std::string_view color;
};

/// Colours by kind of operation; the first part that occurs decides.
constexpr std::array<KindColor, 16> kindColors = {{
    {"attention", "#cfe2ff"},
    {"softmax", "#cfe2ff"},
    {"mask", "#cfe2ff"},
    {"cache", "#d6d8f5"},
    {"rope", "#e2d9f3"},
    {"router", "#fde2c8"},
    {"topk", "#fde2c8"},
    {"top_k", "#fde2c8"},
    {"moe", "#fff3cd"},
    {"expert", "#fff3cd"},
    {"swiglu", "#fff3cd"},
    {"gate_up", "#fff3cd"},
    {"linear", "#d1e7dd"},
    {"matmul", "#d1e7dd"},
    {"norm", "#f8d7da"},
    {"embedding", "#d2f4ea"},
}};

std::string_view colorOf(std::string_view operation) {
  for (const KindColor &kind : kindColors)
    if (operation.find(kind.part) != std::string_view::npos)
      return kind.color;
  return "#f1f3f5";
}

class DotPrinter {
public:
  DotPrinter(const proto::GraphLevel &graph, const DotOptions &options)
      : level_(graph.level()),
        folding_(graph.layers(), LayerFolding::layersOf(graph.level()),
                 options.openLayers, options.openAll),
        producers_(static_cast<size_t>(level_.values_size()), -1) {
    for (int i = 0; i < level_.operations_size(); ++i)
      for (uint32_t result : level_.operations(i).results())
        if (result < producers_.size())
          producers_[result] = i;
    findCounterparts();
  }

  std::string print() {
    out_ = "digraph " + quoted(level_.name()) + " {\n";
    out_ += "  rankdir=TB;\n  compound=true;\n"
            "  node [shape=box, style=\"filled,rounded\", "
            "fontname=\"sans-serif\", fontsize=10];\n"
            "  edge [fontname=\"sans-serif\", fontsize=8, "
            "color=\"#6c757d\"];\n";
    printNodes();
    printEdges();
    return out_ + "}\n";
  }

private:
  /// A folded layer's operation is drawn as the one at the same place of the
  /// layer that stands for it.
  void findCounterparts() {
    std::map<int, std::vector<int>> ofLayer;
    for (int i = 0; i < level_.operations_size(); ++i)
      ofLayer[level_.operations(i).layer()].push_back(i);
    shown_.assign(static_cast<size_t>(level_.operations_size()), -1);
    for (const auto &[layer, operations] : ofLayer) {
      const std::vector<int> &drawn = ofLayer[folding_.representative(layer)];
      for (size_t i = 0; i < operations.size(); ++i)
        shown_[static_cast<size_t>(operations[i])] =
            i < drawn.size() ? drawn[i] : -1;
    }
  }

  bool isDrawn(int operation) const {
    return shown_[static_cast<size_t>(operation)] == operation;
  }

  void printNode(int index, std::string_view indent) {
    const proto::Operation &operation = level_.operations(index);
    out_ += indent;
    out_ += "op" + std::to_string(index) +
            " [label=" + quoted(operation.op(), operation.name()) +
            ", fillcolor=" + quoted(colorOf(operation.op())) + "];\n";
  }

  void printNodes() {
    std::map<int, std::vector<int>> layers;
    for (int i = 0; i < level_.operations_size(); ++i)
      if (isDrawn(i))
        layers[level_.operations(i).layer()].push_back(i);
    for (const auto &[layer, operations] : layers) {
      if (layer < 0) {
        for (int operation : operations)
          printNode(operation, "  ");
        continue;
      }
      out_ += "  subgraph cluster_" + std::to_string(layer) +
              " {\n    label=" + quoted(folding_.title(layer)) +
              ";\n    fontname=\"sans-serif\";\n    color=\"#adb5bd\";\n";
      for (int operation : operations)
        printNode(operation, "    ");
      out_ += "  }\n";
    }
  }

  void printArgument(uint32_t value) {
    if (arguments_.insert(value).second)
      out_ += "  arg" + std::to_string(value) + " [label=" +
              quoted(level_.values(static_cast<int>(value)).name()) +
              ", shape=ellipse, fillcolor=\"#ffffff\"];\n";
  }

  void printEdge(const std::string &from, const std::string &to,
                 const std::string &type) {
    if (!edges_.insert(from + ">" + to + ">" + type).second)
      return;
    out_ += "  " + from + " -> " + to;
    constexpr size_t shortType = 32;
    if (!type.empty() && type.size() <= shortType)
      out_ += " [label=" + quoted(type) + "]";
    out_ += ";\n";
  }

  /// Edges into what is drawn; those that leave a folded layer towards what
  /// is drawn after it begin at its counterpart.
  void printEdges() {
    for (int i = 0; i < level_.operations_size(); ++i) {
      if (!isDrawn(i))
        continue;
      std::string to = "op" + std::to_string(i);
      for (uint32_t operand : level_.operations(i).operands()) {
        if (operand >= producers_.size())
          continue;
        const std::string &type =
            level_.values(static_cast<int>(operand)).type();
        int producer = producers_[operand];
        if (producer < 0) {
          printArgument(operand);
          printEdge("arg" + std::to_string(operand), to, type);
          continue;
        }
        int from = shown_[static_cast<size_t>(producer)];
        if (from >= 0 && from != i)
          printEdge("op" + std::to_string(from), to, type);
      }
    }
  }

  const proto::Level &level_;
  LayerFolding folding_;
  std::vector<int> producers_; ///< operation of each value; -1: an argument.
  std::vector<int> shown_; ///< what is drawn for each operation; -1: nothing.
  std::set<uint32_t> arguments_;
  std::set<std::string> edges_;
  std::string out_;
};

} // namespace

std::string printReportDot(const proto::Report &report,
                           const DotOptions &options) {
  for (const proto::GraphLevel &graph : report.graph())
    if (graph.level().name() == options.level)
      return DotPrinter(graph, options).print();
  return "digraph " + quoted(options.level) + " {\n}\n";
}

} // namespace gossamer::tools
