//===- Validate.cpp - goss validate ---------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/AtomicFile.h"
#include "runtime/support/SystemError.h"
#include "tools/eval/ReferenceLogits.h"
#include "tools/goss/Commands.h"
#include "tools/goss/CompilerProcess.h"
#include "tools/goss/ModelCheck.h"
#include "tools/goss/ValidationRun.h"
#include "tools/report/ReportPrinters.h"
#include "tools/support/Terminal.h"
#include "tools/validate/ValidationPrinters.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <memory>

namespace gossamer::tools {
namespace {

/// Evaluated where nothing else is given: text that no model was trained to
/// know by heart, and that every tokenizer can read.
constexpr const char *builtInText =
    "Once upon a time, a small boat lay at the edge of a quiet lake. Every "
    "morning an old man came down the path with his dog and looked at the "
    "water. \"Today the wind is good,\" he said, and the dog wagged its tail. "
    "They rowed to the little island in the middle, where two ducks had made "
    "a nest under a tree. The man gave them some bread. \"You have a nice "
    "home,\" he told them. On the way back it began to rain, but they were "
    "happy, because they had seen their friends.";
constexpr size_t builtInCount = 128;

struct ValidateArguments {
  std::string checkpoint;
  std::string model, oracle, compiler;
  std::string math = "exact";
  std::vector<std::string> compilerOptions;
  unsigned threads = 0;
  std::string tokens, textFile;
  std::vector<std::string> skipped;
  std::string output = "validation";
  bool json = false;
  ValidationOptions options;
};

/// One `goss validate`.
class Validator {
public:
  explicit Validator(ValidateArguments &arguments)
      : arguments_(arguments), notes_(arguments.options.quiet) {}
  Status run();

private:
  Status checkArguments();
  Status openOutput();
  Status compile(const std::string &output, std::vector<std::string> options);
  Expected<LoadedModel> load(const std::string &path) const;
  Status openModels(ValidationSubject &subject);
  Status checkModel(const Checkpoint &checkpoint, const LoadedModel &loaded);
  Expected<TokenSequences> readSequences(const LoadedModel &model) const;
  Status checkInputs(const ValidationSubject &subject) const;
  Status writeReports(const proto::Validation &validation) const;
  Status verdict(const proto::Validation &validation) const;

  ValidateArguments &arguments_;
  Notes notes_;
  std::optional<ScratchFolder> scratch_; ///< once something is compiled.
};

Status Validator::checkArguments() {
  if (!arguments_.tokens.empty() && !arguments_.textFile.empty())
    return usageError("expects one of --tokens=FILE and -f FILE but got both");
  bool hasTokens = !arguments_.tokens.empty() || !arguments_.textFile.empty();
  if (!arguments_.options.against.empty() && !hasTokens)
    return usageError("--against expects the tokens that its logits belong to: "
                      "--tokens=FILE or -f FILE");
  if (arguments_.options.last && arguments_.options.against.empty())
    return usageError("--last expects --against=FILE");
  if (!arguments_.model.empty() && !arguments_.compilerOptions.empty())
    return usageError("--gossc-option expects a model to compile but --model "
                      "names one");
  for (const std::string &name : arguments_.skipped) {
    std::vector<std::string> names(std::begin(validationChecks),
                                   std::end(validationChecks));
    if (std::ranges::find(names, name) == names.end())
      return usageError("--skip: expects the name of a check but got '" + name +
                        "'" + suggestName(name, names));
    arguments_.options.skipped.insert(name);
  }
  return Status::ok();
}

Status Validator::openOutput() {
  std::error_code error;
  std::filesystem::create_directories(arguments_.output, error);
  if (error)
    return systemError(arguments_.output, "making the folder", error.value());
  return Status::ok();
}

Status Validator::compile(const std::string &output,
                          std::vector<std::string> options) {
  GOSS_ASSIGN_OR_RETURN(std::string compiler,
                        findCompiler(arguments_.compiler));
  std::vector<std::string> words = {arguments_.checkpoint, "-q", "-o", output};
  words.insert(words.end(), options.begin(), options.end());
  return runCompiler(compiler, words);
}

Expected<LoadedModel> Validator::load(const std::string &path) const {
  ModelArguments model;
  model.path = path;
  model.threads = arguments_.threads;
  model.weights = arguments_.checkpoint;
  return model.load(!notes_.isQuiet());
}

/// Weight files are compared when they are opened; embedded weights are what
/// the checks are about.
Status Validator::checkModel(const Checkpoint &checkpoint,
                             const LoadedModel &loaded) {
  if (toBytes(checkpoint.configSha256()) !=
      loaded.model->manifest().config_sha256())
    return invalidData(loaded.path() + ": expects an artifact made from " +
                       checkpoint.path() +
                       " but got one of another config.json");
  return Status::ok();
}

/// The oracle of a model for another device runs on the CPU, where its values
/// can be read.
static std::vector<std::string> optionsOfOracle(const proto::Manifest &model) {
  std::vector<std::string> options = oracleOptions(model);
  if (model.target() != "cpu")
    std::erase_if(options, [](const std::string &option) {
      return option.starts_with("--target=") || option.starts_with("--mcpu=") ||
             option.starts_with("--mattr=");
    });
  return options;
}

/// Artifacts that are given, and what is missing compiled.
Status Validator::openModels(ValidationSubject &subject) {
  if (arguments_.model.empty() || arguments_.oracle.empty()) {
    // Beside the reports: embedded weights may need the room.
    GOSS_ASSIGN_OR_RETURN(scratch_, ScratchFolder::create(arguments_.output));
  }
  std::string model = arguments_.model;
  if (model.empty()) {
    model = scratch_->file("model.goss");
    std::vector<std::string> options = arguments_.compilerOptions;
    options.insert(options.begin(), "--math=" + arguments_.math);
    notes_.note("Compiling",
                arguments_.checkpoint + ", math " + arguments_.math);
    GOSS_RETURN_IF_ERROR(compile(model, options));
  }
  GOSS_ASSIGN_OR_RETURN(subject.model, load(model));
  GOSS_RETURN_IF_ERROR(checkModel(subject.checkpoint, subject.model));
  std::string oracle = arguments_.oracle;
  if (oracle.empty()) {
    oracle = scratch_->file("oracle.goss");
    notes_.note("Compiling",
                arguments_.checkpoint + ", opt level 0, the oracle");
    GOSS_RETURN_IF_ERROR(
        compile(oracle, optionsOfOracle(subject.model.model->manifest())));
  }
  GOSS_ASSIGN_OR_RETURN(subject.oracle, load(oracle));
  return checkOracle(*subject.model.model, *subject.oracle.model);
}

Expected<TokenSequences>
Validator::readSequences(const LoadedModel &loaded) const {
  if (!arguments_.tokens.empty())
    return readTokenSequences(arguments_.tokens);
  const StepShape &shape = loaded.model->shape();
  TokenSequences sequences{"built-in text", {}};
  std::string text = builtInText;
  if (!arguments_.textFile.empty()) {
    sequences.source = arguments_.textFile;
    GOSS_ASSIGN_OR_RETURN(text, readTextFile(arguments_.textFile));
  } else if (!loaded.tokenizer) {
    sequences.source = "built-in tokens";
    sequences.rows.push_back(builtInTokens(shape, builtInCount));
    return sequences;
  }
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, loaded.requireTokenizer());
  GOSS_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                        tokenizer.encode(text, {}));
  if (arguments_.textFile.empty())
    tokens.resize(std::min<size_t>(tokens.size(), shape.cache.maxContext));
  sequences.rows.push_back(std::move(tokens));
  return sequences;
}

