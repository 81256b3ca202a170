//===- FastClock.h - A steady clock that is cheap to read -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H
#define GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H

#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace gossamer {

/// steady_clock for those who read it thousands of times a second: 10 ns a
/// reading instead of 25. It reads the processor's time stamp counter where the
/// system itself tells the time by it, and is steady_clock elsewhere. The first
/// reading takes two milliseconds, in which the two are compared; they then
/// drift apart by some ten microseconds a second. Thread-safe.
class FastClock {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static time_point now() noexcept {
#if defined(__x86_64__)
    const Scale &scale = get();
    if (scale.nanosecondsPerTick > 0)
      return scale.origin + std::chrono::nanoseconds(static_cast<int64_t>(
                                static_cast<double>(static_cast<int64_t>(
                                    __rdtsc() - scale.ticks)) *
                                scale.nanosecondsPerTick));
#endif
    return std::chrono::steady_clock::now();
  }

private:
  struct Scale {
    time_point origin;
    uint64_t ticks = 0;            ///< at the origin.
    double nanosecondsPerTick = 0; ///< 0: the counter is not to be trusted.
  };

  static Scale measure() noexcept;
  static const Scale &get() noexcept {
    static const Scale scale = measure();
    return scale;
  }
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_FASTCLOCK_H
