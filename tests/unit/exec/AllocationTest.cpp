//===- AllocationTest.cpp -------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A step takes no memory from the heap: a decoding server must not slow down
// with fragmentation, nor fail in the middle of an answer.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"
#include "runtime/model/Model.h"

#include "AllocationCounter.h"
#include "FakeRunner.h"
#include "TinyModel.h"
#include "TinyStep.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace gossamer;
using namespace gossamer::test;

namespace {

/// Allocations during `body`.
template <typename Body> size_t allocationsOf(Body body) {
  size_t before = countAllocations();
  body();
  return countAllocations() - before;
}

TEST(Allocation, TheCounterCounts) {
  // Volatile, so that the compiler cannot leave the pair out.
  EXPECT_EQ(allocationsOf([] {
              int *volatile number = new int;
              delete number;
            }),
            1U);
  EXPECT_EQ(allocationsOf([] {}), 0U);
}

TEST(Allocation, ProgramsRunWithout) {
  for (unsigned threads : {1U, 2U}) {
    TinyStep step({threads, 0}, TinyStep::counts16384);
    // oneTBB may allocate when a thread has to be called back; a step that
    // allocates does so in every round.
    size_t least = SIZE_MAX;
    for (int round = 0; round < 20; ++round)
      least = std::min(least, allocationsOf([&] {
                         for (int i = 0; i < 20; ++i)
                           (void)step.run();
                       }));
    EXPECT_EQ(least, 0U) << threads << " threads";
    step.checkCounts(400);
  }
}

using AllocationModel = TinyModel;

// Decoding from the first token on, through new pages of the cache.
TEST_F(AllocationModel, SchedulersStepWithout) {
  ASSERT_TRUE(writeArtifact({}).isOk());
  ModelOptions options;
  options.weightsDirectory = directory / "checkpoint";
  options.threads = 1;
  auto model = Model::load(artifactPath(), options);
  ASSERT_TRUE(model.isOk()) << model.status().message();
  auto scheduler = Scheduler::create(*model).take();
  Session first = scheduler->newSession().take();
  Session second = scheduler->newSession().take();
  std::array<StepEntry, 2> entries{StepEntry{&first}, StepEntry{&second}};
  size_t allocations = allocationsOf([&] {
    for (int32_t i = 0; i < 90; ++i) {
      int32_t token = i % 8;
      (void)first.append({&token, 1});
      (void)second.append({&token, 1});
      (void)scheduler->step(entries);
    }
  });
  EXPECT_EQ(first.position(), 90U);
  EXPECT_EQ(second.position(), 90U);
  EXPECT_EQ(allocations, 0U);
}

// Two groups, of which one gives pages back; more sessions than the cache's
// bookkeeping had room for at first.
TEST(Allocation, CachesGrowWithout) {
  auto scheduler = Scheduler::create(FakeRunner::make()).take();
  std::vector<Session> sessions;
  sessions.reserve(9);
  std::vector<StepEntry> entries;
  for (int i = 0; i < 9; ++i) {
    sessions.push_back(scheduler->newSession().take());
    entries.push_back({&sessions.back()});
  }
  size_t allocations = allocationsOf([&] {
    for (int32_t i = 0; i < 190; ++i) {
      for (Session &session : sessions)
        (void)session.append({&i, i < 50 ? 1U : 0U});
      (void)scheduler->step(entries);
    }
  });
  EXPECT_EQ(sessions.back().position(), 50U);
  EXPECT_EQ(allocations, 0U);
}

/// Allocations of `tokens` more tokens than five.
size_t allocationsOfGeneration(uint32_t tokens, SamplingOptions sampling) {
  auto scheduler = Scheduler::create(FakeRunner::make()).take();
  Generator generator(*scheduler);
  auto generate = [&](uint32_t count) {
    GenerationRequest request;
    request.prompt = {1, 2, 3};
    request.sampling = sampling;
    request.maxNewTokens = count;
    return allocationsOf([&] { (void)generator.generate(request); });
  };
  generate(5);
  size_t few = generate(5);
  return generate(5 + tokens) - few;
}

TEST(Allocation, TokensAreGeneratedWithout) {
  SamplingOptions greedy;
  greedy.greedy = true;
  EXPECT_EQ(allocationsOfGeneration(150, greedy), 0U);
  SamplingOptions sampled;
  sampled.topK = 20;
  sampled.topP = 0.9;
  sampled.minP = 0.01;
  EXPECT_EQ(allocationsOfGeneration(150, sampled), 0U);
}

} // namespace
