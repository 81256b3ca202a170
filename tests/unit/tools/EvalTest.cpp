//===- EvalTest.cpp - Likelihoods and comparisons of logits ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/core/TestFiles.h"
#include "tests/unit/exec/FakeRunner.h"
#include "tools/eval/Evaluator.h"
#include "tools/eval/LogitStatistics.h"
#include "tools/eval/ReferenceLogits.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <map>

using namespace gossamer;
using namespace gossamer::tools;
using gossamer::test::FakeRunner;

namespace {

using Row = std::vector<float>;

/// Logits of a distribution, moved by a constant that must not matter.
Row logitsOf(const std::vector<double> &distribution, double shift = 0) {
  Row row;
  for (double p : distribution)
    row.push_back(static_cast<float>(std::log(p) + shift));
  return row;
}

LogitRow make(const Row &row) {
  Expected<LogitRow> result = LogitRow::create(row);
  EXPECT_TRUE(result.isOk());
  return *result;
}

TEST(LogitStatistics, NllIsThatOfTheDistribution) {
  Row row = logitsOf({0.5, 0.25, 0.125, 0.125}, 30);
  EXPECT_NEAR(make(row).getNll(0), std::log(2), 1e-5);
  EXPECT_NEAR(make(row).getNll(3), std::log(8), 1e-5);
  // Logits whose exponentials overflow or vanish.
  Row wide = {1e30F, -1e30F, 0};
  EXPECT_EQ(make(wide).getNll(0), 0);
  EXPECT_NEAR(make(wide).getNll(2) / 1e30, 1, 1e-6);
  EXPECT_EQ(make({7}).getNll(0), 0);
}

TEST(LogitStatistics, KlOfKnownDistributions) {
  // KL(p || q) = sum p log(p / q), by hand.
  Row p = logitsOf({0.5, 0.25, 0.25}, -3);
  Row q = logitsOf({0.25, 0.25, 0.5}, 8);
  double want = 0.5 * std::log(2.0) + 0 + 0.25 * std::log(0.5);
  EXPECT_NEAR(getKlDivergence(make(p), make(q)), want, 1e-6);
  // It has a direction.
  Row r = logitsOf({0.9, 0.05, 0.05});
  EXPECT_NEAR(getKlDivergence(make(r), make(p)),
              0.9 * std::log(1.8) + 0.1 * std::log(0.2), 1e-6);
  EXPECT_NEAR(getKlDivergence(make(p), make(r)),
              0.5 * std::log(0.5 / 0.9) + 0.5 * std::log(5.0), 1e-6);
  // Uniform against certain: log n; the other way the logits decide.
  Row uniform(1000, 1.5F);
  Row certain(1000, 0.0F);
  certain[7] = 200;
  EXPECT_NEAR(getKlDivergence(make(certain), make(uniform)), std::log(1000),
              1e-9);
  EXPECT_NEAR(getKlDivergence(make(uniform), make(certain)),
              200 * 0.999 - std::log(1000), 1e-6);
}

TEST(LogitStatistics, KlIsZeroForEqualAndNeverNegative) {
  Row row = {3, -1, 0.25F, 1e-3F};
  EXPECT_EQ(getKlDivergence(make(row), make(row)), 0);
  for (float step : {1e-7F, 1e-6F, 1e-5F}) {
    Row near = row;
    for (float &logit : near)
      logit = logit * (1 + step) + step;
    double kl = getKlDivergence(make(row), make(near));
    EXPECT_GE(kl, 0);
    EXPECT_LT(kl, 1e-9);
  }
}

TEST(LogitStatistics, TopIsTheLowestIdAmongEquals) {
  EXPECT_EQ(make({1, 5, 5, 2}).top, 1U);
  EXPECT_EQ(make({0, -0.0F}).top, 0U);
  EXPECT_EQ(make({-3, -2}).top, 1U);
  Comparison comparison;
  Row tie = {5, 5, 1};
  Row first = {5, 4, 1};
  Row second = {4, 5, 1};
  comparison.add(make(tie), make(first), 0, 0);
  comparison.add(make(tie), make(second), 0, 1);
  EXPECT_EQ(comparison.topAgreement(), 0.5);
}

TEST(LogitStatistics, RefusesLogitsThatAreNotFinite) {
  float infinity = std::numeric_limits<float>::infinity();
  float nan = std::numeric_limits<float>::quiet_NaN();
  for (float bad : {nan, infinity, -infinity}) {
    Row row = {1, 2, bad, 3};
    Status status = LogitRow::create(row).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidData);
    EXPECT_TRUE(status.message().ends_with(" for token 2"));
  }
}

