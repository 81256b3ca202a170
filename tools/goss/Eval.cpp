//===- Eval.cpp - goss eval -----------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "runtime/support/ProgressBar.h"
#include "runtime/weights/Npy.h"
#include "tools/eval/Evaluator.h"
#include "tools/eval/LogitStatistics.h"
#include "tools/eval/ReferenceLogits.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <chrono>
#include <cstdio>
#include <memory>

namespace gossamer::tools {
namespace {

struct EvalArguments {
  ModelArguments model;
  std::string tokens;
  std::optional<std::string> text;
  std::string textFile;
  bool special = false;
  std::string compare;
  std::string logitsOut;
  uint64_t last = 0;
  EvaluatorOptions evaluator;
  bool json = false;
  bool quiet = false;
};

/// One `goss eval`.
class Evaluation {
public:
  explicit Evaluation(EvalArguments &arguments)
      : arguments_(arguments), notes_(arguments.quiet) {}
  Status run();

private:
  Status checkArguments() const;
  Expected<TokenSequences> readSequences() const;
  Status openFiles(const KeptRows &kept);
  Status addRow(const EvaluatedRow &row, const KeptRows &kept);
  Status compute();
  Likelihood getLikelihood() const;
  Comparison getComparison() const;
  std::string toJson() const;
  std::string toTable() const;

