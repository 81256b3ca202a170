//===- DotProducts.cpp - Products in float32 ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// All of them add in one order: lane l of 16 takes inputs 2l and 2l+1 of every
// block of 32,
//
//   acc[l] = fma(w[2l], x[2l], acc[l]);  acc[l] = fma(w[2l+1], x[2l+1], acc[l])
//
// and the lanes are added as a tree. A 4-bit weight times its scale, a power of
// two, is exact. An output element therefore has the same bits whatever the
// number of tokens, the division of the items, and the form of the weights
// (MXFP4 as published or in panels, or the same numbers in bf16, by rows or by
// columns).
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/Products.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Rows of weights that are decoded together, and tokens that share them.
constexpr int64_t kRowTile = 4;
constexpr int64_t kTokenTile = 4;

/// How far ahead of their use the weights of a row are fetched; measured.
constexpr int64_t kPrefetchBytes = 2048;
/// The same where rows are read one after another.
constexpr int64_t kStreamBytes = 1280;
/// Weights of this size do not stay in a cache close to a core.
constexpr int64_t kStreamedWeight = 1 << 20;

/// 32 weights of a row: the even ones and the odd ones.
struct WeightBlock {
  Value even, odd;
};

/// Reads blocks of one weight (of one expert).
class WeightReader {
public:
  WeightReader(KernelBuilder &k, unsigned binding, Value expert = {})
      : form(k.weightAt(binding)), k_(k), binding_(binding), expert_(expert) {}

  /// Weights at ... at+31 of `row`; those from `count` on are 0.
  WeightBlock load(Value row, Value at, int64_t count) {
    if (form.element == Element::MXFP4)
      return loadMxfp4(row, at);
    auto [even, odd] = k_.loadPair(k_.arg(binding_), indices({row, at}), count);
    return {even, odd};
  }

  /// Fetches what this step reads of the rows from `row` on, some time ahead:
  /// further along the row, or at the beginning of the next group's.
  void prefetch(Value row, Value at);

  /// Whether rows are to be read one after another where only one token needs
  /// them: memory that is read in its order, with little asked for ahead, comes
  /// at all of its rate, four rows in turn at two thirds of it. From a cache,
  /// as for a second token, they come faster than the additions of one row can
  /// follow each other.
  bool isStreamed() const {
    return form.element != Element::MXFP4 &&
           form.outputs() * rowBytes() >= kStreamedWeight;
  }

  /// Fetches for rows that are read one after another, every two blocks.
  void prefetchStream(Value row, Value at);

  /// 16 rows' weights of one input of a transposed weight.
  Value loadColumn(Value row, Value at, Value mask) {
    return k_.loadVector(k_.arg(binding_), indices({at, row}), kLanes, mask);
  }

  /// Inputs 2 lane and 2 lane + 1 of a block of 16 rows in a panel.
  WeightBlock loadPanel(Value first, Value block, int64_t lane);

  const WeightForm &form;

private:
  Values indices(std::initializer_list<Value> rest) {
    Values result;
    if (expert_)
      result.push_back(expert_);
    result.append(rest);
    return result;
  }
  /// Weights before a row, those of other experts included.
  Value startOf(Value row) {
    if (expert_)
      row = k_.addi(k_.muli(expert_, form.outputs()), row);
    return k_.muli(row, form.inputs());
  }
  WeightBlock loadMxfp4(Value row, Value at);
  Value decode(Value codes);
  int64_t rowBytes() const { return form.inputs() / kDotBlock * blockBytes(); }
  /// Elements of the first tensor that hold 32 weights, and their bytes.
  int64_t blockElements() const {
    return form.element == Element::MXFP4 ? 16 : kDotBlock;
  }
  int64_t blockBytes() const {
    return form.element == Element::MXFP4 ? 16
           : form.element == Element::F32 ? 4 * kDotBlock
                                          : 2 * kDotBlock;
  }

