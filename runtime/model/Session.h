//===- Session.h - One sequence and its cache -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_SESSION_H
#define GOSSAMER_RUNTIME_MODEL_SESSION_H

#include "runtime/model/KvCache.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gossamer {

/// The tokens of one sequence: those whose keys and values are in the cache,
/// then those that wait for a step. Not thread-safe; sessions of one cache may
/// be used from different threads.
class Session {
public:
  static Expected<Session> create(std::shared_ptr<KvCache> cache);

  Session(Session &&) = default;
  Session &operator=(Session &&) = default;

  /// All tokens so far, the waiting ones included.
  std::span<const int32_t> tokens() const { return tokens_; }
  /// Number of tokens already computed: the position of the next one.
  uint32_t position() const { return position_; }
  /// Tokens that wait for a step.
  std::span<const int32_t> pending() const {
    return tokens().subspan(position_);
  }
  /// Tokens that still fit into the context.
  uint32_t remaining() const {
    return maxContext() - static_cast<uint32_t>(tokens_.size());
  }
  uint32_t maxContext() const { return pages_.cache()->layout().maxContext; }

  /// Queues tokens. Refuses (InvalidData) ids outside the vocabulary and more
  /// tokens than the context holds; then nothing is queued.
  Status append(std::span<const int32_t> tokens);

  /// Makes `tokens` the session's tokens. What it has in common with the
  /// present ones stays computed as far as the cache still holds it; the last
  /// token is always left waiting, so that a step yields its logits.
  /// Refuses what `append` refuses, and an empty list.
  Status assign(std::span<const int32_t> tokens);

  /// Another session at the same point; the cache's pages are shared and
  /// copied only when one of the two writes to them.
  Expected<Session> fork() const;

  /// Forgets all tokens from `position` on. InvalidData when a sliding window
  /// no longer has the keys that the remaining tokens would see, or when
  /// `position` is beyond the end.
  Status truncate(uint32_t position);

private:
  friend class Scheduler;

  explicit Session(PageTable pages) : pages_(std::move(pages)) {}
  Status check(std::span<const int32_t> tokens, size_t present) const;
  /// Notes that the first `count` waiting tokens are computed.
  void advance(uint32_t count);

  PageTable pages_;
  std::vector<int32_t> tokens_;
  uint32_t position_ = 0;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_SESSION_H
