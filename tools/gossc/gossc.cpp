//===- gossc.cpp - The compiler's command line ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/AtomicFile.h"
#include "tools/gossc/Compiler.h"
#include "tools/report/ReportPrinters.h"
#include "tools/support/CommandLine.h"
#include "tools/support/Terminal.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace gossamer;
using namespace gossamer::tools;

namespace {

/// What the command line says beyond CompilerOptions.
struct Arguments {
  CompilerOptions compiler;
  std::string emit;    ///< empty: artifact.
  std::string math;    ///< empty: by the opt-level.
  std::string weights; ///< empty: by layout, dense and checkpoint.
  std::string layout = "published";
  std::string dense = "bf16";
  std::string reportPath;
  std::vector<std::string> plugins;
  bool listTargets = false;
  bool quiet = false;
};

void addOutputOptions(Command &command, Arguments &arguments) {
  command.group("Output")
      .text("-o,--output", "FILE", arguments.compiler.output,
            "where to write (default: DIRECTORY.goss, or standard output for "
            "text; - is standard output)")
      .choice(
          "--emit", arguments.emit,
          {"graph", "fused", "plan", "llvm", "asm", "ptx", "obj", "artifact"},
          "stop at this level (default artifact); ptx is what asm is for "
          "--target=cuda")
      .choice("--weights", arguments.weights, {"reference", "embed"},
              "read weights from the checkpoint at run time, or copy them into "
              "the artifact (default reference; embed with --layout=packed or "
              "8-bit --dense, and for GGUF and numpy checkpoints)")
      .text("--until", "NAME", arguments.compiler.until,
            "end after a stage (read, graph, fuse, plan, lower, emit) or a "
            "pass (fuse-rope, ...) and write no output: for the options below")
      .texts("--print-ir-after", "PASS", arguments.compiler.printAfter,
             "print the module after a pass, or after all, on standard error "
             "or into the folder of --dump-dir; may be repeated")
      .text("--dump-dir", "DIR", arguments.compiler.dumpDirectory,
            "write a numbered file for every stage and kernel to DIR, an empty "
            "or new folder, and index.html to walk through them")
      .text("--report", "FILE", arguments.reportPath,
            "write all that can be said of the compilation: graph, kernels, "
            "costs, memory, weights, stages; JSON, or one HTML page when FILE "
            "ends in .html")
      .flag("-q,--quiet", arguments.quiet, "print errors only");
}

void addCodeOptions(Command &command, Arguments &arguments) {
  CompilerOptions &options = arguments.compiler;
  command.group("Code")
      .text("--target", "NAME", options.target,
            "backend that makes the code (default cpu)")
      .text(
          "--mcpu", "NAME", options.codegen.mcpu,
          "processor: native, x86-64-v3, sapphirerapids, ... (default native)")
      .text("--mattr", "LIST", options.codegen.features,
            "features to add or take away: +avx2,-avx512f")
      .text("--chip", "NAME", options.codegen.chip,
            "accelerator, for targets that have one: sm_90, ...")
      .text("--ptxas", "PROGRAM", options.codegen.ptxas,
            "for NVIDIA chips: what makes machine code of PTX; auto: the one "
            "on the search path, if any; none: the artifact has PTX only "
            "(default auto)")
      .integer("-O,--opt-level", "N", options.codegen.optLevel, {0, 3},
               "0: unfused graph in plain loops, the oracle; 1 to 3: fused "
               "graph and vector kernels (default 2)")
      .choice("--math", arguments.math, {"exact", "fast", "int8"},
              "activations in products with MXFP4 and int8 weights: float32, "
              "two int8 parts (about 15 bits) or int8 (default fast)")
      .choice("--cache", options.cacheType, {"f32", "bf16"},
              "how keys and values are stored (default bf16 with --math=int8, "
              "else f32)")
      .choice("--layout", arguments.layout, {"published", "packed"},
              "experts as in the checkpoint, or in panels of 16 rows (default "
              "published)")
      .choice("--dense", arguments.dense, {"bf16", "int8", "int8-channel"},
              "matrices that are not experts: as in the checkpoint, or rounded "
              "to int8 with a scale for 32 weights of a row, or for a row "
              "(default bf16)")
      .texts("--disable-fusion", "NAME", options.disabledFusions,
             "leave a fusion out: rope, attention, expert-routing, residual; "
             "may be repeated");
}

void addShapeOptions(Command &command, Arguments &arguments) {
  CompilerOptions &options = arguments.compiler;
  command.group("Limits")
      .integer("--max-context", "N", options.maxContext, {1, 1 << 24},
               "positions a sequence may have (default: the model's, at most "
               "4096)")
      .integer("--max-tokens-per-step", "N", options.maxTokensPerStep,
               {1, 65536},
               "tokens that one step computes at most (default 512)");
  command.group("Targets")
      .flag("--list-targets", arguments.listTargets,
            "print the targets this compiler has and exit")
      .texts("--load-backend", "LIB", arguments.plugins,
             "add targets from a shared library; may be repeated");
}

void addHelp(Command &command) {
  command.details("CHECKPOINT is a directory in Hugging Face's form (MXFP4 or "
                  "bf16 experts), OpenAI's original/ or TensorPort's "
                  "numpy-direct, or a GGUF file; or only a config.json "
                  "together with --emit=graph, fused, plan, llvm, asm or obj. "
                  "What must be laid out anew, as in GGUF, is stored in the "
                  "artifact.");
  command.example("gossc models/tiny-stories -o stories.goss",
                  "compile a checkpoint; the artifact reads its weights where "
                  "they lie");
  command.example("gossc models/tiny-stories --weights=embed -o all.goss",
                  "one file that runs anywhere");
  command.example("gossc gpt-oss-20b --dense=int8 --layout=packed -o 20b.goss",
                  "fastest: 8-bit dense weights and packed experts, stored in "
                  "the artifact");
  command.example("gossc gpt-oss-20b.gguf -o 20b.goss", "compile a GGUF file");
  command.example("gossc models/tiny-stories/config.json --emit=fused",
                  "see the graph after the fusions");
  command.example("gossc models/tiny-stories --dump-dir=stages "
                  "--report=report.json",
                  "keep every stage and what was done; stages/index.html "
                  "shows them");
  command.example("gossc models/tiny-stories/config.json --until=fuse-rope "
                  "--print-ir-after=fuse-rope",
                  "see the module after one pass");
  command.example("gossc gpt-oss-20b/config.json --emit=plan -o plan.mlir "
                  "--report=20b.html",
                  "costs and memory of a model whose weights are elsewhere");
}

/// Settles how numbers are multiplied and stored, and what the one needs of the
/// other.
Status settleNumerics(Arguments &arguments) {
  CompilerOptions &options = arguments.compiler;
  bool isOracle = options.codegen.optLevel == 0;
  std::string &math = arguments.math;
  if (math.empty())
    math = isOracle ? "exact" : "fast";
  if (isOracle && math != "exact")
    return usageError("--opt-level=0 is the oracle of --math=exact but got "
                      "--math=" +
                      math);
  options.codegen.math = math == "exact"  ? MathMode::Exact
                         : math == "fast" ? MathMode::Fast
                                          : MathMode::Int8;
  options.packWeights = arguments.layout == "packed";
  options.dense = arguments.dense == "int8"           ? DenseForm::Int8
                  : arguments.dense == "int8-channel" ? DenseForm::Int8Channel
                                                      : DenseForm::Kept;
  bool isRounded = options.dense != DenseForm::Kept;
  if (isRounded && math == "exact")
    return usageError("--dense=" + arguments.dense +
                      " expects --math=fast or int8 but got exact");
  bool isMade = options.packWeights || isRounded;
  if (isOracle && isMade)
    return usageError("--opt-level=0 expects --layout=published and "
                      "--dense=bf16 but got others");
  if (!arguments.weights.empty())
    options.embedWeights = arguments.weights == "embed";
  else if (isMade)
    options.embedWeights = true;
  if (isMade && !*options.embedWeights)
    return usageError("--layout=packed and --dense=int8 or int8-channel store "
                      "what they make in the artifact: expect --weights=embed "
                      "but got reference");
  return Status::ok();
}

EmitLevel parseEmitLevel(llvm::StringRef name) {
  if (name == "ptx")
    return EmitLevel::Assembly;
  for (EmitLevel level :
       {EmitLevel::Graph, EmitLevel::Fused, EmitLevel::Plan, EmitLevel::LLVM,
        EmitLevel::Assembly, EmitLevel::Object})
    if (name == stringifyEmitLevel(level))
      return level;
  return EmitLevel::Artifact;
}

/// "models/tiny-stories/" and "models/tiny-stories/config.json" -> the name
/// "tiny-stories".
std::string getModelName(llvm::StringRef input) {
  llvm::SmallString<128> path(input);
  if (llvm::sys::fs::make_absolute(path))
    return input.str();
  (void)llvm::sys::path::remove_dots(path, /*remove_dot_dot=*/true);
  if (!llvm::sys::fs::is_directory(path))
    path = llvm::sys::path::parent_path(path);
  return llvm::sys::path::filename(path).str();
}

Status settleOptions(Arguments &arguments) {
  CompilerOptions &options = arguments.compiler;
  if (options.input.empty())
    return usageError("expects a CHECKPOINT");
  GOSS_RETURN_IF_ERROR(settleNumerics(arguments));
  if (!options.until.empty() &&
      !(arguments.emit.empty() && options.output.empty()))
    return usageError("--until writes no output: expects neither --emit nor "
                      "--output with it");
  options.emit = parseEmitLevel(arguments.emit);
  if (arguments.emit == "ptx" && options.target != "cuda")
    return usageError("--emit=ptx expects --target=cuda but got " +
                      options.target);
  options.report = !arguments.reportPath.empty();
  if (options.output.empty() && options.writesArtifact())
    options.output = getModelName(options.input) + ".goss";
  if (options.output.empty() && options.emit == EmitLevel::Object)
    options.output = getModelName(options.input) + ".o";
  if (options.output == "-" && options.emit == EmitLevel::Artifact)
    return usageError("--output expects a file for an artifact but got '-'");
  return Status::ok();
}

/// What happened, for the person who waits.
void printSummary(const Arguments &arguments, const CompileReport &report,
                  const Notes &notes) {
  if (!report.requiredFeatures.empty())
    notes.note("Needs", llvm::join(report.requiredFeatures, " "));
  if (report.countFused())
    notes.note("Fused", formatCount(report.countFused()) + " patterns");
  if (report.launchCount)
    notes.note("Planned", formatCount(report.launchCount) + " launches in " +
                              formatCount(report.groupCount) + " groups, " +
                              formatCount(report.kernelCount) +
                              " kernels, arena " +
                              formatBytes(report.arenaBytes));
  double seconds = 0;
  std::string times;
  for (const proto::CompileStage &stage : report.stages) {
    seconds += stage.seconds();
    times += ", " + stage.name() + " " + formatSeconds(stage.seconds());
  }
  std::string output = arguments.compiler.output;
  if (output.empty() || output == "-")
    output = "standard output";
  if (report.artifactBytes)
    output += " (" + formatBytes(report.artifactBytes) + ", code " +
              formatBytes(report.codeBytes) + ")";
  if (arguments.compiler.until.empty())
    notes.note("Wrote", output);
  if (!arguments.compiler.dumpDirectory.empty())
    notes.note("Dumped", arguments.compiler.dumpDirectory + "/index.html");
  notes.note("Finished", "in " + formatSeconds(seconds) + times);
}

/// What is compiled and for what: shown as soon as the input is read.
void printInput(const CompileReport &report, const Notes &notes) {
  notes.note("Model", report.model);
  notes.note("Target", report.target + ", " + report.cpu + ", opt level " +
                           std::to_string(report.optLevel) + ", math " +
                           report.math + ", cache " + report.cacheType);
  for (const std::string &note : report.notes)
    notes.note("Note", note);
}

Status writeResult(const Arguments &arguments, const CompileResult &result) {
  const CompilerOptions &options = arguments.compiler;
  if (options.emit != EmitLevel::Artifact) {
    if (options.output.empty() || options.output == "-")
      GOSS_RETURN_IF_ERROR(standardOutput().write(result.text));
    else
      GOSS_RETURN_IF_ERROR(writeFile(options.output, result.text));
  }
  if (arguments.reportPath.empty())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(proto::Report report,
                        makeReport(options, result.report));
  bool isPage = llvm::StringRef(arguments.reportPath).ends_with(".html");
  return writeFile(arguments.reportPath,
                   isPage ? printReportHtml(report) : printReportJson(report));
}

Status run(Arguments &arguments) {
  BackendRegistry registry;
  registerBuiltinBackends(registry);
  for (const std::string &plugin : arguments.plugins)
    GOSS_RETURN_IF_ERROR(registry.loadBackendPlugin(plugin));
  if (arguments.listTargets) {
    std::string text;
    llvm::raw_string_ostream os(text);
    registry.printTargets(os);
    return standardOutput().write(text);
  }
  GOSS_RETURN_IF_ERROR(settleOptions(arguments));
  Notes notes(arguments.quiet);
  auto finished = [&](const CompileReport &report) {
    if (report.stages.back().name() == "read")
      printInput(report, notes);
  };
  auto cancelled = [] { return interruptFlag().load(); };
  arguments.compiler.showProgress = !arguments.quiet;
  GOSS_ASSIGN_OR_RETURN(
      CompileResult result,
      compile(arguments.compiler, registry, finished, cancelled));
  GOSS_RETURN_IF_ERROR(writeResult(arguments, result));
  printSummary(arguments, result.report, notes);
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  CommandLine line("gossc", "Compiles a GPT-OSS checkpoint ahead of time to an "
                            "artifact that goss runs.");
  Arguments arguments;
  Command &command = line.root();
  command.positional("CHECKPOINT", arguments.compiler.input,
                     "a checkpoint directory, a GGUF file or a config.json");
  addOutputOptions(command, arguments);
  addCodeOptions(command, arguments);
  addShapeOptions(command, arguments);
  addHelp(command);
  command.action([&] { return run(arguments); });
  return line.run(argc, argv);
}
