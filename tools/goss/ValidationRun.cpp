//===- ValidationRun.cpp - The checks of goss validate --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ValidationRun.h"

#include "runtime/support/ProgressBar.h"
#include "tools/eval/Evaluator.h"
#include "tools/eval/ReferenceLogits.h"
#include "tools/goss/ModelCheck.h"
#include "tools/goss/ProductCheck.h"
#include "tools/report/LayerName.h"
#include "tools/support/Terminal.h"
#include "tools/validate/DecodeCheck.h"
#include "tools/validate/ValidationPrinters.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace gossamer::tools {

namespace {

/// Most values of a plot that has one a position.
constexpr int plottedPositions = 4096;
/// Tokens whose products are compared with exact ones: a token chooses only a
/// few experts, but each product is made in double precision.
constexpr uint64_t productTokens = 16;

/// Limits by math mode; docs/validation.md says why these.
struct Limits {
  double layers;     ///< relative RMS of a value.
  double maxError;   ///< of a logit; infinite: not looked at.
  double meanKl;     ///< nats.
  double perplexity; ///< relative difference.
};

constexpr double unlimited = std::numeric_limits<double>::infinity();
/// Relative RMS of products in float32.
constexpr double productLimit = 2e-5;

Limits limitsOf(const proto::Manifest &manifest) {
  const std::string &math = manifest.math_mode();
  // Rounded weights differ from the oracle's in every product.
  // (--dense=int8 or int8-channel.)
  bool isRounded = manifest.flags().find("--dense=int8") != std::string::npos;
  double layers = defaultTolerance(isRounded ? "int8" : math);
  if (math == "int8" || isRounded)
    return {layers, unlimited, 1e-2, 2e-2};
  if (math == "exact")
    return {layers, 2e-3, 1e-6, 1e-4};
  return {layers, unlimited, 1e-5, 1e-3};
}

proto::Verdict::Outcome outcomeOf(bool passed) {
  return passed ? proto::Verdict::PASSED : proto::Verdict::FAILED;
}

} // namespace

ValidationRun::ValidationRun(const ValidationSubject &subject,
                             const ValidationOptions &options)
    : subject_(subject), options_(options),
      manifest_(subject.model.model->manifest()) {
  result_.set_checkpoint(subject.checkpoint.path());
  result_.set_form(subject.checkpoint.form());
  result_.set_model(subject.model.path());
  result_.set_oracle(subject.oracle.path());
  result_.set_math_mode(manifest_.math_mode());
  result_.set_flags(manifest_.flags());
  result_.set_target(manifest_.target());
  result_.set_cpu(manifest_.cpu());
  result_.set_compiler_version(manifest_.compiler_version());
  result_.set_threads(subject.model.model->device().threadCount());
  result_.set_seed(options.seed);
}

std::vector<int32_t> ValidationRun::beginning(uint64_t most) const {
  std::vector<int32_t> tokens = subject_.sequences.rows.front();
  most =
      std::min<uint64_t>(most, subject_.model.model->shape().maxTokensPerStep);
  most =
      std::min<uint64_t>(most, subject_.oracle.model->shape().maxTokensPerStep);
  tokens.resize(std::min<uint64_t>(tokens.size(), most));
  return tokens;
}

Status ValidationRun::runCheck(const char *name, Check check) {
  using Clock = std::chrono::steady_clock;
  proto::Verdict &verdict = *result_.add_checks();
  verdict.set_name(name);
  if (options_.skipped.contains(name)) {
    verdict.set_outcome(proto::Verdict::SKIPPED);
    verdict.set_summary("as asked for");
    return Status::ok();
  }
  Clock::time_point begin = Clock::now();
  Expected<Finding> finding = (this->*check)();
  verdict.set_seconds(
      std::chrono::duration<double>(Clock::now() - begin).count());
  if (!finding) {
    Status status = finding.status();
    // What is wrong with the model is what is looked for.
    if (status.code() != StatusCode::InvalidData)
      return status.withContext(name);
    verdict.set_outcome(proto::Verdict::FAILED);
    verdict.set_summary(status.message());
  } else {
    verdict.set_outcome(finding->outcome);
    verdict.set_summary(finding->summary);
    verdict.set_limit(finding->limit);
    verdict.set_bound(finding->bound);
  }
  Notes(options_.quiet).note(outcomeText(verdict.outcome()), name);
  return checkInterrupt();
}

