//===- SamplerTest.cpp ----------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Sampler.h"

#include "runtime/generate/Random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

using namespace gossamer;

namespace {

using Logits = std::vector<float>;
constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float notANumber = std::numeric_limits<float>::quiet_NaN();

int32_t sampleOnce(SamplingOptions options, const Logits &logits,
                   uint64_t position = 0,
                   const std::vector<int32_t> &seen = {}) {
  Sampler sampler(options, static_cast<uint32_t>(logits.size()));
  sampler.observe(seen);
  auto token = sampler.sample(logits, position);
  EXPECT_TRUE(token.isOk()) << token.status().message();
  return token.isOk() ? *token : -1;
}

std::map<int32_t, int> histogram(const SamplingOptions &options,
                                 const Logits &logits, int draws = 2000,
                                 const std::vector<int32_t> &seen = {}) {
  Sampler sampler(options, static_cast<uint32_t>(logits.size()));
  sampler.observe(seen);
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i)
    ++counts[*sampler.sample(logits, static_cast<uint64_t>(i))];
  return counts;
}

std::set<int32_t> support(const SamplingOptions &options, const Logits &logits,
                          const std::vector<int32_t> &seen = {}) {
  std::set<int32_t> ids;
  for (auto [id, count] : histogram(options, logits, 2000, seen))
    ids.insert(id);
  return ids;
}

/// Chi-square statistic of the draws against exact probabilities.
double chiSquare(const std::map<int32_t, int> &counts,
                 const std::vector<double> &probabilities, int draws) {
  double sum = 0;
  for (size_t id = 0; id < probabilities.size(); ++id) {
    double expected = probabilities[id] * draws;
    auto found = counts.find(static_cast<int32_t>(id));
    double observed = found == counts.end() ? 0 : found->second;
    if (expected == 0)
      EXPECT_EQ(observed, 0) << id;
    else
      sum += (observed - expected) * (observed - expected) / expected;
  }
  return sum;
}

