//===- CudaChoiceTest.cpp - Tokens that a GPU chooses ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// On the GPU of tests/fake-cuda, whose log has every copy to the host.
//
//===----------------------------------------------------------------------===//

#include "TinyCuda.h"

#include "runtime/generate/Generator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

using namespace gossamer;
using namespace gossamer::test;

namespace {

struct CudaChoice : CudaDevice {};

/// The token that the logits after `session` have as their largest.
int32_t largestAfter(const TinyCudaModel &model, const Session &session) {
  std::vector<float> logits = model.logitsAfter(session.tokens());
  return static_cast<int32_t>(std::ranges::max_element(logits) -
                              logits.begin());
}

TEST_F(CudaChoice, GreedyStepsCopyNothingButTheToken) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  StepEntry entry{&session, LogitsOf::Token};
  for (int32_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(session.append(sequence(i, 1 + i % 2)).isOk());
    fake.takeLog();
    auto rows = scheduler->step({&entry, 1});
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    ASSERT_EQ(rows->size(), 1U);
    EXPECT_EQ(rows->front().token, largestAfter(*model, session));
    std::string log = fake.takeLog();
    EXPECT_EQ(count(log, "copy to host 4\n"), 1U) << log;
    EXPECT_EQ(count(log, "copy to host"), 1U) << log;
    EXPECT_EQ(count(log, "launch tiny_choose grid 1 1 1 block 64\n"), 1U);
  }
}

// A graph with the choice and one without are different kinds of steps.
TEST_F(CudaChoice, ChoicesAreRecordedToo) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  for (int32_t i = 0; i < 12; ++i) {
    bool chooses = i % 3 != 2;
    StepEntry entry{&session, chooses ? LogitsOf::Token : LogitsOf::LastToken};
    ASSERT_TRUE(session.append(sequence(i % 8, 1)).isOk());
    auto rows = scheduler->step({&entry, 1});
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    if (chooses)
      EXPECT_EQ(rows->front().token, largestAfter(*model, session));
    else
      expectLogits(*model, session, rows->front().values);
  }
  std::string log = fake.takeLog();
  EXPECT_EQ(count(log, "graph made"), 2U);
  EXPECT_EQ(count(log, "tiny_choose"), 8U);
}

TEST_F(CudaChoice, RowsOfOneStepAreChosenOrCopied) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  std::vector<Session> sessions;
  std::vector<StepEntry> entries;
  sessions.reserve(7);
  for (int32_t i = 0; i < 7; ++i) {
    sessions.push_back(scheduler->newSession().take());
    ASSERT_TRUE(sessions.back().append(sequence(i + 1, 1)).isOk());
    entries.push_back(
        {&sessions.back(), i % 3 == 1 ? LogitsOf::LastToken : LogitsOf::Token});
  }
  fake.takeLog();
  auto rows = scheduler->step(entries);
  ASSERT_TRUE(rows.isOk()) << rows.status().message();
  ASSERT_EQ(rows->size(), 7U);
  for (size_t i = 0; i < 7; ++i) {
    const LogitsRow &row = (*rows)[i];
    if (i % 3 == 1) {
      EXPECT_EQ(row.token, wholeRow);
      expectLogits(*model, *row.session, row.values);
    } else {
      EXPECT_EQ(row.token, largestAfter(*model, *row.session));
    }
  }
  std::string log = fake.takeLog();
  EXPECT_EQ(count(log, "copy to host 28\n"), 1U) << log;
  EXPECT_EQ(count(log, "copy to host 32\n"), 2U) << log;
}

// The host says what is wrong with logits; for that it must see them.
TEST_F(CudaChoice, RowsWithoutAChoiceAreCopied) {
  TinyCudaModel::Weights weights = TinyCudaModel::ascending();
  weights[3] = std::numeric_limits<float>::quiet_NaN();
  auto model = std::make_shared<TinyCudaModel>(CudaDeviceOptions(), weights);
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  StepEntry entry{&session, LogitsOf::Token};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(session.append(sequence(1, 1)).isOk());
    auto rows = scheduler->step({&entry, 1});
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    EXPECT_EQ(rows->front().token, wholeRow);
    EXPECT_TRUE(std::isnan(rows->front().values[3]));
    EXPECT_EQ(rows->front().values[2], model->logitsAfter(session.tokens())[2]);
  }
}

TEST_F(CudaChoice, ObservedStepsChooseToo) {
  struct Counter : DispatchObserver {
    void dispatched(const DispatchEvent &) override { ++dispatches; }
    int dispatches = 0;
  };
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  StepEntry entry{&session, LogitsOf::Token};
  for (int i = 0; i < 3; ++i) {
    Counter counter;
    ASSERT_TRUE(session.append(sequence(2, 3)).isOk());
    auto rows = scheduler->step({&entry, 1}, &counter);
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    EXPECT_EQ(rows->front().token, largestAfter(*model, session));
    EXPECT_EQ(counter.dispatches, 2);
  }
}

