//===- BenchRunner.cpp - Measuring a model --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/BenchRunner.h"

#include "tools/support/Terminal.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gossamer::tools {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::vector<BenchTest> makeRateTests(std::optional<int64_t> promptTokens,
                                     std::optional<int64_t> decodeTokens,
                                     int64_t depth, int64_t batch,
                                     int64_t maxContext) {
  std::vector<BenchTest> tests;
  int64_t room = std::max<int64_t>(1, maxContext - depth);
  int64_t prompt = promptTokens.value_or(std::min<int64_t>(512, room));
  int64_t decode = decodeTokens.value_or(std::min<int64_t>(128, room));
  if (prompt > 0)
    tests.push_back({"pp" + std::to_string(prompt), prompt, 0, depth, batch});
  if (decode > 0)
    tests.push_back({"tg" + std::to_string(decode), 0, decode, depth, batch});
  return tests;
}

double medianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

double BenchResult::median() const { return medianOf(samples); }

double BenchResult::min() const {
  return *std::min_element(samples.begin(), samples.end());
}

double BenchResult::max() const {
  return *std::max_element(samples.begin(), samples.end());
}

Expected<BenchRunner>
BenchRunner::create(std::shared_ptr<const StepRunner> runner,
                    bool showProgress) {
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(std::move(runner)));
  BenchRunner bench(std::move(scheduler));
  bench.showProgress_ = showProgress;
  return bench;
}

void BenchRunner::startProgress(const BenchTest &test, int64_t runs) {
  progress_ = std::make_unique<ProgressBar>(
      test.name,
      static_cast<uint64_t>(test.tokens() * runs + test.depth * test.batch),
      ProgressBar::Unit::Items, showProgress_);
}

void BenchRunner::addProgress(int64_t tokens) {
  if (progress_)
    progress_->add(static_cast<uint64_t>(tokens));
}

std::vector<int32_t> BenchRunner::makeTokens(int64_t count,
                                             uint64_t stream) const {
  uint32_t vocabulary = scheduler_->runner().shape().vocabularySize;
  uint64_t state = stream * 0x9E3779B97F4A7C15ULL + 1;
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  for (int32_t &token : tokens) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    token = static_cast<int32_t>((state >> 33) % vocabulary);
  }
  return tokens;
}

static size_t countPending(const std::vector<Session> &sessions) {
  size_t count = 0;
  for (const Session &session : sessions)
    count += session.pending().size();
  return count;
}

Status BenchRunner::runUntilDone(std::vector<Session> &sessions,
                                 DispatchObserver *observer) {
  for (size_t pending = countPending(sessions); pending > 0;) {
    std::vector<StepEntry> entries;
    for (Session &session : sessions)
      if (!session.pending().empty())
        entries.push_back({&session, LogitsOf::Token});
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    GOSS_RETURN_IF_ERROR(scheduler_->step(entries, observer).status());
    size_t before = std::exchange(pending, countPending(sessions));
    addProgress(static_cast<int64_t>(before - pending));
  }
  return Status::ok();
}

Expected<std::vector<Session>>
BenchRunner::makeSessions(const BenchTest &test) {
  std::vector<Session> sessions;
  sessions.reserve(static_cast<size_t>(test.batch));
  for (int64_t i = 0; i < test.batch; ++i) {
    GOSS_ASSIGN_OR_RETURN(Session session, scheduler_->newSession());
    if (test.depth > 0)
      GOSS_RETURN_IF_ERROR(
          session.append(makeTokens(test.depth, static_cast<uint64_t>(i))));
    sessions.push_back(std::move(session));
  }
  GOSS_RETURN_IF_ERROR(runUntilDone(sessions));
  return sessions;
}