TEST(LogitStatistics, ComparisonKeepsErrorsAndTheWorstPlace) {
  Row zero = {0, 0};
  Row near = {0.5F, 0};
  Row far = {0, 3};
  Comparison a;
  a.add(make(zero), make(near), 0, 5);
  Comparison b;
  b.add(make(zero), make(far), 1, 9);
  a.add(b);
  EXPECT_EQ(a.rowCount(), 2U);
  EXPECT_EQ(a.maxError(), 3);
  EXPECT_NEAR(a.rmsError(), std::sqrt((0.25 + 9) / 4), 1e-12);
  EXPECT_EQ(a.maxKlSequence(), 1U);
  EXPECT_EQ(a.maxKlPosition(), 9U);
  EXPECT_EQ(a.topAgreement(), 0.5);
  EXPECT_EQ(Comparison().meanKl(), 0);
}

TEST(LogitStatistics, PerplexityOfAUniformDistributionIsItsSize) {
  Likelihood likelihood;
  EXPECT_FALSE(likelihood.getPerplexity());
  Row uniform(64, -2.5F);
  for (uint32_t token = 0; token < 10; ++token)
    likelihood.add(make(uniform).getNll(token));
  EXPECT_NEAR(*likelihood.getPerplexity(), 64, 1e-9);
}

TEST(TokenSequences, ReadsText) {
  auto read = parseTokenSequences("1,2 3\r\n\n\t4 ,, 5\n  \n6", "t");
  ASSERT_TRUE(read.isOk());
  EXPECT_EQ(read->rows,
            (std::vector<std::vector<int32_t>>{{1, 2, 3}, {4, 5}, {6}}));
  for (const char *bad : {"x", "1.5", "0x1", "99999999999", "1;2", "+1"}) {
    Status status =
        parseTokenSequences("1\n2 " + std::string(bad), "t").status();
    EXPECT_EQ(status.message(),
              "t: line 2: expects token ids such as 1,2,3 but got \"" +
                  std::string(bad) + "\"");
  }
}

TEST(TokenSequences, ReadsArrays) {
  TempDir dir;
  std::vector<int32_t> ids = {1, 2, 3, 4, 5, 6};
  std::vector<uint64_t> shape = {2, 3};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), ids, shape).isOk());
  auto read = readTokenSequences(dir.file("a.npy"));
  ASSERT_TRUE(read.isOk()) << read.status().message();
  EXPECT_EQ(read->rows,
            (std::vector<std::vector<int32_t>>{{1, 2, 3}, {4, 5, 6}}));
  shape = {6};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), ids, shape).isOk());
  EXPECT_EQ(readTokenSequences(dir.file("a.npy"))->rows.size(), 1U);
  // Rows without elements cost nothing, however many the header claims.
  shape = {uint64_t{1} << 40, 0};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), std::span<int32_t>(), shape).isOk());
  EXPECT_EQ(readTokenSequences(dir.file("a.npy"))->tokenCount(), 0U);
  shape = {1, 2, 3};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), ids, shape).isOk());
  EXPECT_EQ(readTokenSequences(dir.file("a.npy")).status().code(),
            StatusCode::InvalidData);
  std::vector<float> floats = {1};
  shape = {1};
  ASSERT_TRUE(writeNpy(dir.file("a.npy"), floats, shape).isOk());
  EXPECT_EQ(readTokenSequences(dir.file("a.npy")).status().message(),
            dir.file("a.npy") + ": expects int32 token ids but got float32");
}

TEST(TokenSequences, ChecksIdsAndLengths) {
  StepShape shape = FakeRunner::make()->shape(); // 50 ids, context 200.
  auto check = [&](std::vector<std::vector<int32_t>> rows) {
    return TokenSequences{"t", std::move(rows)}.check(shape).message();
  };
  EXPECT_EQ(check({{0, 49}, std::vector<int32_t>(200)}), "");
  EXPECT_EQ(check({}), "t: expects at least one token but got none");
  EXPECT_EQ(check({{1}, {2, 50}}),
            "t: sequence 1, position 1: expects an id below 50 but got 50");
  EXPECT_EQ(check({{-1}}),
            "t: sequence 0, position 0: expects an id below 50 but got -1");
  EXPECT_EQ(check({std::vector<int32_t>(201)}),
            "t: sequence 0: expects at most 200 tokens, the model's context, "
            "but got 201");
}