std::vector<double> softmax(const Logits &logits, double temperature) {
  double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> result;
  double sum = 0;
  for (float logit : logits) {
    result.push_back(std::exp((logit - top) / temperature));
    sum += result.back();
  }
  for (double &value : result)
    value /= sum;
  return result;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

TEST(SamplingOptions, DefaultsAreValid) {
  EXPECT_TRUE(SamplingOptions().validate().isOk());
}

TEST(SamplingOptions, RangesAreChecked) {
  auto message = [](auto change) {
    SamplingOptions options;
    change(options);
    Status status = options.validate();
    EXPECT_EQ(status.code(),
              status.isOk() ? StatusCode::Ok : StatusCode::Usage);
    return status.message();
  };
  using O = SamplingOptions;
  EXPECT_EQ(message([](O &o) { o.temperature = -0.5; }),
            "temperature: expects a finite number >= 0 but got -0.5");
  EXPECT_EQ(message([](O &o) { o.temperature = infinity; }),
            "temperature: expects a finite number >= 0 but got inf");
  EXPECT_EQ(message([](O &o) { o.temperature = notANumber; }),
            "temperature: expects a finite number >= 0 but got nan");
  EXPECT_EQ(message([](O &o) { o.topK = -1; }),
            "top-k: expects an integer >= 0 but got -1");
  EXPECT_EQ(message([](O &o) { o.topP = 1.1; }),
            "top-p: expects a number in [0, 1] but got 1.1");
  EXPECT_EQ(message([](O &o) { o.topP = -0.1; }),
            "top-p: expects a number in [0, 1] but got -0.1");
  EXPECT_EQ(message([](O &o) { o.minP = 2; }),
            "min-p: expects a number in [0, 1] but got 2");
  EXPECT_EQ(message([](O &o) { o.minP = notANumber; }),
            "min-p: expects a number in [0, 1] but got nan");
  EXPECT_EQ(message([](O &o) { o.repetitionPenalty = 0; }),
            "repetition-penalty: expects a finite number > 0 but got 0");
  EXPECT_EQ(message([](O &o) {
              o.temperature = 0;
              o.topP = 0;
              o.minP = 1;
              o.topK = 1 << 30;
              o.repetitionPenalty = 0.1;
            }),
            "");
}

//===----------------------------------------------------------------------===//
// Greedy
//===----------------------------------------------------------------------===//

TEST(Sampler, GreedyTakesTheLowestOfEqualIds) {
  Logits logits = {1, 5, 2, 5, 5};
  EXPECT_EQ(sampleOnce({.greedy = true}, logits), 1);
  EXPECT_EQ(sampleOnce({.temperature = 0}, logits), 1);
  EXPECT_EQ(sampleOnce({.greedy = true}, {-infinity, -infinity, -7}), 2);
}

// Whatever the size of the vocabulary and the place in it.
TEST(Sampler, GreedyLooksAtEveryLogit) {
  for (size_t size : {1U, 2U, 15U, 16U, 17U, 63U, 64U, 65U, 200U}) {
    Sampler sampler({.greedy = true}, static_cast<uint32_t>(size));
    for (size_t place = 0; place < size; ++place) {
      Logits logits(size, -3);
      std::fill(logits.begin() + static_cast<ptrdiff_t>(place), logits.end(),
                2.5F);
      EXPECT_EQ(sampler.sample(logits, 0).take(), static_cast<int32_t>(place));
      for (float wrong : {notANumber, infinity}) {
        logits[place] = wrong;
        EXPECT_FALSE(sampler.sample(logits, 0).isOk()) << size << " " << place;
      }
    }
  }
  EXPECT_EQ(sampleOnce({.greedy = true}, {-1, -0.0F, 0.0F}), 1);
}

TEST(Sampler, GreedyUsesPenalisedLogits) {
  EXPECT_EQ(
      sampleOnce({.repetitionPenalty = 2, .greedy = true}, {3, 4, 1}, 0, {1}),
      0);
}

//===----------------------------------------------------------------------===//
// Bad logits
//===----------------------------------------------------------------------===//

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  for (bool greedy : {false, true}) {
    Sampler sampler({.greedy = greedy}, 3);
    auto token = sampler.sample(Logits{1, notANumber, 2}, 12);
    ASSERT_FALSE(token.isOk());
    EXPECT_EQ(token.status().code(), StatusCode::InvalidData);
    EXPECT_EQ(token.status().message(), "logits for position 12: expects "
                                        "numbers but got NaN for token 1");
    token = sampler.sample(Logits{1, 2, infinity}, 0);
    EXPECT_EQ(token.status().message(), "logits for position 0: expects "
                                        "numbers but got inf for token 2");
    token = sampler.sample(Logits(3, -infinity), 0);
    EXPECT_EQ(token.status().message(), "logits for position 0: expects a "
                                        "finite value but all are -inf");
  }
}

TEST(Sampler, AllButOneMinusInfinity) {
  Logits logits(100, -infinity);
  logits[42] = -1000;
  for (double temperature : {1e-6, 1.0, 100.0})
    EXPECT_EQ(support({.temperature = temperature}, logits),
              std::set<int32_t>{42});
  EXPECT_EQ(support({.topK = 5, .topP = 0.5, .minP = 1}, logits),
            std::set<int32_t>{42});
}

//===----------------------------------------------------------------------===//
// Repetition penalty
//===----------------------------------------------------------------------===//

// Divides positive, multiplies negative logits, leaves 0 alone, once for each
// distinct id, prompt included. Read off a two-token distribution.
TEST(Sampler, RepetitionPenalty) {
  auto probabilityOfFirst = [](float logit, const std::vector<int32_t> &seen,
                               double penalty) {
    SamplingOptions options;
    options.repetitionPenalty = penalty;
    return histogram(options, {logit, 0}, 20000, seen)[0] / 20000.0;
  };
  auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  EXPECT_NEAR(probabilityOfFirst(2, {0}, 2), logistic(1), 0.012);
  EXPECT_NEAR(probabilityOfFirst(2, {0, 0, 0, 1}, 2), logistic(1), 0.012);
  EXPECT_NEAR(probabilityOfFirst(-1, {0}, 2), logistic(-2), 0.012);
  EXPECT_NEAR(probabilityOfFirst(-1, {0}, 0.5), logistic(-0.5), 0.012);
  EXPECT_NEAR(probabilityOfFirst(0, {0}, 2), 0.5, 0.012);
  EXPECT_NEAR(probabilityOfFirst(2, {}, 2), logistic(2), 0.012);
  EXPECT_NEAR(probabilityOfFirst(2, {0}, 1), logistic(2), 0.012);
}

