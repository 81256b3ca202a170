//===- RowKernels.cpp - Kernels that reduce rows --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Norms, softmax and the choice of experts. A thread takes every 32nd (or
// block-th) element in ascending order, lanes are joined by a fixed tree, warps
// in ascending order.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelEmitters.h"

#include <limits>

using namespace mlir;

namespace gossamer::cuda {

static constexpr double kMinusInfinity =
    -std::numeric_limits<double>::infinity();

/// Warps of a block whose warps each have their own row.
static constexpr int64_t kRowWarps = 4;

void emitRmsNorm(KernelWriter &w) {
  int64_t n = w.rowSize(0);
  w.stage(w.perRow(), 256, [&](KernelBuilder &k) {
    Val t = k.blockX();
    Array x = k.row(0, t), y = k.row(2, t);
    Val squares = k.forCarry(k.thread(), k.i32(n), k.i32(k.block), k.f32(0.0),
                             [&](Val i, ArrayRef<Val> sum) {
                               Val v = x.load(i);
                               return Vals{k.fma(v, v, sum[0])};
                             })[0];
    Val mean = k.blockSum(squares) / static_cast<double>(n);
    Val factor = 1.0 / k.sqrt(mean + k.kernel.eps);
    k.forThreads(k.i32(n), [&](Val i) {
      y.store(i, x.load(i) * factor * k.arg(1).value(i));
    });
  });
}

void emitSoftmax(KernelWriter &w) {
  int64_t n = w.rowSize(0);
  w.stage(w.perRow(), kWarp, [&](KernelBuilder &k) {
    Array x = k.row(0, k.blockX()), y = k.row(1, k.blockX());
    Val largest = k.carryLanes(k.i32(n), k.f32(kMinusInfinity),
                               [&](Val i, ArrayRef<Val> now) {
                                 return Vals{k.max(x.load(i), now[0])};
                               })[0];
    largest = k.warpMax(largest);
    Val sum = k.carryLanes(k.i32(n), k.f32(0.0), [&](Val i, ArrayRef<Val> now) {
      return Vals{now[0] + k.exp(x.load(i) - largest)};
    })[0];
    sum = k.warpSum(sum);
    k.forThreads(k.i32(n),
                 [&](Val i) { y.store(i, k.exp(x.load(i) - largest) / sum); });
  });
}

void emitSoftmaxSink(KernelWriter &w) {
  int64_t heads = w.shapeAt(0)[1], maxKeys = w.shapeAt(0)[2];
  w.stage(w.perRow(heads), 128, [&](KernelBuilder &k) {
    Val head = k.blockX() % heads;
    Array x = k.rowOf(k.arg(0), k.blockX(), maxKeys);
    Array y = k.rowOf(k.arg(2), k.blockX(), maxKeys);
    Val sink = k.arg(1).value(head), keys = k.keys();
    auto overKeys = [&](double init, llvm::function_ref<Val(Val, Val)> next) {
      return k.forCarry(
          k.thread(), keys, k.i32(k.block), k.f32(init),
          [&](Val i, ArrayRef<Val> now) { return Vals{next(i, now[0])}; })[0];
    };
    Val largest = overKeys(
        kMinusInfinity, [&](Val i, Val now) { return k.max(x.load(i), now); });
    largest = k.max(k.blockMax(largest), sink);
    Val sum = overKeys(
        0.0, [&](Val i, Val now) { return now + k.exp(x.load(i) - largest); });
    sum = k.blockSum(sum) + k.exp(sink - largest);
    k.forThreads(keys,
                 [&](Val i) { y.store(i, k.exp(x.load(i) - largest) / sum); });
  });
}

//===----------------------------------------------------------------------===//
// Choice
//===----------------------------------------------------------------------===//

namespace {

/// An element by value, then by lower index.
struct Candidate {
  Val order; ///< i32 that compares like the value; NaN is the least.
  Val index; ///< i32.
};

} // namespace

/// Integers in the order of floats. Zeros are equal.
static Val orderOf(KernelBuilder &k, Val v) {
  Val bits = k.bitcast(v + 0.0, k.i32Type());
  Val flipped = k.select(bits < 0, bits ^ k.i32(0x7fffffff), bits);
  Val isNan = v != v;
  return k.select(isNan, k.i32(std::numeric_limits<int32_t>::min() + 1),
                  flipped);
}

static Candidate better(KernelBuilder &k, Candidate l, Candidate r) {
  Val wins = (r.order > l.order) | ((r.order == l.order) & (r.index < l.index));
  return {k.select(wins, r.order, l.order), k.select(wins, r.index, l.index)};
}

/// Chooses the `count` largest of the `n` elements of a row with one warp, ties
/// to the lower index; hands (rank, value, index) to `take` in all lanes.
static void chooseLargest(KernelBuilder &k, Array row, int64_t n, int64_t count,
                          llvm::function_ref<void(int64_t, Val, Val)> take) {
  int32_t least = std::numeric_limits<int32_t>::min();
  llvm::SmallVector<Candidate> own;
  for (int64_t first = 0; first < n; first += kWarp) {
    Val index = k.lane() + first;
    Val order = k.ifElse(
        index < n, [&] { return Vals{orderOf(k, row.load(index))}; },
        [&] { return Vals{k.i32(least)}; })[0];
    own.push_back({order, index});
  }
  for (int64_t rank = 0; rank < count; ++rank) {
    Candidate best = own[0];
    for (const Candidate &other : llvm::drop_begin(own))
      best = better(k, best, other);
    for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
      best = better(
          k, best,
          {k.shuffleXor(best.order, mask), k.shuffleXor(best.index, mask)});
    take(rank, row.load(best.index), best.index);
    for (Candidate &candidate : own)
      candidate.order = k.select(candidate.index == best.index, k.i32(least),
                                 candidate.order);
  }
}

void emitTopK(KernelWriter &w) {
  int64_t n = w.rowSize(0), count = w.rowSize(1);
  w.stage(w.perRow(), kWarp, [&](KernelBuilder &k) {
    Val t = k.blockX(), isFirst = k.lane() == 0;
    chooseLargest(k, k.row(0, t), n, count,
                  [&](int64_t rank, Val value, Val index) {
                    k.ifThen(isFirst, [&] {
                      k.row(1, t).store(k.i32(rank), value);
                      k.row(2, t).store(k.i32(rank), index);
                    });
                  });
  });
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

/// Chosen experts and their weights, a warp a token; the experts' numbers go
/// to scratch memory, [T][k].
static void chooseExperts(KernelWriter &w, int64_t experts, int64_t count) {
  w.stage(w.perRow(1, kRowWarps), kRowWarps * kWarp, [&](KernelBuilder &k) {
    Val t = k.blockX() * kRowWarps + k.warp();
    k.ifThen(t < k.tokens(), [&] {
      Vals values, indices;
      chooseLargest(k, k.row(0, t), experts, count,
                    [&](int64_t, Val value, Val index) {
                      values.push_back(value);
                      indices.push_back(index);
                    });
      // The first one is the largest.
      Vals powers;
      Val sum = k.f32(0.0);
      for (Val value : values) {
        powers.push_back(k.exp(value - values[0]));
        sum = sum + powers.back();
      }
      k.ifThen(k.lane() == 0, [&] {
        Array choices = k.rowOf(k.scratch(k.i32Type()), t, count);
        for (int64_t rank = 0; rank < count; ++rank) {
          k.row(1, t).store(k.i32(rank), powers[rank] / sum);
          choices.store(k.i32(rank), indices[rank]);
        }
      });
    });
  });
}

/// Lists the experts that have work, where the slots of each begin, and the
/// slots, by expert and then ascending. A thread an expert; the lists are
/// short, and an order that does not depend on timing is wanted.
static void listSlots(KernelWriter &w, int64_t experts, int64_t count) {
  int64_t block = ceilDiv(std::min<int64_t>(experts, 1024), kWarp) * kWarp;
  w.stage(Extent::constant(1), block, [&](KernelBuilder &k) {
    Array choices = k.scratch(k.i32Type());
    Array counts = k.shared(k.i32Type(), experts);
    Val slots = k.tokens() * count;
    k.forThreads(k.i32(experts), [&](Val e) {
      Val mine = k.forCarry(
          k.i32(0), slots, k.i32(1), k.i32(0), [&](Val i, ArrayRef<Val> now) {
            Val isMine = choices.load(i) == e;
            return Vals{now[0] + k.extend(isMine, k.i32Type())};
          })[0];
      counts.store(e, mine);
    });
    k.barrier();
    // Turns counts into where the slots of each expert begin.
    k.ifThen(k.thread() == 0, [&] {
      Vals end =
          k.forCarry(k.i32(0), k.i32(experts), k.i32(1), {k.i32(0), k.i32(0)},
                     [&](Val e, ArrayRef<Val> now) {
                       // Written for every expert; only those with work move
                       // on.
                       Val mine = counts.load(e);
                       k.arg(2).store(now[0], e);
                       k.arg(3).store(now[0], now[1]);
                       counts.store(e, now[1]);
                       return Vals{now[0] + k.extend(mine != 0, k.i32Type()),
                                   now[1] + mine};
                     });
      k.arg(3).store(end[0], end[1]);
      k.arg(4).store(k.i32(0), end[0]);
    });
    k.barrier();
    k.forThreads(k.i32(experts), [&](Val e) {
      k.forCarry(k.i32(0), slots, k.i32(1), counts.load(e),
                 [&](Val i, ArrayRef<Val> now) {
                   Val isMine = choices.load(i) == e;
                   k.ifThen(isMine, [&] { k.arg(5).store(now[0], i); });
                   return Vals{now[0] + k.extend(isMine, k.i32Type())};
                 });
    });
  });
}

void emitRoute(KernelWriter &w) {
  int64_t experts = w.rowSize(0), count = w.kernel().topK;
  w.scratch(w.scratchPerRow(count * 4));
  chooseExperts(w, experts, count);
  listSlots(w, experts, count);
}

} // namespace gossamer::cuda
