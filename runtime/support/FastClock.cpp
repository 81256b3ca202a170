//===- FastClock.cpp - A steady clock that is cheap to read ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/FastClock.h"

#include <fstream>
#include <string>

using namespace gossamer;

#if defined(__x86_64__)

namespace {

/// Both clocks at one moment: of several tries the one in which reading them
/// took least.
struct Moment {
  std::chrono::steady_clock::time_point time;
  uint64_t ticks = 0;

  static Moment now() {
    Moment best;
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 16; ++i) {
      uint64_t before = __rdtsc();
      auto time = std::chrono::steady_clock::now();
      uint64_t width = __rdtsc() - before;
      if (width < least) {
        least = width;
        best = {time, before + width / 2};
      }
    }
    return best;
  }
};

/// Whether the counter runs at one rate and alike on all cores. The system has
/// watched it for that.
bool isCounterTrusted() {
  std::ifstream file(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  return file >> source && source == "tsc";
}

} // namespace

FastClock::Scale FastClock::measure() noexcept {
  if (!isCounterTrusted())
    return {};
  Moment begin = Moment::now(), end;
  do
    end = Moment::now();
  while (end.time - begin.time < std::chrono::milliseconds(2));
  auto nanoseconds = std::chrono::nanoseconds(end.time - begin.time).count();
  return {begin.time, begin.ticks,
          static_cast<double>(nanoseconds) /
              static_cast<double>(end.ticks - begin.ticks)};
}

#else

FastClock::Scale FastClock::measure() noexcept { return {}; }

#endif