/// What a check would only find in the middle of the work.
Status Validator::checkInputs(const ValidationSubject &subject) const {
  const StepShape &shape = subject.model.model->shape();
  GOSS_RETURN_IF_ERROR(subject.sequences.check(shape));
  const ValidationOptions &options = arguments_.options;
  for (uint64_t length : options.lengths)
    if (length + validationDecodedTokens > shape.cache.maxContext)
      return usageError(
          "--lengths: expects at most " +
          std::to_string(shape.cache.maxContext - validationDecodedTokens) +
          ", the model's context without " +
          std::to_string(validationDecodedTokens) +
          " generated tokens, but got " + std::to_string(length));
  if (options.against.empty())
    return Status::ok();
  KeptRows kept(subject.sequences, options.last);
  return ReferenceLogits::open(options.against, kept, shape.vocabularySize)
      .status();
}

Status Validator::writeReports(const proto::Validation &validation) const {
  std::string json = arguments_.output + "/validation.json";
  std::string html = arguments_.output + "/validation.html";
  GOSS_RETURN_IF_ERROR(writeFile(json, printMessageJson(validation)));
  GOSS_RETURN_IF_ERROR(writeFile(html, printValidationHtml(validation)));
  notes_.note("Wrote", json + " and " + html);
  return standardOutput().write(arguments_.json
                                    ? printMessageJson(validation)
                                    : printValidationText(validation));
}

Status Validator::verdict(const proto::Validation &validation) const {
  std::string failed;
  for (const proto::Verdict &check : validation.checks())
    if (check.outcome() == proto::Verdict::FAILED)
      failed += (failed.empty() ? "" : ", ") + check.name();
  if (failed.empty())
    return Status::ok();
  return different(arguments_.checkpoint + ": failed: " + failed);
}

Status Validator::run() {
  GOSS_RETURN_IF_ERROR(checkArguments());
  GOSS_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                        Checkpoint::open(arguments_.checkpoint));
  if (!checkpoint.hasWeights())
    return usageError(arguments_.checkpoint +
                      ": expects a checkpoint but got a config alone");
  GOSS_RETURN_IF_ERROR(openOutput());
  ValidationSubject subject{std::move(checkpoint), {}, {}, {}};
  GOSS_RETURN_IF_ERROR(openModels(subject));
  GOSS_ASSIGN_OR_RETURN(subject.sequences, readSequences(subject.model));
  GOSS_RETURN_IF_ERROR(checkInputs(subject));
  GOSS_ASSIGN_OR_RETURN(proto::Validation validation,
                        ValidationRun(subject, arguments_.options).run());
  // The files of these are gone when this program ends.
  if (arguments_.model.empty())
    validation.set_model("compiled by gossc");
  if (arguments_.oracle.empty())
    validation.set_oracle("compiled by gossc");
  GOSS_RETURN_IF_ERROR(writeReports(validation));
  return verdict(validation);
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

