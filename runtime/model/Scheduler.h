//===- Scheduler.h - Many sessions, one step --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Builds ragged batches: a step takes waiting tokens of any number of
// sessions. What a session computes does not depend on how its tokens were
// divided into steps nor on who shared them.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_SCHEDULER_H
#define GOSSAMER_RUNTIME_MODEL_SCHEDULER_H

#include "runtime/model/Session.h"

#include <memory>
#include <span>
#include <vector>

namespace gossamer {

struct SchedulerOptions {
  /// Tokens of one step; 0 = what the model was compiled for, also the most.
  uint32_t maxTokensPerStep = 0;
  KvCacheOptions cache;
};

/// Which tokens of a session a step computes logits for.
enum class LogitsOf {
  None,
  LastToken,  ///< the session's last waiting token, in the step that has it.
  Token,      ///< the same, where a token may be all that is told of them.
  EveryToken, ///< each token of the step.
};

/// A session that takes part in a step.
struct StepEntry {
  Session *session;
  LogitsOf logits = LogitsOf::LastToken;
  TokenChoice choice = {}; ///< for LogitsOf::Token.
};

/// Logits after one token.
struct LogitsRow {
  Session *session;
  uint32_t position;             ///< of the token in its session.
  std::span<const float> values; ///< one a vocabulary entry.
  /// For LogitsOf::Token: the token of the entry's choice, when the values have
  /// no meaning; or wholeRow, when only they are there.
  int32_t token = wholeRow;
};

/// Runs steps over sessions that share one KV cache. All storage of a step is
/// reserved when the scheduler is made. Not thread-safe: one step at a time.
class Scheduler {
public:
  /// Fails with Usage for a step larger than the model was compiled for.
  static Expected<std::unique_ptr<Scheduler>>
  create(std::shared_ptr<const StepRunner> runner,
         SchedulerOptions options = {});

  Expected<Session> newSession() { return Session::create(cache_); }
  const StepRunner &runner() const { return *runner_; }
  const KvCache &cache() const { return *cache_; }
  uint32_t maxTokensPerStep() const { return maxTokens_; }

  /// Computes up to maxTokensPerStep() waiting tokens of `entries`, in which a
  /// session occurs once. Sessions that wait with one token go first, the
  /// others share what is left; a later step goes on where this one stopped. A
  /// session without room in the cache sits the step out; when no session has
  /// room the result is OutOfMemory. Returns the logits asked for, valid until
  /// the next step: rows of a session in ascending position. Without waiting
  /// tokens nothing is run. After a failure no session has advanced.
  Expected<std::span<const LogitsRow>>
  step(std::span<const StepEntry> entries,
       DispatchObserver *observer = nullptr);

  /// Computes all waiting tokens of a session, which must have some, and
  /// returns the logits after the last one, valid until the next step.
  Expected<std::span<const float>> drain(Session &session,
                                         DispatchObserver *observer = nullptr);

private:
  /// A session's part of the step being built.
  struct Part {
    Session *session;
    uint32_t count;
  };

  Scheduler(std::shared_ptr<const StepRunner> runner, uint32_t maxTokens)
      : runner_(std::move(runner)), maxTokens_(maxTokens) {}
  Status allocate(const SchedulerOptions &options);
  Status choose(std::span<const StepEntry> entries);
  Status addPart(const StepEntry &entry);
  void bindPageTables();
  Status run(const goss_step_args &args, DispatchObserver *observer);

  std::shared_ptr<const StepRunner> runner_;
  std::shared_ptr<KvCache> cache_;
  uint32_t maxTokens_;
  size_t nextEntry_ = 0; ///< where the next step starts among its entries.

  DeviceBuffer arena_;
  DeviceBuffer logits_; ///< [maxTokens][vocabulary].
  DeviceBuffer tokens_; ///< [maxTokens], as are the next three.
  DeviceBuffer positions_;
  DeviceBuffer sequences_;
  DeviceBuffer outputs_;
  std::vector<DeviceBuffer> tables_; ///< a group: [maxTokens][maxPages].
  std::vector<goss_cache_group> groups_;
  goss_dims dims_{};
  std::vector<Part> parts_;
  std::vector<LogitsRow> rows_;
  std::vector<TokenChoice> wanted_; ///< a row.
  std::vector<int32_t> chosen_;     ///< a row: wholeRow, or its token.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_SCHEDULER_H