TEST(Sampler, PenaltyKeepsMinusInfinityAndStaysFinite) {
  Logits logits = {-infinity, 3e38F, -3e38F};
  for (double penalty : {1e-300, 1e300})
    EXPECT_NE(sampleOnce({.repetitionPenalty = penalty}, logits, 0, {0, 1, 2}),
              0);
}

// As in float32, where a third of 1 has but one value.
TEST(Sampler, PenalisedLogitsAreRoundedToFloat32) {
  EXPECT_EQ(sampleOnce({.repetitionPenalty = 3, .greedy = true}, {1.0F / 3, 1},
                       0, {1}),
            0);
  EXPECT_EQ(sampleOnce({.repetitionPenalty = 3, .greedy = true}, {1, 1.0F / 3},
                       0, {0}),
            0);
}

TEST(Sampler, PenaltyIgnoresIdsOutsideTheVocabulary) {
  EXPECT_EQ(sampleOnce({.repetitionPenalty = 2, .greedy = true}, {1, 2}, 0,
                       {-1, 2, 1 << 30}),
            1);
}

//===----------------------------------------------------------------------===//
// Temperature
//===----------------------------------------------------------------------===//

TEST(Sampler, TinyTemperatureIsGreedyWithoutOverflow) {
  Logits logits = {-50, 10, 9.99F, -1e30F, 3e38F, 2.9e38F};
  for (double temperature : {1e-6, 1e-300, 5e-324})
    EXPECT_EQ(support({.temperature = temperature}, logits),
              std::set<int32_t>{4});
}

TEST(Sampler, HugeTemperatureIsUniform) {
  Logits logits = {-5, 0, 5, 10};
  auto counts = histogram({.temperature = 1e30}, logits, 8000);
  EXPECT_LT(chiSquare(counts, {0.25, 0.25, 0.25, 0.25}, 8000), 16.3);
}

//===----------------------------------------------------------------------===//
// Top-k
//===----------------------------------------------------------------------===//

TEST(Sampler, TopKKeepsTheLargest) {
  Logits logits = {1, 4, 2, 3};
  EXPECT_EQ(support({.topK = 1}, logits), (std::set<int32_t>{1}));
  EXPECT_EQ(support({.topK = 2}, logits), (std::set<int32_t>{1, 3}));
  EXPECT_EQ(support({.topK = 0}, logits), (std::set<int32_t>{0, 1, 2, 3}));
}

TEST(Sampler, TopKKeepsTiesAtTheBorder) {
  Logits logits = {2, 3, 2, 1, 2};
  EXPECT_EQ(support({.topK = 2}, logits), (std::set<int32_t>{0, 1, 2, 4}));
}

TEST(Sampler, TopKLargerThanTheVocabulary) {
  Logits logits = {1, 2, 3};
  for (int64_t k :
       {int64_t{3}, int64_t{4}, std::numeric_limits<int64_t>::max()})
    EXPECT_EQ(support({.topK = k}, logits), (std::set<int32_t>{0, 1, 2}));
}

TEST(Sampler, TopKBeyondTheFiniteLogits) {
  EXPECT_EQ(support({.topK = 3}, {1, -infinity, -infinity, 2}),
            (std::set<int32_t>{0, 3}));
}

//===----------------------------------------------------------------------===//
// Top-p
//===----------------------------------------------------------------------===//

// Four equal logits have probabilities of exactly 1/4.
TEST(Sampler, TopPKeepsTheCrossingToken) {
  Logits equal(4, 1.5F);
  EXPECT_EQ(support({.topP = 0.5}, equal), (std::set<int32_t>{0, 1}));
  EXPECT_EQ(support({.topP = 0.50001}, equal), (std::set<int32_t>{0, 1, 2}));
  EXPECT_EQ(support({.topP = 0.3}, equal), (std::set<int32_t>{0, 1}));
  EXPECT_EQ(support({.topP = 0.25}, equal), (std::set<int32_t>{0}));
  EXPECT_EQ(support({.topP = 1}, equal), (std::set<int32_t>{0, 1, 2, 3}));
}

