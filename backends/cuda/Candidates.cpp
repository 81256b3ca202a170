//===- Candidates.cpp - The largest of a row ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Candidates.h"

#include <limits>

using namespace mlir;

namespace gossamer::cuda {

static constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();

Candidate noCandidate(KernelBuilder &k) {
  return {k.i32(kLeast), k.i32(std::numeric_limits<int32_t>::max())};
}

Val orderOf(KernelBuilder &k, Val v) {
  Val bits = k.bitcast(v + 0.0, k.i32Type());
  Val flipped = k.select(bits < 0, bits ^ k.i32(0x7fffffff), bits);
  Val isNan = v != v;
  return k.select(isNan, k.i32(kLeast + 1), flipped);
}

Val valueOf(KernelBuilder &k, Val order) {
  Val bits = k.select(order < 0, order ^ k.i32(0x7fffffff), order);
  return k.bitcast(bits, k.f32Type());
}

Candidate better(KernelBuilder &k, Candidate l, Candidate r) {
  Val wins = (r.order > l.order) | ((r.order == l.order) & (r.index < l.index));
  return {k.select(wins, r.order, l.order), k.select(wins, r.index, l.index)};
}

Candidate warpBest(KernelBuilder &k, Candidate own) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    own = better(
        k, own, {k.shuffleXor(own.order, mask), k.shuffleXor(own.index, mask)});
  return own;
}

Candidate blockBest(KernelBuilder &k, Candidate own) {
  own = warpBest(k, own);
  int64_t warps = k.block / kWarp;
  Array orders = k.shared(k.i32Type(), warps);
  Array indices = k.shared(k.i32Type(), warps);
  k.ifThen(k.lane() == 0, [&] {
    orders.store(k.warp(), own.order);
    indices.store(k.warp(), own.index);
  });
  k.barrier();
  Candidate best = noCandidate(k);
  for (int64_t i = 0; i < warps; ++i)
    best = better(k, best, {orders.load(k.i32(i)), indices.load(k.i32(i))});
  return best;
}

void chooseLargest(KernelBuilder &k, Array row, int64_t n, int64_t count,
                   llvm::function_ref<void(int64_t, Val, Val)> take) {
  SmallVector<Candidate> own;
  for (int64_t first = 0; first < n; first += kWarp) {
    Val index = k.lane() + first;
    Val order = k.ifElse(
        index < n, [&] { return Vals{orderOf(k, row.load(index))}; },
        [&] { return Vals{k.i32(kLeast)}; })[0];
    own.push_back({order, index});
  }
  for (int64_t rank = 0; rank < count; ++rank) {
    Candidate best = own[0];
    for (const Candidate &other : llvm::drop_begin(own))
      best = better(k, best, other);
    best = warpBest(k, best);
    take(rank, row.load(best.index), best.index);
    for (Candidate &candidate : own)
      candidate.order = k.select(candidate.index == best.index, k.i32(kLeast),
                                 candidate.order);
  }
}

} // namespace gossamer::cuda
