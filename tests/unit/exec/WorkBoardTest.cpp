//===- WorkBoardTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/WorkBoard.h"

#include <gtest/gtest.h>

#include <thread>

using namespace gossamer;
using namespace std::chrono_literals;

namespace {

/// Work that counts how often each grain was done.
struct Counts {
  explicit Counts(uint32_t grains) : values(grains) {}
  static void run(const void *context, WorkBoard::Taker &taker) {
    auto &counts = *static_cast<Counts *>(const_cast<void *>(context));
    for (auto range = taker.next(); !range.isEmpty(); range = taker.next())
      for (uint32_t i = range.begin; i < range.end; ++i)
        counts.values[i].fetch_add(1, std::memory_order_relaxed);
  }
  void check(int times) const {
    for (const std::atomic<int> &value : values)
      ASSERT_EQ(value.load(), times);
  }
  std::vector<std::atomic<int>> values;
};

// Whoever does not come holds nobody up.
TEST(WorkBoard, ThePosterAloneDoesAll) {
  WorkBoard board(8, false);
  for (uint32_t grains : {1U, 2U, 7U, 8U, 1000U, WorkBoard::maxGrains})
    for (unsigned shares : {1U, 2U, 8U}) {
      if (shares > grains)
        continue;
      Counts counts(grains);
      board.post(&Counts::run, &counts, grains, shares);
      board.finish();
      counts.check(1);
    }
}

// Helpers of little patience leave and come back all the time, so that some
// are always late: for a post that is over, or for a seat of the next.
TEST(WorkBoard, HelpersComeAndGo) {
  for (bool crowded : {false, true}) {
    WorkBoard board(5, crowded);
    std::atomic<bool> over{false};
    std::vector<std::thread> helpers;
    for (int i = 0; i < 4; ++i)
      helpers.emplace_back([&, i] {
        while (!over.load())
          board.serve(i * 10us);
      });
    for (uint32_t post = 0; post < 3000; ++post) {
      uint32_t grains = 5 + post % 40;
      Counts counts(grains); // on the stack: nobody may look at an old one.
      board.post(&Counts::run, &counts, grains, 1 + post % 5);
      board.finish();
      counts.check(1);
    }
    over = true;
    board.close();
    for (std::thread &helper : helpers)
      helper.join();
  }
}

/// Work whose threads go on for a while after their part.
struct Late {
  static void run(const void *context, WorkBoard::Taker &taker) {
    std::atomic<int> &unfinished =
        *static_cast<const Late *>(context)->unfinished;
    for (auto range = taker.next(); !range.isEmpty(); range = taker.next()) {
    }
    if (taker.seat() == 0)
      return;
    unfinished.fetch_add(1, std::memory_order_relaxed);
    taker.endPart(); // the context is gone from here on.
    std::this_thread::sleep_for(20us);
    unfinished.fetch_sub(1, std::memory_order_relaxed);
  }
  std::atomic<int> *unfinished;
};

TEST(WorkBoard, SettlingWaitsForWhatComesAfterTheParts) {
  WorkBoard board(3, false);
  std::vector<std::thread> helpers;
  for (int i = 0; i < 2; ++i)
    helpers.emplace_back([&] { board.serve(1h); });
  std::atomic<int> unfinished{0};
  for (int post = 0; post < 500; ++post) {
    Late late{&unfinished};
    board.post(&Late::run, &late, 300, 3);
    board.finish();
    board.settle();
    ASSERT_EQ(unfinished.load(), 0) << "post " << post;
  }
  board.close();
  for (std::thread &helper : helpers)
    helper.join();
}

TEST(WorkBoard, ClosingSendsHelpersAway) {
  WorkBoard board(3, false);
  std::thread helper([&] { board.serve(1h); });
  board.close();
  helper.join();
  board.serve(1h); // finds it closed.
}

TEST(WorkBoard, MoreHelpersThanSeatsAreSentAway) {
  WorkBoard board(1, false);
  board.serve(1h);
}

} // namespace
