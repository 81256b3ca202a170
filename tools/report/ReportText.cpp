//===- ReportText.cpp - Reports for a terminal ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportText.h"

#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <array>
#include <cmath>

namespace gossamer::tools {
namespace detail {

std::string describeBytes(uint64_t bytes) {
  if (bytes < 1000)
    return formatBytes(bytes);
  return formatBytes(bytes) + " (" + formatCount(bytes) + " bytes)";
}

std::string formatWithPrefix(double value, const std::string &unit) {
  static constexpr std::array<const char *, 5> prefixes = {"", "k", "M", "G",
                                                           "T"};
  size_t prefix = 0;
  for (; std::abs(value) >= 1000 && prefix + 1 < prefixes.size(); ++prefix)
    value /= 1000;
  int decimals = prefix == 0 || std::abs(value) >= 100 ? 0 : 1;
  return formatFixed(value, decimals) + " " + prefixes[prefix] + unit;
}

std::string
describeShape(const google::protobuf::RepeatedField<uint64_t> &shape) {
  std::string text;
  for (uint64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

std::string shortHash(const std::string &hexadecimal) {
  return hexadecimal.substr(0, 12);
}

std::string launchName(const proto::Report &report, uint64_t index) {
  return index < static_cast<uint64_t>(report.launches_size())
             ? report.launches(static_cast<int>(index)).name()
             : "?";
}

namespace {

/// Two columns of names and facts; empty facts are left out.
class Facts {
public:
  void begin(const std::string &title) {
    flush();
    title_ = title;
  }
  void add(const std::string &name, const std::string &text) {
    if (!text.empty())
      table_.addRow({name, text});
  }
  void count(const std::string &name, uint64_t number) {
    if (number != 0)
      add(name, formatCount(number));
  }
  void bytes(const std::string &name, uint64_t number) {
    if (number != 0)
      add(name, describeBytes(number));
  }
  std::string take() {
    flush();
    return std::move(text_);
  }

private:
  void flush() {
    if (!table_.isEmpty())
      text_ += title_ + "\n" + table_.print();
    table_ = emptyTable();
  }
  static TextTable emptyTable() { return TextTable({{""}, {""}}); }

  std::string title_, text_;
  TextTable table_ = emptyTable();
};

std::string describeWindows(const proto::ModelConfig &config) {
  std::map<uint32_t, int> layers;
  for (uint32_t window : config.layer_windows())
    ++layers[window];
  std::string text;
  for (auto [window, count] : layers)
    text += (text.empty() ? "" : ", ") +
            (window ? std::to_string(window) + " keys" : std::string("full")) +
            " in " + std::to_string(count) +
            (count == 1 ? " layer" : " layers");
  return text;
}

void addModel(Facts &facts, const proto::ModelConfig &config) {
  facts.begin("Model");
  facts.add("type", config.model_type());
  facts.count("layers", config.num_layers());
  facts.count("hidden size", config.hidden_size());
  facts.count("query heads", config.num_heads());
  facts.count("key/value heads", config.num_kv_heads());
  facts.count("head dimension", config.head_dim());
  facts.count("experts", config.num_experts());
  facts.count("active experts", config.experts_per_token());
  facts.count("expert width", config.intermediate_size());
  facts.count("vocabulary", config.vocab_size());
  facts.count("positions", config.max_position_embeddings());
  facts.add("attention", describeWindows(config));
  if (config.has_rope() && config.rope().scaling() != "none" &&
      !config.rope().scaling().empty())
    facts.add("rope", config.rope().scaling() + ", factor " +
                          formatFixed(config.rope().factor(), 0) + " from " +
                          formatCount(config.rope().original_context()) +
                          " positions");
}

void addWeights(Facts &facts, const proto::Summary &summary) {
  facts.begin("Weights");
  facts.count("tensors", summary.tensors());
  if (summary.parameters_total() != 0)
    facts.add("parameters", formatCount(summary.parameters_total()) + " (" +
                                formatParameters(summary.parameters_total()) +
                                ")");
  if (summary.parameters_active() != 0)
    facts.add("active", formatCount(summary.parameters_active()) + " (" +
                            formatParameters(summary.parameters_active()) +
                            ") a token");
  facts.bytes("bytes", summary.weight_bytes());
  facts.add("experts are", summary.expert_form());
  facts.add("others are", summary.dense_form());
  if (summary.kind() != "checkpoint")
    facts.add("they are",
              summary.weights_embedded() ? "embedded" : "referenced, in files");
  facts.add("layout", summary.weight_layout());
  for (const proto::WeightFile &file : summary.weight_files())
    facts.add("file", file.name() +
                          (file.size() ? "  " + formatBytes(file.size()) : ""));
}

template <typename Texts> std::string join(const Texts &texts) {
  std::string joined;
  for (const std::string &text : texts)
    joined += (joined.empty() ? "" : " ") + text;
  return joined;
}

void addCode(Facts &facts, const proto::Summary &summary) {
  facts.begin("Code");
  facts.add("target", summary.target());
  facts.add("triple", summary.triple());
  facts.add("processor", summary.cpu());
  facts.add("needs", join(summary.required_features()));
  facts.add("math", summary.math_mode());
  if (!summary.target().empty())
    facts.add("opt level", std::to_string(summary.opt_level()));
  facts.add("compiler", summary.compiler_version());
  facts.add("flags", summary.flags());
  for (const proto::EntryPoint &entry : summary.entry_points())
    facts.add("entry point", entry.name() +
                                 (entry.signature().empty() ? "" : "  ") +
                                 entry.signature());
}

void addLimits(Facts &facts, const proto::Summary &summary) {
  facts.begin("Memory");
  facts.count("context", summary.max_context());
  facts.count("tokens a step", summary.max_tokens_per_step());
  facts.bytes("arena", summary.arena_bytes());
  facts.bytes("cache a token", summary.cache_bytes_per_token());
  facts.add("cache holds", summary.cache_dtype());
}

void addFile(Facts &facts, const proto::Summary &summary) {
  facts.begin("Sections");
  for (const proto::Section &section : summary.sections())
    facts.add(section.name(), formatBytes(section.size()) + " at " +
                                  formatCount(section.offset()) + "  sha256 " +
                                  shortHash(section.sha256()));
  facts.begin("Identity");
  facts.bytes("file", summary.artifact_bytes());
  facts.add("config", shortHash(summary.config_sha256()));
  facts.add("tokenizer", shortHash(summary.tokenizer_sha256()));
}

} // namespace

std::string textOfSummary(const proto::Report &report) {
  if (!report.has_summary())
    return "";
  const proto::Summary &summary = report.summary();
  Facts facts;
  facts.begin(summary.kind().empty() ? "source" : printable(summary.kind()));
  facts.add("from", summary.source());
  addModel(facts, summary.model());
  addWeights(facts, summary);
  addCode(facts, summary);
  addLimits(facts, summary);
  addFile(facts, summary);
  return facts.take();
}

std::string textOfStages(const proto::Report &report) {
  if (report.stages_size() == 0)
    return "";
  TextTable table(
      {{"stage"}, {"time", true}, {"operations", true}, {"peak memory", true}});
  double total = 0;
  for (const proto::CompileStage &stage : report.stages()) {
    total += stage.seconds();
    table.addRow({stage.name(), formatSeconds(stage.seconds()),
                  stage.operations() > 0
                      ? formatCount(static_cast<uint64_t>(stage.operations()))
                      : "",
                  stage.peak_bytes() ? formatBytes(stage.peak_bytes()) : ""});
  }
  table.addRow({"all", formatSeconds(total)});
  return "Compilation\n" + table.print();
}

} // namespace detail

std::string printReportText(const proto::Report &report,
                            const TextOptions &options) {
  std::string text;
  auto add = [&](bool isWanted, const std::string &part) {
    if (!isWanted || part.empty())
      return;
    text += (text.empty() ? "" : "\n") + part;
  };
  const ReportParts &parts = options.parts;
  add(parts.summary, detail::textOfSummary(report));
  add(parts.summary, detail::textOfStages(report));
  add(parts.graph, detail::textOfGraph(report, options));
  add(parts.costs, detail::textOfCosts(report, options));
  add(parts.memory, detail::textOfMemory(report, options));
  add(parts.weights, detail::textOfWeights(report));
  add(parts.fusions, detail::textOfFusions(report));
  add(parts.kernels, detail::textOfKernels(report));
  return text;
}

} // namespace gossamer::tools