  EvalArguments &arguments_;
  Notes notes_;
  LoadedModel loaded_;
  TokenSequences sequences_;
  std::optional<ReferenceLogits> reference_;
  std::optional<NpyWriter> writer_;
  // One a sequence, so that sums do not depend on what is computed together.
  std::vector<Likelihood> likelihoods_;
  std::vector<Comparison> comparisons_;
  double seconds_ = 0;
};

Status Evaluation::checkArguments() const {
  int sources = !arguments_.tokens.empty() + arguments_.text.has_value() +
                !arguments_.textFile.empty();
  if (sources != 1)
    return usageError("expects one of --tokens=FILE, -p TEXT and -f FILE but "
                      "got " +
                      std::string(sources ? "several" : "none"));
  return Status::ok();
}

Expected<TokenSequences> Evaluation::readSequences() const {
  if (!arguments_.tokens.empty())
    return readTokenSequences(arguments_.tokens);
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, loaded_.requireTokenizer());
  std::string text = arguments_.text.value_or("");
  if (!arguments_.textFile.empty()) {
    GOSS_ASSIGN_OR_RETURN(text, readTextFile(arguments_.textFile));
  }
  EncodeOptions options;
  options.allowSpecial = arguments_.special;
  TokenSequences sequences{
      arguments_.textFile.empty() ? "text" : arguments_.textFile, {}};
  GOSS_ASSIGN_OR_RETURN(std::vector<int32_t> tokens,
                        tokenizer.encode(text, options));
  sequences.rows.push_back(std::move(tokens));
  return sequences;
}

/// Opens what can fail before the work begins.
Status Evaluation::openFiles(const KeptRows &kept) {
  uint64_t columns = loaded_.model->shape().vocabularySize;
  if (!arguments_.compare.empty()) {
    GOSS_ASSIGN_OR_RETURN(
        reference_, ReferenceLogits::open(arguments_.compare, kept, columns));
  }
  if (!arguments_.logitsOut.empty()) {
    GOSS_ASSIGN_OR_RETURN(writer_,
                          NpyWriter::create(arguments_.logitsOut, NpyType::F32,
                                            kept.getShape(columns)));
  }
  return Status::ok();
}

Status Evaluation::addRow(const EvaluatedRow &row, const KeptRows &kept) {
  Expected<LogitRow> ours = LogitRow::create(row.logits);
  if (!ours)
    return ours.status().withContext(
        loaded_.path() + ": sequence " + std::to_string(row.sequence) +
        ", position " + std::to_string(row.position));
  const std::vector<int32_t> &tokens = sequences_.rows[row.sequence];
  if (size_t next = size_t{row.position} + 1; next < tokens.size())
    likelihoods_[row.sequence].add(
        ours->getNll(static_cast<uint32_t>(tokens[next])));
  uint64_t place = kept.rowOf(row.sequence, row.position);
  if (reference_) {
    GOSS_ASSIGN_OR_RETURN(LogitRow reference, reference_->read(place));
    comparisons_[row.sequence].add(reference, *ours, row.sequence,
                                   row.position);
  }
  if (writer_)
    GOSS_RETURN_IF_ERROR(writer_->write(place * row.logits.size(), row.logits));
  return Status::ok();
}

Status Evaluation::compute() {
  KeptRows kept(sequences_, arguments_.last);
  GOSS_RETURN_IF_ERROR(openFiles(kept));
  GOSS_ASSIGN_OR_RETURN(Evaluator evaluator,
                        Evaluator::create(loaded_.model, arguments_.evaluator));
  likelihoods_.resize(sequences_.rows.size());
  comparisons_.resize(sequences_.rows.size());
  ProgressBar progress("evaluating tokens", sequences_.tokenCount(),
                       ProgressBar::Unit::Items, !notes_.isQuiet());
  auto begin = std::chrono::steady_clock::now();
  GOSS_RETURN_IF_ERROR(evaluator.run(
      sequences_, kept,
      [&](const EvaluatedRow &row) { return addRow(row, kept); },
      [&](uint64_t tokens) {
        progress.add(tokens);
        return checkInterrupt();
      }));
  seconds_ =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return writer_ ? writer_->commit() : Status::ok();
}

Likelihood Evaluation::getLikelihood() const {
  Likelihood sum;
  for (const Likelihood &each : likelihoods_)
    sum.add(each);
  return sum;
}

Comparison Evaluation::getComparison() const {
  Comparison sum;
  for (const Comparison &each : comparisons_)
    sum.add(each);
  return sum;
}

/// The perplexity, or null where no token was predicted.
void writePerplexity(JsonWriter &json, const Likelihood &likelihood) {
  json.member("scored_tokens", likelihood.count)
      .member("nll_sum", likelihood.nllSum)
      .key("perplexity");
  if (std::optional<double> perplexity = likelihood.getPerplexity())
    json.value(*perplexity);
  else
    json.null();
}

std::string Evaluation::toJson() const {
  JsonWriter json(2);
  json.beginObject()
      .member("model", loaded_.path())
      .member("math", loaded_.model->manifest().math_mode())
      .member("tokens", sequences_.tokenCount())
      .member("seconds", seconds_);
  writePerplexity(json, getLikelihood());
  json.key("sequences").beginArray();
  for (size_t i = 0; i < likelihoods_.size(); ++i) {
    json.beginObject().member("tokens", sequences_.rows[i].size());
    writePerplexity(json, likelihoods_[i]);
    json.endObject();
  }
  json.endArray();
  if (reference_) {
    Comparison comparison = getComparison();
    json.key("comparison")
        .beginObject()
        .member("file", reference_->path())
        .member("positions", comparison.rowCount())
        .member("mean_kl", comparison.meanKl())
        .member("max_kl", comparison.maxKl())
        .member("max_kl_sequence", comparison.maxKlSequence())
        .member("max_kl_position", comparison.maxKlPosition())
        .member("top1_agreement", comparison.topAgreement())
        .member("max_error", comparison.maxError())
        .member("rms_error", comparison.rmsError())
        .endObject();
  }
  return json.endObject().take() + "\n";
}

void addLine(std::string &text, const char *name, const std::string &value) {
  char line[200];
  std::snprintf(line, sizeof(line), "%-18s %s\n", name, value.c_str());
  text += line;
}

std::string Evaluation::toTable() const {
  std::string text;
  Likelihood likelihood = getLikelihood();
  std::optional<double> perplexity = likelihood.getPerplexity();
  addLine(text, "sequences", formatCount(sequences_.rows.size()));
  addLine(text, "tokens",
          formatCount(sequences_.tokenCount()) + ", " +
              formatCount(likelihood.count) + " predicted");
  addLine(text, "nll", formatFixed(likelihood.nllSum, 4) + " nats in all");
  addLine(text, "perplexity",
          perplexity ? formatFixed(*perplexity, 4) : "none");
  if (!reference_)
    return text;
  Comparison comparison = getComparison();
  addLine(text, "compared",
          formatCount(comparison.rowCount()) + " positions with " +
              reference_->path());
  addLine(text, "mean KL", formatScientific(comparison.meanKl(), 3) + " nats");
  addLine(text, "max KL",
          formatScientific(comparison.maxKl(), 3) + " nats, sequence " +
              std::to_string(comparison.maxKlSequence()) + ", position " +
              std::to_string(comparison.maxKlPosition()));
  addLine(text, "top-1 agreement",
          formatFixed(100 * comparison.topAgreement(), 3) + " %");
  addLine(text, "max error", formatScientific(comparison.maxError(), 3));
  addLine(text, "rms error", formatScientific(comparison.rmsError(), 3));
  return text;
}

Status Evaluation::run() {
  GOSS_RETURN_IF_ERROR(checkArguments());
  GOSS_ASSIGN_OR_RETURN(loaded_, arguments_.model.load(!arguments_.quiet));
  GOSS_ASSIGN_OR_RETURN(sequences_, readSequences());
  GOSS_RETURN_IF_ERROR(sequences_.check(loaded_.model->shape()));
  notes_.note("Model", loaded_.path() + ", math " +
                           loaded_.model->manifest().math_mode() +
                           ", loaded in " + formatSeconds(loaded_.loadSeconds));
  GOSS_RETURN_IF_ERROR(compute());
  uint64_t tokens = sequences_.tokenCount();
  notes_.note(
      "Evaluated",
      formatCount(tokens) + " tokens in " + formatSeconds(seconds_) + ", " +
          formatFixed(static_cast<double>(tokens) / seconds_, 1) + " tokens/s");
  if (writer_)
    notes_.note("Wrote", arguments_.logitsOut);
  return standardOutput().write(arguments_.json ? toJson() : toTable());
}

void addTextOptions(Command &command, EvalArguments &arguments) {
  command.group("Text")
      .text("--tokens", "FILE", arguments.tokens,
            "token ids: .npy of int32, [T] or [N, T], or text with a sequence "
            "on each line; - is text on standard input")
      .parsed(
          "-p,--prompt", "TEXT",
          [&arguments](const std::string &text) {
            arguments.text = text;
            return std::string();
          },
          "text to evaluate, as one sequence")
      .text("-f,--file", "FILE", arguments.textFile,
            "file with the text; - is standard input")
      .flag("--special", arguments.special,
            "names such as <|start|> in the text are control tokens");
}

} // namespace

