//===- GoldenRunner.h - Runs compiled artifacts for comparisons -*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GOLDEN_GOLDENRUNNER_H
#define GOSSAMER_TESTS_GOLDEN_GOLDENRUNNER_H

#include "runtime/device/CpuDevice.h"
#include "runtime/generate/Sampler.h"
#include "runtime/model/Model.h"
#include "runtime/model/Scheduler.h"
#include "tests/TestPaths.h"
#include "tests/golden/GoldenData.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace gossamer::golden {

inline const char *const checkpoint =
    GOSSAMER_SOURCE_DIR "/models/tiny-stories";

inline std::string artifactPath(const std::string &name) {
  return std::string(GOSSAMER_GOLDEN_ARTIFACTS) + "/" + name + ".goss";
}

/// How a model is run: nothing of it may change a bit.
struct Setting {
  unsigned threads = 1;
  uint32_t chunk = 0; ///< tokens per step; 0: as many as compiled for.
};

inline std::string describe(const Setting &setting) {
  return std::to_string(setting.threads) + " threads, chunks of " +
         std::to_string(setting.chunk);
}

/// The value; throws, which fails the test, when there is none.
template <typename T> T require(Expected<T> expected) {
  if (!expected)
    throw std::runtime_error(expected.status().message());
  return expected.take();
}

class Runner {
public:
  explicit Runner(const std::string &artifact, Setting setting = {},
                  const char *weights = checkpoint) {
    CpuDeviceOptions device;
    device.threads = setting.threads;
    device.inlineNanoseconds = 0; // divide even the smallest dispatch
    load(artifact, require(createCpuDevice(device)), setting.chunk, weights);
  }
  /// On another device.
  Runner(const std::string &artifact, std::shared_ptr<Device> device) {
    load(artifact, std::move(device), 0, checkpoint);
  }

  const Model &model() const { return *model_; }
  Session newSession() { return require(scheduler_->newSession()); }

  /// Logits of every position of `tokens` in a fresh session.
  Matrix<float> allLogits(std::span<const int32_t> tokens) {
    Session session = newSession();
    queue(session, tokens);
    Matrix<float> result{tokens.size(), model_->shape().vocabularySize, {}};
    result.values.resize(result.rows * result.columns);
    StepEntry entry{&session, LogitsOf::EveryToken};
    while (!session.pending().empty())
      for (const LogitsRow &row : require(scheduler_->step({&entry, 1})))
        std::copy(row.values.begin(), row.values.end(),
                  result.values.begin() + row.position * result.columns);
    return result;
  }

  /// Logits after the last of `tokens`, which continue the session.
  std::vector<float> lastLogits(Session &session,
                                std::span<const int32_t> tokens,
                                DispatchObserver *observer = nullptr) {
    queue(session, tokens);
    auto logits = require(scheduler_->drain(session, observer));
    return {logits.begin(), logits.end()};
  }

  std::vector<int32_t> greedy(Session &session, std::vector<float> logits,
                              size_t count) {
    std::vector<int32_t> tokens;
    for (;;) {
      auto best = std::max_element(logits.begin(), logits.end());
      tokens.push_back(static_cast<int32_t>(best - logits.begin()));
      if (tokens.size() == count)
        return tokens;
      logits = lastLogits(session, {&tokens.back(), 1});
    }
  }

  /// The same tokens, chosen by the device after `prompt`; throws where it
  /// does not.
  std::vector<int32_t> chosen(std::span<const int32_t> prompt, size_t count) {
    Session session = newSession();
    StepEntry entry{&session, LogitsOf::Token};
    std::vector<int32_t> tokens;
    for (queue(session, prompt); tokens.size() < count;) {
      for (const LogitsRow &row : require(scheduler_->step({&entry, 1}))) {
        if (row.token == wholeRow)
          throw std::runtime_error("the device chose no token");
        tokens.push_back(row.token);
        queue(session, {&tokens.back(), 1});
      }
    }
    return tokens;
  }

  /// What the device chooses after `prompt`, a token for each of `samplers`,
  /// and what these take of the same logits.
  struct Choices {
    std::vector<int32_t> device, host;
  };
  Choices choices(std::span<const int32_t> prompt,
                  std::span<Sampler> samplers) {
    std::vector<Session> sessions;
    for (size_t i = 0; i <= samplers.size(); ++i) {
      sessions.push_back(newSession());
      queue(sessions.back(), prompt);
    }
    // The last one has the logits.
    std::vector<StepEntry> entries;
    for (size_t i = 0; i < samplers.size(); ++i)
      entries.push_back(
          {&sessions[i], LogitsOf::Token, samplers[i].choiceAt(prompt.size())});
    entries.push_back({&sessions.back(), LogitsOf::LastToken});
    Choices result;
    for (const LogitsRow &row : require(scheduler_->step(entries)))
      if (row.session == &sessions.back())
        for (Sampler &sampler : samplers)
          result.host.push_back(
              require(sampler.sample(row.values, prompt.size())));
      else
        result.device.push_back(row.token);
    return result;
  }

  /// Logits after the last token of each prompt, all in one ragged batch.
  std::vector<std::vector<float>>
  batchLogits(std::span<const Prompt *const> prompts) {
    std::vector<Session> sessions;
    for (const Prompt *prompt : prompts) {
      sessions.push_back(newSession());
      queue(sessions.back(), prompt->inputIds);
    }
    std::vector<StepEntry> entries;
    for (Session &session : sessions)
      entries.push_back({&session, LogitsOf::LastToken});
    std::vector<std::vector<float>> result(prompts.size());
    auto waiting = [](const Session &s) { return !s.pending().empty(); };
    while (std::any_of(sessions.begin(), sessions.end(), waiting))
      for (const LogitsRow &row : require(scheduler_->step(entries)))
        result[row.session - sessions.data()] = {row.values.begin(),
                                                 row.values.end()};
    return result;
  }

private:
  void load(const std::string &artifact, std::shared_ptr<Device> device,
            uint32_t chunk, const char *weights) {
    ModelOptions options;
    options.weightsDirectory = weights;
    options.device = std::move(device);
    model_ = require(Model::load(artifact, options));
    SchedulerOptions steps;
    steps.maxTokensPerStep = chunk;
    scheduler_ = require(Scheduler::create(model_, steps));
  }

  static void queue(Session &session, std::span<const int32_t> tokens) {
    Status status = session.append(tokens);
    if (!status.isOk())
      throw std::runtime_error(status.message());
  }

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Scheduler> scheduler_;
};

inline const std::vector<Prompt> &prompts() {
  static const std::vector<Prompt> all = readPrompts();
  return all;
}

inline float maxDifference(const float *a, const float *b, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    float difference = std::fabs(a[i] - b[i]);
    largest = difference <= largest ? largest : difference; // keeps a NaN
  }
  return largest;
}

inline bool sameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

} // namespace gossamer::golden

#endif // GOSSAMER_TESTS_GOLDEN_GOLDENRUNNER_H
