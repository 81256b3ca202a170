//===- Check.cpp - goss check ---------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/goss/ModelCheck.h"
#include "tools/support/Terminal.h"

#include <array>
#include <cstdio>
#include <memory>

namespace gossamer::tools {
namespace {

struct CheckArguments {
  ModelArguments model;
  std::string oracle;
  std::string oracleWeights;
  std::optional<std::string> prompt;
  std::vector<int32_t> tokens;
  std::optional<double> tolerance;
  bool json = false;
  bool quiet = false;
};

/// Tokens that are computed unless others are given.
constexpr size_t builtInCount = 32;

/// One `goss check`.
class Checker {
public:
  explicit Checker(const CheckArguments &arguments)
      : arguments_(arguments), notes_(arguments.quiet) {}
  Status run();

private:
  Status load();
  Expected<std::vector<int32_t>> readTokens() const;
  std::string nameOf(const CheckedValue &value) const {
    return loaded_.model->manifest()
        .launches(static_cast<int>(value.launch))
        .name();
  }
  Status verdict() const;
  std::string toText() const;
  std::string toJson() const;

  const CheckArguments &arguments_;
  Notes notes_;
  LoadedModel loaded_, oracle_;
  double tolerance_ = 0;
  CheckResult result_;
};

Status Checker::load() {
  GOSS_ASSIGN_OR_RETURN(std::string path,
                        resolveArtifactPath(arguments_.model.path));
  if (arguments_.oracle.empty()) {
    GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
    return usageError("expects --oracle=FILE, the same checkpoint compiled "
                      "without fusions; this makes it: " +
                      oracleCommand(artifact.manifest()));
  }
  GOSS_ASSIGN_OR_RETURN(loaded_, arguments_.model.load(!notes_.isQuiet()));
  ModelArguments oracle = arguments_.model;
  oracle.path = arguments_.oracle;
  if (!arguments_.oracleWeights.empty())
    oracle.weights = arguments_.oracleWeights;
  GOSS_ASSIGN_OR_RETURN(oracle_, oracle.load(!notes_.isQuiet()));
  // Values are read where kernels left them.
  if (loaded_.model->device().name() != "cpu")
    return unavailable(loaded_.path() +
                       ": expects a model for the device cpu "
                       "but got one for " +
                       loaded_.model->manifest().target());
  return checkOracle(*loaded_.model, *oracle_.model);
}

Expected<std::vector<int32_t>> Checker::readTokens() const {
  if (!arguments_.tokens.empty() && arguments_.prompt)
    return usageError("expects one of -p TEXT and --tokens=IDS but got both");
  if (!arguments_.tokens.empty())
    return arguments_.tokens;
  if (arguments_.prompt) {
    GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, loaded_.requireTokenizer());
    return tokenizer.encode(*arguments_.prompt, {});
  }
  return builtInTokens(loaded_.model->shape(), builtInCount);
}

std::string Checker::toText() const {
  std::array<char, 240> line;
  std::string text;
  std::optional<uint64_t> step;
  for (const CheckedValue &value : result_.values) {
    if (step != value.step) {
      step = value.step;
      std::snprintf(line.data(), line.size(),
                    "%sstep %llu, %lld tokens\n  %-44s %12s %12s %12s\n",
                    value.step ? "\n" : "",
                    static_cast<unsigned long long>(value.step),
                    static_cast<long long>(result_.stepTokens[value.step]),
                    "op", "max abs", "rms", "relative");
      text += line.data();
    }
    const Distance &distance = value.distance;
    std::snprintf(line.data(), line.size(), "  %-44.150s %12s %12s %12s%s\n",
                  nameOf(value).c_str(),
                  formatScientific(distance.maxAbs, 2).c_str(),
                  formatScientific(distance.rms, 2).c_str(),
                  formatScientific(distance.relative, 2).c_str(),
                  distance.relative <= tolerance_ ? "" : "  diverges");
    text += line.data();
  }
  text += "\n" + std::to_string(result_.compared) + " of " +
          std::to_string(loaded_.model->manifest().launches_size()) +
          " launches compared; " + std::to_string(result_.withoutCounterpart) +
          " have no counterpart in the oracle, " +
          std::to_string(result_.quantized) + " leave int8 activations, " +
          std::to_string(result_.cacheOnly) + " fill the cache\n";
  text += "tolerance of math " + loaded_.model->manifest().math_mode() + ": " +
          formatScientific(tolerance_, 2) +
          " of the oracle's root mean square\n";
  if (!result_.firstBeyond(tolerance_))
    text += "all agree\n";
  return text;
}

std::string Checker::toJson() const {
  JsonWriter json(2);
  json.beginObject()
      .member("model", loaded_.path())
      .member("oracle", oracle_.path())
      .member("math", loaded_.model->manifest().math_mode())
      .member("tolerance", tolerance_)
      .member("launches", loaded_.model->manifest().launches_size())
      .member("compared", result_.compared)
      .member("without_counterpart", result_.withoutCounterpart)
      .member("quantized", result_.quantized)
      .member("cache_only", result_.cacheOnly);
  json.key("first_divergence");
  if (std::optional<size_t> first = result_.firstBeyond(tolerance_))
    json.value(nameOf(result_.values[*first]));
  else
    json.null();
  json.key("values").beginArray();
  for (const CheckedValue &value : result_.values) {
    json.beginObject()
        .member("name", nameOf(value))
        .member("launch", value.launch)
        .member("oracle_launch", value.oracleLaunch)
        .member("step", value.step);
    json.key("shape").beginArray();
    for (uint64_t extent : value.shape)
      json.value(extent);
    json.endArray()
        .member("max_abs", value.distance.maxAbs)
        .member("rms", value.distance.rms)
        .member("relative", value.distance.relative)
        .member("diverges", !(value.distance.relative <= tolerance_))
        .endObject();
  }
  return json.endArray().endObject().take() + "\n";
}

Status Checker::verdict() const {
  std::optional<size_t> first = result_.firstBeyond(tolerance_);
  if (!first)
    return Status::ok();
  const CheckedValue &value = result_.values[*first];
  return different(nameOf(value) + " is the first op that diverges, in step " +
                   std::to_string(value.step) + ": relative RMS " +
                   formatScientific(value.distance.relative, 2) +
                   ", tolerance " + formatScientific(tolerance_, 2));
}

Status Checker::run() {
  GOSS_RETURN_IF_ERROR(load());
  GOSS_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, readTokens());
  tolerance_ = arguments_.tolerance.value_or(
      defaultTolerance(loaded_.model->manifest().math_mode()));
  notes_.note("Model", loaded_.path() + ", math " +
                           loaded_.model->manifest().math_mode());
  notes_.note("Oracle", oracle_.path());
  GOSS_ASSIGN_OR_RETURN(result_,
                        checkModel(loaded_.model, oracle_.model, tokens));
  // Nothing to compare is no agreement.
  if (result_.values.empty())
    return invalidData(oracle_.path() + ": expects values of the names that " +
                       loaded_.path() + " has but got none");
  GOSS_RETURN_IF_ERROR(
      standardOutput().write(arguments_.json ? toJson() : toText()));
  return verdict();
}

} // namespace

