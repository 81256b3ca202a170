//===- BenchRunner.h - Measuring a model ------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H
#define GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H

#include "runtime/generate/Generator.h"
#include "runtime/model/Scheduler.h"
#include "runtime/support/ProgressBar.h"

#include <cstdint>
#include <memory>
#include <optional>
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

  /// Tokens of one repetition in all sequences.
  int64_t tokens() const { return (promptTokens + decodeTokens) * batch; }
};

/// The tests of prompt and decode rate, named "pp512" and "tg128"; sizes that
/// are left open are cut to a context of `maxContext`, and 0 leaves one out.
std::vector<BenchTest> makeRateTests(std::optional<int64_t> promptTokens,
                                     std::optional<int64_t> decodeTokens,
                                     int64_t depth, int64_t batch,
                                     int64_t maxContext);

/// What the repetitions of a test gave.
struct BenchResult {
  BenchTest test;
  std::vector<double> samples; ///< tokens a second.
  /// Seconds from a prompt that waits to the logits of its last token; empty
  /// for a test without a prompt.
  std::vector<double> firstTokenSeconds;
  /// The same in the first run of all, the tokens of `depth` included: weights
  /// may have come from disk.
  std::optional<double> coldSeconds;

  double median() const;
  double min() const;
  double max() const;
  /// max - min as a part of the median.
  double spread() const { return (max() - min()) / median(); }
};

double medianOf(std::vector<double> values);

/// Measures one model; token ids are random, the same in every run.
class BenchRunner {
public:
  /// `showProgress`: on a terminal, how far a test is.
  static Expected<BenchRunner> create(std::shared_ptr<const StepRunner> runner,
                                      bool showProgress);

  /// Runs a test of prompt or decode rate once to warm up, then `repeats`
  /// times. Fails with InvalidData when its tokens do not fit the context.
  Expected<BenchResult> measure(const BenchTest &test, int64_t repeats);

  /// Generates greedily: a prompt, then decodeTokens; the rate is that of
  /// the tokens after the first, as a user sees it.
  Expected<BenchResult> generate(const BenchTest &test, int64_t repeats);

  /// Runs a test of prompt or decode rate once under an observer, that of its
  /// tokens and not of those at `depth`; returns the seconds it took.
  Expected<double> observe(const BenchTest &test, DispatchObserver &observer);

private:
  explicit BenchRunner(std::unique_ptr<Scheduler> scheduler)
      : scheduler_(std::move(scheduler)) {}

  std::vector<int32_t> makeTokens(int64_t count, uint64_t stream) const;
  /// Sequences that hold the tokens of `depth`.
  Expected<std::vector<Session>> makeSessions(const BenchTest &test);
  Status runUntilDone(std::vector<Session> &sessions,
                      DispatchObserver *observer = nullptr);
  /// Seconds of one repetition, in copies of the sequences.
  Expected<double> runOnce(const BenchTest &test,
                           const std::vector<Session> &base,
                           DispatchObserver *observer = nullptr);
  Expected<GenerationTimings> generateOnce(const BenchTest &test);
  void startProgress(const BenchTest &test, int64_t runs);
  void addProgress(int64_t tokens);

  std::unique_ptr<Scheduler> scheduler_;
  bool showProgress_ = false;
  std::unique_ptr<ProgressBar> progress_; ///< of the test at hand.
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_BENCHRUNNER_H
