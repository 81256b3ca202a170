//===- AttentionKernels.cpp - Attention by simple loops -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Keys are visited by ascending position, so an output depends on nothing but
// its query, its position and the cache. Softmax is computed as one goes: with
// maximum m, denominator l and weighted sum o of the keys so far, started from
// the sink (m = sink, l = 1, o = 0), a new maximum rescales l and o.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CacheAccess.h"
#include "backends/cuda/KernelEmitters.h"

#include <limits>

using namespace mlir;

namespace gossamer::cuda {

/// Threads that divide the keys of a head.
static constexpr int64_t kKeyBlock = 128;

/// First key that a token at `position` sees.
static Val firstKey(KernelBuilder &k, Val position) {
  if (k.kernel.window == 0)
    return k.i32(0);
  return k.max(position - (k.kernel.window - 1), k.i32(0));
}

void emitAttentionScores(KernelWriter &w) {
  int64_t heads = w.shapeAt(3)[1], maxKeys = w.shapeAt(3)[2];
  w.stage(w.perRow(heads), kKeyBlock, [&](KernelBuilder &k) {
    CacheAccess cache(k, 1);
    int64_t headDim = cache.form.headDim, group = heads / cache.form.kvHeads;
    Val t = k.blockX() / heads, head = k.blockX() % heads;
    Val sequence = k.arg(2).load(t), kvHead = head / group;
    Array query = k.rowOf(k.arg(0), k.blockX(), headDim);
    Array scores = k.rowOf(k.arg(3), k.blockX(), maxKeys);
    k.forThreads(k.keys(), [&](Val key) {
      Val number = cache.pageNumber(sequence, key);
      // Scores of keys that are gone are masked later; any number will do.
      Val score = k.ifElse(
          number < 0, [&] { return Vals{k.f32(0.0)}; },
          [&] {
            Array page = cache.page(number);
            Val sum =
                k.forCarry(k.i32(0), k.i32(headDim), k.i32(1), k.f32(0.0),
                           [&](Val d, ArrayRef<Val> now) {
                             Val element = page.value(
                                 cache.key(kvHead, d, cache.slot(key)));
                             return Vals{k.fma(query.load(d), element, now[0])};
                           })[0];
            return Vals{sum * k.kernel.scale};
          })[0];
      scores.store(key, score);
    });
  });
}

void emitMask(KernelWriter &w) {
  int64_t heads = w.shapeAt(0)[1], maxKeys = w.shapeAt(0)[2];
  w.stage(w.perRow(heads), kKeyBlock, [&](KernelBuilder &k) {
    Val position = k.arg(1).load(k.blockX() / heads);
    Val first = firstKey(k, position);
    Array scores = k.rowOf(k.arg(0), k.blockX(), maxKeys);
    Array masked = k.rowOf(k.arg(2), k.blockX(), maxKeys);
    Val hidden = k.f32(-std::numeric_limits<double>::infinity());
    k.forThreads(k.keys(), [&](Val key) {
      Val isHidden = (key < first) | (position < key);
      masked.store(key, k.select(isHidden, hidden, scores.load(key)));
    });
  });
}

void emitAttentionValues(KernelWriter &w) {
  int64_t heads = w.shapeAt(0)[1], maxKeys = w.shapeAt(0)[2];
  w.stage(w.perRow(heads), 64, [&](KernelBuilder &k) {
    CacheAccess cache(k, 1);
    int64_t headDim = cache.form.headDim, group = heads / cache.form.kvHeads;
    Val t = k.blockX() / heads, kvHead = k.blockX() % heads / group;
    Val sequence = k.arg(2).load(t);
    Array weights = k.rowOf(k.arg(0), k.blockX(), maxKeys);
    Array out = k.rowOf(k.arg(3), k.blockX(), headDim);
    k.forThreads(k.i32(headDim), [&](Val d) {
      Val sum = k.forCarry(
          k.i32(0), k.keys(), k.i32(1), k.f32(0.0),
          [&](Val key, ArrayRef<Val> now) {
            Val weight = weights.load(key);
            // A masked key may be gone from the cache.
            return k.ifElse(
                weight != 0.0,
                [&] {
                  Array page = cache.page(cache.pageNumber(sequence, key));
                  Val v = page.value(cache.value(kvHead, d, cache.slot(key)));
                  return Vals{k.fma(weight, v, now[0])};
                },
                [&] { return Vals{now[0]}; });
          })[0];
      out.store(d, sum);
    });
  });
}

namespace {

/// What a warp knows of its head: each lane has every 32nd dimension.
class WarpHead {
public:
  WarpHead(KernelBuilder &k, Array query, int64_t headDim)
      : k_(k), headDim_(headDim) {
    for (int64_t first = 0; first < headDim; first += kWarp)
      query_.push_back(ifExists(first, [&](Val d) { return query.load(d); }));
  }

