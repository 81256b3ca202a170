//===- RoutingKernels.cpp - Softmax, top-k and the experts' work lists ----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelEmitters.h"

#include <limits>

using namespace mlir;

namespace gossamer::cpu {

static constexpr double kMinusInfinity =
    -std::numeric_limits<double>::infinity();

void emitSwiglu(KernelBuilder &k) {
  Value h = k.matrixArg(0), a = k.matrixArg(1);
  k.forItems([&](Value t) {
    k.forEach(k.rowSize(1), [&](Value j) {
      Value at = k.muli(j, 2);
      Value gate = k.loadScalar(h, {t, at});
      Value up = k.loadScalar(h, {t, k.addi(at, 1)});
      k.storeScalar(k.swiglu(gate, up), a, {t, j});
    });
  });
}

void emitMask(KernelBuilder &k) {
  Value scores = k.arg(0), masked = k.arg(2);
  int64_t heads = k.typeAt(0).getDimSize(1);
  k.forItems([&](Value t) {
    Value position = k.toIndex(k.loadScalar(k.arg(1), t));
    Value first = k.index(0);
    if (k.kernel.window > 0)
      first = k.maxi(k.subi(position, k.index(k.kernel.window - 1)), first);
    k.forEach(heads, [&](Value head) {
      k.forEach(k.index(0), k.args.keys, 1, [&](Value key) {
        Value early = k.less(key, first), late = k.less(position, key);
        Value hidden = arith::OrIOp::create(k.b, k.loc, early, late);
        Value score = k.loadScalar(scores, {t, head, key});
        score = arith::SelectOp::create(k.b, k.loc, hidden,
                                        k.f32(kMinusInfinity), score);
        k.storeScalar(score, masked, {t, head, key});
      });
    });
  });
}

/// Softmax of elements 0 ... n-1 that `load` reads, where `extra` (or null)
/// joins the maximum and the sum. May work in place.
static void softmax(KernelBuilder &k, Value n, Value extra,
                    llvm::function_ref<Value(Value)> load,
                    llvm::function_ref<void(Value, Value)> store) {
  Value start = extra ? extra : k.f32(kMinusInfinity);
  Value largest =
      k.forCarry(k.index(0), n, 1, start, [&](Value i, ValueRange now) {
        return Values{k.max(load(i), now[0])};
      })[0];
  Value first = extra ? k.exp(k.sub(extra, largest)) : k.f32(0.0);
  Value sum = k.forCarry(k.index(0), n, 1, first, [&](Value i, ValueRange now) {
    Value e = k.exp(k.sub(load(i), largest));
    return Values{k.add(now[0], e)};
  })[0];
  k.forEach(k.index(0), n, 1, [&](Value i) {
    store(k.div(k.exp(k.sub(load(i), largest)), sum), i);
  });
}

void emitSoftmax(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(1);
  k.forItems([&](Value t) {
    softmax(
        k, k.index(k.rowSize(0)), {},
        [&](Value i) { return k.loadScalar(x, {t, i}); },
        [&](Value v, Value i) { k.storeScalar(v, y, {t, i}); });
  });
}

void emitSoftmaxSink(KernelBuilder &k) {
  Value x = k.arg(0), y = k.arg(2);
  int64_t heads = k.typeAt(0).getDimSize(1);
  k.forItems([&](Value t) {
    k.forEach(heads, [&](Value head) {
      Value sink = k.widen(k.loadScalar(k.arg(1), head));
      softmax(
          k, k.args.keys, sink,
          [&](Value i) { return k.loadScalar(x, {t, head, i}); },
          [&](Value v, Value i) { k.storeScalar(v, y, {t, head, i}); });
    });
  });
}

/// Chooses the `count` largest of the `n` elements of a row, ties to the lower
/// index, and hands (rank, value, index) to `take`. Always `count` different
/// indices, whatever the values.
static void chooseLargest(KernelBuilder &k, Value row, Value t, int64_t n,
                          int64_t count, Value taken,
                          llvm::function_ref<void(Value, Value, Value)> take) {
  k.forEach(n, [&](Value e) { k.storeScalar(k.integer(0, 8), taken, e); });
  k.forEach(count, [&](Value rank) {
    Values best = k.forCarry(
        k.index(0), k.index(n), 1, {k.f32(kMinusInfinity), k.index(n)},
        [&](Value e, ValueRange now) {
          Value v = k.loadScalar(row, {t, e});
          Value isFree =
              arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::eq,
                                    k.loadScalar(taken, e), k.integer(0, 8));
          Value isFirst = arith::CmpIOp::create(
              k.b, k.loc, arith::CmpIPredicate::eq, now[1], k.index(n));
          Value isLarger = arith::CmpFOp::create(
              k.b, k.loc, arith::CmpFPredicate::OGT, v, now[0]);
          Value wins = arith::AndIOp::create(
              k.b, k.loc, isFree,
              arith::OrIOp::create(k.b, k.loc, isFirst, isLarger));
          return Values{arith::SelectOp::create(k.b, k.loc, wins, v, now[0]),
                        arith::SelectOp::create(k.b, k.loc, wins, e, now[1])};
        });
    k.storeScalar(k.integer(1, 8), taken, best[1]);
    take(rank, best[0], best[1]);
  });
}

