//===- WorkerTeam.cpp - Threads that stay for a step ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/WorkerTeam.h"

#include <algorithm>
#include <oneapi/tbb/info.h>
#include <thread>

using namespace gossamer;

namespace {

/// How long a thread waits for the next dispatch before it goes back to
/// oneTBB: longer than choosing a token takes.
constexpr std::chrono::microseconds patience{100};

/// Work that takes one thread this long can do without the others for a while.
constexpr std::chrono::microseconds smallWork{200};

/// Waiting longer than this for a thread means that the system has given its
/// core to somebody else.
constexpr std::chrono::microseconds longStall{100};

/// Stalls are put up with while they take less than this part of the time that
/// the threads work together, about what that saves; more than largestDebt
/// beyond it are not.
constexpr int toleratedPart = 4;
constexpr std::chrono::milliseconds largestDebt{8};

/// How long small work is then done alone: this many times as long as the last
/// stall was.
constexpr int penaltyFactor = 10;
constexpr std::chrono::milliseconds largestPenalty{100};

/// How long the end of a team waits for tasks that have not begun.
constexpr std::chrono::seconds farewell{1};

int cores() { return tbb::info::default_concurrency(); }

} // namespace

struct WorkerTeam::State {
  State(unsigned threads, bool crowded) : board(threads, crowded) {}

  WorkBoard board;
  std::atomic<unsigned> called{0}; ///< tasks that have not ended.
  std::atomic<unsigned> inside{0}; ///< of these, begun.
};

WorkerTeam::WorkerTeam(unsigned threads)
    : threads_(threads), arena_(static_cast<int>(threads)),
      state_(std::make_shared<State>(threads,
                                     static_cast<int>(threads) > cores())) {
  // oneTBB keeps to the number of cores unless told otherwise.
  if (static_cast<int>(threads) > cores())
    parallelism_.emplace(tbb::global_control::max_allowed_parallelism, threads);
}

WorkerTeam::~WorkerTeam() {
  state_->board.close();
  while (state_->inside.load(std::memory_order_acquire) != 0)
    std::this_thread::yield();
  // Tasks that have not begun find a closed board and end at once; each owns
  // the state as well. They are waited for so that nothing is left behind at
  // the process's end, but not for ever: oneTBB may have no thread to give.
  Clock::time_point end = Clock::now() + farewell;
  while (state_.use_count() > 1 && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::microseconds(20));
}

void WorkerTeam::run(WorkBoard::Function function, const void *context,
                     uint32_t grains, unsigned shares,
                     std::chrono::nanoseconds estimate) {
  if (aloneUntil_ && isBetterAlone(estimate))
    shares = 1;
  state_->board.post(function, context, grains, shares);
  summon(shares - 1);
  std::chrono::nanoseconds stall = state_->board.finish();
  if (stall > longStall + estimate)
    noteStall(stall);
}

void WorkerTeam::settle() const { state_->board.settle(); }

/// Whether small work had better stay here for now (noteStall).
bool WorkerTeam::isBetterAlone(std::chrono::nanoseconds estimate) {
  if (Clock::now() >= *aloneUntil_)
    aloneUntil_.reset();
  return aloneUntil_ && estimate <= smallWork;
}

/// On a machine that others use as well, a thread loses its core now and then,
/// and whatever it holds of a dispatch waits with it for milliseconds, in which
/// this thread could have done hundreds of small dispatches. When that happens
/// too often, these stay here for a while.
void WorkerTeam::noteStall(std::chrono::nanoseconds stall) {
  Clock::time_point now = Clock::now();
  // Negative while small work is done alone already.
  std::chrono::nanoseconds together =
      std::max(now - stall - togetherSince_, std::chrono::nanoseconds(0));
  debt_ -= std::min(debt_, together / toleratedPart);
  debt_ = std::min<std::chrono::nanoseconds>(debt_ + stall, 2 * largestDebt);
  togetherSince_ = now;
  if (debt_ <= largestDebt)
    return;
  togetherSince_ +=
      std::min<std::chrono::nanoseconds>(penaltyFactor * stall, largestPenalty);
  aloneUntil_ = togetherSince_;
}

/// Asks for threads until `workers` are here or on their way.
void WorkerTeam::summon(unsigned workers) {
  auto task = [state = state_] {
    state->inside.fetch_add(1, std::memory_order_relaxed);
    state->board.serve(patience);
    state->called.fetch_sub(1, std::memory_order_relaxed);
    state->inside.fetch_sub(1, std::memory_order_release);
  };
  // Only the holder of the turn adds to `called`.
  while (state_->called.load(std::memory_order_relaxed) < workers) {
    state_->called.fetch_add(1, std::memory_order_relaxed);
    // Without memory for a task the work is done by those who are here.
    try {
      arena_.enqueue(task);
    } catch (...) {
      state_->called.fetch_sub(1, std::memory_order_relaxed);
      return;
    }
  }
}
