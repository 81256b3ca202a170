//===- Inspect.cpp - goss inspect -----------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/InspectArguments.h"

#include "runtime/support/AtomicFile.h"
#include "tools/goss/Commands.h"
#include "tools/goss/MachineLimits.h"
#include "tools/goss/ModelReport.h"
#include "tools/report/CodeReport.h"
#include "tools/report/DeviceCode.h"
#include "tools/report/ReportPrinters.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <memory>
#include <thread>

namespace gossamer::tools {
namespace {

/// What `--what` shows.
ReportParts shownParts(const std::string &what) {
  ReportParts parts;
  bool all = what == "all";
  parts.summary = all || what == "summary";
  parts.graph = all || what == "graph";
  parts.costs = all || what == "cost";
  parts.memory = all || what == "memory";
  parts.weights = all || what == "weights";
  parts.fusions = all || what == "fusions";
  parts.kernels = all || what == "code";
  return parts;
}

/// What must be in the report for that: launches, their kernels and how the
/// layers repeat.
ReportParts neededParts(ReportParts parts) {
  parts.kernels |= parts.graph || parts.costs;
  parts.graph |= parts.costs || parts.memory;
  return parts;
}

Expected<proto::MachineModel> chooseMachine(const InspectArguments &arguments) {
  proto::MachineModel machine = defaultMachine();
  if (arguments.measure) {
    GOSS_ASSIGN_OR_RETURN(MachineLimits limits,
                          measureMachineLimits(std::max(
                              1U, std::thread::hardware_concurrency())));
    machine.set_read_bytes_per_second(limits.readBytesPerSecond());
    machine.set_float32_flops_per_second(limits.float32.best);
    machine.set_int8_ops_per_second(limits.int8.best);
    machine.set_measured(true);
  }
  if (arguments.bandwidth)
    machine.set_read_bytes_per_second(*arguments.bandwidth * 1e9);
  if (arguments.peak)
    machine.set_float32_flops_per_second(*arguments.peak * 1e9);
  if (arguments.int8Peak)
    machine.set_int8_ops_per_second(*arguments.int8Peak * 1e9);
  return machine;
}

/// The step of --tokens, --depth and --sequences, if the model can do it.
Expected<proto::StepShape> chooseStep(const InspectArguments &arguments,
                                      const proto::Manifest &manifest) {
  proto::StepShape step;
  step.set_name("asked");
  step.set_tokens(arguments.tokens.value_or(1));
  step.set_depth(arguments.depth.value_or(0));
  step.set_sequences(arguments.sequences.value_or(1));
  step.set_outputs(step.sequences());
  // The options are bounded: no overflow.
  if (step.tokens() * step.sequences() > manifest.max_tokens_per_step())
    return usageError("expects at most " +
                      std::to_string(manifest.max_tokens_per_step()) +
                      " tokens in a step of this artifact but got --tokens=" +
                      std::to_string(step.tokens()) +
                      " times --sequences=" + std::to_string(step.sequences()));
  if (step.tokens() + step.depth() > manifest.max_context())
    return usageError("expects at most " +
                      std::to_string(manifest.max_context()) +
                      " positions of this artifact but got --tokens=" +
                      std::to_string(step.tokens()) +
                      " after --depth=" + std::to_string(step.depth()));
  return step;
}

Expected<ReportOptions> makeOptions(const InspectArguments &arguments,
                                    const ReportParts &parts,
                                    const InspectedModel &model) {
  ReportOptions options;
  options.parts = neededParts(parts);
  if (!model.isArtifact() || !parts.costs)
    return options;
  const proto::Manifest &manifest = model.artifact().manifest();
  options.steps = defaultSteps(manifest);
  if (arguments.asksForStep()) {
    GOSS_ASSIGN_OR_RETURN(proto::StepShape step,
                          chooseStep(arguments, manifest));
    options.steps.push_back(step);
  }
  GOSS_ASSIGN_OR_RETURN(options.machine, chooseMachine(arguments));
  return options;
}

/// Keeps the one entry of that symbol, with its instructions; nothing where
/// there is none.
template <typename Entries>
void keepOnly(const std::string &symbol, const std::string &disassembly,
              Entries &entries) {
  Entries kept;
  for (auto &entry : entries)
    if (entry.symbol() == symbol) {
      entry.set_disassembly(disassembly);
      *kept.Add() = entry;
    }
  entries.Swap(&kept);
}

/// The instructions of the function asked for: of the host, or PTX.
Expected<std::string> instructionsOf(const std::string &symbol,
                                     std::span<const std::byte> code,
                                     const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(std::optional<DeviceCode> device,
                        readDeviceCode(code, path));
  if (device)
    for (const DeviceFunction &function : device->functions)
      if (function.name == symbol)
        return std::string(function.ptx);
  GOSS_ASSIGN_OR_RETURN(std::vector<CodeSymbol> symbols,
                        readCodeSymbols(code, path));
  auto found = std::ranges::find(symbols, symbol, &CodeSymbol::name);
  if (found == symbols.end())
    return usageError("--kernel expects a symbol that --what=code lists of " +
                      path + " but got '" + symbol + "'");
  return disassemble(code, *found);
}

/// Machine code of the kernels; of the one asked for also its instructions.
Status addKernels(const InspectArguments &arguments, const Artifact &artifact,
                  proto::Report &report) {
  std::span<const std::byte> code = artifact.section(SectionKind::Code);
  GOSS_RETURN_IF_ERROR(addCode(code, artifact.path(), report));
  if (arguments.kernel.empty())
    return Status::ok();
  if (!isElf(code))
    return unavailable(artifact.path() +
                       ": no disassembler for the code of "
                       "target '" +
                       artifact.manifest().target() + "'");
  const std::string &symbol = arguments.kernel;
  GOSS_ASSIGN_OR_RETURN(std::string text,
                        instructionsOf(symbol, code, artifact.path()));
  keepOnly(symbol, text, *report.mutable_device_functions());
  keepOnly(symbol, text, *report.mutable_functions());
  // The first function of a GPU's kernel has its name, and the instructions.
  keepOnly(symbol, report.device_functions_size() ? "" : text,
           *report.mutable_kernels());
  return Status::ok();
}

/// Keeps one level; what its operations become is then out of sight.
Status selectLevel(const std::string &level, const std::string &path,
                   proto::Report &report) {
  proto::GraphLevel kept;
  for (const proto::GraphLevel &graph : report.graph())
    if (graph.level().name() == level)
      kept = graph;
  if (!kept.has_level())
    return notFound(path + ": has no graph at level '" + level + "'");
  kept.clear_lowerings();
  report.clear_graph();
  *report.add_graph() = std::move(kept);
  return Status::ok();
}

/// Takes away what only served to print another part: JSON has what was asked
/// for and what it refers to.
void dropUnasked(const ReportParts &parts, proto::Report &report) {
  if (!parts.graph)
    report.clear_graph();
}

Expected<std::string> printReport(const InspectArguments &arguments,
                                  const ReportParts &parts,
                                  const InspectedModel &model,
                                  proto::Report &report) {
  GOSS_ASSIGN_OR_RETURN(LayerChoice layers, arguments.chooseLayers(model));
  if (parts.graph && model.isArtifact() && report.graph_size() == 0 &&
      arguments.what == "graph")
    return notFound(model.path() + ": holds no record of its graph");
  if (arguments.format == "dot") {
    DotOptions options;
    options.level = arguments.level.empty() ? "fused" : arguments.level;
    options.openLayers = layers.open;
    options.openAll = layers.openAll;
    GOSS_RETURN_IF_ERROR(selectLevel(options.level, model.path(), report));
    return printReportDot(report, options);
  }
  if (arguments.format == "json") {
    if (!arguments.level.empty())
      GOSS_RETURN_IF_ERROR(selectLevel(arguments.level, model.path(), report));
    dropUnasked(parts, report);
    return printReportJson(report);
  }
  if (arguments.format == "html")
    return printReportHtml(report);
  TextOptions options;
  options.parts = parts;
  options.level = arguments.level;
  options.openLayers = layers.open;
  options.openAll = layers.openAll;
  return printReportText(report, options);
}

Status inspect(InspectArguments arguments) {
  GOSS_RETURN_IF_ERROR(arguments.check());
  GOSS_ASSIGN_OR_RETURN(InspectedModel model,
                        InspectedModel::open(arguments.path));
  GOSS_RETURN_IF_ERROR(arguments.checkFor(model));
  ReportParts parts = shownParts(arguments.what);
  GOSS_ASSIGN_OR_RETURN(ReportOptions options,
                        makeOptions(arguments, parts, model));
  GOSS_ASSIGN_OR_RETURN(proto::Report report, model.report(options));
  if (parts.kernels && model.isArtifact())
    GOSS_RETURN_IF_ERROR(addKernels(arguments, model.artifact(), report));
  if (arguments.readsWeights())
    GOSS_RETURN_IF_ERROR(
        model.addWeights(arguments.weights, arguments.stats, report));
  GOSS_ASSIGN_OR_RETURN(std::string text,
                        printReport(arguments, parts, model, report));
  if (arguments.output.empty() || arguments.output == "-")
    return standardOutput().write(text);
  return writeFile(arguments.output, text);
}

} // namespace

void addInspectCommand(CommandLine &line) {
  auto arguments = std::make_shared<InspectArguments>();
  Command &command = line.addCommand(
      "inspect", "Shows what an artifact or checkpoint is made of.");
  arguments->addTo(command);
  command.action([arguments] { return inspect(*arguments); });
}

} // namespace gossamer::tools