  KernelBuilder &k_;
  unsigned binding_;
  Value expert_;
};

} // namespace

WeightBlock WeightReader::loadMxfp4(Value row, Value at) {
  Values where = indices({row, k_.divi(at, 32)});
  Value scaleByte = k_.loadScalar(k_.args.bindings[binding_][1], where);
  Value scale = k_.splat(k_.scaleFromE8M0(scaleByte), k_.f32s());

  where.push_back(k_.index(0));
  VectorType words = k_.vec(kLanes, k_.b.getI32Type());
  Value bytes = k_.loadVector(k_.args.bindings[binding_][0], where, kLanes);
  Value low = arith::ExtUIOp::create(k_.b, k_.loc, words, bytes);
  Value high =
      arith::ShRUIOp::create(k_.b, k_.loc, low, k_.constantInt(words, 4));
  return {k_.mul(decode(low), scale), k_.mul(decode(high), scale)};
}

WeightBlock WeightReader::loadPanel(Value first, Value block, int64_t lane) {
  VectorType words = k_.vec(kLanes, k_.b.getI32Type());
  Values where = indices({k_.divi(first, kPanelRows), block, k_.index(0)});
  Value scales =
      k_.loadVector(k_.args.bindings[binding_][1], where, kPanelRows);
  Value scale = k_.scaleFromE8M0(scales);
  constexpr int64_t wordBytes = kPanelRows * 4;
  where.back() = k_.index(lane / 4 * wordBytes);
  Value bytes = k_.loadVector(k_.args.bindings[binding_][0], where, wordBytes);
  Value word = vector::BitCastOp::create(k_.b, k_.loc, words, bytes);
  auto nibble = [&](int64_t number) -> Value {
    Value shifted = arith::ShRUIOp::create(k_.b, k_.loc, word,
                                           k_.constantInt(words, 4 * number));
    return k_.mul(decode(shifted), scale);
  };
  return {nibble(lane % 4 * 2), nibble(lane % 4 * 2 + 1)};
}

void WeightReader::prefetch(Value row, Value at) {
  int64_t inputs = form.inputs();
  int64_t ahead = std::min(kPrefetchBytes / blockBytes() * kDotBlock,
                           inputs / kDotBlock * kDotBlock);
  // A line holds several blocks of 4-bit weights: they need it once only, but
  // a second request for a line costs little.
  Value next = k_.addi(at, ahead);
  Value isBeyond = k_.less(k_.index(inputs - 1), next);
  Value toNextGroup = arith::SelectOp::create(
      k_.b, k_.loc, isBeyond, k_.index((kRowTile - 1) * inputs), k_.index(0));
  Value element = k_.addi(k_.addi(startOf(row), next), toNextGroup);
  int64_t perElement = kDotBlock / blockElements();
  for (int64_t r = 0; r < kRowTile; ++r)
    prefetchLines(k_, k_.arg(binding_),
                  k_.divi(k_.addi(element, r * inputs), perElement),
                  std::max<int64_t>(1, blockBytes() / 64));
}

void WeightReader::prefetchStream(Value row, Value at) {
  Value element = k_.addi(startOf(row), at);
  int64_t ahead = kStreamBytes / blockBytes() * kDotBlock;
  prefetchLines(k_, k_.arg(binding_), k_.addi(element, ahead),
                2 * blockBytes() / 64, /*step=*/2);
}