  size_t parts() const { return query_.size(); }
  Val dimension(size_t part) { return k_.lane() + part * kWarp; }

  /// `load(d)` where the lane's dimension exists, else 0.
  Val ifExists(int64_t first, llvm::function_ref<Val(Val)> load) {
    Val d = k_.lane() + first;
    if (first + kWarp <= headDim_)
      return load(d);
    return k_.ifElse(
        d < headDim_, [&] { return Vals{load(d)}; },
        [&] { return Vals{k_.f32(0.0)}; })[0];
  }

  /// Product with a key.
  Val score(const CacheAccess &cache, Array page, Val kvHead, Val slot) {
    Val sum = k_.f32(0.0);
    for (size_t part = 0; part < parts(); ++part) {
      Val key = ifExists(part * kWarp, [&](Val d) {
        return page.value(cache.key(kvHead, d, slot));
      });
      sum = k_.fma(query_[part], key, sum);
    }
    return k_.warpSum(sum) * k_.kernel.scale;
  }

private:
  KernelBuilder &k_;
  int64_t headDim_;
  Vals query_;
};

} // namespace

void emitPlainAttention(KernelWriter &w) {
  int64_t heads = w.shapeAt(0)[1];
  w.stage(w.perRow(heads), kWarp, [&](KernelBuilder &k) {
    CacheAccess cache(k, 1);
    int64_t headDim = cache.form.headDim, group = heads / cache.form.kvHeads;
    Val t = k.blockX() / heads, head = k.blockX() % heads;
    Val kvHead = head / group;
    Val position = k.arg(3).load(t), sequence = k.arg(4).load(t);
    WarpHead query(k, k.rowOf(k.arg(0), k.blockX(), headDim), headDim);
    // m, l, and the lane's parts of o.
    Vals state(2 + query.parts(), k.f32(0.0));
    state[0] = k.arg(2).value(head);
    state[1] = k.f32(1.0);
    state = k.forCarry(firstKey(k, position), position + 1, k.i32(1), state,
                       [&](Val key, ArrayRef<Val> now) {
                         Array page =
                             cache.page(cache.pageNumber(sequence, key));
                         Val slot = cache.slot(key);
                         Val score = query.score(cache, page, kvHead, slot);
                         Val largest = k.max(score, now[0]);
                         Val rescale = k.exp(now[0] - largest);
                         Val p = k.exp(score - largest);
                         Vals next{largest, k.fma(now[1], rescale, p)};
                         for (size_t part = 0; part < query.parts(); ++part) {
                           Val v = query.ifExists(part * kWarp, [&](Val d) {
                             return page.value(cache.value(kvHead, d, slot));
                           });
                           next.push_back(k.fma(now[2 + part], rescale, p * v));
                         }
                         return next;
                       });
    Array out = k.rowOf(k.arg(5), k.blockX(), headDim);
    for (size_t part = 0; part < query.parts(); ++part) {
      Val d = query.dimension(part);
      k.ifThen(d < headDim, [&] { out.store(d, state[2 + part] / state[1]); });
    }
  });
}

} // namespace gossamer::cuda
