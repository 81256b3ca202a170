//===- AttentionTest.cpp - Attention over the paged cache -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"
#include "Reference.h"
#include "runtime/weights/FloatTypes.h"

#include <numeric>

using namespace gossamer;
using namespace gossamer::cpu;
using namespace gossamer::cpu::testing;

namespace {

constexpr int64_t kPage = 16, kMaxPages = 10;

/// Sequences with keys and values of every position, the second of two layers
/// of a cache that holds them, and queries at chosen positions.
struct AttentionCase {
  int64_t kvHeads, group, headDim, window;
  CacheForm form;
  std::vector<int32_t> positions, sequences;
  std::vector<Floats> keys, values; ///< [sequence][position][head][d].
  size_t layerBytes;
  std::vector<uint8_t> pages;
  std::vector<int32_t> table;
  Floats q;
  Weights sinks;

  AttentionCase(int64_t kvHeads, int64_t group, int64_t headDim, int64_t window,
                std::vector<int32_t> positions, std::vector<int32_t> sequences,
                Element element = Element::F32)
      : kvHeads(kvHeads), group(group), headDim(headDim), window(window),
        positions(std::move(positions)), sequences(std::move(sequences)) {
    int64_t padded = (headDim + 15) / 16 * 16;
    form.kvHeads = kvHeads;
    form.headDim = headDim;
    form.headDimPadded = padded;
    form.maxPages = kMaxPages;
    form.element = element;
    int64_t layerElements = kvHeads * kPage * (headDim + padded);
    form.pageElements = 2 * layerElements;
    size_t elementBytes = element == Element::BF16 ? 2 : 4;
    layerBytes = layerElements * elementBytes;
    q = randomFloats(tokens() * heads() * headDim, 1);
    sinks = makeWeights({{heads()}, Element::BF16, Layout::RowMajor}, 2);
    // Nothing that was not stored may be looked at: these bytes are NaN.
    int64_t numSequences =
        1 + *std::max_element(this->sequences.begin(), this->sequences.end());
    pages.assign(numSequences * kMaxPages * 2 * layerBytes, 0xff);
    table.assign(numSequences * kMaxPages, -1);
    for (int64_t s = 0; s < numSequences; ++s) {
      size_t size = kMaxPages * kPage * kvHeads * headDim;
      keys.push_back(randomFloats(size, 10 + s));
      values.push_back(randomFloats(size, 20 + s));
    }
    givePages();
  }

  int64_t heads() const { return kvHeads * group; }
  int64_t tokens() const { return static_cast<int64_t>(positions.size()); }
  goss_dims dims() const {
    return {tokens(), 0,
            1 + *std::max_element(positions.begin(), positions.end()),
            static_cast<int64_t>(keys.size())};
  }
  int64_t first(int64_t t) const {
    return window > 0 ? std::max<int64_t>(0, positions[t] - window + 1) : 0;
  }
  bool isVisible(int64_t t, int64_t p) const {
    return p >= first(t) && p <= positions[t];
  }

  /// The second layer within the first page.
  uint8_t *layer() { return pages.data() + layerBytes; }
  const uint8_t *layer() const { return pages.data() + layerBytes; }
  /// What the cache holds of a key or value.
  double stored(float value) const {
    return form.element == Element::BF16 ? bf16ToF32(f32ToBf16(value)) : value;
  }

  /// Only pages that some token sees exist, in a scattered order.
  void givePages() {
    int32_t next = static_cast<int32_t>(table.size()) - 1;
    for (int64_t t = 0; t < tokens(); ++t)
      for (int64_t p = first(t); p <= positions[t]; ++p) {
        int32_t &entry = table[sequences[t] * kMaxPages + p / kPage];
        if (entry < 0)
          entry = next--;
      }
  }

  KernelDescription describe(const std::string &operation,
                             std::vector<BindingForm> bindings) const {
    KernelDescription kernel;
    kernel.operation = operation;
    kernel.bindings = std::move(bindings);
    kernel.window = window;
    kernel.scale = 1.0 / std::sqrt(static_cast<double>(headDim));
    return kernel;
  }

