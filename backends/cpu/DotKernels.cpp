//===- DotKernels.cpp - Matrix products in 16 lanes -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// All of them add in one order: lane l of 16 takes inputs 2l and 2l+1 of every
// block of 32,
//
//   t = w[2l] x[2l];  t = fma(w[2l+1], x[2l+1], t);  acc[l] = acc[l] + t scale
//
// and the lanes are added as a tree. An output element therefore has the same
// bits whatever the number of tokens, the division of the items, and the form
// of the weights (MXFP4, or the same numbers in bf16, by rows or by columns).
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/ExpertWork.h"
#include "backends/cpu/KernelEmitters.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Rows of weights that are decoded together, and tokens that share them.
constexpr int64_t kRowTile = 4;
constexpr int64_t kTokenTile = 4;

/// How far ahead of their use weights are fetched, at least; measured.
constexpr int64_t kPrefetchBytes = 4096;

/// 32 weights of a row: the even ones, the odd ones, and the scale of all
/// (null: 1).
struct WeightBlock {
  Value even, odd, scale;
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
    return {even, odd, Value()};
  }

  /// Element of the flat storage where the row group after the one that begins
  /// at `row` is to be fetched from; pass it to `prefetch`.
  Value prefetchStart(Value row);
  /// Fetches what one step of a row group reads, a group (or kPrefetchBytes)
  /// ahead. The rows of a group are adjacent, so steps fetch line by line.
  void prefetch(Value start, Value at);

  /// 16 rows' weights of one input of a transposed weight.
  Value loadColumn(Value row, Value at, Value mask) {
    return k_.loadVector(k_.arg(binding_), indices({at, row}), kLanes, mask);
  }

  const WeightForm &form;

private:
  Values indices(std::initializer_list<Value> rest) {
    Values result;
    if (expert_)
      result.push_back(expert_);
    result.append(rest);
    return result;
  }
  WeightBlock loadMxfp4(Value row, Value at);
  Value decode(Value codes);
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
  Value scaleBits =
      arith::ExtUIOp::create(k_.b, k_.loc, k_.b.getI32Type(), scaleByte);
  Value scale = k_.splat(k_.scaleFromE8M0(scaleBits), k_.f32s());

  where.push_back(k_.index(0));
  VectorType words = k_.vec(kLanes, k_.b.getI32Type());
  Value bytes = k_.loadVector(k_.args.bindings[binding_][0], where, kLanes);
  Value low = arith::ExtUIOp::create(k_.b, k_.loc, words, bytes);
  Value high =
      arith::ShRUIOp::create(k_.b, k_.loc, low, k_.constantInt(words, 4));
  return {decode(low), decode(high), scale};
}

Value WeightReader::prefetchStart(Value row) {
  int64_t inputs = form.inputs();
  int64_t rowElements = inputs * blockElements() / kDotBlock;
  int64_t perElement = blockBytes() / blockElements();
  int64_t ahead = std::max(kRowTile * rowElements, kPrefetchBytes / perElement);
  if (expert_)
    row = k_.addi(k_.muli(expert_, form.outputs()), row);
  return k_.addi(k_.muli(row, rowElements), ahead);
}

void WeightReader::prefetch(Value start, Value at) {
  Value tensor = k_.arg(binding_);
  auto type = cast<MemRefType>(tensor.getType());
  ReassociationIndices all =
      llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  Value flat = memref::CollapseShapeOp::create(
      k_.b, k_.loc, tensor, ArrayRef<ReassociationIndices>{all});
  // `at` advances by 32 inputs a step, the group's storage by four blocks.
  constexpr int64_t lineBytes = 64;
  int64_t perLine = lineBytes * blockElements() / blockBytes();
  int64_t perStep = kRowTile * blockElements();
  Value next = k_.addi(start, k_.muli(k_.divi(at, kDotBlock), perStep));
  Value last = k_.index(type.getNumElements() - 1);
  for (int64_t offset = 0; offset < perStep; offset += perLine)
    memref::PrefetchOp::create(
        k_.b, k_.loc, flat, ValueRange{k_.mini(k_.addi(next, offset), last)},
        /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
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
      Value t = k.fma(w.odd, odd, k.mul(w.even, even));
      Value sum = sums[next.size()];
      next.push_back(w.scale ? k.fma(t, w.scale, sum) : k.add(sum, t));
    }
  }
  return next;
}

