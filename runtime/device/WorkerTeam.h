//===- WorkerTeam.h - Threads that stay for a step --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The threads are oneTBB's. A dispatch that finds too few of them at the work
// board (WorkBoard.h) asks oneTBB for more, one task a thread, and does not
// wait for them. A task serves dispatch after dispatch and ends when none has
// come for a while: within a step, and from one decoding step to the next,
// handing work over takes a fraction of a microsecond; an idle process uses no
// processor time.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_WORKERTEAM_H
#define GOSSAMER_RUNTIME_DEVICE_WORKERTEAM_H

#include "runtime/device/WorkBoard.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <optional>

namespace gossamer {

class WorkerTeam {
public:
  /// `threads` are at least 2, the callers' own included.
  explicit WorkerTeam(unsigned threads);
  ~WorkerTeam();

  unsigned threads() const { return threads_; }

  /// Held while `run` is called: the team does one piece of work at a time.
  std::mutex &turn() { return turn_; }

  /// Does grains 0 ... grains-1 (at least one, at most WorkBoard::maxGrains)
  /// with up to `shares` threads, this one included. All of it takes one thread
  /// about `estimate`. Neither fails nor waits for threads that do not come.
  void run(WorkBoard::Function function, const void *context, uint32_t grains,
           unsigned shares, std::chrono::nanoseconds estimate);

  /// Waits for what threads do beyond their parts of the work (WorkBoard.h).
  void settle() const;

private:
  using Clock = std::chrono::steady_clock;
  struct State;

  bool isBetterAlone(std::chrono::nanoseconds estimate);
  void noteStall(std::chrono::nanoseconds stall);
  void summon(unsigned workers);

  unsigned threads_;
  std::mutex turn_;
  std::optional<tbb::global_control> parallelism_;
  tbb::task_arena arena_;
  std::shared_ptr<State> state_; ///< shared with tasks that have not begun.
  std::optional<Clock::time_point> aloneUntil_; ///< small work, after stalls.
  Clock::time_point togetherSince_{}; ///< or since when `debt_` was reckoned.
  std::chrono::nanoseconds debt_{0};  ///< of stalls beyond what is tolerated.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_WORKERTEAM_H
