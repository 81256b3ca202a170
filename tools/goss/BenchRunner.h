//===- BenchRunner.h - Measuring a model ------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H
#define GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H

#include "runtime/generate/Generator.h"
#include "runtime/model/Scheduler.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace gossamer::tools {

/// What is measured: `promptTokens` computed together, or `decodeTokens` one
/// after another, in each of `batch` sequences that already hold `depth`.
struct BenchTest {
  std::string name; ///< "pp512", "tg128", "5+20".
  int64_t promptTokens = 0;
  int64_t decodeTokens = 0;
  int64_t depth = 0;
  int64_t batch = 1;
};

/// Rates of the repetitions of a test, in tokens a second.
struct BenchResult {
  BenchTest test;
  std::vector<double> samples;

  double median() const;
  double min() const;
  double max() const;
};

/// Measures one model; token ids are random, the same in every run.
class BenchRunner {
public:
  static Expected<BenchRunner> create(std::shared_ptr<const StepRunner> runner);

  /// Runs a test of prompt or decode rate once to warm up, then `repeats`
  /// times. Fails with InvalidData when its tokens do not fit the context.
  Expected<BenchResult> measure(const BenchTest &test, int64_t repeats);

  /// Generates greedily: a prompt, then decodeTokens; the rate is that of
  /// the tokens after the first, as a user sees it.
  Expected<BenchResult> generate(const BenchTest &test, int64_t repeats);

private:
  explicit BenchRunner(std::unique_ptr<Scheduler> scheduler)
      : scheduler_(std::move(scheduler)) {}

  std::vector<int32_t> makeTokens(int64_t count, uint64_t stream) const;
  Expected<std::vector<Session>> makeSessions(const BenchTest &test);
  Status runUntilDone(std::vector<Session> &sessions);
  /// Seconds of one repetition.
  Expected<double> runOnce(const BenchTest &test);
  Expected<double> generateOnce(const BenchTest &test);

  std::unique_ptr<Scheduler> scheduler_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H