Expected<proto::Validation> ValidationRun::run() {
  using Clock = std::chrono::steady_clock;
  Clock::time_point begin = Clock::now();
  constexpr Check checks[] = {
      &ValidationRun::checkDecoding,    &ValidationRun::checkProducts,
      &ValidationRun::checkLayers,      &ValidationRun::checkLogits,
      &ValidationRun::checkReference,   &ValidationRun::checkPerplexity,
      &ValidationRun::checkSampling,    &ValidationRun::checkGeneration,
      &ValidationRun::measureThroughput};
  static_assert(std::size(checks) == std::size(validationChecks));
  for (size_t i = 0; i < std::size(checks); ++i)
    GOSS_RETURN_IF_ERROR(runCheck(validationChecks[i], checks[i]));
  result_.set_seconds(
      std::chrono::duration<double>(Clock::now() - begin).count());
  result_.set_passed(
      std::ranges::none_of(result_.checks(), [](const auto &verdict) {
        return verdict.outcome() == proto::Verdict::FAILED;
      }));
  return std::move(result_);
}

//===----------------------------------------------------------------------===//
// Weights and layers
//===----------------------------------------------------------------------===//

Expected<ValidationRun::Finding> ValidationRun::checkDecoding() {
  std::vector<LocatedParameter> located = locateParameters(subject_.checkpoint);
  ProgressBar progress("decoding tensors", located.size(),
                       ProgressBar::Unit::Items, !options_.quiet);
  uint64_t numbers = 0, wrong = 0;
  std::string first;
  for (const LocatedParameter &each : located) {
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    proto::TensorCheck check =
        tools::checkDecoding(ParameterReader(*each.parameter, each.locations));
    numbers += check.elements();
    if (check.different() + check.not_finite() && wrong++ == 0)
      first = check.name();
    *result_.add_tensors() = std::move(check);
    progress.add(1);
  }
  std::string what = formatCount(numbers) + " numbers of " +
                     formatCount(located.size()) + " parameters";
  return Finding{outcomeOf(wrong == 0),
                 wrong ? what + ", wrong in " + formatCount(wrong) +
                             ", the first " + first
                       : what + " are exact and finite",
                 "each equal to its scalar decoding in double precision"};
}

Expected<ValidationRun::Finding> ValidationRun::checkProducts() {
  if (subject_.oracle.model->device().name() != "cpu")
    return Finding{proto::Verdict::SKIPPED, "the oracle is not for the CPU",
                   ""};
  GOSS_ASSIGN_OR_RETURN(ProductErrors errors,
                        tools::checkProducts(subject_.oracle.model,
                                             subject_.checkpoint,
                                             beginning(productTokens)));
  double worst = 0;
  std::string worstName = "none";
  std::vector<LocatedParameter> located = locateParameters(subject_.checkpoint);
  for (size_t i = 0; i < located.size(); ++i) {
    auto found = errors.find(located[i].parameter->symbol);
    if (found == errors.end())
      continue;
    double relative = found->second.relative();
    if (relative >= worst) {
      worst = relative;
      worstName = located[i].parameter->tensors[0].name;
    }
    if (result_.tensors_size() == 0)
      continue;
    proto::TensorCheck &check = *result_.mutable_tensors(static_cast<int>(i));
    check.set_products(found->second.numbers);
    check.set_max_error(found->second.maxError);
    check.set_relative(relative);
  }
  if (errors.empty())
    return invalidData(subject_.oracle.path() +
                       ": expects products with parameters but has none");
  return Finding{outcomeOf(worst <= productLimit),
                 "products with " + formatCount(errors.size()) +
                     " parameters, relative RMS at most " +
                     formatScientific(worst, 2) + ", of " + worstName,
                 "relative RMS " + formatScientific(productLimit, 2) +
                     " from products in double precision",
                 productLimit};
}

