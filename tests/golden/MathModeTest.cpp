//===- MathModeTest.cpp - Fast and int8 products of whole models ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Artifacts of models/tiny-stories with int8 activations (CMakeLists.txt).
// Within one mode results are the same bits however they were computed, however
// the weights lie and whatever instructions the processor has. How far a mode
// is from float32 is bounded; the figures beside the bounds were measured.
//
//===----------------------------------------------------------------------===//

#include "tests/golden/GoldenRunner.h"
#include "tools/eval/LogitStatistics.h"

#include <cstdio>
#include <gtest/gtest.h>

using namespace gossamer;
using namespace gossamer::golden;
using namespace gossamer::tools;

namespace {

LogitRow makeRow(std::span<const float> logits) {
  return require(LogitRow::create(logits));
}

//===----------------------------------------------------------------------===//
// The same bits
//===----------------------------------------------------------------------===//

/// Artifacts that must give the same bits in any setting.
struct Family {
  const char *name;
  std::vector<const char *> others;
};

class SameBits : public testing::TestWithParam<Family> {
protected:
  /// All logits of all prompts, by the first artifact at once.
  static std::vector<std::vector<float>> computeAll(Runner runner) {
    std::vector<std::vector<float>> logits;
    for (const Prompt &prompt : prompts())
      logits.push_back(runner.allLogits(prompt.inputIds).values);
    return logits;
  }
  static void expectSame(const std::string &artifact, Setting setting,
                         const std::vector<std::vector<float>> &want) {
    auto got = computeAll(Runner(artifactPath(artifact), setting));
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_TRUE(sameBits(got[i], want[i]))
          << artifact << ", " << prompts()[i].name << ", " << describe(setting);
  }
};

TEST_P(SameBits, WhateverThreadsAndChunks) {
  const char *name = GetParam().name;
  auto want = computeAll(Runner(artifactPath(name)));
  for (Setting setting : {Setting{2, 0}, Setting{1, 1}, Setting{2, 7},
                          Setting{1, 64}, Setting{2, 64}})
    expectSame(name, setting, want);
}

TEST_P(SameBits, WhateverLayoutAndProcessor) {
  auto want = computeAll(Runner(artifactPath(GetParam().name)));
  for (const char *other : GetParam().others)
    for (Setting setting : {Setting{1, 0}, Setting{2, 7}})
      expectSame(other, setting, want);
}

TEST_P(SameBits, WhateverTheBatchNeighbours) {
  std::vector<const char *> names = GetParam().others;
  names.push_back(GetParam().name);
  Runner alone(artifactPath(GetParam().name));
  std::vector<const Prompt *> batch;
  std::vector<std::vector<float>> want;
  for (size_t index : {1, 3, 5, 7}) {
    batch.push_back(&prompts()[index]);
    Session session = alone.newSession();
    want.push_back(alone.lastLogits(session, batch.back()->inputIds));
  }
  for (const char *name : names)
    for (Setting setting : {Setting{1, 0}, Setting{2, 64}}) {
      auto got = Runner(artifactPath(name), setting).batchLogits(batch);
      for (size_t i = 0; i < batch.size(); ++i)
        EXPECT_TRUE(sameBits(got[i], want[i]))
            << name << ", " << batch[i]->name << ", " << describe(setting);
    }
}

INSTANTIATE_TEST_SUITE_P(
    MathModes, SameBits,
    testing::Values(
        Family{"O2", {"exact_packed", "exact_packed_avx2"}},
        Family{"fast", {"fast_packed", "fast_avx2", "fast_packed_avx2"}},
        Family{"fast_dense", {"fast_dense_packed", "fast_dense_avx2"}},
        Family{"fast_channel", {"fast_channel_packed", "fast_channel_avx2"}},
        Family{"int8", {"int8_packed", "int8_avx2", "int8_packed_avx2"}},
        Family{"int8_dense", {"int8_dense_packed", "int8_dense_avx2"}},
        Family{"int8_channel", {"int8_channel_packed", "int8_channel_avx2"}}),
    [](const auto &info) { return std::string(info.param.name); });

//===----------------------------------------------------------------------===//
// Distance from float32
//===----------------------------------------------------------------------===//

/// Logits of all positions of the perplexity rows, in the mode exact, which is
/// within 2e-3 of the float32 reference (GoldenTest.cpp).
const std::vector<Matrix<float>> &exactLogits() {
  static const auto all = [] {
    Runner runner(artifactPath("O2"), {2, 0});
    PerplexityRows data = readPerplexityRows();
    std::vector<Matrix<float>> rows;
    for (size_t row = 0; row < data.inputIds.rows; ++row)
      rows.push_back(
          runner.allLogits({data.inputIds.row(row), data.inputIds.columns}));
    return rows;
  }();
  return all;
}

void addRows(Comparison &comparison, const Matrix<float> &want,
             const float *got, size_t sequence) {
  for (size_t row = 0; row < want.rows; ++row)
    comparison.add(makeRow({want.row(row), want.columns}),
                   makeRow({got + row * want.columns, want.columns}), sequence,
                   row);
}

/// Against exact logits of 2048 positions of text.
Comparison compareText(const std::string &artifact) {
  Runner runner(artifactPath(artifact), {2, 0});
  PerplexityRows data = readPerplexityRows();
  Comparison comparison;
  for (size_t row = 0; row < data.inputIds.rows; ++row) {
    Matrix<float> logits =
        runner.allLogits({data.inputIds.row(row), data.inputIds.columns});
    addRows(comparison, exactLogits()[row], logits.values.data(), row);
  }
  return comparison;
}

/// Against the reference's logits of the last positions of each prompt.
Comparison comparePrompts(const std::string &artifact) {
  Runner runner(artifactPath(artifact), {2, 0});
  Comparison comparison;
  for (size_t i = 0; i < prompts().size(); ++i) {
    const Matrix<float> &want = prompts()[i].logitsLast;
    Matrix<float> logits = runner.allLogits(prompts()[i].inputIds);
    addRows(comparison, want, logits.row(logits.rows - want.rows), i);
  }
  return comparison;
}

struct Bound {
  const char *name;
  double meanKl, agreement, maxError; ///< of logits of order ten.
};

class Distance : public testing::TestWithParam<Bound> {
protected:
  static void expectNear(const char *what, const Comparison &found) {
    const Bound &bound = GetParam();
    std::printf("%s, %s: mean KL %.2e, largest %.2e, same first token %.2f %%, "
                "largest error of a logit %.3g, rms %.3g, %zu rows\n",
                bound.name, what, found.meanKl(), found.maxKl(),
                100 * found.topAgreement(), found.maxError(), found.rmsError(),
                static_cast<size_t>(found.rowCount()));
    EXPECT_LE(found.meanKl(), bound.meanKl) << what;
    EXPECT_LE(found.maxError(), bound.maxError) << what;
  }
};

TEST_P(Distance, FromExactLogitsOfText) {
  Comparison found = compareText(GetParam().name);
  expectNear("text", found);
  EXPECT_GE(found.topAgreement(), GetParam().agreement);
}

TEST_P(Distance, FromTheReferenceAfterPrompts) {
  expectNear("prompts", comparePrompts(GetParam().name));
}

INSTANTIATE_TEST_SUITE_P(
    MathModes, Distance,
    testing::Values(
        // Measured over the text: 9.8e-10, 99.95 %, 7.7e-4.
        Bound{"fast", 1e-5, 0.999, 5e-3},
        // 2.4e-4, 99.41 %, 1.2: one part, and a bf16 cache. The largest errors
        // are where a router near a tie chooses another expert.
        Bound{"int8", 1e-3, 0.99, 3},
        // 1.0e-4, 99.61 %, 0.71: matrices rounded to 8 bits.
        Bound{"fast_dense", 3e-4, 0.99, 2},
        // 1.8e-4, 99.37 %, 1.5: with one step a row.
        Bound{"fast_channel", 5e-4, 0.985, 4},
        // 3.8e-4, 99.07 %, 1.6: both.
        Bound{"int8_dense", 1e-3, 0.985, 3},
        // 4.3e-4, 99.07 %, 1.2: both, with one step a row.
        Bound{"int8_channel", 1.2e-3, 0.98, 3}),
    [](const auto &info) { return std::string(info.param.name); });

// A token may differ only where the reference's own choice is closer than the
// mode's error; what follows it is another text.
TEST(MathModes, FastGreedyTokensAreTheReferences) {
  constexpr float error = 2e-3F;
  Runner runner(artifactPath("fast"), {2, 0});
  for (const Prompt &prompt : prompts()) {
    Session session = runner.newSession();
    auto logits = runner.lastLogits(session, prompt.inputIds);
    auto tokens = runner.greedy(session, logits, prompt.greedyIds.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] == prompt.greedyIds[i])
        continue;
      EXPECT_LE(prompt.greedyGap[i], 2 * error)
          << prompt.name << ", token " << i;
      break;
    }
  }
}

} // namespace
