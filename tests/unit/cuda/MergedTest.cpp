//===- MergedTest.cpp - Several operations in one kernel ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What merge-launches makes must do what the CPU's kernels of the launches do
// one after the other.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelCache.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace gossamer;
using namespace gossamer::cuda;
using namespace gossamer::cuda::testing;

namespace {

using Bytes = std::vector<uint8_t>;

/// What the last binding of a case is in the end.
Bytes result(Case c, const std::vector<int64_t> &shape) {
  c.out(shape);
  return c.want(false).back().bytes;
}

Bytes normed(const Case &merged, const Weights &weight, int64_t inputs,
             bool isRounded) {
  Case norm("rms_norm", merged.dims.tokens, merged.dims.tokens);
  norm.kernel.eps = merged.kernel.eps;
  norm.add(f32({kMaxTokens, inputs}), merged.arguments[0].bytes, false, true);
  Bytes y = result(norm.in(weight), {kMaxTokens, inputs});
  if (isRounded)
    roundToBF16(y);
  return y;
}

/// A matrix with its bias.
struct Product {
  Weights weight, bias;

  Product(int64_t inputs, int64_t outputs, Element element, unsigned seed)
      : weight(
            makeWeights({{outputs, inputs}, element, Layout::RowMajor}, seed)),
        bias(makeWeights({{outputs}, Element::BF16, Layout::RowMajor},
                         seed + 1)) {}

  int64_t outputs() const { return weight.form.shape[0]; }
  Bytes multiply(const Case &merged, const Bytes &x) const {
    int64_t inputs = weight.form.shape[1];
    Case linear("linear", merged.dims.tokens, (outputs() + 15) / 16);
    linear.kernel.hasBias = true;
    linear.add(f32({kMaxTokens, inputs}), x, false, true);
    return result(linear.in(weight).in(bias), {kMaxTokens, outputs()});
  }
};

struct HeadCounts {
  int64_t heads, kvHeads, headDim;
};

/// A kernel of `project`, with what its parts need.
class ProjectCase : public Case {
public:
  ProjectCase(int64_t inputs, HeadCounts counts, const Ints &positions,
              const Ints &sequences, Element element, Element cached)
      : Case("project", static_cast<int64_t>(positions.size()), 0),
        inputs_(inputs), counts_(counts),
        norm_(makeWeights({{inputs}, Element::BF16, Layout::RowMajor}, 3)),
        query_(inputs, counts.heads * counts.headDim, element, 5),
        key_(inputs, counts.kvHeads * counts.headDim, element, 7),
        value_(inputs, counts.kvHeads * counts.headDim, element, 9),
        cache_(counts.kvHeads, counts.headDim, 3, cached) {
    tolerance = 5e-5;
    dims.sequences = 3;
    dims.keys = 1 + *std::max_element(positions.begin(), positions.end());
    in({kMaxTokens, inputs}).in(norm_);
    for (const Product *product : {&query_, &key_, &value_})
      in(product->weight).in(product->bias);
    in({kMaxTokens, counts.headDim / 2}).in({kMaxTokens, counts.headDim / 2});
    in({dims.tokens}, positions).in({dims.tokens}, sequences);
    out({kMaxTokens, counts.heads, counts.headDim});
    cache_.addTo(*this, true, /*isFloat=*/true);
    if (cached == Element::BF16) {
      normalize = widenPages;
      tolerance = 8e-3;
    }
    reference = [this](bool isRounded) { return refer(isRounded); };
  }

private:
  enum { kCosines = 8, kQueries = 12, kPages = 13 };

  static void widenPages(std::vector<Argument> &arguments) {
    Bytes &pages = arguments[kPages].bytes;
    Bytes wide(2 * pages.size());
    for (size_t i = 0; i < pages.size(); i += 2)
      std::copy_n(&pages[i], 2, &wide[2 * i + 2]);
    pages = std::move(wide);
  }

  Bytes rotate(const Bytes &x, int64_t heads) const {
    std::vector<int64_t> whole = {kMaxTokens, heads, counts_.headDim};
    auto table = f32({kMaxTokens, counts_.headDim / 2});
    Case rope("rope", dims.tokens, dims.tokens);
    rope.add(f32(whole), x, false, true);
    for (int i = 0; i < 2; ++i)
      rope.add(table, arguments[kCosines + i].bytes, false, true);
    return result(rope, whole);
  }

  std::vector<Argument> refer(bool isRounded) const {
    Bytes x = normed(*this, norm_, inputs_, isRounded);
    std::vector<Argument> want = arguments;
    want[kQueries].bytes = rotate(query_.multiply(*this, x), counts_.heads);
    auto heads = f32({kMaxTokens, counts_.kvHeads, counts_.headDim});
    Case append("cache_append", dims.tokens, dims.tokens);
    append.dims = dims;
    append.add(heads, rotate(key_.multiply(*this, x), counts_.kvHeads), false,
               true);
    append.add(heads, value_.multiply(*this, x), false, true);
    for (int i = 10; i < 12; ++i)
      append.add(i32({dims.tokens}), arguments[i].bytes, false, false);
    cache_.addTo(append, true);
    want[kPages].bytes = append.want(false)[4].bytes;
    return want;
  }