Expected<ValidationRun::Finding> ValidationRun::checkLayers() {
  for (const LoadedModel *each : {&subject_.model, &subject_.oracle})
    if (each->model->device().name() != "cpu")
      return Finding{proto::Verdict::SKIPPED,
                     "values are read in the CPU's memory, but " +
                         each->path() + " is for " +
                         each->model->manifest().target(),
                     ""};
  GOSS_ASSIGN_OR_RETURN(CheckResult check,
                        checkModel(subject_.model.model, subject_.oracle.model,
                                   beginning(options_.oracleTokens)));
  double worst = 0;
  for (const CheckedValue &value : check.values) {
    const std::string &name =
        manifest_.launches(static_cast<int>(value.launch)).name();
    proto::ValueComparison &entry = *result_.add_values();
    entry.set_name(name);
    entry.set_layer(layerOfName(name));
    entry.set_step(value.step);
    entry.set_max_error(value.distance.maxAbs);
    entry.set_relative(value.distance.relative);
    worst = std::max(worst, value.distance.relative);
  }
  if (check.values.empty())
    return invalidData(subject_.oracle.path() +
                       ": expects values of the names that the model has but "
                       "has none");
  double limit = limitsOf(manifest_).layers;
  std::optional<size_t> first = check.firstBeyond(limit);
  std::string summary = formatCount(check.values.size()) +
                        " values, relative RMS at most " +
                        formatScientific(worst, 2);
  if (first)
    summary += "; the first beyond the limit is " +
               result_.values(static_cast<int>(*first)).name();
  return Finding{outcomeOf(!first), summary,
                 "relative RMS " + formatScientific(limit, 2) +
                     " from the oracle's",
                 limit};
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

namespace {

/// Sums what the rows of two models say of the tokens that follow.
struct Likelihoods {
  Likelihood ours, reference;

  void add(const std::vector<int32_t> &tokens, uint64_t position,
           const LogitRow &row, const LogitRow &of) {
    if (position + 1 >= tokens.size())
      return;
    auto next = static_cast<uint32_t>(tokens[position + 1]);
    ours.add(row.getNll(next));
    reference.add(of.getNll(next));
  }
};

double maxDifference(const LogitRow &a, const LogitRow &b) {
  double most = 0;
  for (size_t i = 0; i < a.logits.size(); ++i)
    most = std::max(most, std::abs(double{a.logits[i]} - b.logits[i]));
  return most;
}

} // namespace

Expected<proto::LogitCheck>
ValidationRun::compareLogits(const TokenSequences &sequences,
                             const KeptRows &kept,
                             const ReferenceRow &reference) {
  GOSS_ASSIGN_OR_RETURN(Evaluator evaluator,
                        Evaluator::create(subject_.model.model));
  ProgressBar progress("evaluating tokens", sequences.tokenCount(),
                       ProgressBar::Unit::Items, !options_.quiet);
  proto::LogitCheck check;
  Comparison comparison;
  Likelihoods likelihoods;
  GOSS_RETURN_IF_ERROR(evaluator.run(
      sequences, kept,
      [&](const EvaluatedRow &row) -> Status {
        Expected<LogitRow> ours = LogitRow::create(row.logits);
        if (!ours)
          return ours.status().withContext(
              "sequence " + std::to_string(row.sequence) + ", position " +
              std::to_string(row.position));
        GOSS_ASSIGN_OR_RETURN(
            LogitRow theirs, reference(kept.rowOf(row.sequence, row.position)));
        comparison.add(theirs, *ours, row.sequence, row.position);
        likelihoods.add(sequences.rows[row.sequence], row.position, *ours,
                        theirs);
        if (check.kl_size() < plottedPositions) {
          check.add_kl(getKlDivergence(theirs, *ours));
          check.add_errors(maxDifference(theirs, *ours));
        }
        return Status::ok();
      },
      [&](uint64_t tokens) {
        progress.add(tokens);
        return checkInterrupt();
      }));
  check.set_positions(comparison.rowCount());
  check.set_max_error(comparison.maxError());
  check.set_rms_error(comparison.rmsError());
  check.set_mean_kl(comparison.meanKl());
  check.set_max_kl(comparison.maxKl());
  check.set_top1_agreement(comparison.topAgreement());
  check.set_scored_tokens(likelihoods.ours.count);
  check.set_perplexity(likelihoods.ours.getPerplexity().value_or(0));
  check.set_reference_perplexity(
      likelihoods.reference.getPerplexity().value_or(0));
  return check;
}

ValidationRun::Finding
ValidationRun::judgeLogits(const proto::LogitCheck &check) const {
  Limits limits = limitsOf(manifest_);
  if (options_.tolerance)
    limits = {limits.layers, *options_.tolerance, unlimited, limits.perplexity};
  Finding finding;
  finding.outcome = outcomeOf(check.max_error() <= limits.maxError &&
                              check.mean_kl() <= limits.meanKl);
  finding.summary =
      formatCount(check.positions()) + " positions, difference at most " +
      formatScientific(check.max_error(), 2) + ", mean KL " +
      formatScientific(check.mean_kl(), 2) + " nats, top-1 agreement " +
      formatFixed(100 * check.top1_agreement(), 2) + " %";
  if (std::isfinite(limits.maxError))
    finding.limit = "difference " + formatScientific(limits.maxError, 2);
  if (std::isfinite(limits.meanKl))
    finding.limit += (finding.limit.empty() ? "mean KL " : ", mean KL ") +
                     formatScientific(limits.meanKl, 2) + " nats";
  return finding;
}

Expected<ValidationRun::Finding> ValidationRun::checkLogits() {
  TokenSequences sequences{subject_.sequences.source,
                           {beginning(options_.oracleTokens)}};
  KeptRows kept(sequences, 0);
  std::vector<std::vector<float>> rows(kept.rowCount());
  GOSS_ASSIGN_OR_RETURN(Evaluator oracle,
                        Evaluator::create(subject_.oracle.model));
  GOSS_RETURN_IF_ERROR(oracle.run(
      sequences, kept,
      [&](const EvaluatedRow &row) {
        rows[row.position].assign(row.logits.begin(), row.logits.end());
        return Status::ok();
      },
      [](uint64_t) { return checkInterrupt(); }));
  GOSS_ASSIGN_OR_RETURN(
      proto::LogitCheck check,
      compareLogits(sequences, kept, [&](uint64_t row) {
        Expected<LogitRow> result = LogitRow::create(rows[row]);
        if (result)
          return result;
        return Expected<LogitRow>(result.status().withContext(
            subject_.oracle.path() + ": position " + std::to_string(row)));
      }));
  check.set_against("oracle");
  Finding finding = judgeLogits(check);
  *result_.add_logits() = std::move(check);
  return finding;
}

Expected<ValidationRun::Finding> ValidationRun::checkReference() {
  if (options_.against.empty())
    return Finding{proto::Verdict::SKIPPED,
                   "no reference logits were given with --against", ""};
  KeptRows kept(subject_.sequences, options_.last);
  GOSS_ASSIGN_OR_RETURN(
      ReferenceLogits reference,
      ReferenceLogits::open(options_.against, kept,
                            subject_.model.model->shape().vocabularySize));
  GOSS_ASSIGN_OR_RETURN(
      proto::LogitCheck check,
      compareLogits(subject_.sequences, kept,
                    [&](uint64_t row) { return reference.read(row); }));
  check.set_against(options_.against);
  Finding finding = judgeLogits(check);
  *result_.add_logits() = std::move(check);
  return finding;
}

Expected<ValidationRun::Finding> ValidationRun::checkPerplexity() {
  KeptRows kept(subject_.sequences, 0);
  GOSS_ASSIGN_OR_RETURN(Evaluator evaluator,
                        Evaluator::create(subject_.model.model));
  Likelihood all;
  GOSS_RETURN_IF_ERROR(evaluator.run(
      subject_.sequences, kept,
      [&](const EvaluatedRow &row) -> Status {
        GOSS_ASSIGN_OR_RETURN(LogitRow logits, LogitRow::create(row.logits));
        const std::vector<int32_t> &tokens =
            subject_.sequences.rows[row.sequence];
        if (row.position + 1 < tokens.size())
          all.add(
              logits.getNll(static_cast<uint32_t>(tokens[row.position + 1])));
        return Status::ok();
      },
      [](uint64_t) { return checkInterrupt(); }));
  if (all.count == 0)
    return Finding{proto::Verdict::SKIPPED, "no token follows another", ""};
  Finding finding{proto::Verdict::MEASURED,
                  formatFixed(*all.getPerplexity(), 4) + " on " +
                      formatCount(all.count) + " tokens",
                  ""};
  double limit = limitsOf(manifest_).perplexity;
  for (const proto::LogitCheck &check : result_.logits()) {
    if (check.scored_tokens() == 0)
      continue;
    double difference =
        std::abs(check.perplexity() / check.reference_perplexity() - 1);
    if (finding.outcome != proto::Verdict::FAILED)
      finding.outcome = outcomeOf(difference <= limit);
    finding.summary += "; on " + formatCount(check.scored_tokens()) + ": " +
                       formatFixed(check.perplexity(), 4) + ", the " +
                       (check.against() == "oracle" ? "oracle" : "reference") +
                       " " + formatFixed(check.reference_perplexity(), 4);
    finding.limit = "relative difference " + formatScientific(limit, 2);
  }
  return finding;
}

} // namespace gossamer::tools
