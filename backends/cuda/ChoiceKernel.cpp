//===- ChoiceKernel.cpp - Tokens by rows of logits ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Chooses the token that runtime/generate/Sampler.cpp chooses, whose order and
// numbers these are. Candidates are in order of descending logit, then
// ascending token. What top-k, top-p and min-p keep is a beginning of that
// order, so all that is to be known of each is the sum of the weights in it;
// the least of the sums counts. The draw is the first token at which the
// running sum exceeds a part of that. Sums are of whole numbers, and made in
// any order.
//
// A running sum that reaches something is found without sorting: first by bins
// of the distance from the largest logit, then among the tokens of the one bin
// by the bytes of their place in the order.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Histogram.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/RowChoice.h"
#include "runtime/device/TokenChoice.h"
#include "runtime/generate/TokenWeight.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cstddef>
#include <limits>

using namespace mlir;

namespace gossamer::cuda {

/// Threads of a block that looks at a part of a row, and of the one that
/// chooses.
static constexpr int64_t kBlock = 256, kChoiceBlock = 1024;

/// Bins that a thread reads at once, a byte each.
static constexpr int64_t kTogether = 16;

/// More than any number: what is no logit wins, so that it is seen.
static constexpr int32_t kWrong = std::numeric_limits<int32_t>::max();

static constexpr int64_t kBins = Histogram::kBins;
/// Bins a unit of the logarithm; beyond the last one weights are 0.
static constexpr double kBinsPerUnit = 8;
static_assert(kMostTokensToChoose < int64_t{1} << (63 - token_weight::bits));
static_assert(kBins / kBinsPerUnit > (token_weight::bits + 1) * 0.6931472);

/// The tokens of a block, handed to `body` with what it carries.
static Vals forShare(KernelBuilder &k, const RowMemory &memory,
                     ArrayRef<Val> inits,
                     llvm::function_ref<Vals(Val, ArrayRef<Val>)> body) {
  Val first = k.blockX() % memory.parts * memory.share();
  Val end = k.min(first + memory.share(), k.i32(memory.vocabulary));
  return k.forCarry(first + k.thread(), end, k.i32(k.block), inits, body);
}

//===----------------------------------------------------------------------===//
// The largest of each part
//===----------------------------------------------------------------------===//

static void findLargest(RowChoice &row) {
  KernelBuilder &k = row.k;
  Candidate none = noCandidate(k);
  Vals own =
      forShare(k, row.memory, {none.order, none.index},
               [&](Val token, ArrayRef<Val> now) {
                 Val logit = row.logit(token),
                     order = orderOf(k, row.score(token, logit));
                 Val isWrong =
                     (logit != logit) | (orderOf(k, logit) == kInfinityOrder);
                 order = k.select(isWrong, k.i32(kWrong), order);
                 Candidate next = better(k, {now[0], now[1]}, {order, token});
                 return Vals{next.order, next.index};
               });
  Candidate best = blockBest(k, {own[0], own[1]});
  k.ifThen(k.thread() == 0, [&] {
    Val at = k.blockX() % row.memory.parts * 2;
    Array parts = row.part(row.memory.best, k.i32Type());
    parts.store(at, best.order);
    parts.store(at + 1, best.index);
  });
}

//===----------------------------------------------------------------------===//
// Weights and bins of each part
//===----------------------------------------------------------------------===//

static void weigh(RowChoice &row, Candidate best) {
  KernelBuilder &k = row.k;
  const RowMemory &memory = row.memory;
  Histogram histogram(k);
  histogram.clear();
  k.barrier();
  Array bins = row.part(memory.bins, k.i8Type());
  Val logMinP = row.number(offsetof(goss_cuda_choice, log_min_p));
  Val countsTokens = row.topK() != 0;
  Vals kept =
      forShare(k, memory, {k.i64(0)}, [&](Val token, ArrayRef<Val> now) {
        Val distance = row.distance(row.score(token, row.logit(token)), best);
        Val weight = row.weight(distance);
        Val place =
            k.min(distance * -kBinsPerUnit, likewise(distance, kBins - 1.0));
        Val bin = k.truncate(
            k.bitcast(place + token_weight::toNatural, k.b.getI64Type()),
            k.i32Type());
        bins.store(token, k.truncate(bin, k.i8Type()));
        k.ifThen(countsTokens, [&] { histogram.addCount(bin); });
        k.ifThen(weight != 0, [&] { histogram.add(bin, weight); });
        return Vals{now[0] + k.select(distance < logMinP, k.i64(0), weight)};
      });
  Val sum = wideBlockSum(k, kept[0]); // All have added to the histogram.
  Val part = k.blockX() % memory.parts;
  Type i64 = k.b.getI64Type();
  k.forThreads(k.i32(kBins), [&](Val bin) {
    Tally tally = histogram.at(bin);
    row.part(memory.weights, i64).store(part * kBins + bin, tally.weight);
    row.part(memory.counts, k.i32Type()).store(part * kBins + bin, tally.count);
  });
  k.ifThen(k.thread() == 0,
           [&] { row.part(memory.kept, i64).store(part, sum); });
}

//===----------------------------------------------------------------------===//
// The draw
//===----------------------------------------------------------------------===//

namespace {

/// What a running sum has to reach, in the phases of a draw.
enum Phase { kTopK, kTopP, kDraw, kPhases };

/// By one block.
class Draw {
public:
  Draw(RowChoice &row, Candidate best)
      : row_(row), k_(row.k), memory_(row.memory), best_(best), bins_(k_),
        digits_(k_), listed_(k_.shared(k_.i32Type(), 1)) {}