TokenSequences sample() {
  TokenSequences sequences{"sample", {}};
  int32_t id = 0;
  for (size_t length : {70, 1, 33, 4, 150})
    for (std::vector<int32_t> &row = sequences.rows.emplace_back();
         row.size() < length;)
      row.push_back(id = (id * 7 + 3) % 50);
  return sequences;
}

TEST(Evaluator, RowsDoNotDependOnStepsAndBatches) {
  auto runner = FakeRunner::make();
  TokenSequences sequences = sample();
  for (uint64_t last : {0, 1, 5, 100}) {
    KeptRows kept(sequences, last);
    for (uint32_t batch : {1, 2, 64})
      for (uint32_t tokens : {0, 1, 7, 16}) {
        auto evaluator = Evaluator::create(runner, {batch, tokens});
        ASSERT_TRUE(evaluator.isOk());
        std::map<uint64_t, size_t> seen;
        uint64_t done = 0;
        Status status = evaluator->run(
            sequences, kept,
            [&](const EvaluatedRow &row) {
              std::span<const int32_t> all = sequences.rows[row.sequence];
              EXPECT_EQ(Row(row.logits.begin(), row.logits.end()),
                        runner->logitsAfter(all.first(row.position + 1)));
              ++seen[kept.rowOf(row.sequence, row.position)];
              return Status::ok();
            },
            [&](uint64_t count) {
              done += count;
              return Status::ok();
            });
        ASSERT_TRUE(status.isOk()) << status.message();
        EXPECT_EQ(seen.size(), kept.rowCount());
        EXPECT_EQ(seen.rbegin()->first + 1, kept.rowCount());
        EXPECT_EQ(done, sequences.tokenCount());
      }
  }
}

TEST(Evaluator, BoundsTheLogitsOfAStepAndStopsOnFailure) {
  FakeRunner::Sizes sizes;
  sizes.vocabulary = 8 << 20; // 32 MiB a row.
  auto large = Evaluator::create(FakeRunner::make(sizes));
  ASSERT_TRUE(large.isOk());
  EXPECT_EQ(large->tokensPerStep(), 2U);

  TokenSequences sequences = sample();
  KeptRows kept(sequences, 0);
  auto evaluator = Evaluator::create(FakeRunner::make());
  int calls = 0;
  Status status = evaluator->run(sequences, kept, [&](const EvaluatedRow &) {
    return ++calls == 3 ? ioError("full") : Status::ok();
  });
  EXPECT_EQ(status.message(), "full");
  EXPECT_EQ(calls, 3);
}

TEST(KeptRows, ShapesOfArrays) {
  using Shape = std::vector<uint64_t>;
  EXPECT_EQ(KeptRows(sample(), 0).getShape(9), (Shape{258, 9}));
  EXPECT_EQ(KeptRows(sample(), 1).getShape(9), (Shape{5, 1, 9}));
  EXPECT_EQ(KeptRows(sample(), 4).getShape(9), (Shape{17, 9}));
  EXPECT_EQ(KeptRows({"one", {{1, 2, 3}}}, 2).getShape(9), (Shape{2, 9}));
}

TEST(ReferenceLogits, AcceptsTheShapesOfTheRows) {
  TempDir dir;
  TokenSequences sequences{"t", {{1, 2, 3}, {4, 5, 6}}};
  KeptRows kept(sequences, 2);
  std::string path = dir.file("a.npy");
  std::vector<float> values(12);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(i);
  auto open = [&](std::vector<uint64_t> shape, uint64_t columns = 3) {
    EXPECT_TRUE(writeNpy(path, values, shape).isOk());
    return ReferenceLogits::open(path, kept, columns);
  };
  for (const auto &shape : {std::vector<uint64_t>{4, 3}, {2, 2, 3}}) {
    auto reference = open(shape);
    ASSERT_TRUE(reference.isOk()) << reference.status().message();
    EXPECT_EQ(reference->read(3)->max, 11);
  }
  for (const auto &shape :
       {std::vector<uint64_t>{12}, {3, 4}, {1, 4, 3}, {2, 2, 3, 1}})
    EXPECT_EQ(open(shape).status().code(), StatusCode::InvalidData);
  EXPECT_TRUE(open({4, 3}, 4).status().message().starts_with(
      path + ": expects logits of shape [4, 4] or [2, 2, 4] for these tokens "
             "but got [4, 3]"));
  values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(open({4, 3})->read(2).status().message(),
            path + ": row 2: expects finite logits but got nan for token 1");
}

} // namespace