void addCheckCommand(CommandLine &line) {
  auto arguments = std::make_shared<CheckArguments>();
  Command &command = line.addCommand(
      "check", "Compares a model with its unfused oracle, op by op.");
  arguments->model.addTo(command);
  command
      .text("--oracle", "FILE", arguments->oracle,
            "the same checkpoint compiled with gossc --opt-level=0")
      .text("--oracle-weights", "DIR", arguments->oracleWeights,
            "checkpoint directory of the oracle (default: --weights, else "
            "beside it)");
  command.group("Tokens")
      .parsed(
          "-p,--prompt", "TEXT",
          [arguments](const std::string &text) {
            arguments->prompt = text;
            return std::string();
          },
          "text to compute (default: 32 tokens drawn at random, always the "
          "same)")
      .parsed(
          "--tokens", "IDS",
          [arguments](const std::string &text) {
            return parseTokenList(text, arguments->tokens);
          },
          "token ids to compute: 1,2,3");
  command.group("Comparison")
      .real("--tolerance", "X", arguments->tolerance, {0, 1e9},
            "largest root mean square of the differences as a part of that of "
            "the oracle's values (default by math mode: exact 2e-5, fast "
            "2e-3, int8 0.2)");
  command.group("Output")
      .flag("--json", arguments->json, "print one JSON object")
      .flag("-q,--quiet", arguments->quiet, "print results and errors only")
      .details("All tokens but the last are computed in one step, then the "
               "last in another, as in a generation. A launch is compared when "
               "the oracle has a value of its name and shape: fused ops keep "
               "the name of the last op that went into them.")
      .details("Exit code 0: all agree; 1: an op diverges, the first of which "
               "the message names. Whether the values of the weights are "
               "equal is not looked at, only that their files have the same "
               "tensors (goss verify reads all).")
      .example("gossc models/tiny-stories -o oracle.goss --opt-level=0",
               "make an oracle")
      .example("goss check model.goss --oracle=oracle.goss",
               "compare all ops on built-in tokens")
      .example("goss check model.goss --oracle=oracle.goss -p \"Once upon\"",
               "compare them on a text")
      .action([arguments] { return Checker(*arguments).run(); });
}

} // namespace gossamer::tools
