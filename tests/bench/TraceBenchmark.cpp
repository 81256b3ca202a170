//===- TraceBenchmark.cpp - What a trace costs a step ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Decodes with models/tiny-stories, whose step is a tenth of a millisecond:
// every other step is traced as by `goss run --trace`. Runs that are traced
// beside others that are not tell less, as they differ by some percent anyway.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Model.h"
#include "runtime/model/Scheduler.h"
#include "tests/TestPaths.h"
#include "tools/goss/ObservedModel.h"
#include "tools/goss/TraceRecorder.h"

#include <algorithm>
#include <array>
#include <benchmark/benchmark.h>
#include <cstdio>
#include <cstdlib>

using namespace gossamer;

namespace {

template <typename T> T require(Expected<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.status().message().c_str());
    std::abort();
  }
  return result.take();
}

/// Nanoseconds of steps.
using Times = std::vector<double>;

double quantile(Times &times, double part) {
  auto at = times.begin() +
            static_cast<ptrdiff_t>(part * static_cast<double>(times.size()));
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

/// Passes every other step on to `traced`.
class EveryOther final : public StepRunner {
public:
  EveryOther(std::shared_ptr<const StepRunner> plain,
             std::shared_ptr<const StepRunner> traced, bool isFirstTraced)
      : runners_{std::move(plain), std::move(traced)},
        isTraced_(!isFirstTraced) {}

  const StepShape &shape() const override { return runners_[0]->shape(); }
  Device &device() const override { return runners_[0]->device(); }
  Status run(const goss_step_args &args,
             DispatchObserver *observer) const override {
    isTraced_ = !isTraced_;
    FastClock::time_point begin = FastClock::now();
    Status status = runners_[isTraced_]->run(args, observer);
    times_[isTraced_].push_back(
        static_cast<double>((FastClock::now() - begin).count()));
    return status;
  }

  /// By how much a quantile is larger with a trace, in percent.
  double percentAt(double part) const {
    return (quantile(times_[true], part) / quantile(times_[false], part) - 1) *
           100;
  }
  double microseconds() const { return quantile(times_[false], 0.5) / 1000; }

private:
  std::array<std::shared_ptr<const StepRunner>, 2> runners_;
  mutable bool isTraced_;              ///< the last step.
  mutable std::array<Times, 2> times_; ///< with and without a trace.
};

/// An iteration is a story of 1000 tokens; counters are medians over stories.
void traceStep(benchmark::State &state) {
  ModelOptions options;
  options.weightsDirectory = GOSSAMER_SOURCE_DIR "/models/tiny-stories";
  options.threads = static_cast<unsigned>(state.range(0));
  auto model = require(Model::load(
      GOSSAMER_BINARY_DIR "/tests/golden/artifacts/fast.goss", options));
  Times steps, quarters, medians;
  bool isFirstTraced = false;
  for (auto _ : state) {
    // Steps at odd depths are not quite as long as those at even ones.
    isFirstTraced = !isFirstTraced;
    tools::TraceRecorder recorder(model->manifest(), options.threads);
    auto runner = std::make_shared<EveryOther>(
        model,
        std::make_shared<tools::ObservedModel>(
            model, std::vector<tools::StepObserver *>{&recorder}),
        isFirstTraced);
    auto scheduler = require(Scheduler::create(runner));
    Session session = require(scheduler->newSession());
    for (int32_t i = 0; i < 1000; ++i) {
      if (!session.append(std::array{i}).isOk())
        std::abort();
      require(scheduler->drain(session));
    }
    steps.push_back(runner->microseconds());
    quarters.push_back(runner->percentAt(0.25));
    medians.push_back(runner->percentAt(0.5));
  }
  state.counters["step_us"] = quantile(steps, 0.5);
  state.counters["p25_percent"] = quantile(quarters, 0.5);
  state.counters["median_percent"] = quantile(medians, 0.5);
}
BENCHMARK(traceStep)->Arg(1)->Arg(2)->Iterations(50)->UseRealTime();

} // namespace
