//===- ModelCheck.cpp - A model against its oracle ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ModelCheck.h"

#include "runtime/model/Scheduler.h"
#include "runtime/support/CheckedMath.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

namespace gossamer::tools {

Distance measureDistance(std::span<const float> values,
                         std::span<const float> oracle) {
  Distance distance;
  double differences = 0, squares = 0;
  for (size_t i = 0; i < oracle.size(); ++i) {
    double difference = std::abs(double{values[i]} - double{oracle[i]});
    if (!std::isfinite(difference)) {
      distance.maxAbs = distance.rms = distance.relative =
          std::numeric_limits<double>::infinity();
      return distance;
    }
    distance.maxAbs = std::max(distance.maxAbs, difference);
    differences += difference * difference;
    squares += double{oracle[i]} * double{oracle[i]};
  }
  if (differences == 0)
    return distance;
  distance.rms = std::sqrt(differences / static_cast<double>(oracle.size()));
  distance.relative = squares > 0 ? std::sqrt(differences / squares)
                                  : std::numeric_limits<double>::infinity();
  return distance;
}

std::optional<size_t> CheckResult::firstBeyond(double tolerance) const {
  for (size_t i = 0; i < values.size(); ++i)
    if (!(values[i].distance.relative <= tolerance))
      return i;
  return std::nullopt;
}

// Of models/tiny-stories the worst value is off by 1.1e-6 in exact, 2.2e-4 in
// fast and 5e-2 in int8, on text and on random tokens. A wrong kernel is off by
// more than a tenth; what lies between leaves room for deeper models.
double defaultTolerance(std::string_view mathMode) {
  if (mathMode == "exact")
    return 2e-5;
  return mathMode == "fast" ? 2e-3 : 2e-1;
}

//===----------------------------------------------------------------------===//
// The right oracle
//===----------------------------------------------------------------------===//

std::vector<std::string> oracleOptions(const proto::Manifest &model) {
  std::vector<std::string> options = {"--opt-level=0"};
  // What shapes the step and the cache; the rest says how to compute.
  std::istringstream flags(model.flags());
  for (std::string flag; flags >> flag;)
    for (const char *kept : {"--target=", "--mcpu=", "--mattr=", "--cache=",
                             "--max-context=", "--max-tokens-per-step="})
      if (flag.starts_with(kept))
        options.push_back(flag);
  return options;
}

std::string oracleCommand(const proto::Manifest &model) {
  std::string command = "gossc CHECKPOINT -o ORACLE.goss";
  for (const std::string &option : oracleOptions(model))
    command += " " + option;
  return command;
}

static bool haveSameWeights(const proto::Manifest &a,
                            const proto::Manifest &b) {
  if (a.weights_embedded() || b.weights_embedded())
    return true; // Converted; the configuration has to do.
  return std::ranges::equal(
      a.weight_files(), b.weight_files(), [](const auto &x, const auto &y) {
        return x.name() == y.name() && x.size() == y.size() &&
               x.header_sha256() == y.header_sha256();
      });
}

Status checkOracle(const Model &model, const Model &oracle) {
  const proto::Manifest &of = model.manifest();
  const proto::Manifest &by = oracle.manifest();
  std::string hint = "; this makes the oracle: " + oracleCommand(of);
  const std::string &path = oracle.artifact().path();
  if (by.opt_level() != 0)
    return invalidData(path + ": expects an oracle of opt level 0 but got " +
                       std::to_string(by.opt_level()) + hint);
  if (of.config_sha256() != by.config_sha256())
    return invalidData(path +
                       ": expects an oracle of the same checkpoint but "
                       "got one of another config.json" +
                       hint);
  if (!haveSameWeights(of, by))
    return invalidData(path +
                       ": expects an oracle of the same checkpoint but "
                       "got one of other weight files" +
                       hint);
  return Status::ok();
}

std::vector<int32_t> builtInTokens(const StepShape &shape, size_t most) {
  std::vector<int32_t> tokens(std::min<size_t>(most, shape.cache.maxContext));
  uint64_t state = 1;
  for (int32_t &token : tokens) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    token = static_cast<int32_t>((state >> 33) % shape.vocabularySize);
  }
  return tokens;
}

