//===- RoutingKernels.cpp - The experts of each token ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// `route`, and `norm_route`, which has the norm and the router's product before
// it. A lone row is one launch of one block; with a few rows each has a block
// and another launch lists them; with many the product is a launch of its own.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Candidates.h"
#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/RowParts.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cuda {

/// Warps of a block whose warps each have their own row.
static constexpr int64_t kRowWarps = 4;

namespace {

/// What both operations write. The numbers of the chosen experts also lie at
/// the beginning of scratch memory, [T][k].
class Choice {
public:
  /// `weights`: binding of the experts' weights; the lists follow.
  Choice(const KernelDescription &kernel, int64_t experts, unsigned weights)
      : experts_(experts), count_(kernel.topK), weights_(weights) {}

  int64_t experts() const { return experts_; }
  int64_t count() const { return count_; }
  int64_t scratchBytes() const { return count_ * 4; }
  /// What follows the choices in scratch memory.
  Array behind(KernelBuilder &k) const {
    return k.rowOf(k.scratch(k.f32Type()), k.tokens(), count_);
  }

  /// Chooses by the logits of a row, with one warp.
  void choose(KernelBuilder &k, Val row, Array logits, bool isLone) const;
  /// A stage in which each warp chooses for a row.
  void emitChoice(KernelWriter &w, RowInput logits) const;
  /// A stage that lists the experts that have work, where the slots of each
  /// begin, and the slots, by expert and then ascending. A thread an expert;
  /// the lists are short, and an order that does not depend on timing is
  /// wanted.
  void emitLists(KernelWriter &w) const;

private:
  Array listedExperts(KernelBuilder &k) const { return k.arg(weights_ + 1); }
  Array offsets(KernelBuilder &k) const { return k.arg(weights_ + 2); }
  Array active(KernelBuilder &k) const { return k.arg(weights_ + 3); }
  Array slots(KernelBuilder &k) const { return k.arg(weights_ + 4); }
  void listLone(KernelBuilder &k, ArrayRef<Val> chosen) const;

  int64_t experts_, count_;
  unsigned weights_;
};

} // namespace

void Choice::choose(KernelBuilder &k, Val row, Array logits,
                    bool isLone) const {
  Vals values, indices;
  chooseLargest(k, logits, experts_, count_,
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
    for (int64_t rank = 0; rank < count_; ++rank)
      k.row(weights_, row).store(k.i32(rank), powers[rank] / sum);
    if (isLone)
      return listLone(k, indices);
    Array choices = k.rowOf(k.scratch(k.i32Type()), row, count_);
    for (int64_t rank = 0; rank < count_; ++rank)
      choices.store(k.i32(rank), indices[rank]);
  });
}

/// The lists of the only token: every expert has one slot.
void Choice::listLone(KernelBuilder &k, ArrayRef<Val> chosen) const {
  for (auto [rank, expert] : llvm::enumerate(chosen)) {
    Val place = k.i32(0);
    for (Val other : chosen)
      place = place + k.extend(other < expert, k.i32Type());
    listedExperts(k).store(place, expert);
    offsets(k).store(place, place);
    slots(k).store(place, k.i32(rank));
  }
  offsets(k).store(k.i32(count_), k.i32(count_));
  active(k).store(k.i32(0), k.i32(count_));
}

void Choice::emitChoice(KernelWriter &w, RowInput logits) const {
  w.stage(w.perRow(1, kRowWarps), kRowWarps * kWarp, [&](KernelBuilder &k) {
    Val row = k.blockX() * kRowWarps + k.warp();
    k.ifThen(row < k.tokens(),
             [&] { choose(k, row, logits(k, row), /*isLone=*/false); });
  });
}