  /// The token.
  Val run();

private:
  /// A beginning of the order.
  struct Beginning {
    Val weight; ///< of all of it.
    Val token;  ///< its last one.
  };
  using Reached = llvm::function_ref<Val(Tally)>;

  void addParts();
  Val keptByMinP();
  Beginning findFirst(Reached isReached, Val levels);
  Val listBin(Val bin, Val vectors);
  void countDigits(Val listed, Val prefix, Val shift);

  int64_t tokenBytes() const {
    return std::max<int64_t>(
        1, ceilDiv(llvm::Log2_64_Ceil(memory_.vocabulary), 8));
  }
  /// Of a token's place in the order: 4 of the logit, the others of the token.
  int64_t levels() const { return 4 + tokenBytes(); }

  RowChoice &row_;
  KernelBuilder &k_;
  const RowMemory &memory_;
  Candidate best_;
  Histogram bins_, digits_;
  Array listed_;
};

} // namespace

/// What min-p keeps of all parts.
Val Draw::keptByMinP() {
  Array kept = row_.part(memory_.kept, k_.b.getI64Type());
  Val own = k_.carryLanes(k_.i32(memory_.parts), {k_.i64(0)},
                          [&](Val part, ArrayRef<Val> now) {
                            return Vals{now[0] + kept.load(part)};
                          })[0];
  return wideWarpSum(k_, own);
}

/// Fills bins_ with those of all parts.
void Draw::addParts() {
  Type i64 = k_.b.getI64Type();
  Array weights = row_.part(memory_.weights, i64);
  Array counts = row_.part(memory_.counts, k_.i32Type());
  k_.forThreads(k_.i32(kBins), [&](Val bin) {
    Vals sum = k_.forCarry(
        k_.i32(0), k_.i32(memory_.parts), k_.i32(1), {k_.i32(0), k_.i64(0)},
        [&](Val part, ArrayRef<Val> now) {
          Val at = part * kBins + bin;
          return Vals{now[0] + counts.load(at), now[1] + weights.load(at)};
        });
    bins_.set(bin, {sum[0], sum[1]});
  });
  k_.barrier();
}

/// Writes the tokens of a bin down, in any order; looks at the bins of
/// `vectors` times kTogether tokens. Returns how many there are.
Val Draw::listBin(Val bin, Val vectors) {
  k_.barrier(); // Nobody needs the last list any more.
  k_.ifThen(k_.thread() == 0, [&] { listed_.store(k_.i32(0), k_.i32(0)); });
  k_.barrier();
  Array bins = row_.part(memory_.bins, k_.i8Type());
  Array list = row_.part(memory_.list, k_.i32Type());
  Val ones = k_.i32(0x01010101);
  Val four = bin * ones;
  k_.forThreads(vectors, [&](Val number) {
    Val words = bins.as(k_.i32Type())
                    .loadVector(number * (kTogether / 4), kTogether / 4);
    // Bytes that are 0 are the ones that a borrow reaches, lowest first.
    Val zeros = k_.i32(0);
    for (int64_t i = 0; i < kTogether / 4; ++i) {
      Val word = k_.extract(words, i) ^ four;
      zeros = zeros | ((word - ones) & (word ^ k_.i32(-1)));
    }
    k_.ifThen((zeros & 0x80808080LL) != 0, [&] {
      k_.forEach(k_.i32(0), k_.i32(kTogether), k_.i32(1), [&](Val i) {
        Val token = number * kTogether + i;
        Val isOfBin = k_.extend(bins.load(token), k_.i32Type()) == bin;
        k_.ifThen(isOfBin & (token < memory_.vocabulary), [&] {
          list.store(k_.addAtomic(listed_, k_.i32(0), k_.i32(1)), token);
        });
      });
    });
  });
  k_.barrier();
  return listed_.load(k_.i32(0));
}

/// Fills digits_ with the byte at `shift` of the places of the listed tokens
/// whose places begin with `prefix`.
void Draw::countDigits(Val listed, Val prefix, Val shift) {
  Type i64 = k_.b.getI64Type();
  digits_.clear();
  k_.barrier();
  Array list = row_.part(memory_.list, k_.i32Type());
  k_.forThreads(listed, [&](Val i) {
    Val token = list.load(i);
    Val score = row_.score(token, row_.logit(token));
    // Large logits come first.
    Val order = orderOf(k_, score) ^ k_.i32(0x7fffffff);
    Val place =
        (k_.extend(order, i64) << (8 * tokenBytes())) | k_.extend(token, i64);
    k_.ifThen((place >> shift >> 8) == prefix, [&] {
      Val digit = k_.truncate(place >> shift, k_.i32Type()) & 255;
      digits_.addCount(digit);
      digits_.add(digit, row_.weight(row_.distance(score, best_)));
    });
  });
  k_.barrier();
}

/// The shortest beginning that reaches something; where `levels` is 4 it is
/// taken up to the last of equal logits, and has no token.
Draw::Beginning Draw::findFirst(Reached isReached, Val levels) {
  Tally none{k_.i32(0), k_.i64(0)};
  Histogram::Found bin = bins_.find(none, isReached);
  // A top-k of tokens that have no weight: whichever they are.
  Val hasWeight = bin.through.weight != bin.before.weight;
  levels = k_.select(hasWeight, levels, k_.i32(0));
  Val listed =
      listBin(bin.bin, k_.select(hasWeight,
                                 k_.i32(ceilDiv(memory_.vocabulary, kTogether)),
                                 k_.i32(0)));
  Vals found = k_.forCarry(
      k_.i32(0), levels, k_.i32(1),
      {k_.i64(0), bin.before.count, bin.before.weight, bin.through.weight},
      [&](Val level, ArrayRef<Val> now) {
        Val shift = k_.toI64((this->levels() - 1 - level) * 8);
        countDigits(listed, now[0], shift);
        Histogram::Found digit = digits_.find({now[1], now[2]}, isReached);
        k_.barrier();
        Val prefix = (now[0] << 8) | k_.extend(digit.bin, k_.b.getI64Type());
        return Vals{prefix, digit.before.count, digit.before.weight,
                    digit.through.weight};
      });
  Val token = k_.truncate(found[0], k_.i32Type()) &
              ((int64_t{1} << (8 * tokenBytes())) - 1);
  return {found[3], token};
}

Val Draw::run() {
  Type f64 = k_.b.getF64Type();
  addParts();
  Val all = k_.i64(0);
  for (int64_t i = 0; i < kBins / kWarp; ++i)
    all = all + bins_.at(k_.lane() + i * kWarp).weight;
  all = wideWarpSum(k_, all);
  Vals result = k_.forCarry(
      k_.i32(0), k_.i32(kPhases), k_.i32(1), {all, k_.i32(0)},
      [&](Val phase, ArrayRef<Val> now) {
        Val isTopK = phase == int64_t{kTopK}, isDraw = phase == int64_t{kDraw};
        auto ofPhase = [&](Val ofTopK, Val ofTopP, Val ofDraw) {
          return k_.select(isTopK, ofTopK, k_.select(isDraw, ofDraw, ofTopP));
        };
        // Loaded in each phase: registers are rare.
        Val topK = row_.topK();
        Val topP = row_.number(offsetof(goss_cuda_choice, top_p));
        Val uniform = row_.number(offsetof(goss_cuda_choice, uniform));
        Val weight = k_.select(isDraw, k_.min(now[0], keptByMinP()), now[0]);
        Val wide = k_.toFloat(weight, f64);
        Val limit = ofPhase(k_.toFloat(topK, f64), topP * wide, uniform * wide);
        auto isReached = [&](Tally tally) {
          Val reached = k_.select(isTopK, k_.toFloat(tally.count, f64),
                                  k_.toFloat(tally.weight, f64));
          return (reached > limit) |
                 ((reached == limit) & (isDraw ^ k_.i1(true)));
        };
        Val isActive = ofPhase(topK != 0, topP < 1.0, k_.i1(true));
        return k_.ifElse(
            isActive,
            [&] {
              Beginning found = findFirst(
                  isReached, k_.select(isTopK, k_.i32(4), k_.i32(levels())));
              return Vals{found.weight, found.token};
            },
            [&] { return Vals{weight, now[1]}; });
      });
  return result[1];
}

static void choose(RowChoice &row) {
  KernelBuilder &k = row.k;
  Val token = k.ifElse(
      row.isWanted(),
      [&] {
        Candidate best = row.bestOfParts();
        Val isLogit = RowChoice::isLogit(best);
        return k.ifElse(
            isLogit & (row.temperature() != 0.0),
            [&] { return Vals{Draw(row, best).run()}; },
            [&] { return Vals{k.select(isLogit, best.index, k.i32(-1))}; });
      },
      [&] { return Vals{k.i32(-1)}; })[0];
  k.ifThen(k.thread() == 0, [&] { k.arg(3).store(k.blockX(), token); });
}

KernelDescription describeChoice(MemRefType logits) {
  OpBuilder b(logits.getContext());
  int64_t rows = logits.getDimSize(0), vocabulary = logits.getDimSize(1);
  constexpr int64_t numbers = sizeof(goss_cuda_choice) / sizeof(double);
  KernelDescription kernel;
  kernel.operation = "choose";
  kernel.bindings = {
      logits, MemRefType::get({rows, numbers}, b.getF64Type()),
      MemRefType::get({rows, static_cast<int64_t>(
                                 seenWords(static_cast<uint64_t>(vocabulary)))},
                      b.getI32Type()),
      MemRefType::get({rows}, b.getI32Type())};
  kernel.rowsAreOutputs = true;
  return kernel;
}

void emitChoice(KernelWriter &w) {
  RowMemory memory(w.rowSize(0));
  w.scratch(w.scratchPerRow(memory.size));
  w.stage(w.perRow(memory.parts), kBlock, [&](KernelBuilder &k) {
    RowChoice row(k, memory, k.blockX() / memory.parts);
    k.ifThen(row.isWanted(), [&] { findLargest(row); });
  });
  w.stage(w.perRow(memory.parts), kBlock, [&](KernelBuilder &k) {
    RowChoice row(k, memory, k.blockX() / memory.parts);
    k.ifThen(row.isWanted() & (row.temperature() != 0.0), [&] {
      Candidate best = row.bestOfParts();
      k.ifThen(RowChoice::isLogit(best), [&] { weigh(row, best); });
    });
  });
  w.stage(w.perRow(), kChoiceBlock, [&](KernelBuilder &k) {
    RowChoice row(k, memory, k.blockX());
    choose(row);
  });
}

} // namespace gossamer::cuda
