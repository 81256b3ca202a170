//===- AttentionKernels.cpp - Attention over the paged cache --------------===//
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

#include "backends/cpu/CacheAccess.h"
#include "backends/cpu/KernelEmitters.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace gossamer::cpu {

/// Sum over d of q[t, at + d] * key, in the order of d.
static Value score(KernelBuilder &k, const CacheAccess &cache, Value q, Value t,
                   Value at, Value page, Value kvHead, Value slot) {
  Value sum = k.forCarry(k.index(0), k.index(cache.form.headDim), 1, k.f32(0.0),
                         [&](Value d, ValueRange now) {
                           Value key = cache.loadElement(
                               page, k.addi(cache.key(kvHead, d), slot));
                           Value query = k.loadScalar(q, {t, k.addi(at, d)});
                           return Values{k.add(now[0], k.mul(query, key))};
                         })[0];
  return k.mul(sum, k.f32(k.kernel.scale));
}

void emitAttentionScores(KernelBuilder &k) {
  CacheAccess cache(k, 1);
  const CacheForm &form = cache.form;
  Value q = k.matrixArg(0), scores = k.arg(3);
  int64_t heads = k.rowSize(0) / form.headDim;
  int64_t group = heads / form.kvHeads;
  k.forItems([&](Value t) {
    Value sequence = k.toIndex(k.loadScalar(k.arg(2), t));
    k.forEach(heads, [&](Value head) {
      k.forEach(k.index(0), k.args.keys, 1, [&](Value key) {
        Value page = cache.page(sequence, k.divi(key, form.pageTokens));
        Value slot = k.remi(key, form.pageTokens);
        // Scores of keys that are gone are masked later; any number will do.
        k.storeScalar(k.f32(0.0), scores, {t, head, key});
        k.ifThen(k.less(k.index(-1), page), [&] {
          Value s = score(k, cache, q, t, k.muli(head, form.headDim), page,
                          k.divi(head, group), slot);
          k.storeScalar(s, scores, {t, head, key});
        });
      });
    });
  });
}

void emitAttentionValues(KernelBuilder &k) {
  CacheAccess cache(k, 1);
  const CacheForm &form = cache.form;
  Value p = k.arg(0), out = k.matrixArg(3);
  int64_t heads = k.rowSize(3) / form.headDim;
  int64_t group = heads / form.kvHeads;
  k.forItems([&](Value t) {
    Value sequence = k.toIndex(k.loadScalar(k.arg(2), t));
    k.forEach(heads, [&](Value head) {
      Value at = k.muli(head, form.headDim);
      k.forEach(form.headDim, [&](Value d) {
        k.storeScalar(k.f32(0.0), out, {t, k.addi(at, d)});
      });
      k.forEach(k.index(0), k.args.keys, 1, [&](Value key) {
        Value weight = k.loadScalar(p, {t, head, key});
        // A masked key may be gone from the cache.
        Value isVisible = arith::CmpFOp::create(
            k.b, k.loc, arith::CmpFPredicate::UNE, weight, k.f32(0.0));
        k.ifThen(isVisible, [&] {
          Value page = cache.page(sequence, k.divi(key, form.pageTokens));
          Value row =
              cache.value(k.divi(head, group), k.remi(key, form.pageTokens));
          k.forEach(form.headDim, [&](Value d) {
            Value v = cache.loadElement(page, k.addi(row, d));
            Value old = k.loadScalar(out, {t, k.addi(at, d)});
            k.storeScalar(k.add(old, k.mul(weight, v)), out,
                          {t, k.addi(at, d)});
          });
        });
      });
    });
  });
}

namespace {

/// The query of one work item: token, kv head, and the keys it sees.
struct Query {
  Value token, kvHead, sequence;
  Value position; ///< last key it sees.
  Value first;    ///< first key it sees.
};

/// State of the online softmax of the query heads that share a kv head.
struct SoftmaxState {
  Value largest; ///< memref<group>
  Value sum;     ///< memref<group>
  Value output;  ///< memref<group x headDimPadded>
};

} // namespace

static void forQueries(KernelBuilder &k, const CacheForm &form,
                       llvm::function_ref<void(const Query &)> body) {
  k.forItems([&](Value item) {
    Query query;
    query.token = k.divi(item, form.kvHeads);
    query.kvHead = k.remi(item, form.kvHeads);
    query.position = k.toIndex(k.loadScalar(k.arg(3), query.token));
    query.sequence = k.toIndex(k.loadScalar(k.arg(4), query.token));
    query.first = k.index(0);
    if (k.kernel.window > 0)
      query.first = k.maxi(k.subi(query.position, k.index(k.kernel.window - 1)),
                           query.first);
    body(query);
  });
}

