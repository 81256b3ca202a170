//===- SplitAttention.cpp - Attention divided by keys ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A block computes the heads of a group for one token and a share of its keys:
// page p belongs to warp p modulo the number of warps that divide the token.
// The cut is at absolute positions, so that an output depends on nothing but
// its query, its position and the cache. Each warp has a maximum m, a
// denominator l and weighted sums o; these are joined in ascending order of
// warps, then of blocks, and the sink last.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/AttentionSums.h"
#include "backends/cuda/CacheAccess.h"
#include "backends/cuda/KernelEmitters.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gossamer::cuda {

static constexpr int64_t kWarps = 4;

/// Blocks of a token, and rows of the variant that has them.
static constexpr int64_t kMostSplits = 16;
static constexpr uint32_t kMostSplitRows = 16;

int64_t groupSize(const KernelDescription &kernel) {
  int64_t heads = std::get<MemRefType>(kernel.bindings[0]).getDimSize(1);
  return heads / kernel.cache()->kvHeads;
}

std::string refuseSplitAttention(const KernelDescription &kernel) {
  const CacheForm &form = *kernel.cache();
  if (form.pageTokens != kPageKeys)
    return "needs pages of 16 tokens";
  if (form.headDim % kWarp != 0 || form.headDim > 4 * kWarp)
    return "needs a head dimension of 32, 64, 96 or 128";
  if (groupSize(kernel) > 16)
    return "needs at most 16 query heads a key";
  return "";
}

namespace {

/// Writes the work of a block on its share of the keys.
class SplitHead {
public:
  SplitHead(KernelBuilder &k, int64_t splits)
      : k_(k), cache_(k, 1), splits_(splits), dim_(cache_.form.headDim),
        group_(groupSize(k.kernel)),
        queries_(k.shared(k.f32Type(), group_ * dim_)),
        maxima_(k.shared(k.f32Type(), kWarps * group_)),
        denominators_(k.shared(k.f32Type(), kWarps * group_)),
        sums_(k.shared(k.f32Type(), kWarps * group_ * dim_)) {}

  void emit(llvm::function_ref<void(Val, Val, Val, Val)> finish);

  int64_t group() const { return group_; }
  Val token() { return k_.blockX() / cache_.form.kvHeads; }
  Val kvHead() { return k_.blockX() % cache_.form.kvHeads; }

private:
  /// m and l of each head, then the lane's parts of o by head.
  using State = Vals;
  int64_t parts() const { return dim_ / kWarp; }

  void stageQueries();
  State visitPages();
  State visitPage(Val number, Val firstKey, ArrayRef<Val> now);
  Vals scores(Array page);
  void addValues(Array page, Val firstKey, ArrayRef<Val> weights, State &next);
  void storeState(ArrayRef<Val> state);
  void joinWarps(llvm::function_ref<void(Val, Val, Val, Val)> finish);
  Val isVisible(Val key) {
    Val isLate = position_ < key;
    Val isEarly = key < first_;
    return (isLate | isEarly) == k_.i1(false);
  }

  KernelBuilder &k_;
  CacheAccess cache_;
  int64_t splits_, dim_, group_;
  Array queries_, maxima_, denominators_, sums_;
  Val position_, sequence_, first_;
};

} // namespace

/// The group's queries, scaled, to shared memory.
void SplitHead::stageQueries() {
  Array query = k_.rowOf(k_.arg(0), k_.blockX(), group_ * dim_);
  k_.forThreads(k_.i32(group_ * dim_), [&](Val i) {
    queries_.store(i, query.load(i) * k_.kernel.scale);
  });
  k_.barrier();
}

/// Products of the queries with the key of the lane: lanes l and l + 16 each
/// take every other four dimensions of key l.
Vals SplitHead::scores(Array page) {
  Val slot = k_.lane() % kPageKeys, half = k_.lane() / kPageKeys;
  Vals sums = k_.forCarry(
      k_.i32(0), k_.i32(dim_), k_.i32(8), Vals(group_, k_.f32(0.0)),
      [&](Val eight, ArrayRef<Val> now) {
        Val d = eight + half * 4;
        Vals next(now.begin(), now.end()), keys;
        for (int64_t i = 0; i < 4; ++i)
          keys.push_back(page.value(cache_.key(kvHead(), d + i, slot)));
        for (int64_t g = 0; g < group_; ++g) {
          Val query = queries_.loadVector(d + g * dim_, 4);
          for (int64_t i = 0; i < 4; ++i)
            next[g] = k_.fma(k_.extract(query, i), keys[i], next[g]);
        }
        return next;
      });
  for (Val &sum : sums)
    sum = sum + k_.shuffleXor(sum, kPageKeys);
  return sums;
}