/// Values of the codes in the low four bits of each word.
Value WeightReader::decode(Value codes) {
  OpBuilder &b = k_.b;
  VectorType words = k_.vec(kLanes, b.getI32Type());
  if (k_.features.has("avx512f")) {
    // The instruction looks at the low four bits only.
    static constexpr float kValues[] = {
        0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    Value table = arith::ConstantOp::create(
        b, k_.loc, DenseElementsAttr::get(k_.f32s(), ArrayRef<float>(kValues)));
    return LLVM::CallIntrinsicOp::create(
               b, k_.loc, k_.f32s(),
               b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{table, codes})
        .getResults();
  }
  // Doubled magnitudes are the nibbles of a constant.
  auto c = [&](int64_t v) { return k_.constantInt(words, v); };
  Value magnitude = arith::AndIOp::create(b, k_.loc, codes, c(7));
  Value shift = arith::ShLIOp::create(b, k_.loc, magnitude, c(2));
  Value doubled = arith::ShRUIOp::create(b, k_.loc, c(0xc8643210LL), shift);
  doubled = arith::AndIOp::create(b, k_.loc, doubled, c(15));
  Value value = arith::SIToFPOp::create(b, k_.loc, k_.f32s(), doubled);
  value = k_.mul(value, k_.constant(k_.f32s(), 0.5));
  // The sign bit is set, not multiplied in: code 8 is -0.
  Value sign = arith::AndIOp::create(b, k_.loc, codes, c(8));
  sign = arith::ShLIOp::create(b, k_.loc, sign, c(28));
  Value bits = arith::BitcastOp::create(b, k_.loc, words, value);
  bits = arith::OrIOp::create(b, k_.loc, bits, sign);
  return arith::BitcastOp::create(b, k_.loc, k_.f32s(), bits);
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

/// One step of all accumulators [row][token] of a tile.
static Values dotStep(KernelBuilder &k, WeightReader &weights,
                      ArrayRef<Value> rows, Value x, ArrayRef<Value> xRows,
                      Value at, int64_t count, ValueRange sums) {
  SmallVector<std::pair<Value, Value>, kTokenTile> inputs;
  for (Value xRow : xRows)
    inputs.push_back(k.loadPair(x, {xRow, at}, count));
  Values next;
  for (Value row : rows) {
    WeightBlock w = weights.load(row, at, count);
    for (auto [even, odd] : inputs) {
      Value sum = k.fma(w.even, even, sums[next.size()]);
      next.push_back(k.fma(w.odd, odd, sum));
    }
  }
  return next;
}

/// The 16 lanes of one row's products with a token.
static Value dotStreamedRow(KernelBuilder &k, WeightReader &weights, Value row,
                            Value x, Value xRow) {
  constexpr int64_t stride = 2 * kDotBlock;
  int64_t n = weights.form.inputs(), whole = n / stride * stride;
  Values sum = {k.constant(k.f32s(), 0.0)};
  auto step = [&](Value at, int64_t count, ValueRange now) {
    return dotStep(k, weights, row, x, xRow, at, count, now);
  };
  if (whole > 0)
    sum = k.forCarry(k.index(0), k.index(whole), stride, sum,
                     [&](Value at, ValueRange now) {
                       weights.prefetchStream(row, at);
                       Values first = step(at, kDotBlock, now);
                       return step(k.addi(at, kDotBlock), kDotBlock, first);
                     });
  for (int64_t at = whole; at < n; at += kDotBlock)
    sum = step(k.index(at), std::min(n - at, kDotBlock), sum);
  return sum[0];
}

/// Dot products of four rows with each token: a vector<4xf32> a token.
static Values dotRows(KernelBuilder &k, WeightReader &weights,
                      ArrayRef<Value> rows, Value x, ArrayRef<Value> xRows) {
  int64_t n = weights.form.inputs(), whole = n / kDotBlock * kDotBlock;
  size_t tokens = xRows.size();
  Values sums(kRowTile * tokens, k.constant(k.f32s(), 0.0));
  auto step = [&](Value at, int64_t count, ValueRange now) {
    weights.prefetch(rows[0], at);
    return dotStep(k, weights, rows, x, xRows, at, count, now);
  };
  if (whole > 0)
    sums = k.forCarry(
        k.index(0), k.index(whole), kDotBlock, sums,
        [&](Value at, ValueRange now) { return step(at, kDotBlock, now); });
  if (whole < n)
    sums = step(k.index(whole), n - whole, sums);
  Values results;
  for (size_t t = 0; t < tokens; ++t) {
    Value ofToken[kRowTile];
    for (int64_t r = 0; r < kRowTile; ++r)
      ofToken[r] = sums[r * tokens + t];
    results.push_back(k.sumLanesOf4(ofToken));
  }
  return results;
}

/// Row first + r of a weight; the last one in place of those beyond.
static Value rowOf(KernelBuilder &k, const WeightForm &form, Value first,
                   Value r) {
  Value row = k.addi(first, r);
  return form.outputs() % kPanelRows == 0
             ? row
             : k.mini(row, k.index(form.outputs() - 1));
}

/// Dot products of rows first ... first+15 with one token, row by row. `lanes`
/// is scratch of [16][kLanes].
static Value dotStreamedItem(KernelBuilder &k, WeightReader &weights,
                             Value first, Value x, Value xRow, Value lanes,
                             Value scratch) {
  k.forEach(k.index(0), k.index(kPanelRows), 1, [&](Value r) {
    Value row = rowOf(k, weights.form, first, r);
    k.storeVector(dotStreamedRow(k, weights, row, x, xRow), lanes,
                  {r, k.index(0)});
  });
  k.forEach(k.index(0), k.index(kPanelRows), kRowTile, [&](Value r) {
    Values rows;
    for (int64_t i = 0; i < kRowTile; ++i)
      rows.push_back(k.loadVector(lanes, {k.addi(r, i), k.index(0)}, kLanes));
    k.storeVector(k.sumLanesOf4(rows), scratch, {k.index(0), r});
  });
  return k.loadVector(scratch, {k.index(0), k.index(0)}, kLanes);
}

/// Dot products of rows first ... first+15 with each token. `scratch` is
/// [kTokenTile][16].
static Values dotItem(KernelBuilder &k, WeightReader &weights, Value first,
                      Value x, ArrayRef<Value> xRows, Value scratch) {
  k.forEach(k.index(0), k.index(kPanelRows), kRowTile, [&](Value r) {
    Values rows;
    for (int64_t i = 0; i < kRowTile; ++i)
      rows.push_back(rowOf(k, weights.form, first, k.addi(r, i)));
    Values sums = dotRows(k, weights, rows, x, xRows);
    for (auto [t, sum] : llvm::enumerate(sums))
      k.storeVector(sum, scratch, {k.index(t), r});
  });
  Values results;
  for (size_t t = 0; t < xRows.size(); ++t)
    results.push_back(k.loadVector(scratch, {k.index(t), k.index(0)}, kLanes));
  return results;
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

/// The same for a transposed weight: vectors span rows, and each of the 16
/// lanes of the definition has an accumulator of its own.
static Value dotColumns(KernelBuilder &k, WeightReader &weights, Value first,
                        Value x, Value xRow, Value mask) {
  int64_t n = weights.form.inputs(), whole = n / kDotBlock * kDotBlock;
  Values sums(kLanes, k.constant(k.f32s(), 0.0));
  auto step = [&](Value at, int64_t count, ValueRange now) {
    Values next(now);
    for (int64_t i = 0; i < count; ++i) {
      Value input = k.addi(at, i);
      Value v = k.splat(k.loadScalar(x, {xRow, input}), k.f32s());
      next[i / 2] =
          k.fma(weights.loadColumn(first, input, mask), v, next[i / 2]);
    }
    return next;
  };
  if (whole > 0)
    sums = k.forCarry(
        k.index(0), k.index(whole), kDotBlock, sums,
        [&](Value at, ValueRange now) { return step(at, kDotBlock, now); });
  if (whole < n)
    sums = step(k.index(whole), n - whole, sums);
  return k.sumTree(sums);
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

/// The same for MXFP4 in panels: a byte of a word holds the two inputs of a
/// lane, for 16 rows at once.
static Value dotPanel(KernelBuilder &k, WeightReader &weights, Value first,
                      Value x, Value xRow) {
  int64_t blocks = weights.form.inputs() / kScaleBlock;
  Values zeros(kLanes, k.constant(k.f32s(), 0.0));
  Values sums = k.forCarry(
      k.index(0), k.index(blocks), 1, zeros, [&](Value block, ValueRange now) {
        Values next(now);
        for (int64_t lane = 0; lane < kLanes; ++lane) {
          auto [even, odd] = weights.loadPanel(first, block, lane);
          for (int64_t i = 0; i < 2; ++i) {
            Value input = k.addi(k.muli(block, kScaleBlock), 2 * lane + i);
            Value v = k.splat(k.loadScalar(x, {xRow, input}), k.f32s());
            next[lane] = k.fma(i ? odd : even, v, next[lane]);
          }
        }
        return next;
      });
  return k.sumTree(sums);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

namespace {

class DotProducts final : public Products {
public:
  DotProducts(KernelBuilder &k, unsigned binding, Value expert)
      : k_(k), x_(k.matrixArg(0)), weights_(k, binding, expert) {
    if (weights_.form.layout == Layout::RowMajor ||
        weights_.form.layout == Layout::Published) {
      scratch_ = k.scratch({kTokenTile, kPanelRows}, k.b.getF32Type());
      if (weights_.isStreamed())
        lanes_ = k.scratch({kPanelRows, kLanes}, k.b.getF32Type());
    }
  }

  void forEach(Value first, Value from, Value to, InputRow inputRow,
               Use use) override {
    if (scratch_) {
      byRows(first, from, to, inputRow, use);
      return;
    }
    bool isPanel = weights_.form.layout == Layout::RowPanel;
    Value mask = isPanel ? Value() : rowMask(first);
    k_.forEach(from, to, 1, [&](Value i) {
      Value row = inputRow(i);
      use(i, isPanel ? dotPanel(k_, weights_, first, x_, row)
                     : dotColumns(k_, weights_, first, x_, row, mask));
    });
  }

private:
  void byRows(Value first, Value from, Value to, InputRow inputRow, Use use) {
    auto byTiles = [&] { forRowTiles(first, from, to, inputRow, use); };
    if (!lanes_) {
      byTiles();
      return;
    }
    Value isOne = arith::CmpIOp::create(k_.b, k_.loc, arith::CmpIPredicate::eq,
                                        k_.subi(to, from), k_.index(1));
    k_.ifThenElse(
        isOne,
        [&] {
          use(from, dotStreamedItem(k_, weights_, first, x_, inputRow(from),
                                    lanes_, scratch_));
        },
        byTiles);
  }

  void forRowTiles(Value first, Value from, Value to, InputRow inputRow,
                   Use use) {
    forTiles(k_, from, to, {kTokenTile, 1}, [&](Value i0, int64_t size) {
      Values items, rows;
      for (int64_t i = 0; i < size; ++i) {
        items.push_back(k_.addi(i0, i));
        rows.push_back(inputRow(items.back()));
      }
      Values sums = dotItem(k_, weights_, first, x_, rows, scratch_);
      for (auto [item, sum] : llvm::zip(items, sums))
        use(item, sum);
    });
  }

  /// Rows first ... that exist; null where all do.
  Value rowMask(Value first) {
    int64_t rows = weights_.form.outputs();
    if (rows % kPanelRows == 0)
      return {};
    return k_.prefixMask(k_.subi(k_.index(rows), first));
  }

  KernelBuilder &k_;
  Value x_;
  WeightReader weights_;
  Value scratch_;
  Value lanes_; ///< where rows are read one after another.
};

} // namespace

std::unique_ptr<Products> makeDotProducts(KernelBuilder &k, unsigned weight,
                                          Value expert) {
  return std::make_unique<DotProducts>(k, weight, expert);
}

} // namespace gossamer::cpu
