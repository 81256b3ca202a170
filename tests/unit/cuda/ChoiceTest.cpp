//===- ChoiceTest.cpp - Tokens chosen by a device -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// goss_cuda_code.choose in the interpreter, against the host's sampler: the
// same token in every case, with no tolerance.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelEmitters.h"
#include "runtime/device/CudaChoice.h"
#include "runtime/generate/Sampler.h"
#include "tests/unit/cuda/KernelCase.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// One row, and how its token is to be chosen.
struct Request {
  Floats logits;
  SamplingOptions options = {.greedy = true};
  Ints seen = {};
  uint64_t position = 0;
};

DeviceKernel &kernelFor(int64_t vocabulary) {
  static std::map<int64_t, std::unique_ptr<DeviceKernel>> kernels;
  std::unique_ptr<DeviceKernel> &kernel = kernels[vocabulary];
  if (!kernel)
    kernel = std::make_unique<DeviceKernel>(
        describeChoice(f32({kMaxTokens, vocabulary})),
        KernelKind{"choose", "plain", "", emitChoice});
  return *kernel;
}

/// What the device chooses; of every fourth row nothing is wanted before.
Ints choose(const std::vector<Request> &requests) {
  size_t vocabulary = requests[0].logits.size();
  size_t words = seenWords(vocabulary);
  Floats logits;
  std::vector<goss_cuda_choice> choices;
  std::vector<uint32_t> seen;
  std::vector<size_t> rowOf;
  for (const Request &request : requests) {
    if (rowOf.size() % 3 == 1) { // A row that nobody asked about.
      logits.insert(logits.end(), vocabulary, kNan);
      choices.push_back({});
      seen.resize(seen.size() + words);
    }
    rowOf.push_back(choices.size());
    logits.insert(logits.end(), request.logits.begin(), request.logits.end());
    Sampler sampler(request.options, static_cast<uint32_t>(vocabulary));
    sampler.observe(request.seen);
    TokenChoice choice = sampler.choiceAt(request.position);
    choices.push_back(encode(choice));
    // Without a penalty nobody reads them.
    seen.insert(seen.end(), choice.seen.begin(), choice.seen.end());
    seen.resize(choices.size() * words, 0xffffffff);
  }
  auto rows = static_cast<int64_t>(choices.size());
  std::vector<Argument> arguments = {{bytesOf(logits), false},
                                     {bytesOf(choices), false},
                                     {bytesOf(seen), false},
                                     {bytesOf(Ints(kMaxTokens, -77)), true}};
  EXPECT_TRUE(kernelFor(static_cast<int64_t>(vocabulary))
                  .run(arguments, {rows + 5, rows, 0, 1}));
  Ints all(kMaxTokens), chosen;
  std::memcpy(all.data(), arguments[3].bytes.data(), arguments[3].bytes.size());
  EXPECT_EQ(all[choices.size()], -77);
  size_t next = 0;
  for (size_t row = 0; row < choices.size(); ++row)
    if (next < rowOf.size() && rowOf[next] == row) {
      chosen.push_back(all[row]);
      ++next;
    } else {
      EXPECT_EQ(all[row], -1) << row;
    }
  return chosen;
}

/// What the host's sampler takes; -1 where it fails.
int32_t sample(const Request &request) {
  Sampler sampler(request.options,
                  static_cast<uint32_t>(request.logits.size()));
  sampler.observe(request.seen);
  auto token = sampler.sample(request.logits, request.position);
  return token.isOk() ? *token : -1;
}

std::string describe(const Request &request) {
  const SamplingOptions &o = request.options;
  return std::to_string(request.logits.size()) + " logits, T " +
         std::to_string(o.temperature) + ", k " + std::to_string(o.topK) +
         ", p " + std::to_string(o.topP) + ", min-p " + std::to_string(o.minP) +
         ", penalty " + std::to_string(o.repetitionPenalty) + ", greedy " +
         std::to_string(o.greedy) + ", position " +
         std::to_string(request.position);
}

void check(const std::vector<Request> &requests) {
  constexpr size_t together = 30;
  for (size_t begin = 0; begin < requests.size(); begin += together) {
    size_t end = std::min(begin + together, requests.size());
    std::vector<Request> some(requests.begin() + static_cast<ptrdiff_t>(begin),
                              requests.begin() + static_cast<ptrdiff_t>(end));
    Ints got = choose(some);
    ASSERT_EQ(got.size(), some.size());
    for (size_t i = 0; i < some.size(); ++i)
      EXPECT_EQ(got[i], sample(some[i])) << describe(some[i]);
  }
}

/// Greedy.
void check(const std::vector<Floats> &rows) {
  std::vector<Request> requests;
  for (const Floats &row : rows)
    requests.push_back({row});
  check(requests);
}

Ints greedy(const std::vector<Floats> &rows) {
  std::vector<Request> requests;
  for (const Floats &row : rows)
    requests.push_back({row});
  return choose(requests);
}