  KernelDescription attention() const {
    auto rows = f32({tokens(), heads(), headDim});
    return describe("attention", {rows, form, sinks.form, i32({tokens()}),
                                  i32({tokens()}), rows});
  }

  /// Stores the positions that tokens see, one kernel call a position.
  void append(const std::string &kind) {
    auto rows = f32({1, kvHeads, headDim});
    CompiledKernel compiled(
        describe("cache_append", {rows, rows, i32({1}), i32({1}), form}), kind);
    for (int64_t t = 0; t < tokens(); ++t)
      for (int32_t p = 0; p <= positions[t]; ++p)
        if (isVisible(t, p)) {
          int64_t at = p * kvHeads * headDim;
          compiled.run({&keys[sequences[t]][at], &values[sequences[t]][at], &p,
                        &sequences[t], layer(), table.data()},
                       {1, 0, p + 1, 1}, 1);
        }
  }

  Floats run(const CompiledKernel &compiled, int64_t chunk) const {
    Floats out(tokens() * heads() * headDim, -77.0F);
    compiled.run({q.data(), layer(), table.data(), sinks.bytes.data(),
                  positions.data(), sequences.data(), out.data()},
                 dims(), tokens() * kvHeads, chunk);
    return out;
  }

  std::vector<double> reference() const {
    std::vector<double> out(tokens() * heads() * headDim);
    for (int64_t t = 0; t < tokens(); ++t)
      for (int64_t h = 0; h < heads(); ++h) {
        const float *query = &q[(t * heads() + h) * headDim];
        auto row = [&](const std::vector<Floats> &of, int64_t p) {
          return &of[sequences[t]][(p * kvHeads + h / group) * headDim];
        };
        double sink = sinks.values[h], sum = std::exp(sink);
        double *o = &out[(t * heads() + h) * headDim];
        for (int64_t p = first(t); p <= positions[t]; ++p) {
          double s = 0;
          for (int64_t d = 0; d < headDim; ++d)
            s += double(query[d]) * stored(row(keys, p)[d]);
          double e = std::exp(s / std::sqrt(double(headDim)));
          sum += e;
          for (int64_t d = 0; d < headDim; ++d)
            o[d] += e * stored(row(values, p)[d]);
        }
        for (int64_t d = 0; d < headDim; ++d)
          o[d] /= sum;
      }
    return out;
  }

  /// The unfused kernels.
  Floats runParts() const {
    int64_t keysSize = kMaxPages * kPage;
    auto rows = f32({tokens(), heads(), headDim});
    auto scoresType = f32({tokens(), heads(), keysSize});
    auto ids = i32({tokens()});
    Floats scores(tokens() * heads() * keysSize), masked(scores), p(scores);
    Floats out(q.size());
    CompiledKernel(describe("attention_scores", {rows, form, ids, scoresType}),
                   "plain")
        .run({q.data(), layer(), table.data(), sequences.data(), scores.data()},
             dims(), tokens());
    CompiledKernel(describe("mask", {scoresType, ids, scoresType}), "plain")
        .run({scores.data(), positions.data(), masked.data()}, dims(),
             tokens());
    CompiledKernel(
        describe("softmax_sink", {scoresType, sinks.form, scoresType}), "plain")
        .run({masked.data(), sinks.bytes.data(), p.data()}, dims(), tokens());
    CompiledKernel(describe("attention_values", {scoresType, form, ids, rows}),
                   "plain")
        .run({p.data(), layer(), table.data(), sequences.data(), out.data()},
             dims(), tokens());
    return out;
  }

