//===- RowChoice.cpp - A row of logits of which a token is chosen ---------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/RowChoice.h"

#include "backends/cuda/Histogram.h"
#include "backends/cuda/LaunchTable.h"
#include "runtime/generate/TokenWeight.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <limits>

using namespace mlir;

namespace gossamer::cuda {

/// Logits of a part, and parts of a row.
static constexpr int64_t kShare = 4096, kMostParts = 64;

static constexpr int64_t kBins = Histogram::kBins;

RowMemory::RowMemory(int64_t vocabulary)
    : vocabulary(vocabulary),
      parts(std::clamp<int64_t>(vocabulary / kShare, 1, kMostParts)) {
  kept = parts * 8;
  weights = kept + parts * 8;
  counts = weights + parts * kBins * 8;
  bins = counts + parts * kBins * 4;
  list = bins + static_cast<int64_t>(llvm::alignTo(vocabulary, 16));
  size =
      static_cast<int64_t>(llvm::alignTo(list + vocabulary * 4, kScratchUnit));
}

Val RowChoice::score(Val token, Val logit) {
  return k.ifElse(
      penalty_ != 1.0,
      [&] {
        constexpr double most = std::numeric_limits<float>::max();
        Val isSeen = ((seen_.load(token >> 5) >> (token & 31)) & 1) != 0;
        Val wide = k.toF64(logit);
        Val score = k.select(wide < 0.0, wide * penalty_, wide / penalty_);
        score =
            k.max(k.min(score, likewise(score, most)), likewise(score, -most));
        Val isFinite = (wide < 2 * most) & (wide > -2 * most);
        return Vals{k.select(isSeen & isFinite, k.toF32(score), logit)};
      },
      [&] { return Vals{logit}; })[0];
}

Candidate RowChoice::bestOfParts() {
  Array chosen = part(memory.best, k.i32Type());
  Candidate none = noCandidate(k);
  Vals own =
      k.carryLanes(k.i32(memory.parts), {none.order, none.index},
                   [&](Val part, ArrayRef<Val> now) {
                     Candidate next = better(
                         k, {now[0], now[1]},
                         {chosen.load(part * 2), chosen.load(part * 2 + 1)});
                     return Vals{next.order, next.index};
                   });
  return warpBest(k, {own[0], own[1]});
}

Val RowChoice::distance(Val score, Candidate best) {
  Val top = k.toF64(valueOf(k, best.order));
  return (k.toF64(score) - top) / temperature();
}

Val RowChoice::weight(Val distance) {
  Type i64 = k.b.getI64Type(), f64 = k.b.getF64Type();
  Val x = k.max(distance, likewise(distance, token_weight::least));
  Val shifted = token_weight::shifted(x);
  Val value = token_weight::mantissa(x, shifted - token_weight::toInteger);
  Val exponent = k.bitcast(shifted, i64) + token_weight::exponentBias;
  Val weight = value * k.bitcast(exponent << 52, f64) + token_weight::toNatural;
  return k.bitcast(weight, i64) &
         static_cast<int64_t>(token_weight::naturalMask);
}

} // namespace gossamer::cuda