//===----------------------------------------------------------------------===//
// Values by name
//===----------------------------------------------------------------------===//

namespace {

/// What two values must have in common to be compared. Steps may have been
/// compiled for different numbers of tokens, so the rows are left out of the
/// shape where they are tokens.
std::string keyOf(const proto::Manifest &manifest, const LaunchValue &value) {
  std::string key = manifest.launches(static_cast<int>(value.launch)).name() +
                    "\n" + std::to_string(static_cast<int>(value.rows)) + " " +
                    std::to_string(value.rowsPerUnit);
  for (size_t i = value.rows == LaunchValue::Rows::Fixed ? 0 : 1;
       i < value.shape.size(); ++i)
    key += " " + std::to_string(value.shape[i]);
  return key;
}

using ValuePairs = std::map<const LaunchValue *, const LaunchValue *>;

/// The oracle's value for each of the model's that has one. An operation that
/// became several launches of one name is compared by the last of them.
class Matcher {
public:
  Matcher(const proto::Manifest &oracle, const LaunchValues &values);
  ValuePairs match(const proto::Manifest &model,
                   const LaunchValues &values) const;

private:
  /// By key: the values of the last launch that has some.
  std::map<std::string, std::vector<const LaunchValue *>> values_;
};

Matcher::Matcher(const proto::Manifest &oracle, const LaunchValues &values) {
  for (uint32_t launch = 0; launch < values.launches(); ++launch)
    for (const LaunchValue &value : values.of(launch)) {
      if (value.type != NpyType::F32)
        continue;
      auto &found = values_[keyOf(oracle, value)];
      if (!found.empty() && found.front()->launch != launch)
        found.clear();
      found.push_back(&value);
    }
}

ValuePairs Matcher::match(const proto::Manifest &model,
                          const LaunchValues &values) const {
  ValuePairs pairs;
  for (uint32_t launch = 0; launch < values.launches(); ++launch) {
    std::map<std::string, size_t> seen;
    for (const LaunchValue &value : values.of(launch)) {
      if (value.type != NpyType::F32)
        continue;
      std::string key = keyOf(model, value);
      size_t number = seen[key]++;
      auto found = values_.find(key);
      if (found != values_.end() && number < found->second.size())
        pairs[&value] = found->second[number];
    }
  }
  return pairs;
}

/// Calls a function with the elements of each value of a step.
template <typename Function> class Visitor final : public DispatchObserver {
public:
  Visitor(const LaunchValues &values, Function function)
      : values_(values), function_(std::move(function)) {}

  void dispatched(const DispatchEvent &event) override {
    for (const goss_launch &launch : event.launches)
      for (const LaunchValue &value : values_.of(launch.id)) {
        std::vector<uint64_t> shape = value.shapeIn(event.dims);
        std::optional<uint64_t> count = checkedProduct(shape);
        if (value.type == NpyType::F32 && count && *count > 0)
          function_(value, shape,
                    std::span(static_cast<const float *>(
                                  launch.bindings[value.binding]),
                              *count));
      }
  }

private:
  const LaunchValues &values_;
  Function function_;
};

/// Both models at the same point of the same text.
class Check {
public:
  Check(std::shared_ptr<const Model> model, std::shared_ptr<const Model> oracle)
      : model_(std::move(model)), oracle_(std::move(oracle)),
        values_(model_->manifest()), oracleValues_(oracle_->manifest()),
        pairs_(Matcher(oracle_->manifest(), oracleValues_)
                   .match(model_->manifest(), values_)) {}

  Expected<CheckResult> run(std::span<const int32_t> tokens);

private:
  Status runStep(Scheduler &scheduler, Session &session,
                 std::span<const int32_t> tokens, DispatchObserver &observer);
  Status step(std::span<const int32_t> tokens);
  void countLaunches();
  void compare(const LaunchValue &value, const std::vector<uint64_t> &shape,
               std::span<const float> elements);

