//===- MatrixKernels.cpp - Kernels around matrix products -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What is done with the products of 16 rows: bias, residual, activation and
// the sum over experts. An item of each kernel is 16 rows of the weight.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/ExpertWork.h"
#include "backends/cpu/KernelEmitters.h"
#include "backends/cpu/Products.h"

using namespace mlir;

namespace gossamer::cpu {

/// Rows of an input whose values stay in a core's cache while the weights of
/// several items pass by.
static constexpr int64_t kRowsAtOnce = 128;

void forTiles(KernelBuilder &k, Value from, Value to, ArrayRef<int64_t> sizes,
              llvm::function_ref<void(Value, int64_t)> body) {
  for (int64_t size : sizes) {
    Value end = to;
    if (size > 1)
      end = k.addi(from, k.muli(k.divi(k.subi(to, from), size), size));
    k.forEach(from, end, size, [&](Value i) { body(i, size); });
    from = end;
  }
}

void prefetchLines(KernelBuilder &k, Value memref, Value at, int64_t count,
                   int64_t step) {
  auto type = cast<MemRefType>(memref.getType());
  ReassociationIndices all =
      llvm::to_vector<2>(llvm::seq<int64_t>(0, type.getRank()));
  Value flat =
      type.getRank() == 1
          ? memref
          : memref::CollapseShapeOp::create(k.b, k.loc, memref,
                                            ArrayRef<ReassociationIndices>{all})
                .getResult();
  int64_t perLine = 64 * 8 / type.getElementTypeBitWidth();
  Value last = k.index(type.getNumElements() - 1);
  for (int64_t line = 0; line < count; line += step)
    memref::PrefetchOp::create(
        k.b, k.loc, flat, ValueRange{k.mini(k.addi(at, line * perLine), last)},
        /*isWrite=*/false, /*localityHint=*/2,
        /*isDataCache=*/true);
}

std::unique_ptr<Products> makeProducts(KernelBuilder &k, unsigned weight,
                                       Value expert) {
  return k.kernel.isQuantized ? makeIntegerProducts(k, weight, expert)
                              : makeDotProducts(k, weight, expert);
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
  constexpr unsigned weight = 1;
  unsigned next = weight + 1;
  unsigned bias = k.kernel.hasBias ? next++ : 0;
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value y = k.matrixArg(next);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value count = k.kernel.rowsAreOutputs ? k.args.outputs : k.args.tokens;
  int64_t rows = k.weightAt(weight).outputs();
  std::unique_ptr<Products> products = makeProducts(k, weight);
  k.forEach(k.index(0), count, kRowsAtOnce, [&](Value from) {
    Value to = k.mini(k.addi(from, kRowsAtOnce), count);
    k.forItems([&](Value item) {
      Value first = k.muli(item, kItemRows);
      Value mask = rowMask(k, first, rows);
      Value b = bias ? k.loadVector(k.arg(bias), first, kLanes, mask) : Value();
      products->forEach(
          first, from, to, [](Value t) { return t; },
          [&](Value t, Value sum) {
            if (b)
              sum = k.add(sum, b);
            if (r)
              sum = k.add(sum, k.loadVector(r, {t, first}, kLanes, mask));
            k.storeVector(sum, y, {t, first}, mask);
          });
    });
  });
}

/// Hands the products of rows first ... first+15 of the a-th active expert with
/// each of its slots to `use`. `inputRow` maps a slot to a row of the input.
static void forExpertSlots(KernelBuilder &k, ExpertWork &work, unsigned weight,
                           Value a, Value expert, Value first,
                           Products::InputRow inputRow, Products::Use use) {
  std::unique_ptr<Products> products = makeProducts(k, weight, expert);
  products->forEach(
      first, work.firstSlot(a), work.endSlot(a),
      [&](Value i) { return inputRow(work.slot(i)); },
      [&](Value i, Value sums) { use(work.slot(i), sums); });
}

void emitExpertGateUp(KernelBuilder &k) {
  ExpertWork work(k);
  constexpr unsigned weight = 5, bias = 6;
  int64_t rows = k.weightAt(weight).outputs();
  Value act = k.matrixArg(bias + 1);
  work.forGateUpItems(rows, [&](Value a, Value expert, Value first) {
    Value b = k.loadVector(k.arg(bias), {expert, first}, kLanes,
                           rowMask(k, first, rows));
    Value mask = rowMask(k, first, rows, 2);
    Value column = k.divi(first, 2);
    forExpertSlots(
        k, work, weight, a, expert, first,
        [&](Value slot) { return work.token(slot); },
        [&](Value slot, Value sums) {
          Value h = k.add(sums, b);
          // Even rows are gates, odd rows are ups.
          Value gate = k.shuffle(h, h, {0, 2, 4, 6, 8, 10, 12, 14});
          Value up = k.shuffle(h, h, {1, 3, 5, 7, 9, 11, 13, 15});
          k.storeVector(k.swiglu(gate, up), act, {slot, column}, mask);
        });
  });
}

void emitExpertDown(KernelBuilder &k) {
  ExpertWork work(k);
  constexpr unsigned factors = 5, weight = 6, bias = 7;
  unsigned next = bias + 1;
  int64_t rows = k.weightAt(weight).outputs();
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value weights = k.matrixArg(factors);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value out = k.matrixArg(next);
  auto forRows = [&](llvm::function_ref<void(Value first, Value mask)> body) {
    k.forItems([&](Value item) {
      Value first = k.muli(item, kItemRows);
      body(first, rowMask(k, first, rows));
    });
  };
  forRows([&](Value first, Value mask) {
    k.forEach(k.index(0), k.args.tokens, 1, [&](Value t) {
      Value start = r ? k.loadVector(r, {t, first}, kLanes, mask)
                      : k.constant(k.f32s(), 0.0);
      k.storeVector(start, out, {t, first}, mask);
    });
  });
  // Ascending experts: each token's terms are added in one order. All items of
  // an expert before the next one: its rows are read in one stream, and its
  // tokens' inputs stay in a core's cache.
  k.forEach(k.index(0), work.active(), 1, [&](Value a) {
    Value expert = work.expert(a);
    forRows([&](Value first, Value mask) {
      Value b = k.loadVector(k.arg(bias), {expert, first}, kLanes, mask);
      forExpertSlots(
          k, work, weight, a, expert, first, [](Value slot) { return slot; },
          [&](Value slot, Value sums) {
            Value t = work.token(slot);
            Value factor =
                k.splat(k.loadScalar(weights, {t, k.remi(slot, k.kernel.topK)}),
                        k.f32s());
            Value old = k.loadVector(out, {t, first}, kLanes, mask);
            Value sum = k.fma(factor, k.add(sums, b), old);
            k.storeVector(sum, out, {t, first}, mask);
          });
    });
  });
}

} // namespace gossamer::cpu
