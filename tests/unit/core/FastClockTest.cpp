//===- FastClockTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/FastClock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

using namespace gossamer;
using namespace std::chrono_literals;

namespace {

TEST(FastClock, NeverRunsBackwards) {
  FastClock::time_point last = FastClock::now();
  for (int i = 0; i < 100'000; ++i) {
    FastClock::time_point now = FastClock::now();
    ASSERT_LE(last, now);
    last = now;
  }
}

// What one thread has read before it was joined lies before what another reads
// after that.
TEST(FastClock, AgreesBetweenThreads) {
  for (int i = 0; i < 100; ++i) {
    FastClock::time_point there{};
    std::thread([&] { there = FastClock::now(); }).join();
    ASSERT_LE(there, FastClock::now());
  }
}

// Within a thousandth, where a hundred times less is to be expected; the two
// readings of a moment may lie apart by what the system does in between.
TEST(FastClock, RunsLikeTheSteadyClock) {
  using Steady = std::chrono::steady_clock;
  auto begin = FastClock::now();
  auto steadyBegin = Steady::now();
  std::chrono::nanoseconds least = 1h;
  std::this_thread::sleep_for(50ms);
  for (int i = 0; i < 100; ++i) {
    auto steady = Steady::now() - steadyBegin;
    least =
        std::min(least, std::chrono::abs(FastClock::now() - begin - steady));
  }
  EXPECT_LT(least, 50us);
}

TEST(FastClock, AddsAndSubtracts) {
  auto begin = FastClock::now();
  EXPECT_LT(std::chrono::abs(begin + 1s - begin - 1s), 10ns);
  EXPECT_LT(begin, begin + 1us);
  EXPECT_LT(begin - 1us, begin);
  EXPECT_EQ(begin - begin, 0ns);
}

} // namespace