/// Dot products of four rows with each token: a vector<4xf32> a token.
static Values dotRows(KernelBuilder &k, WeightReader &weights,
                      ArrayRef<Value> rows, Value x, ArrayRef<Value> xRows) {
  int64_t n = weights.form.inputs(), whole = n / kDotBlock * kDotBlock;
  size_t tokens = xRows.size();
  Values sums(kRowTile * tokens, k.constant(k.f32s(), 0.0));
  auto step = [&](Value at, int64_t count, ValueRange now) {
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

/// Dot products of rows first ... first+15 with each token. Rows that do not
/// exist repeat the last one. `scratch` is [kTokenTile][16].
static Values dotItem(KernelBuilder &k, WeightReader &weights, Value first,
                      Value x, ArrayRef<Value> xRows, Value scratch) {
  int64_t outputs = weights.form.outputs();
  k.forEach(k.index(0), k.index(kItemRows), kRowTile, [&](Value r) {
    Values rows;
    for (int64_t i = 0; i < kRowTile; ++i) {
      Value row = k.addi(k.addi(first, r), i);
      if (outputs % kItemRows != 0)
        row = k.mini(row, k.index(outputs - 1));
      rows.push_back(row);
    }
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
    auto product = [&](int64_t i, Value sum) {
      Value input = k.addi(at, i);
      Value v = k.splat(k.loadScalar(x, {xRow, input}), k.f32s());
      Value w = weights.loadColumn(first, input, mask);
      return sum ? k.fma(w, v, sum) : k.mul(w, v);
    };
    for (int64_t lane = 0; lane < kLanes && 2 * lane < count; ++lane) {
      Value t = product(2 * lane, Value());
      if (2 * lane + 1 < count)
        t = product(2 * lane + 1, t);
      next[lane] = k.add(now[lane], t);
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
// Kernels
//===----------------------------------------------------------------------===//

/// Covers from ... to-1 by tiles of kTokenTile, then singly.
static void forTiles(KernelBuilder &k, Value from, Value to,
                     llvm::function_ref<void(Value, int64_t)> body) {
  Value whole = k.muli(k.divi(k.subi(to, from), kTokenTile), kTokenTile);
  Value middle = k.addi(from, whole);
  k.forEach(from, middle, kTokenTile, [&](Value i) { body(i, kTokenTile); });
  k.forEach(middle, to, 1, [&](Value i) { body(i, 1); });
}

/// Mask of the rows first ... that exist, or null when all items are whole.
/// With `step` 2, of every other row.
static Value rowMask(KernelBuilder &k, Value first, int64_t rows,
                     int64_t step = 1) {
  if (rows % kItemRows == 0)
    return {};
  Value left = k.subi(k.index(rows), first);
  return k.prefixMask(step == 1 ? left : k.divi(left, step), kLanes / step);
}

void emitLinear(KernelBuilder &k) {
  unsigned next = 2;
  unsigned bias = k.kernel.hasBias ? next++ : 0;
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value x = k.matrixArg(0), y = k.matrixArg(next);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value count = k.kernel.rowsAreOutputs ? k.args.outputs : k.args.tokens;
  Value scratch = k.scratch({kTokenTile, kItemRows}, k.b.getF32Type());
  WeightReader weights(k, 1);
  k.forItems([&](Value item) {
    Value first = k.muli(item, kItemRows);
    Value mask = rowMask(k, first, weights.form.outputs());
    Value b = bias ? k.loadVector(k.arg(bias), first, kLanes, mask) : Value();
    forTiles(k, k.index(0), count, [&](Value t0, int64_t size) {
      Values tokens;
      for (int64_t i = 0; i < size; ++i)
        tokens.push_back(k.addi(t0, i));
      Values sums = dotItem(k, weights, first, x, tokens, scratch);
      for (auto [t, sum] : llvm::zip(tokens, sums)) {
        if (b)
          sum = k.add(sum, b);
        if (r)
          sum = k.add(sum, k.loadVector(r, {t, first}, kLanes, mask));
        k.storeVector(sum, y, {t, first}, mask);
      }
    });
  });
}

/// Hands the products of rows first ... first+15 of an expert with each of its
/// slots to `use`. `inputRow` maps a slot to a row of x.
static void
forExpertSlots(KernelBuilder &k, ExpertWork &work, unsigned weight, Value a,
               Value expert, Value first, Value x, Value scratch,
               llvm::function_ref<Value(Value)> inputRow,
               llvm::function_ref<void(Value slot, Value sums)> use) {
  WeightReader weights(k, weight, expert);
  if (weights.form.layout == Layout::Transposed) {
    Value mask = rowMask(k, first, weights.form.outputs());
    k.forEach(work.firstSlot(a), work.endSlot(a), 1, [&](Value i) {
      Value slot = work.slot(i);
      use(slot, dotColumns(k, weights, first, x, inputRow(slot), mask));
    });
    return;
  }
  forTiles(k, work.firstSlot(a), work.endSlot(a), [&](Value i0, int64_t size) {
    Values slots, inputs;
    for (int64_t i = 0; i < size; ++i) {
      slots.push_back(work.slot(k.addi(i0, i)));
      inputs.push_back(inputRow(slots.back()));
    }
    Values sums = dotItem(k, weights, first, x, inputs, scratch);
    for (auto [slot, sum] : llvm::zip(slots, sums))
      use(slot, sum);
  });
}

void emitExpertGateUp(KernelBuilder &k) {
  int64_t rows = k.weightAt(5).outputs();
  ExpertWork work(k);
  Value x = k.matrixArg(0), act = k.matrixArg(7);
  Value scratch = k.scratch({kTokenTile, kItemRows}, k.b.getF32Type());
  work.forGateUpItems(rows, [&](Value a, Value expert, Value first) {
    Value bias = k.loadVector(k.arg(6), {expert, first}, kLanes,
                              rowMask(k, first, rows));
    Value mask = rowMask(k, first, rows, 2);
    Value column = k.divi(first, 2);
    forExpertSlots(
        k, work, 5, a, expert, first, x, scratch,
        [&](Value slot) { return work.token(slot); },
        [&](Value slot, Value sums) {
          Value h = k.add(sums, bias);
          // Even rows are gates, odd rows are ups.
          Value gate = k.shuffle(h, h, {0, 2, 4, 6, 8, 10, 12, 14});
          Value up = k.shuffle(h, h, {1, 3, 5, 7, 9, 11, 13, 15});
          k.storeVector(k.swiglu(gate, up), act, {slot, column}, mask);
        });
  });
}

void emitExpertDown(KernelBuilder &k) {
  int64_t rows = k.weightAt(6).outputs();
  ExpertWork work(k);
  unsigned next = 8;
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value act = k.matrixArg(0), weights = k.matrixArg(5);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value out = k.matrixArg(next);
  Value scratch = k.scratch({kTokenTile, kItemRows}, k.b.getF32Type());
  k.forItems([&](Value item) {
    Value first = k.muli(item, kItemRows);
    Value mask = rowMask(k, first, rows);
    k.forEach(k.index(0), k.args.tokens, 1, [&](Value t) {
      Value start = r ? k.loadVector(r, {t, first}, kLanes, mask)
                      : k.constant(k.f32s(), 0.0);
      k.storeVector(start, out, {t, first}, mask);
    });
    // Ascending experts: each token's terms are added in one order.
    k.forEach(k.index(0), work.active(), 1, [&](Value a) {
      Value expert = work.expert(a);
      Value bias = k.loadVector(k.arg(7), {expert, first}, kLanes, mask);
      forExpertSlots(
          k, work, 6, a, expert, first, act, scratch,
          [](Value slot) { return slot; },
          [&](Value slot, Value sums) {
            Value t = work.token(slot);
            Value weight =
                k.splat(k.loadScalar(weights, {t, k.remi(slot, k.kernel.topK)}),
                        k.f32s());
            Value old = k.loadVector(out, {t, first}, kLanes, mask);
            Value sum = k.fma(weight, k.add(sums, bias), old);
            k.storeVector(sum, out, {t, first}, mask);
          });
    });
  });
}

} // namespace gossamer::cpu
