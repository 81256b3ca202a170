//===- Run.cpp - goss run -------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"
#include "runtime/support/JsonWriter.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/goss/ProbeRecorder.h"
#include "tools/goss/SamplingArguments.h"
#include "tools/goss/TraceRecorder.h"
#include "tools/support/Terminal.h"

#include <memory>

namespace gossamer::tools {
namespace {

struct RunArguments {
  ModelArguments model;
  SamplingArguments generation;
  std::optional<std::string> prompt;
  std::string promptFile;
  std::vector<int32_t> tokens;
  bool special = false;
  uint32_t prefillChunk = 0;
  std::string trace;
  ProbeOptions probes;
  bool stepsChosen = false;
  bool json = false;
  bool quiet = false;
};

/// Sees the steps of a run where options ask for it.
class Inspection {
public:
  Inspection(const RunArguments &arguments, const LoadedModel &loaded,
             const Notes &notes)
      : arguments_(arguments), loaded_(loaded), notes_(notes) {}

  /// Finds out what can go wrong before anything is computed.
  Status open();
  /// What runs in the model's place.
  std::shared_ptr<const StepRunner> runner() const;
  /// Writes what was seen.
  Status finish();

private:
  Status finishTrace();
  Status finishProbes();

  const RunArguments &arguments_;
  const LoadedModel &loaded_;
  const Notes &notes_;
  std::optional<AtomicFile> traceFile_;
  std::unique_ptr<TraceRecorder> trace_;
  std::unique_ptr<ProbeRecorder> probes_;
};

Status Inspection::open() {
  const proto::Manifest &manifest = loaded_.model->manifest();
  Device &device = loaded_.model->device();
  if (!arguments_.trace.empty()) {
    GOSS_ASSIGN_OR_RETURN(traceFile_, AtomicFile::create(arguments_.trace));
    trace_ = std::make_unique<TraceRecorder>(manifest, device.threadCount());
  }
  ProbeOptions options = arguments_.probes;
  if (options.probes.empty() && options.directory.empty())
    return Status::ok();
  if (device.name() != "cpu")
    return unavailable("--probe and --dump-activations: expect a model for the "
                       "device cpu but got one for " +
                       std::string(device.name()));
  options.print = [this](const std::string &line) {
    notes_.note("Probe", line);
  };
  GOSS_ASSIGN_OR_RETURN(probes_,
                        ProbeRecorder::create(manifest, std::move(options)));
  return Status::ok();
}

std::shared_ptr<const StepRunner> Inspection::runner() const {
  // Probes come last: the time that they take is between dispatches.
  std::vector<StepObserver *> observers;
  if (trace_)
    observers.push_back(trace_.get());
  if (probes_)
    observers.push_back(probes_.get());
  if (observers.empty())
    return loaded_.model;
  return std::make_shared<ObservedModel>(loaded_.model, std::move(observers));
}

Status Inspection::finishTrace() {
  GOSS_RETURN_IF_ERROR(trace_->write(*traceFile_, loaded_.path()));
  GOSS_RETURN_IF_ERROR(traceFile_->commit());
  notes_.note("Trace", arguments_.trace + ": " + formatCount(trace_->steps()) +
                           " steps, for ui.perfetto.dev");
  if (uint64_t dropped = trace_->droppedSteps())
    notes_.note("Dropped", "the last " + formatCount(dropped) +
                               " steps found no room in the trace; generate "
                               "fewer tokens (-n) to see all");
  return Status::ok();
}

Status Inspection::finishProbes() {
  const ProbeOptions &options = arguments_.probes;
  GOSS_RETURN_IF_ERROR(probes_->finish(loaded_.path()));
  if (!options.directory.empty())
    notes_.note("Wrote", options.directory + ": " +
                             formatCount(probes_->seenValues()) +
                             " values and index.json");
  if (options.firstStep >= probes_->steps())
    notes_.note("Probe", "the run had " + formatCount(probes_->steps()) +
                             " steps, none of those to look at");
  return Status::ok();
}

Status Inspection::finish() {
  if (trace_)
    GOSS_RETURN_IF_ERROR(finishTrace());
  return probes_ ? finishProbes() : Status::ok();
}

/// One `goss run`.
class Runner {
public:
  explicit Runner(RunArguments &arguments)
      : arguments_(arguments), notes_(arguments.quiet) {}
  Status run();

private:
  Status checkArguments() const;
  Expected<std::vector<int32_t>> readPrompt() const;
  Expected<GenerationResult> generate(GenerationRequest request);
  Expected<GenerationRequest> makeRequest();
  Status report(const GenerationResult &result);
  std::string toJson(const GenerationResult &result) const;