TEST(Sampler, TopPOfZeroKeepsOne) {
  EXPECT_EQ(support({.topP = 0}, {1, 3, 2}), (std::set<int32_t>{1}));
  EXPECT_EQ(support({.topP = 1e-300}, {3, 3, 2}), (std::set<int32_t>{0}));
}

TEST(Sampler, TopPActsAfterTemperature) {
  // 0.665, 0.245, 0.090; at T = 10: 0.367, 0.332, 0.301.
  Logits logits = {2, 1, 0};
  EXPECT_EQ(support({.topP = 0.6}, logits), (std::set<int32_t>{0}));
  EXPECT_EQ(support({.temperature = 10, .topP = 0.6}, logits),
            (std::set<int32_t>{0, 1}));
}

TEST(Sampler, TopPActsOnWhatTopKLeaves) {
  // 0.4 of four tokens is the second; of the two left by top-k, the first.
  Logits logits(4, 0.0F);
  logits[2] = logits[3] = -0.001F;
  EXPECT_EQ(support({.topP = 0.4}, logits), (std::set<int32_t>{0, 1}));
  EXPECT_EQ(support({.topK = 2, .topP = 0.4}, logits), (std::set<int32_t>{0}));
}

//===----------------------------------------------------------------------===//
// Min-p
//===----------------------------------------------------------------------===//

TEST(Sampler, MinPComparesWithTheLargest) {
  Logits logits = {0, -1, -2, 0}; // relative to the largest: 1, .37, .14, 1.
  EXPECT_EQ(support({.minP = 0}, logits), (std::set<int32_t>{0, 1, 2, 3}));
  EXPECT_EQ(support({.minP = 0.2}, logits), (std::set<int32_t>{0, 1, 3}));
  EXPECT_EQ(support({.minP = 0.5}, logits), (std::set<int32_t>{0, 3}));
  EXPECT_EQ(support({.minP = 1}, logits), (std::set<int32_t>{0, 3}));
}

TEST(Sampler, MinPAfterTopP) {
  EXPECT_EQ(support({.topP = 0.9, .minP = 0.3}, {0, -0.5F, -1, -1.5F, -9}),
            (std::set<int32_t>{0, 1, 2}));
}

//===----------------------------------------------------------------------===//
// The draw
//===----------------------------------------------------------------------===//

TEST(Sampler, DistributionMatchesSoftmax) {
  Logits logits = {0.3F, -1.2F, 2.0F, 1.1F, -infinity, 0.3F, -4.0F, 1.7F};
  constexpr int draws = 40000;
  for (double temperature : {0.7, 1.0, 2.5})
    for (uint64_t seed : {1ULL, 77ULL, 123456789012345ULL}) {
      auto counts =
          histogram({.temperature = temperature, .seed = seed}, logits, draws);
      // 6 degrees of freedom: 22.5 is exceeded once in a thousand.
      EXPECT_LT(chiSquare(counts, softmax(logits, temperature), draws), 22.5);
    }
}

TEST(Sampler, RestrictedDistributionIsRenormalised) {
  Logits logits = {0.0F, 1.0F, 2.0F, 3.0F};
  std::vector<double> left = softmax({2.0F, 3.0F}, 1);
  constexpr int draws = 40000;
  for (SamplingOptions options :
       {SamplingOptions{.topK = 2}, SamplingOptions{.topP = 0.7},
        SamplingOptions{.minP = 0.3}}) {
    auto counts = histogram(options, logits, draws);
    EXPECT_LT(chiSquare(counts, {0, 0, left[0], left[1]}, draws), 10.9);
  }
}

TEST(Sampler, SameSeedAndPositionSameToken) {
  std::mt19937 random(5); // NOLINT(bugprone-random-generator-seed)
  Logits logits(1000);
  for (float &logit : logits)
    logit = static_cast<float>(random() % 1000) / 100;
  SamplingOptions options{.seed = 9};
  Sampler forward(options, 1000), backward(options, 1000);
  std::vector<int32_t> first, second;
  for (uint64_t i = 0; i < 100; ++i)
    first.push_back(*forward.sample(logits, i));
  for (uint64_t i = 100; i-- > 0;)
    second.insert(second.begin(), *backward.sample(logits, i));
  EXPECT_EQ(first, second);
  options.seed = 10;
  EXPECT_NE(first[0] == sampleOnce(options, logits, 0) &&
                first[1] == sampleOnce(options, logits, 1) &&
                first[2] == sampleOnce(options, logits, 2),
            true);
}