std::string parseLengths(const std::string &text,
                         std::vector<uint64_t> &lengths) {
  std::vector<int32_t> values;
  std::string error = parseTokenList(text, values);
  if (!error.empty() || values.empty() ||
      std::ranges::any_of(values, [](int32_t value) { return value < 1; }))
    return "expects lengths such as 16,256 but got '" + text + "'";
  lengths.assign(values.begin(), values.end());
  return "";
}

void addCompilerOptions(Command &command, ValidateArguments &arguments) {
  command.group("Models")
      .choice("--math", arguments.math, {"exact", "fast", "int8"},
              "compile the model for this (default exact)")
      .texts("--gossc-option", "OPTION", arguments.compilerOptions,
             "compile the model with it: --gossc-option=--layout=packed; may "
             "be repeated")
      .text("--gossc", "PATH", arguments.compiler,
            "the compiler (default: gossc beside this program)")
      .text("--model", "FILE", arguments.model,
            "an artifact of the checkpoint, in place of compiling one")
      .text("--oracle", "FILE", arguments.oracle,
            "the same compiled with gossc --opt-level=0")
      .integer("-t,--threads", "N", arguments.threads, {1, 1024},
               "threads to compute with (default: all cores)");
}

void addInputOptions(Command &command, ValidateArguments &arguments) {
  command.group("Text")
      .text("--tokens", "FILE", arguments.tokens,
            "token ids, as of goss eval (default: a short built-in text)")
      .text("-f,--file", "FILE", arguments.textFile, "file with the text")
      .text("--against", "FILE", arguments.options.against,
            "reference logits of these tokens: .npy of float32, as of goss "
            "eval --compare")
      .integer("--last", "K", arguments.options.last, {1},
               "the reference has the last K positions of each sequence only");
}

void addCheckOptions(Command &command, ValidateArguments &arguments) {
  ValidationOptions &options = arguments.options;
  command.group("Checks")
      .texts("--skip", "CHECK", arguments.skipped,
             "leave a check out: decode, products, layers, logits, reference, "
             "perplexity, sampling, generation, throughput; may be repeated")
      .integer("--oracle-tokens", "N", options.oracleTokens, {2, 65536},
               "tokens that the slow oracle computes at most (default 64)")
      .real("--tolerance", "X", options.tolerance, {0, 1e9},
            "largest difference of a logit (default: 2e-3 in exact; other "
            "modes are held to a mean KL)")
      .integer("--draws", "N", options.draws, {100, 100'000'000},
               "tokens drawn with each sampling strategy (default 20000)")
      .integer("--seed", "S", options.seed, {0},
               "of all draws and generations (default 1)")
      .parsed(
          "--lengths", "N,...",
          [&options](const std::string &text) {
            return parseLengths(text, options.lengths);
          },
          "lengths at which rates are measured (default 16,64,256,1024; what "
          "does not fit the context is left out)");
}

} // namespace

void addValidateCommand(CommandLine &line) {
  auto arguments = std::make_shared<ValidateArguments>();
  Command &command = line.addCommand(
      "validate",
      "Proves a checkpoint and its compilation right, in one report.");
  command.positional("CHECKPOINT", arguments->checkpoint,
                     "a checkpoint of any form that gossc takes", true);
  addCompilerOptions(command, *arguments);
  addInputOptions(command, *arguments);
  addCheckOptions(command, *arguments);
  command.group("Output")
      .text("-o,--output", "DIR", arguments->output,
            "folder for validation.json and validation.html (default: "
            "validation)")
      .flag("--json", arguments->json, "print the JSON in place of the table")
      .flag("-q,--quiet", arguments->options.quiet,
            "print results and errors only")
      .details("Decodes every tensor a second time in double precision, "
               "compares products with them, every layer with the unfused "
               "oracle, logits with the oracle and with stored ones, "
               "perplexities, the draws of each sampling strategy with their "
               "exact probabilities, generations with themselves, and measures "
               "rates by length. docs/validation.md says how and within what.")
      .details(
          "Exit code 0: nothing failed; 1: a check failed, and the message "
          "names it. The reports are written in both cases.")
      .example("goss validate models/tiny-stories",
               "everything; see validation/validation.html")
      .example("goss validate gpt-oss-20b --math=fast "
               "--gossc-option=--layout=packed --skip=throughput",
               "the form that is deployed")
      .example("goss validate gpt-oss-20b --math=fast "
               "--gossc-option=--dense=int8 --skip=throughput",
               "the error that 8-bit dense weights make")
      .example("goss validate gpt-oss-20b --tokens=ids.npy --against=ref.npy",
               "also against logits of another implementation")
      .action([arguments] { return Validator(*arguments).run(); });
}

} // namespace gossamer::tools