void Choice::emitLists(KernelWriter &w) const {
  int64_t block = ceilDiv(std::min<int64_t>(experts_, 1024), kWarp) * kWarp;
  w.stage(Extent::constant(1), block, [&](KernelBuilder &k) {
    Array choices = k.scratch(k.i32Type());
    Array counts = k.shared(k.i32Type(), experts_);
    Val numSlots = k.tokens() * count_;
    k.forThreads(k.i32(experts_), [&](Val e) {
      Val mine =
          k.forCarry(k.i32(0), numSlots, k.i32(1), k.i32(0),
                     [&](Val i, ArrayRef<Val> now) {
                       Val isMine = choices.load(i) == e;
                       return Vals{now[0] + k.extend(isMine, k.i32Type())};
                     })[0];
      counts.store(e, mine);
    });
    k.barrier();
    // Turns counts into where the slots of each expert begin.
    k.ifThen(k.thread() == 0, [&] {
      Vals end =
          k.forCarry(k.i32(0), k.i32(experts_), k.i32(1), {k.i32(0), k.i32(0)},
                     [&](Val e, ArrayRef<Val> now) {
                       // Written for every expert; only those with work move
                       // on.
                       Val mine = counts.load(e);
                       listedExperts(k).store(now[0], e);
                       offsets(k).store(now[0], now[1]);
                       counts.store(e, now[1]);
                       return Vals{now[0] + k.extend(mine != 0, k.i32Type()),
                                   now[1] + mine};
                     });
      offsets(k).store(end[0], end[1]);
      active(k).store(k.i32(0), end[0]);
    });
    k.barrier();
    k.forThreads(k.i32(experts_), [&](Val e) {
      k.forCarry(k.i32(0), numSlots, k.i32(1), counts.load(e),
                 [&](Val i, ArrayRef<Val> now) {
                   Val isMine = choices.load(i) == e;
                   k.ifThen(isMine, [&] { slots(k).store(now[0], i); });
                   return Vals{now[0] + k.extend(isMine, k.i32Type())};
                 });
    });
  });
}

void emitRoute(KernelWriter &w) {
  Choice choice(w.kernel(), w.rowSize(0), 1);
  w.scratch(w.scratchPerRow(choice.scratchBytes()));
  choice.emitChoice(w, inputRow);
  choice.emitLists(w);
}

//===----------------------------------------------------------------------===//
// With norm and product
//===----------------------------------------------------------------------===//

/// Bindings of norm_route.
static constexpr unsigned kRouter = 2, kRouterBias = 3, kNormed = 4,
                          kWeights = 5;

/// Bytes of a router that one block should read in no more time than another
/// launch takes (an estimate: nothing was measured), and threads of that block.
static constexpr int64_t kSmallRouter = 256 << 10, kRouterBlock = 512;

static Choice choiceOf(KernelWriter &w) {
  return {w.kernel(), w.weightAt(kRouter).outputs(), kWeights};
}

static Array normedRow(KernelBuilder &k, Val row) {
  return k.row(kNormed, row);
}

static Val biasedLogit(KernelBuilder &k, Val expert, Val sum) {
  return sum + k.arg(kRouterBias).value(expert);
}

/// All of one row by a block.
static void routeRow(KernelBuilder &k, const Choice &choice, Val row,
                     bool isLone) {
  int64_t inputs = k.weightAt(kRouter).inputs(), experts = choice.experts();
  Array own = k.shared(k.f32Type(), inputs);
  Array logits = k.shared(k.f32Type(), experts);
  normalizeRow(k, k.row(0, row), inputs, 1, [&](Val i, Val y) {
    own.store(i, y);
    normedRow(k, row).store(i, y);
  });
  k.barrier();
  constexpr int64_t perWarp = 2;
  int64_t stride = perWarp * k.block / kWarp;
  k.forEach(k.warp() * perWarp, k.i32(experts), k.i32(stride), [&](Val first) {
    SmallVector<Array> weights;
    for (int64_t o = 0; o < perWarp; ++o)
      weights.push_back(k.rowOf(k.arg(kRouter),
                                k.min(first + o, k.i32(experts - 1)), inputs));
    Vals sums = denseProduct(k, {perWarp, 1, 4}, inputs, weights, {own});
    for (int64_t o = 0; o < perWarp; ++o) {
      Val expert = first + o;
      k.ifThen((k.lane() == o) & (expert < experts),
               [&] { logits.store(expert, biasedLogit(k, expert, sums[o])); });
    }
  });
  k.barrier();
  k.ifThen(k.warp() == 0, [&] { choice.choose(k, row, logits, isLone); });
}

