//===- Histogram.cpp - Weights of a row by bins ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Histogram.h"

using namespace mlir;

namespace gossamer::cuda {

static constexpr int64_t kOfLane = Histogram::kBins / kWarp;

static Val lowOf(KernelBuilder &k, Val v) { return k.truncate(v, k.i32Type()); }
static Val highOf(KernelBuilder &k, Val v) {
  return k.truncate(v >> 32, k.i32Type());
}
static Val join(KernelBuilder &k, Val low, Val high) {
  Type i64 = k.b.getI64Type();
  return k.extend(low, i64) | (k.extend(high, i64) << 32);
}

static Tally operator+(Tally l, Tally r) {
  return {l.count + r.count, l.weight + r.weight};
}
static Tally operator-(Tally l, Tally r) {
  return {l.count - r.count, l.weight - r.weight};
}

/// shuffleIdx of an i64.
static Val wideShuffle(KernelBuilder &k, Val v, Val lane) {
  return join(k, k.shuffleIdx(lowOf(k, v), lane),
              k.shuffleIdx(highOf(k, v), lane));
}

Val wideWarpSum(KernelBuilder &k, Val v) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    v = v + wideShuffle(k, v, k.lane() ^ k.i32(mask));
  return v;
}

Val wideBlockSum(KernelBuilder &k, Val v) {
  v = wideWarpSum(k, v);
  int64_t warps = k.block / kWarp;
  Array sums = k.shared(k.b.getI64Type(), warps);
  k.ifThen(k.lane() == 0, [&] { sums.store(k.warp(), v); });
  k.barrier();
  Val sum = sums.load(k.i32(0));
  for (int64_t i = 1; i < warps; ++i)
    sum = sum + sums.load(k.i32(i));
  return sum;
}

void Histogram::set(Val bin, Tally tally) {
  counts_.store(bin, tally.count);
  low_.store(bin, lowOf(k_, tally.weight));
  high_.store(bin, highOf(k_, tally.weight));
}

Tally Histogram::at(Val bin) {
  return {counts_.load(bin), join(k_, low_.load(bin), high_.load(bin))};
}

void Histogram::clear() {
  k_.forThreads(k_.i32(kBins),
                [&](Val bin) { set(bin, {k_.i32(0), k_.i64(0)}); });
}

void Histogram::addCount(Val bin) { k_.addAtomic(counts_, bin, k_.i32(1)); }

void Histogram::add(Val bin, Val weight) {
  Val low = lowOf(k_, weight);
  Val sum = k_.addAtomic(low_, bin, low) + low;
  // Comparing as unsigned numbers: whether the sum of the halves went over.
  Val sign = k_.i32(0x80000000LL);
  Val carry = k_.extend((sum ^ sign) < (low ^ sign), k_.i32Type());
  Val high = highOf(k_, weight) + carry;
  k_.ifThen(high != 0, [&] { k_.addAtomic(high_, bin, high); });
}

/// The sum over the lanes up to each.
Tally Histogram::scanLanes(Tally own) {
  Val lane = k_.lane();
  for (int64_t distance = 1; distance < kWarp; distance *= 2) {
    Val from = (lane - distance) & (kWarp - 1);
    Val count = k_.shuffleIdx(own.count, from);
    Val weight = wideShuffle(k_, own.weight, from);
    Val isInside = lane > distance - 1;
    own = own + Tally{k_.select(isInside, count, k_.i32(0)),
                      k_.select(isInside, weight, k_.i64(0))};
  }
  return own;
}

Histogram::Found Histogram::find(Tally base,
                                 llvm::function_ref<Val(Tally)> isReached) {
  Val first = k_.lane() * kOfLane;
  Vals all = k_.forCarry(k_.i32(0), k_.i32(kOfLane), k_.i32(1),
                         {k_.i32(0), k_.i64(0)}, [&](Val i, ArrayRef<Val> now) {
                           Tally next = Tally{now[0], now[1]} + at(first + i);
                           return Vals{next.count, next.weight};
                         });
  Tally own{all[0], all[1]};
  Tally sum = base + (scanLanes(own) - own);
  // A lane looks at its bins again: fewer registers than keeping them.
  Vals found =
      k_.forCarry(k_.i32(0), k_.i32(kOfLane), k_.i32(1),
                  {sum.count, sum.weight, k_.i32(kBins), sum.count, sum.weight},
                  [&](Val i, ArrayRef<Val> now) {
                    Tally next = Tally{now[0], now[1]} + at(first + i);
                    Val isHere = (now[2] == kBins) & isReached(next);
                    return Vals{next.count, next.weight,
                                k_.select(isHere, first + i, now[2]),
                                k_.select(isHere, next.count, now[3]),
                                k_.select(isHere, next.weight, now[4])};
                  });
  Val bin = k_.warpReduce(found[2], [&](Val l, Val r) { return k_.min(l, r); });
  bin = k_.min(bin, k_.i32(kBins - 1));
  Val lane = bin / kOfLane;
  Tally through{k_.shuffleIdx(found[3], lane), wideShuffle(k_, found[4], lane)};
  return {bin, through - at(bin), through};
}

} // namespace gossamer::cuda
