//===- PagedAttention.cpp - Attention, 16 keys of a page at a time --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A work item is a kv head and a token; the items of a kv head follow each
// other, so that a range of items holds runs of consecutive tokens of a
// sequence. Such a run is a tile: its tokens visit the keys together, in blocks
// of four pages. The block's keys, then its values stay in the first-level
// cache while each token uses them for all query heads of the kv head.
//
// The order of additions knows nothing of the tile. With s = scale * (q . k),
// summed by ascending dimension, and blocks cut at absolute positions:
//
//   m' = max(m, s of the block)   r = e^(m - m')   p = e^(s - m')
//   l[lane] = l[lane] * r + p of each page of the block in turn
//   o = o * r + p * v of each key in turn
//
// started from m = sink, l = 0, o = 0. The output is o / (sum of l's lanes +
// e^(sink - m)). Keys that a token does not see have p = 0 and are not read;
// where it sees nothing of a block, r would be 1: neither changes a bit.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CacheAccess.h"
#include "backends/cpu/KernelEmitters.h"

#include <algorithm>
#include <limits>
#include <numeric>

using namespace mlir;

namespace gossamer::cpu {
namespace {

/// Keys of a block: enough that maxima and rescaling cost little beside it.
constexpr int64_t kBlockPages = 4;
constexpr int64_t kBlockKeys = kBlockPages * kLanes;
/// How far ahead of its use a page is fetched, into the second cache level:
/// from the first one its lines would push out what is at work; measured.
constexpr int64_t kPagesAhead = 4;
/// Query heads whose maxima and factors share a vector.
constexpr int64_t kHeads = 8;
/// Most tokens of a tile, and the scratch that a tile may take.
constexpr int64_t kMaxTileTokens = 8;
constexpr int64_t kMaxTileBytes = 64 * 1024;

/// Consecutive tokens of one sequence, with one kv head.
struct Tile {
  Value token, kvHead, sequence;
  Value position; ///< of the first token.
  Value count;
};

/// A token of a tile.
struct Query {
  Value row; ///< within the tile.
  Value token, kvHead, sequence;
  Value position; ///< last key it sees.
  Value first;    ///< first key it sees.
};

/// Pages from ... to-1 by number.
struct Pages {
  Value from, to;
};

class PagedAttention {
public:
  explicit PagedAttention(KernelBuilder &k);
  void emit();

private:
  Value firstKey(Value position);
  Value countTokens(Value token, Value limit, Value sequence, Value position);
  void visitTile(const Tile &tile);
  void forTokens(const Tile &tile,
                 llvm::function_ref<void(const Query &)> body);
  void start(const Query &query);
  void finish(const Query &query);

  Pages visiblePages(const Query &query, Value block);
  Value visibleKeys(const Query &query, Value start);
  Values score(const Query &query, Value block, const Pages &pages, int64_t g,
               int64_t heads);
  Values multiplyKeys(const Query &query, Value number, int64_t g,
                      int64_t heads);
  void updateSoftmax(const Query &query, Value block, const Pages &pages,
                     int64_t g, ArrayRef<Value> most);
  void addValues(const Query &query, Value block, const Pages &pages, int64_t g,
                 int64_t heads, int64_t d, int64_t vectors);
  void prefetch(Value page, Value at, int64_t vector = 0);

  /// The page to fetch beside `number`, the last one that the token sees if
  /// that is nearer.
  Value pageAhead(const Query &query, Value number) {
    Value last = k_.divi(query.position, kLanes);
    return cache_.page(query.sequence,
                       k_.mini(k_.addi(number, kPagesAhead), last));
  }
  Value firstHead(const Query &query) { return k_.muli(query.kvHead, group_); }
  /// Column of a key of the block that begins at page `number`.
  Value column(Value block, Value number) {
    return k_.muli(k_.subi(number, k_.muli(block, kBlockPages)), kLanes);
  }
  Value splatAt(Value memref, Value row, int64_t column) {
    return k_.splat(k_.loadScalar(memref, {row, k_.index(column)}), k_.f32s());
  }

  KernelBuilder &k_;
  const CacheAccess cache_;
  const CacheForm &form_;
  const Value q_, out_;
  const int64_t group_;   ///< query heads of a kv head.
  const int64_t headRow_; ///< group, rounded up to whole vectors of factors.

  // What the target's registers hold accumulators for: heads, and vectors of
  // values.
  int64_t tileHeads_, tileVectors_;

