//===- SchedulerTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Scheduler.h"

#include "FakeRunner.h"

#include <gtest/gtest.h>

#include <random>

using namespace gossamer;
using gossamer::test::FakeRunner;

namespace {

using Tokens = std::vector<int32_t>;

Tokens randomTokens(size_t n, uint32_t seed) {
  std::mt19937 random(seed);
  Tokens tokens(n);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(random() % 50);
  return tokens;
}

std::vector<float> copyOf(std::span<const float> values) {
  return {values.begin(), values.end()};
}

TEST(Scheduler, ChunksDoNotChangeLogits) {
  auto runner = FakeRunner::make();
  Tokens prompt = randomTokens(131, 1);
  for (uint32_t chunk : {1U, 7U, 16U, 0U}) {
    auto scheduler = Scheduler::create(runner, {chunk, {}}).take();
    Session session = scheduler->newSession().take();
    ASSERT_TRUE(session.append(prompt).isOk());
    auto logits = scheduler->drain(session);
    ASSERT_TRUE(logits.isOk()) << logits.status().message();
    EXPECT_EQ(copyOf(*logits), runner->logitsAfter(prompt));
  }
}

TEST(Scheduler, ReturnsTheRowsAskedFor) {
  auto runner = FakeRunner::make();
  auto scheduler = Scheduler::create(runner).take();
  Tokens prompt = randomTokens(40, 2);
  Session every = scheduler->newSession().take();
  Session none = scheduler->newSession().take();
  ASSERT_TRUE(every.append(prompt).isOk());
  ASSERT_TRUE(none.append(Tokens{1, 2}).isOk());
  std::vector<StepEntry> entries = {{&every, LogitsOf::EveryToken},
                                    {&none, LogitsOf::None}};
  size_t seen = 0;
  while (!every.pending().empty() || !none.pending().empty()) {
    auto rows = scheduler->step(entries);
    ASSERT_TRUE(rows.isOk());
    for (const LogitsRow &row : *rows) {
      EXPECT_EQ(row.session, &every);
      EXPECT_EQ(row.position, seen++);
      EXPECT_EQ(copyOf(row.values),
                runner->logitsAfter(std::span(prompt).first(seen)));
    }
  }
  EXPECT_EQ(seen, prompt.size());
  EXPECT_EQ(none.position(), 2U);
}

TEST(Scheduler, WithoutWaitingTokensNothingRuns) {
  auto runner = FakeRunner::make();
  auto scheduler = Scheduler::create(runner).take();
  Session session = scheduler->newSession().take();
  StepEntry entry{&session};
  auto rows = scheduler->step({&entry, 1});
  ASSERT_TRUE(rows.isOk());
  EXPECT_TRUE((*rows).empty());
  EXPECT_TRUE(scheduler->step({}).isOk());
  EXPECT_EQ(runner->steps, 0);
  EXPECT_EQ(scheduler->drain(session).status().code(), StatusCode::Internal);
}

// Many sessions of different length, some decoding, some in their prompt, more
// of them than a step has tokens: all see what they would see alone.
TEST(Scheduler, RaggedBatchesEqualSingleSessions) {
  auto runner = FakeRunner::make();
  auto scheduler = Scheduler::create(runner).take();
  std::vector<Session> sessions;
  std::vector<Tokens> texts;
  for (uint32_t i = 0; i < 20; ++i) {
    sessions.push_back(scheduler->newSession().take());
    texts.push_back(randomTokens(60 + 5 * i, i));
  }
  std::vector<size_t> given(sessions.size());
  std::mt19937 random(99); // NOLINT(bugprone-random-generator-seed)
  for (int round = 0; round < 2000; ++round) {
    std::vector<StepEntry> entries;
    bool more = false;
    for (size_t i = 0; i < sessions.size(); ++i) {
      size_t left = texts[i].size() - given[i];
      more |= left != 0;
      if (sessions[i].pending().empty() && left != 0) {
        size_t n = std::min<size_t>(left, random() % 3 ? 1 : random() % 30);
        ASSERT_TRUE(sessions[i]
                        .append(std::span(texts[i]).subspan(given[i], n))
                        .isOk());
        given[i] += n;
      }
      entries.push_back({&sessions[i]});
    }
    auto rows = scheduler->step(entries);
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    for (const LogitsRow &row : *rows)
      ASSERT_EQ(copyOf(row.values), runner->logitsAfter(row.session->tokens()));
    if (!more && (*rows).empty())
      break;
  }
  for (size_t i = 0; i < sessions.size(); ++i)
    EXPECT_EQ(sessions[i].position(), texts[i].size());
  EXPECT_EQ(runner->largestStep, 16);
}

// 40 decoding sessions and 16 tokens a step: in three steps all have had one.
TEST(Scheduler, NobodyStarves) {
  auto runner = FakeRunner::make();
  auto scheduler = Scheduler::create(runner).take();
  std::vector<Session> sessions;
  sessions.reserve(40);
  for (int i = 0; i < 40; ++i)
    sessions.push_back(scheduler->newSession().take());
  std::vector<StepEntry> entries;
  entries.reserve(sessions.size());
  for (Session &session : sessions)
    entries.push_back({&session});
  for (int step = 0; step < 30; ++step) {
    for (Session &session : sessions)
      if (session.pending().empty())
        ASSERT_TRUE(session.append(Tokens{3}).isOk());
    ASSERT_TRUE(scheduler->step(entries).isOk());
  }
  for (Session &session : sessions)
    EXPECT_EQ(session.position(), 12U);
}

TEST(Scheduler, SessionsWithoutRoomWait) {
  auto runner = FakeRunner::make();
  // Pages for three of 16 tokens in both groups.
  SchedulerOptions options{0, {6 * runner->pageBytes()}};
  auto scheduler = Scheduler::create(runner, options).take();
  Session large = scheduler->newSession().take();
  ASSERT_TRUE(large.append(randomTokens(40, 1)).isOk());
  ASSERT_TRUE(scheduler->drain(large).isOk());
  {
    Session small = scheduler->newSession().take();
    ASSERT_TRUE(small.append(Tokens{1}).isOk());
    StepEntry alone{&small};
    auto rows = scheduler->step({&alone, 1});
    ASSERT_FALSE(rows.isOk());
    EXPECT_EQ(rows.status().code(), StatusCode::OutOfMemory);
    ASSERT_TRUE(large.append(Tokens{5}).isOk());
    std::vector<StepEntry> both = {{&small}, {&large}};
    rows = scheduler->step(both);
    ASSERT_TRUE(rows.isOk());
    ASSERT_EQ((*rows).size(), 1U);
    EXPECT_EQ((*rows)[0].session, &large);
    ASSERT_TRUE(large.truncate(0).isOk());
    EXPECT_TRUE(scheduler->drain(small).isOk());
  }
  EXPECT_EQ(scheduler->cache().bytesInUse(), 0U);
}

TEST(Scheduler, FailedStepsDoNotAdvance) {
  auto runner = FakeRunner::make();
  auto scheduler = Scheduler::create(runner).take();
  Session session = scheduler->newSession().take();
  Tokens prompt = randomTokens(10, 4);
  ASSERT_TRUE(session.append(prompt).isOk());
  runner->failure = internalError("as the test asked");
  EXPECT_EQ(scheduler->drain(session).status().message(), "as the test asked");
  EXPECT_EQ(session.position(), 0U);
  runner->failure = Status::ok();
  EXPECT_EQ(copyOf(*scheduler->drain(session)), runner->logitsAfter(prompt));
}

TEST(Scheduler, StepsLargerThanCompiledAreRefused) {
  auto scheduler = Scheduler::create(FakeRunner::make(), {17, {}});
  ASSERT_FALSE(scheduler.isOk());
  EXPECT_EQ(scheduler.status().message(),
            "tokens per step: expects at most 16, for which the model was "
            "compiled, but got 17");
}

} // namespace
