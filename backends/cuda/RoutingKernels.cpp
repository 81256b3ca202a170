//===- RoutingKernels.cpp - The experts of each token ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Candidates.h"
#include "backends/cuda/KernelEmitters.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cuda {

/// Warps of a block whose warps each have their own row.
static constexpr int64_t kRowWarps = 4;

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