void addEvalCommand(CommandLine &line) {
  auto arguments = std::make_shared<EvalArguments>();
  Command &command = line.addCommand(
      "eval", "Computes perplexity, and the distance from stored logits.");
  arguments->model.addTo(command);
  addTextOptions(command, *arguments);
  command.group("Logits")
      .text("--compare", "FILE", arguments->compare,
            ".npy of float32 to compare with: [T, V], [N, T, V], or the last "
            "positions of each sequence one after the other")
      .text("--logits-out", "FILE", arguments->logitsOut,
            "write the logits in the form that --compare reads")
      .integer("--last", "K", arguments->last, {1},
               "use the logits of the last K positions of each sequence only "
               "(default: all)");
  command.group("Execution")
      .integer("-b,--batch", "N", arguments->evaluator.batch, {1, 65536},
               "sequences computed together (default 1); results do not depend "
               "on it")
      .integer("--prefill-chunk", "N", arguments->evaluator.tokensPerStep,
               {1, 65536},
               "tokens that one step computes (default: as many as have logits "
               "of 64 MiB); results do not depend on it");
  command.group("Output")
      .flag("--json", arguments->json, "print one JSON object")
      .flag("-q,--quiet", arguments->quiet, "print results and errors only")
      .details("Each sequence begins at position 0. The perplexity is "
               "exp(nll_sum / scored_tokens) over the tokens that the kept "
               "logits predict: all but the first of a sequence, or its last "
               "K-1. KL is KL(stored || computed) in nats. Equal largest "
               "logits count as the lowest id.")
      .details("--json has model, math, tokens, seconds, scored_tokens, "
               "nll_sum, perplexity (null when no token was predicted), "
               "sequences (tokens, scored_tokens, nll_sum and perplexity of "
               "each) and, with --compare, comparison: file, positions, "
               "mean_kl, max_kl, max_kl_sequence, max_kl_position, "
               "top1_agreement (0 to 1), max_error, rms_error.")
      .example("goss eval model.goss -f story.txt", "perplexity of a text")
      .example("goss eval exact.goss --tokens=ids.npy --logits-out=exact.npy",
               "keep the logits of an exact model")
      .example("goss eval fast.goss --tokens=ids.npy --compare=exact.npy",
               "what a faster one loses")
      .action([arguments] { return Evaluation(*arguments).run(); });
}

} // namespace gossamer::tools