/// The same model, whose tokens the host chooses.
class HostChooses final : public StepRunner {
public:
  explicit HostChooses(std::shared_ptr<const StepRunner> runner)
      : runner_(std::move(runner)) {}
  const StepShape &shape() const override { return runner_->shape(); }
  Device &device() const override { return runner_->device(); }
  Status run(const goss_step_args &args,
             DispatchObserver *observer) const override {
    return runner_->run(args, observer);
  }

private:
  std::shared_ptr<const StepRunner> runner_;
};

std::vector<GenerationRequest> requestsOfAllKinds() {
  const SamplingOptions options[] = {{},
                                     {.temperature = 0.5, .topK = 3},
                                     {.topP = 0.8},
                                     {.temperature = 2, .minP = 0.3},
                                     {.greedy = true},
                                     {.repetitionPenalty = 1.5, .greedy = true},
                                     {.temperature = 1.5,
                                      .topK = 6,
                                      .topP = 0.9,
                                      .minP = 0.05,
                                      .repetitionPenalty = 1.2}};
  std::vector<GenerationRequest> requests;
  for (const SamplingOptions &each : options) {
    GenerationRequest &request = requests.emplace_back();
    request.prompt = sequence(static_cast<int32_t>(requests.size()), 3);
    request.sampling = each;
    request.sampling.seed = requests.size();
    request.maxNewTokens = 30;
  }
  return requests;
}

/// Weights that leave something to draw, whatever the tokens are.
TinyCudaModel::Weights flat() {
  TinyCudaModel::Weights weights = TinyCudaModel::ascending();
  for (size_t v = 0; v < weights.size(); ++v)
    weights[v] = (v % 3 ? 1.0F : -1.0F) * 0.001F * static_cast<float>(v);
  return weights;
}

std::vector<std::vector<int32_t>>
tokensOf(Expected<std::vector<GenerationResult>> results) {
  EXPECT_TRUE(results.isOk()) << results.status().message();
  std::vector<std::vector<int32_t>> tokens;
  for (const GenerationResult &each : *results)
    tokens.push_back(each.tokens);
  return tokens;
}

// The issue of the whole: the host's tokens, and nothing but tokens copied.
TEST_F(CudaChoice, RequestsOfAllKindsGetTheHostsTokens) {
  std::vector<GenerationRequest> requests = requestsOfAllKinds();
  for (bool usesGraphs : {true, false}) {
    CudaDeviceOptions options;
    options.usesGraphs = usesGraphs;
    auto model = std::make_shared<const TinyCudaModel>(options, flat());
    auto scheduler = Scheduler::create(model).take();
    fake.takeLog();
    auto got = tokensOf(Generator(*scheduler).generateBatch(requests));
    std::string log = fake.takeLog();
    EXPECT_EQ(count(log, "copy to host 28\n"), 30U) << log;
    EXPECT_EQ(count(log, "copy to host"), 30U) << log;
    EXPECT_EQ(count(log, "not memory of the GPU"), 0U);

    auto host = Scheduler::create(std::make_shared<HostChooses>(model)).take();
    EXPECT_EQ(got, tokensOf(Generator(*host).generateBatch(requests)));
    // 7 rows of 8 logits.
    EXPECT_EQ(count(fake.takeLog(), "copy to host 224\n"), 30U);
    std::set<int32_t> drawn(got[0].begin(), got[0].end());
    EXPECT_GT(drawn.size(), 4U);
    for (size_t i = 0; i < requests.size(); ++i) {
      auto alone = Generator(*scheduler).generate(requests[i]);
      ASSERT_TRUE(alone.isOk()) << alone.status().message();
      EXPECT_EQ(alone->tokens, got[i]) << i;
    }
  }
}

// The first penalty comes when graphs without one exist already.
TEST_F(CudaChoice, PenaltiesMayComeLate) {
  auto model =
      std::make_shared<const TinyCudaModel>(CudaDeviceOptions(), flat());
  auto scheduler = Scheduler::create(model).take();
  auto host = Scheduler::create(std::make_shared<HostChooses>(model)).take();
  std::vector<GenerationRequest> requests = requestsOfAllKinds();
  for (size_t i : {0, 5, 0, 6}) {
    auto got = Generator(*scheduler).generate(requests[i]);
    auto want = Generator(*host).generate(requests[i]);
    ASSERT_TRUE(got.isOk() && want.isOk());
    EXPECT_EQ(got->tokens, want->tokens) << i;
  }
}

TEST_F(CudaChoice, RefusesBitsOfAnotherVocabulary) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  ASSERT_TRUE(session.append(sequence(1, 1)).isOk());
  std::vector<uint32_t> seen(7);
  StepEntry entry{&session, LogitsOf::Token, {.penalty = 2, .seen = seen}};
  auto rows = scheduler->step({&entry, 1});
  ASSERT_FALSE(rows.isOk());
  EXPECT_EQ(rows.status().message(),
            "choice: expects 4 bytes of seen tokens but got 28");
}

} // namespace
