//===- TileAttention.cpp - Attention of many queries, by tensor cores -----===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A block computes 64 queries that share their keys: the heads of a group for
// some tokens, 16 a warp. Pages of 16 keys and values go through shared memory
// as bf16, in ascending order; scores are the accumulators of one product and
// the operand of the next, and never leave registers. Tokens of a block may be
// of several sequences: one is visited after the other.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/AttentionSums.h"
#include "backends/cuda/CacheAccess.h"
#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/KernelEmitters.h"

#include <array>
#include <limits>

using namespace mlir;

namespace gossamer::cuda {

static constexpr int64_t kBlockQueries = 64, kWarpQueries = 16;
static constexpr int64_t kThreads = kBlockQueries / kWarpQueries * kWarp;
/// Words of a value's dimension in shared memory, 8 of them in use, and words
/// more than in use of a key: so no two lanes that read together share a bank.
static constexpr int64_t kValueWords = 12, kKeyPadding = 4;

std::string refuseTileAttention(const KernelDescription &kernel) {
  if (std::string why = refuseSplitAttention(kernel); !why.empty())
    return why;
  if (kWarpQueries % groupSize(kernel) != 0)
    return "needs 1, 2, 4, 8 or 16 query heads a key";
  return "";
}

std::string refuseExactTileAttention(const KernelDescription &kernel) {
  if (kernel.cache()->element != Element::BF16)
    return "needs a cache of bf16 (--cache=bf16)";
  return refuseTileAttention(kernel);
}

namespace {

/// Writes the work of a block. A lane has two queries, `half` 0 and 1: numbers
/// lane / 4 and that + 8 of its warp.
class TileAttention {
public:
  TileAttention(KernelBuilder &k, int64_t parts)
      : k_(k), cache_(k, 1), parts_(parts), dim_(cache_.form.headDim),
        group_(groupSize(k.kernel)), tokens_(kBlockQueries / group_),
        keys_(k.shared(k.i32Type(), kPageKeys * keyWords())),
        values_(k.shared(k.i32Type(), dim_ * kValueWords)) {}

  void emit();

private:
  /// m of both queries, l, and o by 8 dimensions as a product has it.
  using State = Vals;
  static constexpr int64_t kSums = 4; ///< in State before o.

  int64_t keyWords() const { return dim_ / 2 + kKeyPadding; }
  Val kvHead() { return k_.blockX() % cache_.form.kvHeads; }
  Val firstToken() { return k_.blockX() / cache_.form.kvHeads * tokens_; }
  Val quarter() { return k_.lane() % 4; }
  /// Number of a query in the block.
  Val query(int64_t half) {
    return k_.warp() * kWarpQueries + k_.lane() / 4 + half * 8;
  }
  /// Token `i` of the block; beyond the end the last one.
  Val tokenAt(Val i) { return k_.min(firstToken() + i, k_.tokens() - 1); }
  Val positionOf(Val token) { return k_.arg(3).load(token); }
  Val sequenceOf(Val token) { return k_.arg(4).load(token); }
  Val firstKeyOf(Val position) {
    if (k_.kernel.window == 0)
      return k_.i32(0);
    return k_.max(position - (k_.kernel.window - 1), k_.i32(0));
  }
  /// A row of queries or results.
  Array rowOf(unsigned binding, int64_t half) {
    Val head = kvHead() * group_ + query(half) % group_;
    Val row = tokenOf_[half] * (cache_.form.kvHeads * group_) + head;
    return k_.rowOf(k_.arg(binding), row, dim_);
  }

  void loadQueries();
  SmallVector<Vals> splitPairs(ArrayRef<std::pair<Val, Val>> pairs);
  Val isLeader(Val i);
  State visitSequence(Val sequence, ArrayRef<Val> state);
  void stage(Array page, Val firstKey, Val lastKey);
  State visitPage(Val sequence, Val firstKey, ArrayRef<Val> now);
  std::array<Vals, 2> scores();
  void storeResults(ArrayRef<Val> state);