void emitTopK(KernelBuilder &k) {
  int64_t n = k.rowSize(0), count = k.rowSize(1);
  Value x = k.matrixArg(0), values = k.matrixArg(1), indices = k.matrixArg(2);
  Value taken = k.scratch(n, k.b.getI8Type());
  k.forItems([&](Value t) {
    chooseLargest(k, x, t, n, count, taken,
                  [&](Value rank, Value value, Value index) {
                    k.storeScalar(value, values, {t, rank});
                    k.storeScalar(k.toI32(index), indices, {t, rank});
                  });
  });
}

/// Adds 1 to element `at` of a memref<?xi32> and returns what it was.
static Value countUp(KernelBuilder &k, Value memref, Value at) {
  Value old = k.loadScalar(memref, at);
  Value next = arith::AddIOp::create(k.b, k.loc, old, k.integer(1, 32));
  k.storeScalar(next, memref, at);
  return old;
}

/// Lists the experts that have work, and where their slots begin. Turns
/// `counts` into the next free place of each expert's slots.
static void listExperts(KernelBuilder &k, Value counts, int64_t experts) {
  Value list = k.arg(2), offsets = k.arg(3), active = k.arg(4);
  Value zero = k.integer(0, 32);
  Values end = k.forCarry(
      k.index(0), k.index(experts), 1, {k.index(0), zero},
      [&](Value e, ValueRange now) {
        // Written for every expert; only those with work move on.
        Value count = k.loadScalar(counts, e);
        k.storeScalar(k.toI32(e), list, now[0]);
        k.storeScalar(now[1], offsets, now[0]);
        k.storeScalar(now[1], counts, e);
        Value some = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::ne,
                                           count, zero);
        Value more = arith::SelectOp::create(k.b, k.loc, some,
                                             k.addi(now[0], 1), now[0]);
        return Values{more, arith::AddIOp::create(k.b, k.loc, now[1], count)};
      });
  k.storeScalar(end[1], offsets, end[0]);
  k.storeScalar(k.toI32(end[0]), active, k.index(0));
}

void emitRoute(KernelBuilder &k) {
  int64_t experts = k.rowSize(0), count = k.kernel.topK;
  int64_t maxTokens = k.typeAt(0).getDimSize(0);
  Value logits = k.matrixArg(0), weights = k.matrixArg(1), slots = k.arg(5);
  Type i32 = k.b.getI32Type();
  Value taken = k.scratch(experts, k.b.getI8Type());
  Value counts = k.scratch(experts, i32);
  Value choices = k.scratch({maxTokens, count}, i32);
  // One item: the lists span all tokens.
  k.forItems([&](Value) {
    k.forEach(experts,
              [&](Value e) { k.storeScalar(k.integer(0, 32), counts, e); });
    k.forEach(k.index(0), k.args.tokens, 1, [&](Value t) {
      chooseLargest(k, logits, t, experts, count, taken,
                    [&](Value rank, Value value, Value expert) {
                      k.storeScalar(value, weights, {t, rank});
                      k.storeScalar(k.toI32(expert), choices, {t, rank});
                      countUp(k, counts, expert);
                    });
      softmax(
          k, k.index(count), {},
          [&](Value i) { return k.loadScalar(weights, {t, i}); },
          [&](Value v, Value i) { k.storeScalar(v, weights, {t, i}); });
    });
    listExperts(k, counts, experts);
    k.forEach(k.index(0), k.args.tokens, 1, [&](Value t) {
      k.forEach(count, [&](Value rank) {
        Value expert = k.toIndex(k.loadScalar(choices, {t, rank}));
        Value place = k.toIndex(countUp(k, counts, expert));
        Value slot = k.addi(k.muli(t, count), rank);
        k.storeScalar(k.toI32(slot), slots, place);
      });
    });
  });
}

} // namespace gossamer::cpu