  int64_t inputs_;
  HeadCounts counts_;
  Weights norm_;
  Product query_, key_, value_;
  Cache cache_;
};

void checkProject(int64_t inputs, HeadCounts counts, const Ints &positions,
                  const Ints &sequences, Element element = Element::BF16) {
  for (Element cached : {Element::F32, Element::BF16})
    ProjectCase(inputs, counts, positions, sequences, element, cached)
        .check(std::to_string(inputs) + " -> heads of " +
               std::to_string(counts.headDim));
}

void checkProjectRun(int64_t inputs, HeadCounts counts, int32_t first,
                     int32_t count, Element element = Element::BF16) {
  Ints positions(count);
  std::iota(positions.begin(), positions.end(), first);
  checkProject(inputs, counts, positions, Ints(count, 1), element);
}

/// A kernel of `norm_route`.
class NormRouteCase : public Case {
public:
  NormRouteCase(int64_t inputs, int64_t experts, int64_t k, int64_t tokens,
                Element element)
      : Case("norm_route", tokens, 0), inputs_(inputs), experts_(experts),
        norm_(makeWeights({{inputs}, Element::BF16, Layout::RowMajor}, 3)),
        router_(inputs, experts, element, 5) {
    kernel.topK = k;
    tolerance = 5e-5;
    in({kMaxTokens, inputs}).in(norm_).in(router_.weight).in(router_.bias);
    out({kMaxTokens, inputs}).out({kMaxTokens, k});
    addLists(*this);
    normalize = forgetUnusedExperts<kLists>;
    reference = [this](bool isRounded) { return refer(isRounded); };
  }

private:
  enum { kNormed = 4, kShares = 5, kLists = 6 };

  void addLists(Case &c) const {
    c.outInts({experts_}).outInts({experts_ + 1}).outInts({1});
    c.outInts({kMaxTokens * kernel.topK});
  }

  std::vector<Argument> refer(bool isRounded) const {
    std::vector<Argument> want = arguments;
    want[kNormed].bytes = normed(*this, norm_, inputs_, false);
    Bytes x = normed(*this, norm_, inputs_, isRounded);
    Case route("route", dims.tokens, 1);
    route.kernel.topK = kernel.topK;
    route.add(f32({kMaxTokens, experts_}), router_.multiply(*this, x), false,
              true);
    route.out({kMaxTokens, kernel.topK});
    addLists(route);
    std::vector<Argument> chosen = route.want(false);
    std::copy(chosen.begin() + 1, chosen.end(), want.begin() + kShares);
    return want;
  }

  int64_t inputs_, experts_;
  Weights norm_;
  Product router_;
};

void checkNormRoute(int64_t inputs, int64_t experts, int64_t k, int64_t tokens,
                    Element element = Element::BF16) {
  NormRouteCase(inputs, experts, k, tokens, element)
      .check(std::to_string(inputs) + " -> " + std::to_string(experts) +
             " experts");
}

} // namespace

TEST(CudaMerged, ProjectLoneRows) {
  checkProject(64, {4, 2, 32}, {40}, {1});
  checkProject(288, {3, 1, 16}, {0}, {2});
  checkProject(2880, {1, 1, 8}, {159}, {0});
  checkProject(96, {2, 2, 64}, {16}, {0});
  // 24 pairs of a part are whole blocks, 20 are not.
  checkProject(64, {8, 8, 6}, {7}, {0});
  checkProject(64, {5, 5, 8}, {7}, {0});
}

TEST(CudaMerged, ProjectFewRows) {
  checkProject(64, {4, 2, 32}, {15, 16, 0}, {0, 0, 2});
  for (int32_t tokens : {2, 4, 5, 16})
    checkProjectRun(288, {2, 1, 24}, 10, tokens);
}

TEST(CudaMerged, ProjectManyRows) {
  checkProjectRun(64, {4, 2, 32}, 100, 17);
  checkProjectRun(96, {3, 1, 64}, 1, 40);
}

TEST(CudaMerged, ProjectOddWeights) {
  for (int32_t tokens : {1, 7}) {
    checkProjectRun(37, {2, 1, 6}, 3, tokens);
    checkProjectRun(64, {2, 1, 16}, 3, tokens, Element::F16);
  }
}

TEST(CudaMerged, NormRoute) {
  for (int64_t tokens : {1, 2, 16, 17, 40}) {
    checkNormRoute(64, 8, 2, tokens);
    checkNormRoute(288, 33, 1, tokens);
  }
  checkNormRoute(96, 32, 4, 1);
  checkNormRoute(2880, 32, 4, 1);
}

// A router that one block does not read at once.
TEST(CudaMerged, NormRouteOfManyExperts) {
  for (int64_t tokens : {1, 3, 9, 20})
    checkNormRoute(1056, 128, 4, tokens);
}

TEST(CudaMerged, NormRouteOddWeights) {
  for (int64_t tokens : {1, 5}) {
    checkNormRoute(37, 7, 2, tokens);
    checkNormRoute(64, 8, 2, tokens, Element::F16);
  }
}