  void check() {
    std::string what = std::to_string(kvHeads) + " x " + std::to_string(group) +
                       " heads of " + std::to_string(headDim) + ", window " +
                       std::to_string(window) +
                       (form.element == Element::BF16 ? ", bf16, " : ", f32, ");
    append("plain");
    std::vector<uint8_t> plain = pages;
    append("lanes16");
    ASSERT_TRUE(plain == pages)
        << what << "both kinds of cache_append store the same";
    std::vector<double> want = reference();
    for (const std::string &kind : kindsFor(attention())) {
      CompiledKernel compiled(attention(), kind);
      Floats whole = run(compiled, 1 << 20);
      expectNear(whole, want, 2e-6, what + kind);
      for (int64_t chunk : {1, 5})
        expectSameBits(run(compiled, chunk), whole, what + kind);
    }
    expectNear(runParts(), want, 2e-6, what + "unfused");
  }
};

/// Checks one case with either type of the cache.
void checkCase(int64_t kvHeads, int64_t group, int64_t headDim, int64_t window,
               const std::vector<int32_t> &positions,
               const std::vector<int32_t> &sequences) {
  for (Element element : {Element::F32, Element::BF16})
    AttentionCase(kvHeads, group, headDim, window, positions, sequences,
                  element)
        .check();
}

/// The same for consecutive tokens of one sequence, which are computed
/// together.
void checkRun(int64_t kvHeads, int64_t group, int64_t headDim, int64_t window,
              int32_t first, int32_t count) {
  std::vector<int32_t> positions(count);
  std::iota(positions.begin(), positions.end(), first);
  checkCase(kvHeads, group, headDim, window, positions,
            std::vector<int32_t>(count, 0));
}

} // namespace

TEST(Attention, HeadSizesAndGroups) {
  checkCase(2, 4, 32, 0, {40, 0, 3}, {0, 1, 1});
  checkCase(1, 1, 16, 0, {16}, {0});
  checkCase(1, 8, 64, 0, {20}, {0});
  checkCase(2, 2, 40, 0, {33, 34}, {0, 0});
  checkCase(1, 9, 6, 0, {17}, {0});
  checkCase(1, 1, 144, 0, {5}, {0});
}

TEST(Attention, EdgesOfPagesAndWindows) {
  checkCase(1, 2, 32, 64, {62, 63, 64, 65}, {0, 1, 2, 3});
  checkCase(1, 2, 32, 64, {79, 80}, {0, 1});
  checkCase(1, 2, 16, 16, {15, 16, 31, 32}, {0, 1, 2, 3});
  checkCase(2, 1, 16, 5, {0, 4, 5, 20}, {0, 1, 2, 3});
  checkCase(1, 1, 16, 1, {37}, {0});
}

TEST(Attention, RunsOfTokens) {
  checkRun(2, 8, 64, 0, 120, 20);
  checkRun(2, 4, 32, 64, 50, 90);
  checkRun(1, 3, 24, 5, 60, 9);
  checkRun(1, 12, 16, 0, 0, 17);
  // Runs that end within a step: another sequence, a gap, a step back.
  checkCase(2, 2, 32, 0, {7, 8, 9, 10, 11, 63, 64, 65, 3, 4},
            {0, 0, 1, 1, 0, 0, 0, 0, 0, 1});
}

TEST(Attention, DoesNotDependOnTheOtherTokens) {
  // The last token alone and in a batch.
  AttentionCase batch(2, 4, 32, 0, {7, 12, 70}, {1, 1, 0});
  AttentionCase alone(2, 4, 32, 0, {70}, {0});
  size_t row = alone.heads() * alone.headDim;
  std::copy(batch.q.end() - static_cast<int64_t>(row), batch.q.end(),
            alone.q.begin());
  batch.append("plain");
  alone.append("plain");
  Floats all = batch.run(CompiledKernel(batch.attention(), "pages16"), 4);
  Floats one = alone.run(CompiledKernel(alone.attention(), "pages16"), 4);
  expectSameBits(one, Floats(all.end() - static_cast<int64_t>(row), all.end()),
                 "token in a batch");
}

TEST(Attention, LargeScoresDoNotOverflow) {
  AttentionCase c(1, 2, 16, 0, {30}, {0});
  for (float &v : c.q)
    v *= 200.0F;
  c.append("plain");
  // exp of the reference would overflow: only that the kinds agree.
  Floats plain = c.run(CompiledKernel(c.attention(), "plain"), 10);
  Floats pages = c.run(CompiledKernel(c.attention(), "pages16"), 10);
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSERT_TRUE(std::isfinite(pages[i]));
    ASSERT_NEAR(pages[i], plain[i], 1e-3);
  }
}
