//===- Run.cpp - goss run -------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"
#include "runtime/support/JsonWriter.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
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
  bool json = false;
  bool quiet = false;
};

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
  std::shared_ptr<const StepRunner> runner = loaded_.model;
  std::shared_ptr<TraceRecorder> trace;
  if (!arguments_.trace.empty()) {
    trace = std::make_shared<TraceRecorder>(loaded_.model);
    runner = trace;
  }
  SchedulerOptions options;
  options.maxTokensPerStep = arguments_.prefillChunk;
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(runner, options));
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
  if (trace)
    GOSS_RETURN_IF_ERROR(trace->write(arguments_.trace));
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
  GOSS_ASSIGN_OR_RETURN(loaded_, arguments_.model.load());
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
               "was compiled for); results do not depend on it")
      .text("--trace", "FILE", arguments->trace,
            "write a timeline of all kernels for chrome://tracing");
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
      .action([arguments] { return Runner(*arguments).run(); });
}

} // namespace gossamer::tools