  RunArguments &arguments_;
  Notes notes_;
  LoadedModel loaded_;
};

Status Runner::checkArguments() const {
  int prompts = arguments_.prompt.has_value() + !arguments_.promptFile.empty() +
                !arguments_.tokens.empty();
  if (prompts != 1)
    return usageError("expects one of -p TEXT, -f FILE and --tokens=IDS but "
                      "got " +
                      std::string(prompts ? "several" : "none"));
  const ProbeOptions &probes = arguments_.probes;
  if (arguments_.stepsChosen && probes.probes.empty() &&
      probes.directory.empty())
    return usageError("--probe-steps: expects --probe or --dump-activations "
                      "as well");
  return Status::ok();
}

Expected<std::vector<int32_t>> Runner::readPrompt() const {
  if (!arguments_.tokens.empty())
    return arguments_.tokens;
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, loaded_.requireTokenizer());
  std::string text = arguments_.prompt.value_or("");
  if (!arguments_.promptFile.empty()) {
    GOSS_ASSIGN_OR_RETURN(text, readTextFile(arguments_.promptFile));
  }
  EncodeOptions options;
  options.allowSpecial = arguments_.special;
  return tokenizer.encode(text, options);
}

Expected<GenerationRequest> Runner::makeRequest() {
  GenerationRequest request;
  GOSS_ASSIGN_OR_RETURN(request.prompt, readPrompt());
  if (request.prompt.empty())
    return invalidData("prompt: expects at least one token but got none");
  if (!arguments_.generation.stops.empty())
    GOSS_RETURN_IF_ERROR(loaded_.requireTokenizer().status());
  SamplingArguments &generation = arguments_.generation;
  request.sampling = generation.sampling;
  if (generation.maxTokens)
    request.maxNewTokens = static_cast<uint32_t>(*generation.maxTokens);
  request.stopTokens = loaded_.model->stopTokens();
  request.ignoreStopTokens = generation.ignoreEos;
  request.stopStrings = generation.stops;
  request.cancel = &interruptFlag();
  return request;
}

Expected<GenerationResult> Runner::generate(GenerationRequest request) {
  Inspection inspection(arguments_, loaded_, notes_);
  GOSS_RETURN_IF_ERROR(inspection.open());
  SchedulerOptions options;
  options.maxTokensPerStep = arguments_.prefillChunk;
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(inspection.runner(), options));
  TokenPieces pieces;
  if (loaded_.tokenizer)
    pieces = tokenPiecesOf(*loaded_.tokenizer, arguments_.special);
  Status written;
  bool first = true;
  // Without a tokenizer ids are all there is to show.
  request.onToken = [&](const TokenEvent &event) {
    if (arguments_.json)
      return true;
    std::string ids;
    if (!pieces && event.token >= 0)
      ids = (first ? "" : " ") + std::to_string(event.token);
    first = false;
    written = standardOutput().write(pieces ? event.text : ids);
    return written.isOk();
  };
  Generator generator(*scheduler, pieces);
  GOSS_ASSIGN_OR_RETURN(GenerationResult result, generator.generate(request));
  GOSS_RETURN_IF_ERROR(written);
  GOSS_RETURN_IF_ERROR(inspection.finish());
  return result;
}

/// Tokens after the first one and the time they took.
double getDecodeRate(const GenerationResult &result) {
  double seconds = result.timings.generationSeconds;
  return result.tokens.size() > 1 && seconds > 0
             ? static_cast<double>(result.tokens.size() - 1) / seconds
             : 0;
}

double getPromptRate(const GenerationResult &result) {
  double seconds = result.timings.promptSeconds;
  return seconds > 0 ? static_cast<double>(result.promptTokens.size()) / seconds
                     : 0;
}

std::string Runner::toJson(const GenerationResult &result) const {
  JsonWriter json;
  auto writeIds = [&](const char *name, const std::vector<int32_t> &ids) {
    json.key(name).beginArray();
    for (int32_t id : ids)
      json.value(id);
    json.endArray();
  };
  json.beginObject();
  writeIds("prompt_tokens", result.promptTokens);
  writeIds("tokens", result.tokens);
  if (loaded_.tokenizer)
    json.member("text", result.text);
  else
    json.key("text").null();
  json.member("finish_reason", finishReasonName(result.finishReason))
      .member("seed", result.seed);
  json.key("timings")
      .beginObject()
      .member("load_seconds", loaded_.loadSeconds)
      .member("prompt_seconds", result.timings.promptSeconds)
      .member("generation_seconds", result.timings.generationSeconds)
      .member("prompt_tokens_per_second", getPromptRate(result))
      .member("decode_tokens_per_second", getDecodeRate(result))
      .endObject();
  json.endObject();
  return json.take() + "\n";
}