/// The definition, without shortcuts: sort everything, walk.
int32_t sampleSlowly(const SamplingOptions &options, const Logits &logits,
                     double uniform) {
  struct Entry {
    double weight;
    double logit;
    int32_t id;
  };
  std::vector<Entry> entries;
  entries.reserve(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    entries.push_back({0, logits[i], static_cast<int32_t>(i)});
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  });
  if (options.topK && static_cast<size_t>(options.topK) < entries.size()) {
    double border = entries[static_cast<size_t>(options.topK) - 1].logit;
    std::erase_if(entries, [&](const Entry &e) { return e.logit < border; });
  }
  double total = 0;
  for (Entry &e : entries)
    total += e.weight =
        std::exp((e.logit - entries[0].logit) / options.temperature);
  if (options.topP < 1) {
    double before = 0;
    size_t kept = 0;
    for (; kept < entries.size() && before < options.topP * total; ++kept)
      before += entries[kept].weight;
    entries.resize(std::max<size_t>(kept, 1));
  }
  std::erase_if(entries,
                [&](const Entry &e) { return e.weight < options.minP; });
  total = 0;
  for (const Entry &e : entries)
    total += e.weight;
  double sum = 0;
  for (const Entry &e : entries) {
    sum += e.weight;
    if (sum > uniform * total)
      return e.id;
  }
  return entries.back().id;
}

// Large vocabularies take the lazy road through the order.
TEST(Sampler, LazyOrderEqualsFullSort) {
  std::mt19937 random(17); // NOLINT(bugprone-random-generator-seed)
  for (int round = 0; round < 60; ++round) {
    Logits logits(200 + random() % 3000);
    float spread = static_cast<float>(1 + round % 8);
    for (float &logit : logits) // coarse, so that there are many ties.
      logit = spread * static_cast<float>(random() % 64) / 64;
    SamplingOptions options;
    options.temperature = 0.5 + round % 4;
    options.topK = round % 3 ? 0 : 100 + round;
    options.topP = round % 4 ? 1 : 0.8;
    options.minP = round % 5 ? 0 : 0.05;
    options.seed = random();
    Sampler sampler(options, static_cast<uint32_t>(logits.size()));
    for (uint64_t position = 0; position < 20; ++position)
      ASSERT_EQ(
          *sampler.sample(logits, position),
          sampleSlowly(options, logits, uniformAt(options.seed, position)))
          << round << " " << position;
  }
}

// Draws after one preparation are those of sample(), whichever come first and
// whatever row was prepared before.
TEST(Sampler, DrawsOfAPreparedRowAreSamples) {
  std::mt19937 random(19); // NOLINT(bugprone-random-generator-seed)
  const SamplingOptions all[] = {
      {.greedy = true},
      {},
      {.temperature = 3},
      {.topK = 100},
      {.topP = 0.7},
      {.minP = 0.2},
      {.temperature = 2, .topK = 400, .topP = 0.9, .repetitionPenalty = 1.4}};
  for (SamplingOptions options : all) {
    options.seed = random();
    Sampler prepared(options, 1000), fresh(options, 1000);
    const std::vector<int32_t> seen = {3, 500, 999};
    prepared.observe(seen);
    fresh.observe(seen);
    for (int row = 0; row < 3; ++row) {
      Logits logits(1000);
      for (float &logit : logits)
        logit = static_cast<float>(random() % 4096) / 1024;
      ASSERT_TRUE(prepared.prepare(logits, 0).isOk());
      for (int i = 0; i < 200; ++i) {
        uint64_t position = random() % 1000;
        ASSERT_EQ(prepared.draw(position), *fresh.sample(logits, position))
            << row << " " << position;
      }
    }
  }
}

TEST(Sampler, PreparingRefusesWhatSamplingRefuses) {
  Sampler sampler({}, 3);
  Status status = sampler.prepare(Logits{1, notANumber, 2}, 7);
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_EQ(status.message(),
            "logits for position 7: expects numbers but got NaN for token 1");
}

} // namespace