/// Over the 16 keys of a page.
static Val reduceKeys(KernelBuilder &k, Val v,
                      llvm::function_ref<Val(Val, Val)> combine) {
  for (int64_t mask = kPageKeys / 2; mask > 0; mask /= 2)
    v = combine(v, k.shuffleXor(v, mask));
  return v;
}

void SplitHead::addValues(Array page, Val firstKey, ArrayRef<Val> weights,
                          State &next) {
  for (int64_t slot = 0; slot < kPageKeys; ++slot) {
    // What lies beyond the sequence's end may be anything, so that a weight of
    // 0 does not suffice.
    Val visible = isVisible(firstKey + slot);
    Vals values;
    for (int64_t part = 0; part < parts(); ++part) {
      Val d = k_.lane() * parts() + part;
      Val value = page.value(cache_.value(kvHead(), d, k_.i32(slot)));
      values.push_back(k_.select(visible, value, k_.f32(0.0)));
    }
    for (int64_t g = 0; g < group_; ++g) {
      Val weight = k_.shuffleIdx(weights[g], k_.i32(slot));
      for (int64_t part = 0; part < parts(); ++part) {
        Val &sum = next[2 * group_ + g * parts() + part];
        sum = k_.fma(weight, values[part], sum);
      }
    }
  }
}

SplitHead::State SplitHead::visitPage(Val number, Val firstKey,
                                      ArrayRef<Val> now) {
  Array page = cache_.page(number);
  Val visible = isVisible(firstKey + k_.lane() % kPageKeys);
  Val hidden = k_.f32(-std::numeric_limits<double>::infinity());
  State next(now.begin(), now.end());
  Vals weights = scores(page);
  for (int64_t g = 0; g < group_; ++g) {
    Val score = k_.select(visible, weights[g], hidden);
    Val most =
        reduceKeys(k_, score, [&](Val l, Val r) { return k_.max(l, r); });
    Val largest = k_.max(most, now[g]);
    Val rescale = k_.exp(now[g] - largest);
    weights[g] = k_.exp(score - largest);
    Val sum = reduceKeys(k_, weights[g], [](Val l, Val r) { return l + r; });
    next[g] = largest;
    next[group_ + g] = k_.fma(now[group_ + g], rescale, sum);
    for (int64_t part = 0; part < parts(); ++part) {
      int64_t o = 2 * group_ + g * parts() + part;
      next[o] = now[o] * rescale;
    }
  }
  addValues(page, firstKey, weights, next);
  return next;
}

SplitHead::State SplitHead::visitPages() {
  State state(2 * group_ + group_ * parts(), k_.f32(0.0));
  for (int64_t g = 0; g < group_; ++g)
    state[g] = k_.f32(kNoMaximum);
  // The first of the warp's pages that has a key to see.
  int64_t stride = splits_ * kWarps;
  Val own = k_.blockY() * kWarps + k_.warp();
  Val firstPage = first_ / kPageKeys;
  Val ahead = (own + stride - firstPage % stride) % stride;
  return k_.forCarry(firstPage + ahead, position_ / kPageKeys + 1,
                     k_.i32(stride), state, [&](Val p, ArrayRef<Val> now) {
                       Val firstKey = p * kPageKeys;
                       Val number = cache_.pageNumber(sequence_, firstKey);
                       return visitPage(number, firstKey, now);
                     });
}

void SplitHead::storeState(ArrayRef<Val> state) {
  Val row = k_.warp() * group_;
  k_.ifThen(k_.lane() == 0, [&] {
    for (int64_t g = 0; g < group_; ++g) {
      maxima_.store(row + g, state[g]);
      denominators_.store(row + g, state[group_ + g]);
    }
  });
  for (int64_t g = 0; g < group_; ++g)
    for (int64_t part = 0; part < parts(); ++part)
      sums_.store((row + g) * dim_ + k_.lane() * parts() + part,
                  state[2 * group_ + g * parts() + part]);
  k_.barrier();
}

/// Joins pairs of a maximum and what is relative to it.
static Val joined(KernelBuilder &k, Val most, ArrayRef<Val> maxima,
                  ArrayRef<Val> values) {
  Val sum = k.f32(0.0);
  for (auto [maximum, value] : llvm::zip_equal(maxima, values))
    sum = k.fma(k.exp(maximum - most), value, sum);
  return sum;
}