  std::shared_ptr<const Model> model_, oracle_;
  LaunchValues values_, oracleValues_;
  ValuePairs pairs_;
  std::unique_ptr<Scheduler> scheduler_, oracleScheduler_;
  std::optional<Session> session_, oracleSession_;
  std::map<const LaunchValue *, std::vector<float>> kept_; ///< the oracle's.
  CheckResult result_;
};

void Check::countLaunches() {
  const proto::Manifest &manifest = model_->manifest();
  for (uint32_t launch = 0; launch < values_.launches(); ++launch) {
    std::span<const LaunchValue> values = values_.of(launch);
    auto kernel =
        static_cast<int>(manifest.launches(static_cast<int>(launch)).kernel());
    if (std::ranges::any_of(
            values, [&](const auto &value) { return pairs_.contains(&value); }))
      ++result_.compared;
    else if (!values.empty())
      ++result_.withoutCounterpart;
    else if (manifest.kernels(kernel).operation() == "quantize")
      ++result_.quantized;
    else
      ++result_.cacheOnly;
  }
}

Status Check::runStep(Scheduler &scheduler, Session &session,
                      std::span<const int32_t> tokens,
                      DispatchObserver &observer) {
  GOSS_RETURN_IF_ERROR(session.append(tokens));
  StepEntry entry{&session, LogitsOf::LastToken};
  return scheduler.step({&entry, 1}, &observer).status();
}

void Check::compare(const LaunchValue &value,
                    const std::vector<uint64_t> &shape,
                    std::span<const float> elements) {
  auto pair = pairs_.find(&value);
  if (pair == pairs_.end())
    return;
  const std::vector<float> &wanted = kept_[pair->second];
  // A buffer that an oracle of other sizes cuts elsewhere.
  if (wanted.size() != elements.size())
    return;
  result_.values.push_back({value.launch, pair->second->launch,
                            result_.stepTokens.size() - 1, shape,
                            measureDistance(elements, wanted)});
}

Status Check::step(std::span<const int32_t> tokens) {
  result_.stepTokens.push_back(static_cast<int64_t>(tokens.size()));
  std::map<const LaunchValue *, bool> wanted;
  for (const auto &[ours, theirs] : pairs_)
    wanted[theirs] = true;
  Visitor keep(oracleValues_, [&](const LaunchValue &value, const auto &,
                                  std::span<const float> elements) {
    if (wanted.contains(&value))
      kept_[&value].assign(elements.begin(), elements.end());
  });
  GOSS_RETURN_IF_ERROR(
      runStep(*oracleScheduler_, *oracleSession_, tokens, keep));
  Visitor look(values_, [&](const LaunchValue &value, const auto &shape,
                            std::span<const float> elements) {
    compare(value, shape, elements);
  });
  return runStep(*scheduler_, *session_, tokens, look);
}

Expected<CheckResult> Check::run(std::span<const int32_t> tokens) {
  countLaunches();
  GOSS_ASSIGN_OR_RETURN(scheduler_, Scheduler::create(model_));
  GOSS_ASSIGN_OR_RETURN(oracleScheduler_, Scheduler::create(oracle_));
  GOSS_ASSIGN_OR_RETURN(session_, scheduler_->newSession());
  GOSS_ASSIGN_OR_RETURN(oracleSession_, oracleScheduler_->newSession());
  uint32_t most = std::min(scheduler_->maxTokensPerStep(),
                           oracleScheduler_->maxTokensPerStep());
  if (tokens.empty() || tokens.size() - 1 > most)
    return usageError("tokens: expects from 1 to " + std::to_string(most) +
                      " and one more, as one step computes, but got " +
                      std::to_string(tokens.size()));
  if (tokens.size() > 1)
    GOSS_RETURN_IF_ERROR(step(tokens.first(tokens.size() - 1)));
  GOSS_RETURN_IF_ERROR(step(tokens.last(1)));
  return std::move(result_);
}

} // namespace

Expected<CheckResult> checkModel(std::shared_ptr<const Model> model,
                                 std::shared_ptr<const Model> oracle,
                                 std::span<const int32_t> tokens) {
  return Check(std::move(model), std::move(oracle)).run(tokens);
}

} // namespace gossamer::tools
