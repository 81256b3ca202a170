//===- AttentionKernels.cpp - Attention in scalar loops -------------------===//
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

} // namespace gossamer::cpu