/// As logits of a model are: many small ones, few large.
Floats bellShaped(size_t count, unsigned seed, double spread) {
  std::mt19937 random(seed); // NOLINT(bugprone-random-generator-seed)
  std::normal_distribution<double> normal(0, spread);
  Floats result;
  for (size_t i = 0; i < count; ++i)
    result.push_back(static_cast<float>(normal(random)));
  return result;
}

/// Of every row `draws` requests, at positions one after the other.
std::vector<Request> drawsOf(const std::vector<Floats> &rows,
                             const SamplingOptions &options, uint64_t draws,
                             const Ints &seen = {}) {
  std::vector<Request> requests;
  for (const Floats &row : rows)
    for (uint64_t position = 0; position < draws; ++position)
      requests.push_back({row, options, seen, position});
  return requests;
}

} // namespace

//===----------------------------------------------------------------------===//
// The largest logit
//===----------------------------------------------------------------------===//

TEST(CudaChoice, LargestLogits) {
  // Less than a block has threads, shares of unequal size, many parts.
  for (size_t vocabulary : {1, 7, 256, 3072, 8191, 9001, 20000}) {
    std::vector<Floats> rows;
    for (unsigned seed = 1; seed <= 3; ++seed)
      rows.push_back(randomFloats(vocabulary, seed));
    check(rows);
  }
}

TEST(CudaChoice, TheLowestOfEqualLogits) {
  constexpr size_t vocabulary = 12293; // Three parts.
  for (auto [first, second] : {std::pair<size_t, size_t>{0, 12292},
                               {4097, 4098},
                               {255, 256},
                               {4000, 9000},
                               {31, 8200},
                               {12291, 12292}}) {
    Floats row(vocabulary, -1.0F);
    row[first] = row[second] = 2.5F;
    EXPECT_EQ(greedy({row}), Ints{static_cast<int32_t>(first)});
    // Zeros are equal whatever their sign.
    row[first] = -0.0F;
    row[second] = 0.0F;
    check({row});
  }
  check({Floats(vocabulary, 0.5F)});
}

TEST(CudaChoice, LeavesWhatIsNoLogitToTheHost) {
  Floats good = randomFloats(9001, 1);
  for (size_t place : {0, 4500, 9000}) {
    Floats nan = good, infinite = good, low = good;
    nan[place] = kNan;
    infinite[place] = kInfinity;
    low[place] = -kInfinity;
    std::vector<Floats> rows = {nan, good, infinite, low,
                                Floats(9001, -kInfinity)};
    check(rows);
    check(drawsOf(rows, {.temperature = 1}, 1));
    check(drawsOf(rows, {.repetitionPenalty = 2, .greedy = true}, 1,
                  {0, 4500, 9000}));
    EXPECT_EQ(greedy({nan, infinite}), (Ints{-1, -1}));
  }
  Floats single(9001, -kInfinity);
  single[77] = -3e38F;
  check({single});
  check(drawsOf({single}, {.topK = 5, .topP = 0.5, .minP = 1}, 2));
}

//===----------------------------------------------------------------------===//
// Draws
//===----------------------------------------------------------------------===//

TEST(CudaChoice, DrawsOfTheDistribution) {
  for (size_t vocabulary : {1, 2, 7, 255, 256, 257, 3072, 9001})
    check(drawsOf({bellShaped(vocabulary, 1, 2)}, {.seed = 7}, 20));
  std::vector<Floats> row = {bellShaped(20000, 2, 2.5)};
  for (double temperature : {0.3, 0.7, 1.0, 1.5, 4.0, 1e30})
    check(drawsOf(row, {.temperature = temperature, .seed = 3}, 8));
}

TEST(CudaChoice, TinyTemperatures) {
  Floats row = {-50, 10, 9.99F, -1e30F, 3e38F, 2.9e38F, 3e38F};
  for (double temperature : {1e-3, 1e-6, 1e-300, 5e-324})
    check(
        drawsOf({row, bellShaped(7, 4, 1)}, {.temperature = temperature}, 10));
  Floats close(5000, 1.0F);
  close[4711] = std::nextafter(1.0F, 2.0F);
  close[99] = std::nextafter(1.0F, 0.0F);
  for (double temperature : {1e-9, 1e-7, 1e-6})
    check(drawsOf({close}, {.temperature = temperature}, 10));
}

TEST(CudaChoice, EqualLogits) {
  check(drawsOf({Floats(5000, 2.5F)}, {.seed = 5}, 12));
  // Few values, so ties at every border.
  std::mt19937 random(3); // NOLINT(bugprone-random-generator-seed)
  Floats coarse(9001);
  for (float &logit : coarse)
    logit = static_cast<float>(random() % 9) - 4.0F;
  coarse[17] = -0.0F;
  for (const SamplingOptions &options :
       {SamplingOptions{}, SamplingOptions{.topK = 1},
        SamplingOptions{.topK = 40}, SamplingOptions{.topP = 0.3},
        SamplingOptions{.topP = 0.9}, SamplingOptions{.minP = 0.2},
        SamplingOptions{.temperature = 2, .topK = 2000, .topP = 0.6}})
    check(drawsOf({coarse}, options, 8));
}

