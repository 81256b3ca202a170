//===- GreedyKernel.cpp - The token of the largest logit ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A row of logits is divided among blocks, whose candidates a warp compares: of
// the largest logit the lowest token, in whatever order they are looked at.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Candidates.h"
#include "backends/cuda/KernelEmitters.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gossamer::cuda {

/// Logits of a block, blocks of a row, threads of a block.
static constexpr int64_t kShare = 4096, kMostParts = 64, kBlock = 256;

/// More than any number: what is no logit wins, so that it is seen.
static constexpr int32_t kWrong = std::numeric_limits<int32_t>::max();

/// The best of each part of a row to scratch memory, [row][part][order, token].
static void chooseOfParts(KernelWriter &w, int64_t parts) {
  int64_t n = w.rowSize(0), share = ceilDiv(n, parts);
  w.stage(w.perRow(parts), kBlock, [&](KernelBuilder &k) {
    Array logits = k.rowOf(k.arg(0), k.blockX() / parts, n);
    Val first = k.blockX() % parts * share;
    Candidate none = noCandidate(k);
    Vals own = k.forCarry(
        first + k.thread(), k.min(first + share, k.i32(n)), k.i32(k.block),
        {none.order, none.index}, [&](Val token, ArrayRef<Val> now) {
          Val logit = logits.load(token), order = orderOf(k, logit);
          Val isWrong = (logit != logit) | (order == kInfinityOrder);
          order = k.select(isWrong, k.i32(kWrong), order);
          Candidate next = better(k, {now[0], now[1]}, {order, token});
          return Vals{next.order, next.index};
        });
    Candidate best = blockBest(k, {own[0], own[1]});
    k.ifThen(k.thread() == 0, [&] {
      Array part = k.rowOf(k.scratch(k.i32Type()), k.blockX(), 2);
      part.store(k.i32(0), best.order);
      part.store(k.i32(1), best.index);
    });
  });
}

void emitGreedy(KernelWriter &w) {
  int64_t parts = std::clamp<int64_t>(w.rowSize(0) / kShare, 1, kMostParts);
  w.scratch(w.scratchPerRow(parts * 8));
  chooseOfParts(w, parts);
  w.stage(w.perRow(), kWarp, [&](KernelBuilder &k) {
    Array chosen = k.rowOf(k.scratch(k.i32Type()), k.blockX(), parts * 2);
    Candidate none = noCandidate(k);
    Vals own =
        k.carryLanes(k.i32(parts), {none.order, none.index},
                     [&](Val part, ArrayRef<Val> now) {
                       Candidate next = better(
                           k, {now[0], now[1]},
                           {chosen.load(part * 2), chosen.load(part * 2 + 1)});
                       return Vals{next.order, next.index};
                     });
    Candidate best = warpBest(k, {own[0], own[1]});
    Val isLogit =
        (best.order > kMinusInfinityOrder) & (best.order < kInfinityOrder);
    k.ifThen(k.lane() == 0, [&] {
      k.arg(1).store(k.blockX(), k.select(isLogit, best.index, k.i32(-1)));
    });
  });
}

} // namespace gossamer::cuda