  // Of each token of the tile:
  int64_t tileTokens_;
  Value largest_;  ///< [head], m.
  Value rescales_; ///< [head], r, and at the end the factor of o.
  Value sums_;     ///< [head x lane], l.
  Value weights_;  ///< [head x key of the block], s, then p.
  Value outputs_;  ///< [head x dimension], o.
};

} // namespace

PagedAttention::PagedAttention(KernelBuilder &k)
    : k_(k), cache_(k, 1), form_(cache_.form), q_(k.matrixArg(0)),
      out_(k.matrixArg(5)),
      group_(k.rowSize(0) / form_.headDim / form_.kvHeads),
      headRow_((group_ + kHeads - 1) / kHeads * kLanes) {
  // 32 registers of 16 lanes hold 16 accumulators and what is read, 16
  // registers of 8 lanes hold 4.
  bool wide = k_.features.has("avx512f");
  tileHeads_ = wide ? 8 : 4;
  tileVectors_ = std::min<int64_t>(wide ? 2 : 1, form_.headDimPadded / kLanes);
  int64_t columns =
      2 * headRow_ + group_ * (kLanes + kBlockKeys + form_.headDimPadded);
  tileTokens_ =
      std::clamp<int64_t>(kMaxTileBytes / (4 * columns), 1, kMaxTileTokens);
  auto rows = [&](int64_t columns) {
    return k_.scratch({tileTokens_, columns}, k_.b.getF32Type());
  };
  largest_ = rows(headRow_);
  rescales_ = rows(headRow_);
  sums_ = rows(group_ * kLanes);
  weights_ = rows(group_ * kBlockKeys);
  outputs_ = rows(group_ * form_.headDimPadded);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value PagedAttention::firstKey(Value position) {
  if (k_.kernel.window == 0)
    return k_.index(0);
  return k_.maxi(k_.subi(position, k_.index(k_.kernel.window - 1)),
                 k_.index(0));
}

/// Tokens from `token` on, at most tileTokens and `limit`, that continue its
/// sequence.
Value PagedAttention::countTokens(Value token, Value limit, Value sequence,
                                  Value position) {
  Value last = k_.subi(k_.args.tokens, k_.index(1));
  auto isEqual = [&](Value l, Value r) -> Value {
    return arith::CmpIOp::create(k_.b, k_.loc, arith::CmpIPredicate::eq, l, r);
  };
  return k_.forCarry(
      k_.index(1), k_.index(tileTokens_), 1, k_.index(1),
      [&](Value i, ValueRange now) {
        Value next = k_.mini(k_.addi(token, i), last);
        Value continues = isEqual(now[0], i);
        auto require = [&](Value condition) {
          continues = arith::AndIOp::create(k_.b, k_.loc, continues, condition);
        };
        require(k_.less(i, limit));
        require(k_.less(k_.addi(token, i), k_.args.tokens));
        require(isEqual(k_.toIndex(k_.loadScalar(k_.arg(4), next)), sequence));
        require(isEqual(k_.toIndex(k_.loadScalar(k_.arg(3), next)),
                        k_.addi(position, i)));
        Value longer = k_.addi(now[0], 1);
        return Values{
            arith::SelectOp::create(k_.b, k_.loc, continues, longer, now[0])};
      })[0];
}

void PagedAttention::emit() {
  // A tile starts at each item that the tile before it does not hold.
  k_.forCarry(
      k_.args.begin, k_.args.end, 1, k_.args.begin,
      [&](Value item, ValueRange now) {
        Tile tile;
        tile.kvHead =
            arith::DivUIOp::create(k_.b, k_.loc, item, k_.args.tokens);
        tile.token = k_.subi(item, k_.muli(tile.kvHead, k_.args.tokens));
        Value isStart = arith::CmpIOp::create(
            k_.b, k_.loc, arith::CmpIPredicate::eq, item, now[0]);
        auto branch =
            scf::IfOp::create(k_.b, k_.loc, k_.b.getIndexType(), isStart,
                              /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(k_.b);
        k_.b.setInsertionPointToStart(branch.thenBlock());
        tile.position = k_.toIndex(k_.loadScalar(k_.arg(3), tile.token));
        tile.sequence = k_.toIndex(k_.loadScalar(k_.arg(4), tile.token));
        tile.count = countTokens(tile.token, k_.subi(k_.args.end, item),
                                 tile.sequence, tile.position);
        visitTile(tile);
        scf::YieldOp::create(k_.b, k_.loc, k_.addi(item, tile.count));
        k_.b.setInsertionPointToStart(branch.elseBlock());
        scf::YieldOp::create(k_.b, k_.loc, now[0]);
        return Values(branch.getResults());
      });
}

void PagedAttention::forTokens(const Tile &tile,
                               llvm::function_ref<void(const Query &)> body) {
  k_.forEach(k_.index(0), tile.count, 1, [&](Value row) {
    Value position = k_.addi(tile.position, row);
    body({row, k_.addi(tile.token, row), tile.kvHead, tile.sequence, position,
          firstKey(position)});
  });
}

void PagedAttention::visitTile(const Tile &tile) {
  forTokens(tile, [&](const Query &query) { start(query); });
  Value last = k_.subi(k_.addi(tile.position, tile.count), k_.index(1));
  Value from = k_.divi(firstKey(tile.position), kBlockKeys);
  Value to = k_.addi(k_.divi(last, kBlockKeys), 1);
  k_.forEach(from, to, 1, [&](Value block) {
    auto forSeeing =
        [&](llvm::function_ref<void(const Query &, const Pages &)> body) {
          forTokens(tile, [&](const Query &query) {
            Pages pages = visiblePages(query, block);
            k_.ifThen(k_.less(pages.from, pages.to),
                      [&] { body(query, pages); });
          });
        };
    forSeeing([&](const Query &query, const Pages &pages) {
      for (int64_t g = 0; g < group_; g += kHeads) {
        Values most =
            score(query, block, pages, g, std::min(kHeads, group_ - g));
        updateSoftmax(query, block, pages, g, most);
      }
    });
    forSeeing([&](const Query &query, const Pages &pages) {
      int64_t vectors = form_.headDimPadded / kLanes;
      for (int64_t v = 0; v < vectors; v += tileVectors_)
        for (int64_t g = 0; g < group_; g += tileHeads_)
          addValues(query, block, pages, g, std::min(tileHeads_, group_ - g),
                    v * kLanes, std::min(tileVectors_, vectors - v));
    });
  });
  forTokens(tile, [&](const Query &query) { finish(query); });
}

/// Sinks of up to kHeads heads in the lower lanes.
static Value loadSinks(KernelBuilder &k, Value firstHead, int64_t g,
                       int64_t heads) {
  return k.loadVector(k.arg(2), k.addi(firstHead, g), kLanes,
                      k.prefixMask(heads));
}

void PagedAttention::start(const Query &query) {
  Value zero = k_.constant(k_.f32s(), 0.0);
  for (int64_t g = 0; g < group_; g += kHeads)
    k_.storeVector(
        loadSinks(k_, firstHead(query), g, std::min(kHeads, group_ - g)),
        largest_, {query.row, k_.index(g / kHeads * kLanes)});
  auto clear = [&](Value memref, int64_t columns) {
    k_.forEach(k_.index(0), k_.index(columns), kLanes, [&](Value at) {
      k_.storeVector(zero, memref, {query.row, at});
    });
  };
  clear(sums_, group_ * kLanes);
  clear(outputs_, group_ * form_.headDimPadded);
}

void PagedAttention::finish(const Query &query) {
  Value head = firstHead(query);
  for (int64_t g0 = 0; g0 < group_; g0 += kHeads) {
    int64_t heads = std::min(kHeads, group_ - g0);
    Value at = k_.index(g0 / kHeads * kLanes);
    Values lanes;
    for (int64_t i = 0; i < heads; ++i)
      lanes.push_back(k_.loadVector(
          sums_, {query.row, k_.index((g0 + i) * kLanes)}, kLanes));
    Value most = k_.loadVector(largest_, {query.row, at}, kLanes);
    Value sink = k_.expOfNegative(k_.sub(loadSinks(k_, head, g0, heads), most));
    Value sum = k_.add(k_.sumOfRows(lanes), sink);
    k_.storeVector(k_.div(k_.constant(k_.f32s(), 1.0), sum), rescales_,
                   {query.row, at});
  }
  for (int64_t g = 0; g < group_; ++g) {
    Value factor =
        splatAt(rescales_, query.row, g / kHeads * kLanes + g % kHeads);
    Value to = k_.muli(k_.addi(head, g), form_.headDim);
    k_.forChunks(form_.headDim, [&](Value d, Value mask) {
      Value o = k_.loadVector(
          outputs_, {query.row, k_.addi(d, g * form_.headDimPadded)}, kLanes);
      k_.storeVector(k_.mul(o, factor), out_, {query.token, k_.addi(to, d)},
                     mask);
    });
  }
}

//===----------------------------------------------------------------------===//
// One token and one block of keys
//===----------------------------------------------------------------------===//

Pages PagedAttention::visiblePages(const Query &query, Value block) {
  Value begin = k_.muli(block, kBlockPages);
  Value end = k_.addi(k_.divi(query.position, kLanes), 1);
  return {k_.maxi(k_.divi(query.first, kLanes), begin),
          k_.mini(end, k_.addi(begin, kBlockPages))};
}

/// Lanes of the page that begins at position `start` whose keys are seen.
Value PagedAttention::visibleKeys(const Query &query, Value start) {
  VectorType words = k_.vec(kLanes, k_.b.getI32Type());
  SmallVector<int32_t, 16> order(kLanes);
  std::iota(order.begin(), order.end(), 0);
  Value lanes = arith::ConstantOp::create(
      k_.b, k_.loc, DenseElementsAttr::get(words, ArrayRef<int32_t>(order)));
  auto compare = [&](arith::CmpIPredicate predicate, Value limit) -> Value {
    Value relative = k_.splat(k_.toI32(k_.subi(limit, start)), words);
    return arith::CmpIOp::create(k_.b, k_.loc, predicate, lanes, relative);
  };
  Value visible = compare(arith::CmpIPredicate::sle, query.position);
  if (k_.kernel.window == 0)
    return visible;
  return arith::AndIOp::create(k_.b, k_.loc, visible,
                               compare(arith::CmpIPredicate::sge, query.first));
}

/// Asks for the memory of the 16 elements at `at`, the `vector`th of
/// consecutive ones, if the line is not that of the vector before.
void PagedAttention::prefetch(Value page, Value at, int64_t vector) {
  constexpr int64_t kLineBytes = 64;
  int64_t bytes = kLanes * (form_.element == Element::BF16 ? 2 : 4);
  if (vector * bytes % kLineBytes == 0)
    memref::PrefetchOp::create(k_.b, k_.loc, cache_.pages, ValueRange{page, at},
                               /*isWrite=*/false, /*localityHint=*/2,
                               /*isDataCache=*/true);
}

/// Scores of query heads g ... g+heads-1 with the block's keys go to `weights`.
/// Returns, of each head, the largest scores lane by lane.
Values PagedAttention::score(const Query &query, Value block,
                             const Pages &pages, int64_t g, int64_t heads) {
  if (heads > tileHeads_) {
    Values most = score(query, block, pages, g, tileHeads_);
    most.append(score(query, block, pages, g + tileHeads_, heads - tileHeads_));
    return most;
  }
  Value hidden =
      k_.constant(k_.f32s(), -std::numeric_limits<double>::infinity());
  Value scale = k_.constant(k_.f32s(), k_.kernel.scale);
  return k_.forCarry(
      pages.from, pages.to, 1, Values(heads, hidden),
      [&](Value number, ValueRange most) {
        Values products = multiplyKeys(query, number, g, heads);
        Value visible = visibleKeys(query, k_.muli(number, kLanes));
        Values larger;
        for (int64_t i = 0; i < heads; ++i) {
          Value s = arith::SelectOp::create(k_.b, k_.loc, visible,
                                            k_.mul(products[i], scale), hidden);
          Value at = k_.addi(column(block, number), (g + i) * kBlockKeys);
          k_.storeVector(s, weights_, {query.row, at});
          larger.push_back(k_.max(s, most[i]));
        }
        return larger;
      });
}

/// Products of query heads g ... g+heads-1 with the keys of a page; each vector
/// of keys is read once.
Values PagedAttention::multiplyKeys(const Query &query, Value number, int64_t g,
                                    int64_t heads) {
  Value page = cache_.page(query.sequence, number);
  Value ahead = pageAhead(query, number);
  Value at = k_.muli(k_.addi(firstHead(query), g), form_.headDim);
  Values zeros(heads, k_.constant(k_.f32s(), 0.0));
  return k_.forCarry(
      k_.index(0), k_.index(form_.headDim), 1, zeros,
      [&](Value d, ValueRange now) {
        Value key = cache_.key(query.kvHead, d);
        Value keys = k_.loadVector(cache_.pages, {page, key}, kLanes);
        prefetch(ahead, key);
        Values after;
        for (int64_t i = 0; i < heads; ++i) {
          Value element = k_.loadScalar(
              q_, {query.token, k_.addi(k_.addi(at, d), i * form_.headDim)});
          after.push_back(k_.fma(k_.splat(element, k_.f32s()), keys, now[i]));
        }
        return after;
      });
}

/// Takes the block's scores of the heads from g on into their softmax: scores
/// become weights.
void PagedAttention::updateSoftmax(const Query &query, Value block,
                                   const Pages &pages, int64_t g,
                                   ArrayRef<Value> most) {
  int64_t factor = g / kHeads * kLanes;
  Value old = k_.loadVector(largest_, {query.row, k_.index(factor)}, kLanes);
  Value now = k_.max(k_.maxOfRows(most), old);
  Value rescale = k_.expOfNegative(k_.sub(old, now));
  k_.storeVector(now, largest_, {query.row, k_.index(factor)});
  k_.storeVector(rescale, rescales_, {query.row, k_.index(factor)});
  auto heads = static_cast<int64_t>(most.size());
  auto sumOf = [&](int64_t i) {
    return Values{query.row, k_.index((g + i) * kLanes)};
  };
  Values lanes;
  for (int64_t i = 0; i < heads; ++i)
    lanes.push_back(k_.mul(k_.loadVector(sums_, sumOf(i), kLanes),
                           splatAt(rescales_, query.row, factor + i)));
  // All heads of a page together: their exponentials do not wait for another.
  lanes = k_.forCarry(
      pages.from, pages.to, 1, lanes, [&](Value number, ValueRange before) {
        Values after;
        for (int64_t i = 0; i < heads; ++i) {
          Value at = k_.addi(column(block, number), (g + i) * kBlockKeys);
          Value s = k_.loadVector(weights_, {query.row, at}, kLanes);
          Value p = k_.expOfNegative(
              k_.sub(s, splatAt(largest_, query.row, factor + i)));
          k_.storeVector(p, weights_, {query.row, at});
          after.push_back(k_.add(before[i], p));
        }
        return after;
      });
  for (int64_t i = 0; i < heads; ++i)
    k_.storeVector(lanes[i], sums_, sumOf(i));
}

/// Adds the block's values, dimensions from d on, to the outputs of the heads
/// from g on. Slots that are not seen may hold anything.
void PagedAttention::addValues(const Query &query, Value block,
                               const Pages &pages, int64_t g, int64_t heads,
                               int64_t d, int64_t vectors) {
  auto outputOf = [&](int64_t i, int64_t v) {
    return Values{query.row,
                  k_.index((g + i) * form_.headDimPadded + d + v * kLanes)};
  };
  Values sum;
  for (int64_t i = 0; i < heads; ++i) {
    int64_t head = g + i;
    Value rescale =
        splatAt(rescales_, query.row, head / kHeads * kLanes + head % kHeads);
    for (int64_t v = 0; v < vectors; ++v)
      sum.push_back(
          k_.mul(k_.loadVector(outputs_, outputOf(i, v), kLanes), rescale));
  }
  auto addSlot = [&](Value page, Value ahead, Value weight, Value slot,
                     ValueRange now) {
    Value row = k_.addi(cache_.value(query.kvHead, slot), d);
    Values elements, after;
    for (int64_t v = 0; v < vectors; ++v) {
      Value at = k_.addi(row, v * kLanes);
      elements.push_back(k_.loadVector(cache_.pages, {page, at}, kLanes));
      if (g == 0)
        prefetch(ahead, at, v);
    }
    for (int64_t i = 0; i < heads; ++i) {
      Value at = k_.addi(k_.addi(weight, slot), (g + i) * kBlockKeys);
      Value p = k_.splat(k_.loadScalar(weights_, {query.row, at}), k_.f32s());
      for (int64_t v = 0; v < vectors; ++v)
        after.push_back(k_.fma(p, elements[v], now[i * vectors + v]));
    }
    return after;
  };
  sum = k_.forCarry(
      pages.from, pages.to, 1, sum, [&](Value number, ValueRange now) {
        Value page = cache_.page(query.sequence, number);
        Value ahead = pageAhead(query, number);
        Value start = k_.muli(number, kLanes);
        Value from = k_.maxi(k_.subi(query.first, start), k_.index(0));
        Value to = k_.mini(k_.addi(k_.subi(query.position, start), 1),
                           k_.index(kLanes));
        Value weight = column(block, number);
        return k_.forCarry(from, to, 1, now,
                           [&](Value slot, ValueRange before) {
                             return addSlot(page, ahead, weight, slot, before);
                           });
      });
  for (int64_t i = 0; i < heads; ++i)
    for (int64_t v = 0; v < vectors; ++v)
      k_.storeVector(sum[i * vectors + v], outputs_, outputOf(i, v));
}

void emitPagedAttention(KernelBuilder &k) { PagedAttention(k).emit(); }

} // namespace gossamer::cpu
