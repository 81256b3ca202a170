//===- InspectArguments.cpp - The options of goss inspect -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/InspectArguments.h"

#include <algorithm>
#include <initializer_list>

namespace gossamer::tools {

void InspectArguments::addTo(Command &command) {
  constexpr int64_t most = 1 << 24;
  command
      .positional("MODEL", path,
                  "an artifact, a checkpoint directory or a config.json "
                  "(default: the embedded model)")
      .group("Output")
      .choice("--what", what,
              {"summary", "graph", "cost", "memory", "weights", "fusions",
               "code", "all"},
              "the part to show (default summary; all with --format=html)")
      .choice("--format", format, {"text", "json", "dot", "html"},
              "tables, an object for programs, a graph for Graphviz, or one "
              "page for a browser (default text)")
      .text("-o,--output", "FILE", output,
            "where to write (default: standard output)")
      .group("Graph")
      .choice("--level", level, {"graph", "fused", "plan"},
              "before fusion, after it, or as buffers and launches (default: "
              "each; of a drawing fused)")
      .texts("--layer", "N", layers,
             "show this layer in full, or all of them with --layer=all; of "
             "equal layers only one is shown otherwise; may be repeated")
      .group("Weights")
      .flag("--hash", hash, "read every weight: its SHA-256")
      .flag("--stats", stats,
            "read every weight: SHA-256, minimum, maximum, mean, zeros, NaN, "
            "and the scales of MXFP4 blocks")
      .text("--weights", "DIR", weights,
            "checkpoint directory of an artifact that refers to its weights "
            "(default: beside the artifact)")
      .group("Code")
      .text("--kernel", "SYMBOL", kernel,
            "with --what=code: the instructions of this kernel or other "
            "function, by an installed objdump, or its PTX")
      .group("Cost")
      .integer("--tokens", "N", tokens, {1, most},
               "also a step of N tokens of each sequence (default 1)")
      .integer("--depth", "N", depth, {0, most},
               "tokens in the cache before that step (default 0)")
      .integer("--sequences", "N", sequences, {1, most},
               "sequences in that step (default 1)")
      .real("--bandwidth", "GB/s", bandwidth, {0, 1e9, true},
            "predict for a machine that reads this fast")
      .real("--peak", "GFLOP/s", peak, {0, 1e9, true},
            "and computes float32 this fast")
      .real("--int8-peak", "GOP/s", int8Peak, {0, 1e9, true},
            "and int8 products this fast")
      .flag("--measure", measure,
            "predict for this machine, measured now (about a second)")
      .example("goss inspect model.goss", "sizes, target, memory, sections")
      .example("goss inspect model.goss --what=graph --level=fused --layer=3",
               "the fused operations, layer 3 in full")
      .example("goss inspect model.goss --what=graph --format=dot | dot -Tsvg "
               "-o graph.svg",
               "the same drawn by Graphviz")
      .example("goss inspect model.goss --what=cost --tokens=64 --depth=1000 "
               "--measure",
               "predicted time of every kernel on this machine")
      .example("goss inspect models/tiny-stories --what=weights --stats",
               "every tensor of a checkpoint with its statistics")
      .example("goss inspect model.goss --what=code --kernel=SYMBOL",
               "the machine code of a kernel")
      .example("goss inspect model.goss --format=html -o model.html",
               "everything as one page");
}

namespace {

/// An option that was given, and the parts that it belongs to.
struct OptionUse {
  bool isGiven;
  const char *option;
  std::initializer_list<const char *> parts;
};

} // namespace

Status InspectArguments::checkParts() const {
  bool statesMachine = bandwidth || peak || int8Peak;
  const OptionUse uses[] = {
      {!level.empty(), "--level", {"graph", "all"}},
      {!layers.empty(), "--layer", {"graph", "cost", "memory", "all"}},
      {hash, "--hash", {"weights", "all"}},
      {stats, "--stats", {"weights", "all"}},
      {!weights.empty(), "--weights", {"weights", "all"}},
      {!kernel.empty(), "--kernel", {"code"}},
      {asksForStep(), "--tokens, --depth or --sequences", {"cost", "all"}},
      {statesMachine, "--bandwidth, --peak or --int8-peak", {"cost", "all"}},
      {measure, "--measure", {"cost", "all"}},
      {format == "dot", "--format=dot", {"graph"}},
      {format == "html", "--format=html", {"all"}},
  };
  for (const OptionUse &use : uses) {
    if (!use.isGiven || std::ranges::find(use.parts, what) != use.parts.end())
      continue;
    std::string expected;
    for (const char *part : use.parts)
      expected += (expected.empty() ? "" : " or ") + std::string(part);
    return usageError(std::string(use.option) + " expects --what=" + expected +
                      " but got --what=" + what);
  }
  if (statesMachine && measure)
    return usageError("--measure expects no stated --bandwidth, --peak or "
                      "--int8-peak");
  if (!weights.empty() && !readsWeights())
    return usageError("--weights expects --hash or --stats, which read them");
  return Status::ok();
}

Status InspectArguments::check() {
  if (what.empty())
    what = format == "html" ? "all" : "summary";
  return checkParts();
}

Status InspectArguments::checkFor(const InspectedModel &model) const {
  if (model.isArtifact())
    return Status::ok();
  if (what != "summary" && what != "weights" && what != "all")
    return usageError(
        "--what=" + what + " expects an artifact made by gossc but got " +
        model.describeKind() + ", of which there are summary and weights");
  return Status::ok();
}

Expected<LayerChoice>
InspectArguments::chooseLayers(const InspectedModel &model) const {
  LayerChoice choice;
  if (layers.empty() || !model.isArtifact())
    return choice;
  int64_t count = model.artifact().manifest().config().num_layers();
  for (const std::string &text : layers) {
    int64_t layer = 0;
    if (text == "all") {
      choice.openAll = true;
      continue;
    }
    if (!parseInteger(text, {0, count - 1}, layer).empty())
      return usageError("--layer expects a number from 0 to " +
                        std::to_string(count - 1) + ", or all, but got '" +
                        text + "'");
    choice.open.insert(static_cast<int>(layer));
  }
  return choice;
}

} // namespace gossamer::tools
