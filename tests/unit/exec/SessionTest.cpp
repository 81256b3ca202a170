//===- SessionTest.cpp ----------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Scheduler.h"

#include "FakeRunner.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace gossamer;
using gossamer::test::FakeRunner;

namespace {

using Tokens = std::vector<int32_t>;

Tokens count(size_t n, int32_t from = 0) {
  Tokens tokens(n);
  for (size_t i = 0; i < n; ++i)
    tokens[i] = static_cast<int32_t>((static_cast<size_t>(from) + i * 7) % 50);
  return tokens;
}

struct SessionTest : testing::Test {
  std::shared_ptr<const FakeRunner> runner = FakeRunner::make();
  std::unique_ptr<Scheduler> scheduler = Scheduler::create(runner).take();
  Session session = scheduler->newSession().take();

  void expectLogits(Session &of) {
    auto logits = scheduler->drain(of);
    ASSERT_TRUE(logits.isOk()) << logits.status().message();
    EXPECT_EQ(std::vector<float>((*logits).begin(), (*logits).end()),
              runner->logitsAfter(of.tokens()));
  }
};

TEST_F(SessionTest, AppendQueuesTokens) {
  ASSERT_TRUE(session.append(count(5)).isOk());
  EXPECT_EQ(session.position(), 0U);
  EXPECT_EQ(session.pending().size(), 5U);
  EXPECT_EQ(session.remaining(), 195U);
  expectLogits(session);
  EXPECT_EQ(session.position(), 5U);
  EXPECT_TRUE(session.pending().empty());
}

TEST_F(SessionTest, RefusesPromptsLongerThanTheContext) {
  Status status = session.append(count(201));
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_EQ(status.message(),
            "prompt of 201 tokens does not fit the context of 200");
  ASSERT_TRUE(session.append(count(150)).isOk());
  status = session.append(count(51));
  EXPECT_EQ(status.message(), "prompt of 51 tokens does not fit the context of "
                              "200 after 150 earlier tokens");
  EXPECT_EQ(session.tokens().size(), 150U);
  ASSERT_TRUE(session.append(count(50)).isOk());
  EXPECT_EQ(session.remaining(), 0U);
  expectLogits(session);
  EXPECT_FALSE(session.append(count(1)).isOk());
}

TEST_F(SessionTest, RefusesIdsOutsideTheVocabulary) {
  for (int32_t id : {50, 1 << 30, -1}) {
    Status status = session.append(Tokens{1, id});
    EXPECT_EQ(status.code(), StatusCode::InvalidData);
    EXPECT_EQ(status.message(),
              "token 1: expects an id below 50 but got " + std::to_string(id));
    EXPECT_TRUE(session.tokens().empty());
  }
}

TEST_F(SessionTest, ForksGoTheirOwnWays) {
  ASSERT_TRUE(session.append(count(37)).isOk());
  expectLogits(session);
  Session other = session.fork().take();
  EXPECT_EQ(scheduler->cache().pagesInUse(0), 3U);
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(session.append(count(1, i)).isOk());
    ASSERT_TRUE(other.append(count(1, 2 * i + 1)).isOk());
    expectLogits(session);
    expectLogits(other);
  }
  EXPECT_NE(Tokens(session.tokens().begin(), session.tokens().end()),
            Tokens(other.tokens().begin(), other.tokens().end()));
}

TEST_F(SessionTest, ForkKeepsWaitingTokens) {
  ASSERT_TRUE(session.append(count(9)).isOk());
  Session other = session.fork().take();
  expectLogits(other);
  EXPECT_EQ(session.pending().size(), 9U);
  expectLogits(session);
}

TEST_F(SessionTest, AssignKeepsTheCommonBeginning) {
  ASSERT_TRUE(session.append(count(20)).isOk());
  expectLogits(session);
  Tokens longer = count(30);
  ASSERT_TRUE(session.assign(longer).isOk());
  EXPECT_EQ(session.position(), 20U);
  expectLogits(session);

  Tokens branch = longer;
  branch[25] = 49;
  ASSERT_TRUE(session.assign(branch).isOk());
  EXPECT_EQ(session.position(), 25U);
  expectLogits(session);

  // All computed already: the last is computed again for its logits.
  ASSERT_TRUE(session.assign(branch).isOk());
  EXPECT_EQ(session.position(), 29U);
  expectLogits(session);

  Tokens other = count(10, 3);
  ASSERT_TRUE(session.assign(other).isOk());
  EXPECT_EQ(session.position(), 0U);
  expectLogits(session);
  EXPECT_EQ(session.assign({}).message(),
            "prompt is empty: expects at least one token");
}

// The window of 24 has given up what a branch at 40 of 120 would see.
TEST_F(SessionTest, AssignStartsAnewWhenTheWindowHasMoved) {
  Tokens tokens = count(120);
  ASSERT_TRUE(session.append(tokens).isOk());
  expectLogits(session);
  Tokens branch = tokens;
  branch.resize(60);
  branch[40] = 49;
  ASSERT_TRUE(session.assign(branch).isOk());
  EXPECT_EQ(session.position(), 0U);
  expectLogits(session);
}

TEST_F(SessionTest, TruncateForgets) {
  Tokens tokens = count(120);
  ASSERT_TRUE(session.append(tokens).isOk());
  expectLogits(session);
  Status status = session.truncate(40);
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_EQ(status.message(), "truncate: the keys before position 40 have left "
                              "the sliding window");
  EXPECT_EQ(session.truncate(121).message(),
            "truncate: expects a position of at most 120 but got 121");
  ASSERT_TRUE(session.truncate(119).isOk());
  ASSERT_TRUE(session.append(Tokens{17}).isOk());
  expectLogits(session);
  ASSERT_TRUE(session.truncate(0).isOk());
  EXPECT_EQ(scheduler->cache().bytesInUse(), 0U);
  ASSERT_TRUE(session.append(count(3)).isOk());
  expectLogits(session);
}

TEST_F(SessionTest, TruncateDropsWaitingTokens) {
  ASSERT_TRUE(session.append(count(10)).isOk());
  ASSERT_TRUE(session.truncate(4).isOk());
  EXPECT_EQ(session.pending().size(), 4U);
  expectLogits(session);
}

} // namespace
