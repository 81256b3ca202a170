//===- FastClock.h - A steady clock that is cheap to read -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H
#define GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H

#include <chrono>
#include <compare>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gossamer {

/// A steady clock for those who read it thousands of times a second: 10 ns a
/// reading instead of 25. It reads the processor's time stamp counter where the
/// system itself tells the time by it, and steady_clock elsewhere. What a tick
/// of the counter is in nanoseconds is measured once, which takes the first who
/// asks two milliseconds, to some ten millionths. Thread-safe.
class FastClock {
public:
  using duration = std::chrono::nanoseconds;

  /// A moment, as the counter says it. Trivial: memory set aside for moments is
  /// not touched before there are any.
  // NOLINTNEXTLINE(readability-identifier-naming): as of the standard clocks.
  class time_point {
  public:
    time_point() noexcept = default;
    auto operator<=>(const time_point &) const = default;

    friend duration operator-(time_point end, time_point begin) {
      return duration(static_cast<int64_t>(
          static_cast<double>(static_cast<int64_t>(end.ticks_ - begin.ticks_)) *
          nanosecondsPerTick()));
    }
    friend time_point operator+(time_point begin, duration time) {
      return time_point(
          begin.ticks_ +
          static_cast<uint64_t>(static_cast<int64_t>(
              static_cast<double>(time.count()) / nanosecondsPerTick())));
    }
    friend time_point operator-(time_point end, duration time) {
      return end + -time;
    }

  private:
    friend class FastClock;
    explicit time_point(uint64_t ticks) : ticks_(ticks) {}
    uint64_t ticks_;
  };

  static time_point now() noexcept {
#if defined(__x86_64__)
    static const bool isTrusted = isCounterTrusted();
    if (isTrusted)
      return time_point(__rdtsc());
#endif
    return time_point(static_cast<uint64_t>(
        std::chrono::steady_clock::now().time_since_epoch() /
        std::chrono::nanoseconds(1)));
  }

private:
  /// Whether the counter runs at one rate and alike on all cores.
  static bool isCounterTrusted() noexcept;
  static double nanosecondsPerTick() noexcept;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H