void SplitHead::joinWarps(llvm::function_ref<void(Val, Val, Val, Val)> finish) {
  k_.forThreads(k_.i32(group_ * dim_), [&](Val i) {
    Val g = i / dim_;
    Vals maxima, denominators, sums;
    Val most = k_.f32(kNoMaximum);
    for (int64_t warp = 0; warp < kWarps; ++warp) {
      maxima.push_back(maxima_.load(g + warp * group_));
      denominators.push_back(denominators_.load(g + warp * group_));
      sums.push_back(sums_.load(i + warp * group_ * dim_));
      most = k_.max(most, maxima.back());
    }
    finish(i, most, joined(k_, most, maxima, denominators),
           joined(k_, most, maxima, sums));
  });
}

/// Calls `finish` with (element of the group's heads, m, l, o).
void SplitHead::emit(llvm::function_ref<void(Val, Val, Val, Val)> finish) {
  position_ = k_.arg(3).load(token());
  sequence_ = k_.arg(4).load(token());
  first_ = k_.i32(0);
  if (k_.kernel.window > 0)
    first_ = k_.max(position_ - (k_.kernel.window - 1), first_);
  stageQueries();
  storeState(visitPages());
  joinWarps(finish);
}

static void emitWhole(KernelWriter &w) {
  w.stage(w.perRow(w.kernel().cache()->kvHeads), kWarps * kWarp,
          [](KernelBuilder &k) {
            int64_t dim = k.kernel.cache()->headDim;
            SplitHead head(k, 1);
            int64_t group = head.group();
            Array out = k.rowOf(k.arg(5), k.blockX(), group * dim);
            head.emit([&](Val i, Val m, Val l, Val o) {
              Val sink = k.arg(2).value(head.kvHead() * group + i / dim);
              out.store(i, withSink(k, sink, m, l, o));
            });
          });
}

/// Scratch memory: [token][head][split], o and then m and l.
static void emitSplits(KernelWriter &w, int64_t splits) {
  w.stage(w.perRow(w.kernel().cache()->kvHeads), Extent::constant(splits),
          kWarps * kWarp, [&](KernelBuilder &k) {
            int64_t dim = k.kernel.cache()->headDim, entry = dim + 2;
            SplitHead head(k, splits);
            int64_t group = head.group();
            Array part = k.rowOf(k.scratch(k.f32Type()), k.blockX(),
                                 group * splits * entry);
            head.emit([&](Val i, Val m, Val l, Val o) {
              Val d = i % dim;
              Val at = (i / dim * splits + k.blockY()) * entry;
              part.store(at + d, o);
              k.ifThen(d == 0, [&] {
                part.store(at + dim, m);
                part.store(at + (dim + 1), l);
              });
            });
          });
}

static void emitJoin(KernelWriter &w, int64_t splits) {
  int64_t heads = w.shapeAt(0)[1], dim = w.kernel().cache()->headDim;
  w.stage(w.perRow(heads), dim, [&](KernelBuilder &k) {
    int64_t entry = dim + 2;
    Array parts = k.rowOf(k.scratch(k.f32Type()), k.blockX(), splits * entry);
    Val d = k.thread(), most = k.f32(kNoMaximum);
    Vals maxima, denominators, sums;
    for (int64_t split = 0; split < splits; ++split) {
      Array part = parts.at(k.i32(split * entry));
      sums.push_back(part.load(d));
      maxima.push_back(part.load(k.i32(dim)));
      denominators.push_back(part.load(k.i32(dim + 1)));
      most = k.max(most, maxima.back());
    }
    Val sink = k.arg(2).value(k.blockX() % heads);
    Val out = withSink(k, sink, most, joined(k, most, maxima, denominators),
                       joined(k, most, maxima, sums));
    k.rowOf(k.arg(5), k.blockX(), dim).store(d, out);
  });
}

void emitSplitAttention(KernelWriter &w) { emitFewQueries(w, UINT32_MAX); }

void emitFewQueries(KernelWriter &w, uint32_t mostRows) {
  const CacheForm &form = *w.kernel().cache();
  int64_t pages = form.maxPages;
  if (w.kernel().window > 0)
    pages = std::min(pages, ceilDiv(w.kernel().window, kPageKeys) + 1);
  // Two pages a warp where the context is full.
  int64_t splits = std::clamp<int64_t>(pages / (2 * kWarps), 1, kMostSplits);
  if (splits > 1) {
    int64_t heads = w.shapeAt(0)[1];
    w.variant(kMostSplitRows,
              w.scratchPerRow(heads * splits * (form.headDim + 2) * 4));
    emitSplits(w, splits);
    emitJoin(w, splits);
    if (mostRows <= kMostSplitRows)
      return;
  }
  w.variant(mostRows);
  emitWhole(w);
}

} // namespace gossamer::cuda