void emitPlainAttention(KernelBuilder &k) {
  CacheAccess cache(k, 1);
  const CacheForm &form = cache.form;
  Value q = k.matrixArg(0), out = k.matrixArg(5);
  int64_t group = k.rowSize(0) / form.headDim / form.kvHeads;
  forQueries(k, form, [&](const Query &query) {
    k.forEach(group, [&](Value g) {
      Value head = k.addi(k.muli(query.kvHead, group), g);
      Value at = k.muli(head, form.headDim);
      auto output = [&](Value d) { return k.addi(at, d); };
      k.forEach(form.headDim, [&](Value d) {
        k.storeScalar(k.f32(0.0), out, {query.token, output(d)});
      });
      Value sink = k.widen(k.loadScalar(k.arg(2), head));
      Values state = k.forCarry(
          query.first, k.addi(query.position, 1), 1, {sink, k.f32(1.0)},
          [&](Value key, ValueRange now) {
            Value page =
                cache.page(query.sequence, k.divi(key, form.pageTokens));
            Value slot = k.remi(key, form.pageTokens);
            Value s =
                score(k, cache, q, query.token, at, page, query.kvHead, slot);
            Value largest = k.max(s, now[0]);
            Value rescale = k.exp(k.sub(now[0], largest));
            Value p = k.exp(k.sub(s, largest));
            Value row = cache.value(query.kvHead, slot);
            k.forEach(form.headDim, [&](Value d) {
              Value v = cache.loadElement(page, k.addi(row, d));
              Value old = k.loadScalar(out, {query.token, output(d)});
              Value sum = k.add(k.mul(old, rescale), k.mul(p, v));
              k.storeScalar(sum, out, {query.token, output(d)});
            });
            return Values{largest, k.add(k.mul(now[1], rescale), p)};
          });
      k.forEach(form.headDim, [&](Value d) {
        Value sum = k.loadScalar(out, {query.token, output(d)});
        k.storeScalar(k.div(sum, state[1]), out, {query.token, output(d)});
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// 16 keys at a time
//===----------------------------------------------------------------------===//

/// Scores of `heads` query heads, from head `firstHead` on, with the 16 keys
/// of a page; each key vector is read once.
static Values pageScores(KernelBuilder &k, const CacheAccess &cache, Value q,
                         const Query &query, Value firstHead, int64_t heads,
                         Value page) {
  int64_t headDim = cache.form.headDim;
  Value at = k.muli(firstHead, headDim);
  Values zeros(heads, k.constant(k.f32s(), 0.0));
  Values sums = k.forCarry(
      k.index(0), k.index(headDim), 1, zeros, [&](Value d, ValueRange now) {
        Value keys = k.loadVector(cache.pages,
                                  {page, cache.key(query.kvHead, d)}, kLanes);
        Values next;
        for (int64_t g = 0; g < heads; ++g) {
          Value element = k.loadScalar(
              q, {query.token, k.addi(k.addi(at, d), g * headDim)});
          next.push_back(k.fma(k.splat(element, k.f32s()), keys, now[g]));
        }
        return next;
      });
  for (Value &sum : sums)
    sum = k.mul(sum, k.constant(k.f32s(), k.kernel.scale));
  return sums;
}

/// Lanes of a page whose keys the query sees.
static Value visibleKeys(KernelBuilder &k, const Query &query, Value start) {
  Type words = k.vec(kLanes, k.b.getI32Type());
  SmallVector<int32_t, 16> order(kLanes);
  std::iota(order.begin(), order.end(), 0);
  Value lanes = arith::ConstantOp::create(
      k.b, k.loc,
      DenseElementsAttr::get(cast<VectorType>(words),
                             ArrayRef<int32_t>(order)));
  auto compare = [&](arith::CmpIPredicate predicate, Value limit) -> Value {
    Value relative = k.splat(k.toI32(k.subi(limit, start)), words);
    return arith::CmpIOp::create(k.b, k.loc, predicate, lanes, relative);
  };
  Value visible = compare(arith::CmpIPredicate::sle, query.position);
  if (k.kernel.window == 0)
    return visible;
  return arith::AndIOp::create(k.b, k.loc, visible,
                               compare(arith::CmpIPredicate::sge, query.first));
}

/// Takes 16 scores into the softmax of head `g`; returns the factor by which
/// earlier sums shrink. The keys' weights go to row `g` of `weights`.
static Value updateSoftmax(KernelBuilder &k, const SoftmaxState &state, Value g,
                           Value scores, Value weights) {
  Value old = k.loadScalar(state.largest, g);
  Value largest = k.max(k.maxLanes(scores), old);
  Value rescale = k.exp(k.sub(old, largest));
  Value p = k.exp(k.sub(scores, k.splat(largest, k.f32s())));
  Value sum = k.fma(k.loadScalar(state.sum, g), rescale, k.sumLanes(p));
  k.storeScalar(largest, state.largest, g);
  k.storeScalar(sum, state.sum, g);
  k.storeVector(p, weights, {g, k.index(0)});
  return rescale;
}

/// output[g] = output[g] * rescale + weights[g] . values, over the page's
/// slots from ... to-1. Other slots are not read: they may hold anything.
static void addValues(KernelBuilder &k, const CacheAccess &cache,
                      const Query &query, Value page, Value from, Value to,
                      Value g, Value rescale, Value weights, Value output) {
  // Few enough vectors to stay in registers.
  constexpr int64_t kMaxVectors = 8;
  int64_t padded = cache.form.headDimPadded;
  for (int64_t d = 0; d < padded; d += kMaxVectors * kLanes) {
    int64_t vectors = std::min(kMaxVectors, (padded - d) / kLanes);
    Values sums;
    for (int64_t v = 0; v < vectors; ++v) {
      Value old = k.loadVector(output, {g, k.index(d + v * kLanes)}, kLanes);
      sums.push_back(k.mul(old, k.splat(rescale, k.f32s())));
    }
    sums = k.forCarry(from, to, 1, sums, [&](Value slot, ValueRange now) {
      Value weight = k.splat(k.loadScalar(weights, {g, slot}), k.f32s());
      Value row = k.addi(cache.value(query.kvHead, slot), d);
      Values next;
      for (int64_t v = 0; v < vectors; ++v) {
        Value element =
            k.loadVector(cache.pages, {page, k.addi(row, v * kLanes)}, kLanes);
        next.push_back(k.fma(weight, element, now[v]));
      }
      return next;
    });
    for (int64_t v = 0; v < vectors; ++v)
      k.storeVector(sums[v], output, {g, k.index(d + v * kLanes)});
  }
}

/// One page for all query heads of a kv head.
static void attendPage(KernelBuilder &k, const CacheAccess &cache, Value q,
                       const Query &query, int64_t group, Value number,
                       const SoftmaxState &state, Value weights) {
  // Accumulators of scores that stay in registers.
  constexpr int64_t kHeadTile = 8;
  int64_t pageTokens = cache.form.pageTokens;
  Value page = cache.page(query.sequence, number);
  Value start = k.muli(number, pageTokens);
  Value visible = visibleKeys(k, query, start);
  Value hidden = k.constant(k.f32s(), -std::numeric_limits<double>::infinity());
  Value from = k.maxi(k.subi(query.first, start), k.index(0));
  Value to =
      k.mini(k.addi(k.subi(query.position, start), 1), k.index(pageTokens));
  for (int64_t g0 = 0; g0 < group; g0 += kHeadTile) {
    int64_t heads = std::min(kHeadTile, group - g0);
    Value head = k.addi(k.muli(query.kvHead, group), g0);
    Values scores = pageScores(k, cache, q, query, head, heads, page);
    for (int64_t i = 0; i < heads; ++i) {
      Value g = k.index(g0 + i);
      Value s = arith::SelectOp::create(k.b, k.loc, visible, scores[i], hidden);
      Value rescale = updateSoftmax(k, state, g, s, weights);
      addValues(k, cache, query, page, from, to, g, rescale, weights,
                state.output);
    }
  }
}

void emitPagedAttention(KernelBuilder &k) {
  CacheAccess cache(k, 1);
  const CacheForm &form = cache.form;
  Value q = k.matrixArg(0), out = k.matrixArg(5);
  int64_t group = k.rowSize(0) / form.headDim / form.kvHeads;
  Type f32 = k.b.getF32Type();
  SoftmaxState state{k.scratch(group, f32), k.scratch(group, f32),
                     k.scratch({group, form.headDimPadded}, f32)};
  Value weights = k.scratch({group, kLanes}, f32);
  forQueries(k, form, [&](const Query &query) {
    Value firstHead = k.muli(query.kvHead, group);
    k.forEach(group, [&](Value g) {
      Value sink = k.widen(k.loadScalar(k.arg(2), k.addi(firstHead, g)));
      k.storeScalar(sink, state.largest, g);
      k.storeScalar(k.f32(1.0), state.sum, g);
      k.forEach(k.index(0), k.index(form.headDimPadded), kLanes, [&](Value d) {
        k.storeVector(k.constant(k.f32s(), 0.0), state.output, {g, d});
      });
    });
    Value lastPage = k.divi(query.position, form.pageTokens);
    k.forEach(k.divi(query.first, form.pageTokens), k.addi(lastPage, 1), 1,
              [&](Value number) {
                attendPage(k, cache, q, query, group, number, state, weights);
              });
    k.forEach(group, [&](Value g) {
      Value sum = k.splat(k.loadScalar(state.sum, g), k.f32s());
      Value at = k.muli(k.addi(firstHead, g), form.headDim);
      k.forChunks(form.headDim, [&](Value d, Value mask) {
        Value v = k.loadVector(state.output, {g, d}, kLanes);
        k.storeVector(k.div(v, sum), out, {query.token, k.addi(at, d)}, mask);
      });
    });
  });
}

} // namespace gossamer::cpu