Expected<double> BenchRunner::runOnce(const BenchTest &test,
                                      const std::vector<Session> &base,
                                      DispatchObserver *observer) {
  std::vector<Session> sessions;
  sessions.reserve(base.size());
  for (const Session &session : base) {
    GOSS_ASSIGN_OR_RETURN(Session copy, session.fork());
    sessions.push_back(std::move(copy));
  }
  auto stream = [](size_t i) { return 1000 + static_cast<uint64_t>(i); };
  if (test.promptTokens > 0) {
    for (size_t i = 0; i < sessions.size(); ++i)
      GOSS_RETURN_IF_ERROR(
          sessions[i].append(makeTokens(test.promptTokens, stream(i))));
    Clock::time_point begin = Clock::now();
    GOSS_RETURN_IF_ERROR(runUntilDone(sessions, observer));
    return secondsSince(begin);
  }
  std::vector<std::vector<int32_t>> tokens;
  tokens.reserve(sessions.size());
  for (size_t i = 0; i < sessions.size(); ++i)
    tokens.push_back(makeTokens(test.decodeTokens, stream(i)));
  Clock::time_point begin = Clock::now();
  for (int64_t t = 0; t < test.decodeTokens; ++t) {
    for (size_t i = 0; i < sessions.size(); ++i)
      GOSS_RETURN_IF_ERROR(sessions[i].append(
          std::span(tokens[i]).subspan(static_cast<size_t>(t), 1)));
    GOSS_RETURN_IF_ERROR(runUntilDone(sessions, observer));
  }
  return secondsSince(begin);
}

Expected<GenerationTimings> BenchRunner::generateOnce(const BenchTest &test) {
  GenerationRequest request;
  request.prompt = makeTokens(test.promptTokens, 7);
  request.sampling.greedy = true;
  request.maxNewTokens = static_cast<uint32_t>(test.decodeTokens);
  request.ignoreStopTokens = true;
  request.cancel = &interruptFlag();
  GOSS_ASSIGN_OR_RETURN(GenerationResult result,
                        Generator(*scheduler_).generate(request));
  GOSS_RETURN_IF_ERROR(checkInterrupt());
  if (static_cast<int64_t>(result.tokens.size()) < test.decodeTokens)
    return invalidData(test.name + ": does not fit into the context");
  addProgress(test.tokens());
  return result.timings;
}

Expected<BenchResult> BenchRunner::measure(const BenchTest &test,
                                           int64_t repeats) {
  startProgress(test, repeats + 1);
  BenchResult result;
  result.test = test;
  Clock::time_point begin = Clock::now();
  Expected<std::vector<Session>> base = makeSessions(test);
  GOSS_RETURN_IF_ERROR(base.status().withContext(test.name));
  GOSS_RETURN_IF_ERROR(
      runOnce(test, *base).status().withContext(test.name)); // Warms up.
  if (test.promptTokens > 0)
    result.coldSeconds = secondsSince(begin);
  for (int64_t i = 0; i < repeats; ++i) {
    GOSS_ASSIGN_OR_RETURN(double seconds, runOnce(test, *base));
    result.samples.push_back(static_cast<double>(test.tokens()) / seconds);
    if (test.promptTokens > 0)
      result.firstTokenSeconds.push_back(seconds);
  }
  progress_.reset();
  return result;
}

Expected<BenchResult> BenchRunner::generate(const BenchTest &test,
                                            int64_t repeats) {
  startProgress(test, repeats + 1);
  BenchResult result;
  result.test = test;
  GOSS_ASSIGN_OR_RETURN(GenerationTimings cold, generateOnce(test));
  result.coldSeconds = cold.promptSeconds;
  for (int64_t i = 0; i < repeats; ++i) {
    GOSS_ASSIGN_OR_RETURN(GenerationTimings timings, generateOnce(test));
    result.samples.push_back(static_cast<double>(test.decodeTokens - 1) /
                             timings.generationSeconds);
    result.firstTokenSeconds.push_back(timings.promptSeconds);
  }
  progress_.reset();
  return result;
}

Expected<double> BenchRunner::observe(const BenchTest &test,
                                      DispatchObserver &observer) {
  startProgress(test, 1);
  GOSS_ASSIGN_OR_RETURN(std::vector<Session> base, makeSessions(test));
  GOSS_ASSIGN_OR_RETURN(double seconds, runOnce(test, base, &observer));
  progress_.reset();
  return seconds;
}

} // namespace gossamer::tools