Status Runner::report(const GenerationResult &result) {
  if (arguments_.json)
    GOSS_RETURN_IF_ERROR(standardOutput().write(toJson(result)));
  else if (standardOutput().isTerminal() || !loaded_.tokenizer)
    GOSS_RETURN_IF_ERROR(standardOutput().write("\n"));
  notes_.note("Prompt",
              formatCount(result.promptTokens.size()) + " tokens in " +
                  formatSeconds(result.timings.promptSeconds) + ", " +
                  formatFixed(getPromptRate(result), 1) + " tokens/s");
  notes_.note("Generated",
              formatCount(result.tokens.size()) + " tokens in " +
                  formatSeconds(result.timings.generationSeconds) + ", " +
                  formatFixed(getDecodeRate(result), 1) +
                  " tokens/s, ended by " +
                  std::string(finishReasonName(result.finishReason)));
  return result.finishReason == FinishReason::Cancelled ? checkInterrupt()
                                                        : Status::ok();
}

Status Runner::run() {
  GOSS_RETURN_IF_ERROR(checkArguments());
  GOSS_RETURN_IF_ERROR(arguments_.generation.settle());
  GOSS_ASSIGN_OR_RETURN(loaded_, arguments_.model.load(!arguments_.quiet));
  GOSS_ASSIGN_OR_RETURN(GenerationRequest request, makeRequest());
  notes_.note("Model", loaded_.path() + ", loaded in " +
                           formatSeconds(loaded_.loadSeconds));
  notes_.note("Sampling", arguments_.generation.describe());
  GOSS_ASSIGN_OR_RETURN(GenerationResult result, generate(std::move(request)));
  return report(result);
}

void addPromptOptions(Command &command, RunArguments &arguments) {
  command.group("Prompt")
      .parsed(
          "-p,--prompt", "TEXT",
          [&arguments](const std::string &text) {
            arguments.prompt = text;
            return std::string();
          },
          "text to continue")
      .text("-f,--file", "FILE", arguments.promptFile,
            "file with the text to continue; - is standard input")
      .parsed(
          "--tokens", "IDS",
          [&arguments](const std::string &text) {
            return parseTokenList(text, arguments.tokens);
          },
          "token ids to continue: 1,2,3")
      .flag("--special", arguments.special,
            "names such as <|start|> in the prompt are control tokens, and "
            "generated ones are shown");
}

void addInspectionOptions(Command &command, RunArguments &arguments) {
  command.group("Inspection")
      .text("--trace", "FILE", arguments.trace,
            "write a timeline of steps, kernels and threads, for "
            "ui.perfetto.dev or chrome://tracing")
      .texts("--probe", "NAME", arguments.probes.probes,
             "describe the values that launch NAME leaves (goss inspect lists "
             "them); NAME:K for the K-th buffer that it writes, from 0; may be "
             "repeated")
      .text("--dump-activations", "DIR", arguments.probes.directory,
            "write values as .npy files and an index.json into the new or "
            "empty folder DIR: those of --probe, without it all")
      .parsed(
          "--probe-steps", "N|A-B",
          [&arguments](const std::string &text) {
            arguments.stepsChosen = true;
            return parseSteps(text, arguments.probes);
          },
          "steps to look at (default 0, the first, which has the prompt or its "
          "beginning)");
}

} // namespace

void addRunCommand(CommandLine &line) {
  auto arguments = std::make_shared<RunArguments>();
  Command &command =
      line.addCommand("run", "Continues a text, token by token.");
  arguments->model.addTo(command);
  addPromptOptions(command, *arguments);
  arguments->generation.addTo(command);
  command.group("Execution")
      .integer("--prefill-chunk", "N", arguments->prefillChunk, {1, 65536},
               "prompt tokens that one step computes (default: what the model "
               "was compiled for); results do not depend on it");
  addInspectionOptions(command, *arguments);
  command.group("Output")
      .flag("--json", arguments->json,
            "print one JSON object with tokens, text and timings")
      .flag("-q,--quiet", arguments->quiet, "print the text and errors only");
  command
      .example("goss run -p \"Once upon a time\" --temperature=0.3",
               "a story from the embedded model")
      .example("goss run model.goss -f prompt.txt -n 200 --seed=7",
               "200 tokens, the same ones every time")
      .example("goss run model.goss --tokens=1,2,3 --greedy --json",
               "ids in, ids out, for scripts")
      .example("goss run model.goss -p Hello -n 8 --trace=trace.json",
               "what each thread did when")
      .example("goss run model.goss -p Hello -n 1 --dump-activations=values",
               "everything that the first step computed, for NumPy")
      .action([arguments] { return Runner(*arguments).run(); });
}

} // namespace gossamer::tools
