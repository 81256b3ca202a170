//===- BenchRunner.cpp - Measuring a model --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/BenchRunner.h"

#include "tools/support/Terminal.h"

#include <algorithm>
#include <chrono>

namespace gossamer::tools {

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double BenchResult::median() const {
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle]
                           : (sorted[middle - 1] + sorted[middle]) / 2;
}

double BenchResult::min() const {
  return *std::min_element(samples.begin(), samples.end());
}

double BenchResult::max() const {
  return *std::max_element(samples.begin(), samples.end());
}

Expected<BenchRunner>
BenchRunner::create(std::shared_ptr<const StepRunner> runner) {
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(std::move(runner)));
  return BenchRunner(std::move(scheduler));
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

Status BenchRunner::runUntilDone(std::vector<Session> &sessions) {
  while (true) {
    std::vector<StepEntry> entries;
    for (Session &session : sessions)
      if (!session.pending().empty())
        entries.push_back({&session, LogitsOf::LastToken});
    if (entries.empty())
      return Status::ok();
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    GOSS_RETURN_IF_ERROR(scheduler_->step(entries).status());
  }
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

Expected<double> BenchRunner::runOnce(const BenchTest &test) {
  GOSS_ASSIGN_OR_RETURN(std::vector<Session> sessions, makeSessions(test));
  auto stream = [](size_t i) { return 1000 + static_cast<uint64_t>(i); };
  if (test.promptTokens > 0) {
    for (size_t i = 0; i < sessions.size(); ++i)
      GOSS_RETURN_IF_ERROR(
          sessions[i].append(makeTokens(test.promptTokens, stream(i))));
    Clock::time_point begin = Clock::now();
    GOSS_RETURN_IF_ERROR(runUntilDone(sessions));
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
    GOSS_RETURN_IF_ERROR(runUntilDone(sessions));
  }
  return secondsSince(begin);
}

Expected<double> BenchRunner::generateOnce(const BenchTest &test) {
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
  return result.timings.generationSeconds;
}

Expected<BenchResult> BenchRunner::measure(const BenchTest &test,
                                           int64_t repeats) {
  BenchResult result{test, {}};
  GOSS_RETURN_IF_ERROR(
      runOnce(test).status().withContext(test.name)); // Warms up.
  int64_t tokens = (test.promptTokens + test.decodeTokens) * test.batch;
  for (int64_t i = 0; i < repeats; ++i) {
    GOSS_ASSIGN_OR_RETURN(double seconds, runOnce(test));
    result.samples.push_back(static_cast<double>(tokens) / seconds);
  }
  return result;
}

Expected<BenchResult> BenchRunner::generate(const BenchTest &test,
                                            int64_t repeats) {
  BenchResult result{test, {}};
  GOSS_RETURN_IF_ERROR(generateOnce(test).status());
  for (int64_t i = 0; i < repeats; ++i) {
    GOSS_ASSIGN_OR_RETURN(double seconds, generateOnce(test));
    result.samples.push_back(static_cast<double>(test.decodeTokens - 1) /
                             seconds);
  }
  return result;
}

} // namespace gossamer::tools
