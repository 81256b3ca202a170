//===- ValidationSampling.cpp - Draws, generations and rates --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"
#include "runtime/text/Utf8.h"
#include "tools/eval/Evaluator.h"
#include "tools/goss/BenchRunner.h"
#include "tools/goss/SamplingArguments.h"
#include "tools/goss/ValidationRun.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace gossamer::tools {

namespace {

/// A probability of draws so far off, or farther, that is no accident.
constexpr double leastProbability = 1e-6;
/// Bins that the report lists of each strategy.
constexpr size_t listedBins = 24;
constexpr uint32_t generatedTokens = 32;
constexpr uint64_t promptTokens = 8;
constexpr int64_t rateRepeats = 3;

/// -sum p log p, in nats.
double entropyOf(const LogitRow &row) {
  double entropy = 0;
  for (float logit : row.logits) {
    double logP = double{logit} - row.max - row.logSum;
    entropy -= std::exp(logP) * logP;
  }
  return entropy;
}

/// The logits of the position that is least sure of what follows: the others
/// leave little to draw from.
struct UncertainPosition {
  double entropy = -1;
  uint32_t position = 0;
  std::vector<float> logits;

  void offer(const EvaluatedRow &row, const LogitRow &logits) {
    double of = entropyOf(logits);
    if (of <= entropy)
      return;
    entropy = of;
    position = row.position;
    this->logits.assign(row.logits.begin(), row.logits.end());
  }
};

std::string describeOptions(const SamplingOptions &options) {
  SamplingArguments arguments;
  arguments.sampling = options;
  return arguments.describe();
}

} // namespace

std::string ValidationRun::textOf(int32_t token) const {
  const std::optional<Tokenizer> &tokenizer = subject_.model.tokenizer;
  if (!tokenizer)
    return std::to_string(token);
  std::string storage;
  std::string_view text = repairUtf8(tokenizer->tokenBytes(token), storage);
  return text.empty() ? std::to_string(token) : std::string(text);
}

void ValidationRun::describeBins(const SamplingResult &result,
                                 proto::StrategyCheck &check) const {
  for (const FrequencyBin &bin : result.test.bins) {
    if (static_cast<size_t>(check.frequencies_size()) == listedBins)
      return;
    proto::FrequencyRow &row = *check.add_frequencies();
    size_t count = bin.outcomes.size();
    row.set_tokens(count == 1 ? textOf(static_cast<int32_t>(bin.outcomes[0]))
                              : formatCount(count) + " tokens");
    row.set_expected(bin.expected);
    row.set_observed(bin.observed);
  }
}

Expected<ValidationRun::Finding> ValidationRun::checkSampling() {
  TokenSequences sequences{subject_.sequences.source,
                           {beginning(options_.oracleTokens)}};
  GOSS_ASSIGN_OR_RETURN(Evaluator evaluator,
                        Evaluator::create(subject_.model.model));
  UncertainPosition chosen;
  GOSS_RETURN_IF_ERROR(evaluator.run(
      sequences, KeptRows(sequences, 0),
      [&](const EvaluatedRow &row) -> Status {
        GOSS_ASSIGN_OR_RETURN(LogitRow logits, LogitRow::create(row.logits));
        chosen.offer(row, logits);
        return Status::ok();
      }));
  std::span<const int32_t> seen =
      std::span(sequences.rows[0]).first(chosen.position + 1);
  double least = 1;
  std::string failed;
  for (const SamplingStrategy &strategy : samplingStrategies(options_.seed)) {
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    GOSS_ASSIGN_OR_RETURN(SamplingResult result,
                          tools::checkSampling(chosen.logits, strategy.options,
                                               seen, options_.draws));
    proto::StrategyCheck &check = *result_.add_strategies();
    check.set_name(strategy.name);
    check.set_options(describeOptions(strategy.options));
    check.set_draws(options_.draws);
    check.set_candidates(static_cast<uint64_t>(std::ranges::count_if(
        result.probabilities, [](double p) { return p > 0; })));
    check.set_impossible(result.test.impossible);
    check.set_statistic(result.test.statistic);
    check.set_degrees(result.test.degrees);
    check.set_p_value(result.test.pValue);
    describeBins(result, check);
    least = std::min(least, result.test.pValue);
    if (result.test.pValue < leastProbability)
      failed += (failed.empty() ? "; wrong: " : ", ") + strategy.name;
  }
  std::array<char, 120> summary;
  std::snprintf(summary.data(), summary.size(),
                "%s draws of each strategy, p at least %.3g",
                formatCount(options_.draws).c_str(), least);
  std::array<char, 40> limit;
  std::snprintf(limit.data(), limit.size(), "chi-square p %g",
                leastProbability);
  return Finding{failed.empty() ? proto::Verdict::PASSED
                                : proto::Verdict::FAILED,
                 summary.data() + failed, limit.data()};
}

