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
#include "tests/bench/BenchSupport.h"
#include "tools/goss/ObservedModel.h"
#include "tools/goss/TraceRecorder.h"

#include <array>
#include <benchmark/benchmark.h>

using namespace gossamer;

namespace {

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

  double median(bool isTraced) const { return bench::median(times_[isTraced]); }

private:
  std::array<std::shared_ptr<const StepRunner>, 2> runners_;
  mutable bool isTraced_; ///< the last step.
  /// Nanoseconds of steps, without and with a trace.
  mutable std::array<std::vector<double>, 2> times_;
};

/// An iteration is a story of 1000 tokens; counters are medians over stories.
void traceStep(benchmark::State &state) {
  ModelOptions options;
  options.weightsDirectory = GOSSAMER_SOURCE_DIR "/models/tiny-stories";
  options.threads = static_cast<unsigned>(state.range(0));
  auto model = bench::require(Model::load(
      GOSSAMER_BINARY_DIR "/tests/golden/artifacts/fast.goss", options));
  std::vector<double> microseconds, percents;
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
    auto scheduler = bench::require(Scheduler::create(runner));
    Session session = bench::require(scheduler->newSession());
    for (int32_t i = 0; i < 1000; ++i) {
      bench::require(session.append(std::array{i}));
      bench::require(scheduler->drain(session));
    }
    double plain = runner->median(false);
    microseconds.push_back(plain / 1000);
    percents.push_back((runner->median(true) / plain - 1) * 100);
  }
  state.counters["step_us"] = bench::median(microseconds);
  state.counters["median_percent"] = bench::median(percents);
}
BENCHMARK(traceStep)->Arg(1)->Arg(2)->Iterations(50)->UseRealTime();

} // namespace
