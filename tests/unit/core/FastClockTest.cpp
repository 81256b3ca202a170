//===- FastClockTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/FastClock.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

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
    FastClock::time_point there;
    std::thread([&] { there = FastClock::now(); }).join();
    ASSERT_LE(there, FastClock::now());
  }
}

// Within a thousandth, where a hundred times less is to be expected; the two
// readings of each moment may lie apart by what the system does in between.
TEST(FastClock, RunsLikeTheSteadyClock) {
  auto apart = [] {
    std::vector<std::chrono::nanoseconds> differences;
    for (int i = 0; i < 101; ++i) {
      auto steady = std::chrono::steady_clock::now();
      differences.push_back(FastClock::now() - steady);
    }
    std::ranges::sort(differences);
    return differences[differences.size() / 2];
  };
  FastClock::now(); // compares the clocks.
  std::chrono::nanoseconds before = apart();
  std::this_thread::sleep_for(50ms);
  EXPECT_LT(std::chrono::abs(apart() - before), 50us);
}

} // namespace