//===----------------------------------------------------------------------===//
// Generation
//===----------------------------------------------------------------------===//

Expected<ValidationRun::Finding> ValidationRun::checkGeneration() {
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(subject_.model.model));
  Generator generator(*scheduler, subject_.model.tokenizer
                                      ? tokenPiecesOf(*subject_.model.tokenizer)
                                      : TokenPieces());
  std::vector<SamplingStrategy> strategies = samplingStrategies(options_.seed);
  std::vector<GenerationRequest> requests;
  for (const SamplingStrategy &strategy : strategies) {
    GenerationRequest request;
    request.prompt = beginning(promptTokens);
    request.sampling = strategy.options;
    request.maxNewTokens = generatedTokens;
    request.ignoreStopTokens = true;
    request.cancel = &interruptFlag();
    requests.push_back(std::move(request));
  }
  GOSS_ASSIGN_OR_RETURN(std::vector<GenerationResult> together,
                        generator.generateBatch(requests));
  std::string failed;
  for (size_t i = 0; i < requests.size(); ++i) {
    GOSS_ASSIGN_OR_RETURN(GenerationResult first,
                          generator.generate(requests[i]));
    GOSS_ASSIGN_OR_RETURN(GenerationResult second,
                          generator.generate(requests[i]));
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    bool repeats =
        first.tokens == second.tokens && first.tokens == together[i].tokens;
    if (!repeats)
      failed += (failed.empty() ? "; differs: " : ", ") + strategies[i].name;
    // Without draws there are no entries yet.
    if (result_.strategies_size() == static_cast<int>(i)) {
      proto::StrategyCheck &added = *result_.add_strategies();
      added.set_name(strategies[i].name);
      added.set_options(describeOptions(strategies[i].options));
    }
    proto::StrategyCheck &check =
        *result_.mutable_strategies(static_cast<int>(i));
    check.set_text(first.text);
    check.mutable_tokens()->Assign(first.tokens.begin(), first.tokens.end());
    check.set_repeats(repeats);
  }
  return Finding{failed.empty() ? proto::Verdict::PASSED
                                : proto::Verdict::FAILED,
                 formatCount(generatedTokens) +
                     " tokens of each strategy, "
                     "alone, again and all together" +
                     failed,
                 "the same tokens for the same seed"};
}

Expected<ValidationRun::Finding> ValidationRun::measureThroughput() {
  uint64_t context = manifest_.max_context();
  std::vector<uint64_t> lengths = options_.lengths;
  if (lengths.empty())
    lengths = {16, 64, 256, 1024};
  std::erase_if(lengths, [&](uint64_t length) {
    return length + validationDecodedTokens > context;
  });
  if (lengths.empty())
    return Finding{proto::Verdict::SKIPPED,
                   "no length fits the context of " + formatCount(context), ""};
  GOSS_ASSIGN_OR_RETURN(
      BenchRunner runner,
      BenchRunner::create(subject_.model.model, !options_.quiet));
  for (uint64_t length : lengths) {
    auto tokens = static_cast<int64_t>(length);
    GOSS_ASSIGN_OR_RETURN(
        BenchResult prompt,
        runner.measure({"pp" + std::to_string(length), tokens, 0, 0, 1},
                       rateRepeats));
    GOSS_ASSIGN_OR_RETURN(BenchResult decode,
                          runner.measure({"tg at " + std::to_string(length), 0,
                                          validationDecodedTokens, tokens, 1},
                                         rateRepeats));
    proto::RateMeasurement &rate = *result_.add_rates();
    rate.set_length(length);
    rate.set_prompt_rate(prompt.median());
    rate.set_decode_rate(decode.median());
    rate.set_first_token_seconds(medianOf(prompt.firstTokenSeconds));
  }
  const proto::RateMeasurement &last = *result_.rates().rbegin();
  return Finding{proto::Verdict::MEASURED,
                 "at " + formatCount(last.length()) + " tokens: prompt " +
                     formatFixed(last.prompt_rate(), 1) + ", decoding " +
                     formatFixed(last.decode_rate(), 1) + " tokens/s",
                 ""};
}

} // namespace gossamer::tools