/// A lone row whose router is not small: a warp a logit, each block with the
/// norm for itself; then the choice and the lists.
static void emitLoneWide(KernelWriter &w, const Choice &choice) {
  int64_t inputs = w.weightAt(kRouter).inputs(), experts = choice.experts();
  auto logitsOf = [](KernelBuilder &k) { return k.scratch(k.f32Type()); };
  w.variant(1, w.scratchPerRow(experts * 4));
  w.stage(Extent::constant(ceilDiv(experts, kDenseWarps)), kDenseWarps * kWarp,
          [&](KernelBuilder &k) {
            Array own = k.shared(k.f32Type(), inputs);
            normalizeRow(k, k.row(0, k.i32(0)), inputs, 1, [&](Val i, Val y) {
              own.store(i, y);
              k.ifThen(k.blockX() == 0,
                       [&] { normedRow(k, k.i32(0)).store(i, y); });
            });
            k.barrier();
            Val expert = k.blockX() * kDenseWarps + k.warp();
            k.ifThen(expert < experts, [&] {
              Array weights = k.rowOf(k.arg(kRouter), expert, inputs);
              Val sum = denseProduct(k, {1, 1, 4}, inputs, weights, own)[0];
              k.ifThen(k.lane() == 0, [&] {
                logitsOf(k).store(expert, biasedLogit(k, expert, sum));
              });
            });
          });
  w.stage(Extent::constant(1), kWarp, [&](KernelBuilder &k) {
    choice.choose(k, k.i32(0), logitsOf(k), /*isLone=*/true);
  });
}

/// Norm, product, choice and lists, each by a stage of its own.
static void emitApart(KernelWriter &w, const Choice &choice, uint32_t mostRows,
                      llvm::function_ref<void(DenseMatrix)> multiply) {
  int64_t experts = choice.experts();
  w.variant(mostRows, w.scratchPerRow(choice.scratchBytes() + experts * 4));
  emitNormStage(w, normedRow);
  auto logitsOf = [&](KernelBuilder &k, Val row) {
    return k.rowOf(choice.behind(k), row, experts);
  };
  auto store = [&](KernelBuilder &k, Val row, Val expert, Val sum) {
    logitsOf(k, row).store(expert, biasedLogit(k, expert, sum));
  };
  multiply({kRouter, store});
  choice.emitChoice(w, logitsOf);
  choice.emitLists(w);
}

static void emitNormRoute(KernelWriter &w, int64_t parts) {
  Choice choice = choiceOf(w);
  const WeightForm &router = w.weightAt(kRouter);
  if (router.outputs() * router.rowBytes() <= kSmallRouter) {
    w.variant(1);
    w.stage(Extent::constant(1), kRouterBlock, [&](KernelBuilder &k) {
      routeRow(k, choice, k.i32(0), /*isLone=*/true);
    });
    w.variant(kFewRows, w.scratchPerRow(choice.scratchBytes()));
    w.stage(w.perRow(), kRouterBlock, [&](KernelBuilder &k) {
      routeRow(k, choice, k.blockX(), /*isLone=*/false);
    });
    choice.emitLists(w);
  } else {
    emitLoneWide(w, choice);
    for (auto [mostRows, tile] :
         {std::pair<uint32_t, DenseTile>{4, {1, 4, 2}}, {kFewRows, {2, 8, 1}}})
      emitApart(w, choice, mostRows, [&, tile = tile](DenseMatrix matrix) {
        emitVectorStage(w, tile, normedRow, matrix);
      });
  }
  emitApart(w, choice, UINT32_MAX, [&](DenseMatrix matrix) {
    emitTileStage(w, parts, normedRow, matrix);
  });
}

void emitNormRouteExact(KernelWriter &w) { emitNormRoute(w, kExactParts); }
void emitNormRouteRounded(KernelWriter &w) { emitNormRoute(w, kRoundedParts); }

void emitPlainNormRoute(KernelWriter &w) {
  emitApart(w, choiceOf(w), UINT32_MAX,
            [&](DenseMatrix matrix) { emitWarpStage(w, normedRow, matrix); });
}

} // namespace gossamer::cuda