  KernelBuilder &k_;
  CacheAccess cache_;
  int64_t parts_, dim_, group_, tokens_;
  Array keys_, values_;
  std::array<Val, 2> tokenOf_, positions_, sequences_, exists_;
  /// Fragments by 16 dimensions and then part.
  SmallVector<SmallVector<Vals>> queries_;
};

} // namespace

/// Two f32 rounded to bf16, in a word.
static Val packRounded(KernelBuilder &k, Val low, Val high) {
  Type i32 = k.i32Type();
  return k.extend(k.toBF16(low), i32) | (k.extend(k.toBF16(high), i32) << 16);
}

/// Pairs of f32 as words of bf16, part by part.
SmallVector<Vals>
TileAttention::splitPairs(ArrayRef<std::pair<Val, Val>> pairs) {
  SmallVector<std::pair<Val, Val>> rest(pairs);
  SmallVector<Vals> parts;
  for (int64_t part = 0; part < parts_; ++part) {
    Vals words;
    for (auto &[low, high] : rest) {
      words.push_back(packRounded(k_, low, high));
      low = low - k_.toF32(k_.toBF16(low));
      high = high - k_.toF32(k_.toBF16(high));
    }
    parts.push_back(words);
  }
  return parts;
}

void TileAttention::loadQueries() {
  for (int64_t half = 0; half < 2; ++half) {
    Val i = query(half) / group_;
    tokenOf_[half] = tokenAt(i);
    exists_[half] = firstToken() + i < k_.tokens();
    positions_[half] = positionOf(tokenOf_[half]);
    sequences_[half] = sequenceOf(tokenOf_[half]);
  }
  for (int64_t d = 0; d < dim_; d += 16) {
    SmallVector<std::pair<Val, Val>> pairs;
    for (int64_t more : {0, 8})
      for (int64_t half = 0; half < 2; ++half) {
        Val two = rowOf(0, half).loadVector(quarter() * 2 + (d + more), 2);
        pairs.push_back({k_.extract(two, 0) * k_.kernel.scale,
                         k_.extract(two, 1) * k_.kernel.scale});
      }
    queries_.push_back(splitPairs(pairs));
  }
}

/// Whether token `i` of the block is the first of its sequence there.
Val TileAttention::isLeader(Val i) {
  Val own = sequenceOf(tokenAt(i));
  Val before = k_.forCarry(
      k_.i32(0), i, k_.i32(1), k_.i32(0), [&](Val j, ArrayRef<Val> now) {
        Val isSame = sequenceOf(tokenAt(j)) == own;
        return Vals{now[0] + k_.extend(isSame, k_.i32Type())};
      })[0];
  return (before == 0) & (firstToken() + i < k_.tokens());
}

/// A page to shared memory: keys by pairs of dimensions, values by pairs of
/// keys. Values after the last key may be anything, so that a probability of 0
/// does not suffice.
void TileAttention::stage(Array page, Val firstKey, Val lastKey) {
  k_.barrier();
  k_.forThreads(k_.i32(kPageKeys * dim_ / 2), [&](Val word) {
    Val slot = word % kPageKeys, pair = word / kPageKeys;
    Val low = page.value(cache_.key(kvHead(), pair * 2, slot));
    Val high = page.value(cache_.key(kvHead(), pair * 2 + 1, slot));
    keys_.store(slot * keyWords() + pair, packRounded(k_, low, high));
  });
  k_.forThreads(k_.i32(kPageKeys * dim_ / 2), [&](Val word) {
    Val d = word % dim_, pair = word / dim_;
    Vals two;
    for (int64_t i = 0; i < 2; ++i) {
      Val slot = pair * 2 + i;
      Val value = page.value(cache_.value(kvHead(), d, slot));
      two.push_back(k_.select(lastKey < firstKey + slot, k_.f32(0.0), value));
    }
    values_.store(d * kValueWords + pair, packRounded(k_, two[0], two[1]));
  });
  k_.barrier();
}

/// Of the 16 keys in shared memory, by eight.
std::array<Vals, 2> TileAttention::scores() {
  std::array<Vals, 2> sums;
  for (int64_t eight = 0; eight < 2; ++eight) {
    sums[eight].assign(4, k_.f32(0.0));
    Array key = keys_.at((k_.lane() / 4 + eight * 8) * keyWords() + quarter());
    for (auto [step, parts] : llvm::enumerate(queries_)) {
      auto word = static_cast<int64_t>(step) * 8;
      Vals fragment = {key.load(k_.i32(word)), key.load(k_.i32(word + 4))};
      for (const Vals &part : parts)
        k_.multiplyTiles(part, fragment, sums[eight]);
    }
  }
  return sums;
}

TileAttention::State TileAttention::visitPage(Val sequence, Val firstKey,
                                              ArrayRef<Val> now) {
  State next(now.begin(), now.end());
  std::array<Vals, 2> weights = scores();
  Val hidden = k_.f32(-std::numeric_limits<double>::infinity());
  for (int64_t half = 0; half < 2; ++half) {
    Val isOwn = exists_[half] & (sequences_[half] == sequence);
    Val first = firstKeyOf(positions_[half]), last = positions_[half];
    Val most = now[half];
    for (int64_t eight = 0; eight < 2; ++eight)
      for (int64_t i = 0; i < 2; ++i) {
        Val key = firstKey + quarter() * 2 + (eight * 8 + i);
        Val isVisible = isOwn & (key > first - 1) & (key < last + 1);
        Val &score = weights[eight][half * 2 + i];
        score = k_.select(isVisible, score, hidden);
        most = k_.max(score, most);
      }
    for (int64_t mask : {1, 2})
      most = k_.max(most, k_.shuffleXor(most, mask));
    Val rescale = k_.exp(now[half] - most);
    Val sum = now[2 + half] * rescale;
    for (Vals &eight : weights)
      for (int64_t i = 0; i < 2; ++i) {
        Val &weight = eight[half * 2 + i];
        weight = k_.exp(weight - most);
        sum = sum + weight;
      }
    next[half] = most;
    next[2 + half] = sum;
    for (int64_t o = kSums; o < kSums + dim_ / 2; o += 4)
      for (int64_t i = 0; i < 2; ++i)
        next[o + half * 2 + i] = now[o + half * 2 + i] * rescale;
  }
  // What a lane has of scores is what it needs of probabilities.
  SmallVector<Vals> probabilities =
      splitPairs({{weights[0][0], weights[0][1]},
                  {weights[0][2], weights[0][3]},
                  {weights[1][0], weights[1][1]},
                  {weights[1][2], weights[1][3]}});
  for (int64_t d = 0; d < dim_; d += 8) {
    Array value = values_.at((k_.lane() / 4 + d) * kValueWords + quarter());
    Vals fragment = {value.load(k_.i32(0)), value.load(k_.i32(4))};
    for (const Vals &part : probabilities)
      k_.multiplyTiles(part, fragment,
                       MutableArrayRef<Val>(next).slice(kSums + d / 2, 4));
  }
  return next;
}

TileAttention::State TileAttention::visitSequence(Val sequence,
                                                  ArrayRef<Val> state) {
  // The keys that tokens of the block see.
  Vals range = k_.forCarry(
      k_.i32(0), k_.min(k_.tokens() - firstToken(), k_.i32(tokens_)), k_.i32(1),
      {k_.i32(std::numeric_limits<int32_t>::max()), k_.i32(0)},
      [&](Val i, ArrayRef<Val> now) {
        Val token = tokenAt(i), position = positionOf(token);
        Val isOwn = sequenceOf(token) == sequence;
        Val first = k_.min(now[0], firstKeyOf(position));
        Val last = k_.max(now[1], position);
        return Vals{k_.select(isOwn, first, now[0]),
                    k_.select(isOwn, last, now[1])};
      });
  return k_.forCarry(range[0] / kPageKeys, range[1] / kPageKeys + 1, k_.i32(1),
                     state, [&](Val page, ArrayRef<Val> now) {
                       Val firstKey = page * kPageKeys;
                       Val number = cache_.pageNumber(sequence, firstKey);
                       stage(cache_.page(number), firstKey, range[1]);
                       return visitPage(sequence, firstKey, now);
                     });
}

void TileAttention::storeResults(ArrayRef<Val> state) {
  for (int64_t half = 0; half < 2; ++half) {
    Val sum = state[2 + half];
    for (int64_t mask : {1, 2})
      sum = sum + k_.shuffleXor(sum, mask);
    Val head = kvHead() * group_ + query(half) % group_;
    Val sink = k_.arg(2).value(head);
    k_.ifThen(exists_[half], [&] {
      Array out = rowOf(5, half);
      for (int64_t d = 0; d < dim_; d += 8)
        for (int64_t i = 0; i < 2; ++i)
          out.store(quarter() * 2 + (d + i),
                    withSink(k_, sink, state[half], sum,
                             state[kSums + d / 2 + half * 2 + i]));
    });
  }
}

void TileAttention::emit() {
  loadQueries();
  State state(kSums + dim_ / 2, k_.f32(0.0));
  state[0] = state[1] = k_.f32(kNoMaximum);
  state = k_.forCarry(
      k_.i32(0), k_.i32(tokens_), k_.i32(1), state,
      [&](Val i, ArrayRef<Val> now) {
        Vals same(now.begin(), now.end());
        return k_.ifElse(
            isLeader(i),
            [&] { return visitSequence(sequenceOf(tokenAt(i)), same); },
            [&] { return same; });
      });
  storeResults(state);
}

static void emitTileAttention(KernelWriter &w, int64_t parts) {
  emitFewQueries(w, kFewRows);
  w.variant(UINT32_MAX);
  int64_t tokens = kBlockQueries / groupSize(w.kernel());
  w.stage(w.perRow(w.kernel().cache()->kvHeads, tokens), kThreads,
          [&](KernelBuilder &k) { TileAttention(k, parts).emit(); });
}

void emitTileAttentionExact(KernelWriter &w) {
  emitTileAttention(w, kExactParts);
}
void emitTileAttentionRounded(KernelWriter &w) {
  emitTileAttention(w, kRoundedParts);
}

} // namespace gossamer::cuda
