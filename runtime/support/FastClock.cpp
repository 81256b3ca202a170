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

double measureTick() {
  Moment begin = Moment::now(), end;
  do
    end = Moment::now();
  while (end.time - begin.time < std::chrono::milliseconds(2));
  auto nanoseconds = std::chrono::nanoseconds(end.time - begin.time).count();
  return static_cast<double>(nanoseconds) /
         static_cast<double>(end.ticks - begin.ticks);
}

} // namespace

// The system has watched the counter for that.
bool FastClock::isCounterTrusted() noexcept {
  std::ifstream file(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  return file >> source && source == "tsc";
}

double FastClock::nanosecondsPerTick() noexcept {
  static const double value = isCounterTrusted() ? measureTick() : 1;
  return value;
}

#else

bool FastClock::isCounterTrusted() noexcept { return false; }
double FastClock::nanosecondsPerTick() noexcept { return 1; }

#endif