TEST(CudaChoice, TopK) {
  std::vector<Floats> rows = {bellShaped(3072, 5, 2), bellShaped(3072, 6, 9)};
  for (int64_t k :
       {int64_t{1}, int64_t{2}, int64_t{50}, int64_t{1000}, int64_t{3071},
        int64_t{3072}, int64_t{3073}, std::numeric_limits<int64_t>::max()})
    check(drawsOf(rows, {.topK = k, .seed = 11}, 6));
  // Beyond what is finite, and beyond what has a weight.
  Floats low(3072, -kInfinity);
  low[5] = 1;
  low[3000] = 2;
  Floats steep(3072, -1000.0F);
  steep[70] = 5;
  steep[71] = 4;
  for (int64_t k : {1, 2, 3, 100, 3000})
    check(drawsOf({low, steep}, {.topK = k}, 6));
}

TEST(CudaChoice, TopP) {
  std::vector<Floats> rows = {bellShaped(3072, 7, 2), Floats(3072, 1.0F)};
  for (double p : {0.0, 1e-300, 1e-12, 0.1, 0.5, 0.9, 0.95, 0.999999, 1.0})
    check(drawsOf(rows, {.topP = p, .seed = 13}, 6));
  // A limit that a sum meets exactly: of four equal ones two are kept.
  check(drawsOf({Floats(4, 1.5F)}, {.topP = 0.5}, 30));
  check(drawsOf({Floats(4, 1.5F)}, {.topP = 0.25}, 30));
}

TEST(CudaChoice, MinP) {
  std::vector<Floats> rows = {bellShaped(3072, 8, 2), {Floats(3072, 0.0F)}};
  rows[1][9] = std::log(2.0F);
  for (double p : {0.0, 1e-300, 1e-9, 0.01, 0.05, 0.5, 1.0})
    check(drawsOf(rows, {.minP = p, .seed = 17}, 6));
}

TEST(CudaChoice, RepetitionPenalty) {
  std::vector<Floats> rows = {bellShaped(3072, 9, 3), bellShaped(3072, 10, 1)};
  rows[1][5] = 0;
  rows[1][6] = -kInfinity;
  Ints seen = {5, 6, 5, 5, 3071, 31, 32, 33, 64, 5, -1, 3072, 1 << 30};
  for (size_t row : {0, 1})
    seen.push_back(static_cast<int32_t>(
        std::max_element(rows[row].begin(), rows[row].end()) -
        rows[row].begin()));
  for (double penalty : {1e-300, 0.5, 1.1, 1.3, 2.0, 1e300}) {
    check(
        drawsOf(rows, {.repetitionPenalty = penalty, .greedy = true}, 1, seen));
    check(drawsOf(rows, {.repetitionPenalty = penalty, .seed = 19}, 6, seen));
  }
  // Nothing seen yet.
  check(drawsOf(rows, {.repetitionPenalty = 2}, 3));
}

TEST(CudaChoice, AllOptionsTogether) {
  std::mt19937 random(23); // NOLINT(bugprone-random-generator-seed)
  auto oneOf = [&](auto... values) {
    std::common_type_t<decltype(values)...> all[] = {values...};
    return all[random() % std::size(all)];
  };
  std::vector<Request> requests;
  for (unsigned i = 0; i < 300; ++i) {
    Request request;
    request.logits = bellShaped(3072, i, oneOf(0.1, 1.0, 2.5, 10.0));
    if (i % 3 == 0) // With ties.
      for (float &logit : request.logits)
        logit = std::round(logit * 4) / 4;
    request.options = {.temperature = oneOf(0.0, 0.2, 0.8, 1.0, 1.7),
                       .topK = oneOf(0, 1, 5, 40, 500, 4000),
                       .topP = oneOf(0.0, 0.3, 0.8, 0.95, 1.0),
                       .minP = oneOf(0.0, 0.0, 0.02, 0.3),
                       .repetitionPenalty = oneOf(1.0, 1.0, 1.2, 0.7),
                       .seed = random()};
    for (int n = 0; n < 200; ++n)
      request.seen.push_back(static_cast<int32_t>(random() % 3072));
    request.position = random() % 5000;
    requests.push_back(std::move(request));
  }
  check(requests);
}

// The vocabulary of gpt-oss: 49 parts, tokens of three bytes.
TEST(CudaChoice, ALargeVocabulary) {
  Floats row = bellShaped(201088, 29, 2.2);
  check(std::vector<Request>{
      {row},
      {row, {.seed = 1}, {}, 5},
      {row, {.topK = 50, .topP = 0.9, .seed = 2}, {}, 6},
      {row,
       {.temperature = 1.5, .minP = 0.02, .repetitionPenalty = 1.3},
       {7, 200000, 201087},
       7}});
}
