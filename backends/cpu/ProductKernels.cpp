//===- ProductKernels.cpp - Matrix products by plain loops ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The oracle: every form of weight, one multiplication and one addition at a
// time in the order of the inputs.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/ExpertWork.h"
#include "backends/cpu/KernelEmitters.h"

using namespace mlir;

namespace gossamer::cpu {

/// The value of a 4-bit code: its doubled magnitude is a nibble of a constant.
static Value decodeE2M1(KernelBuilder &k, Value code) {
  auto i32 = [&](int64_t v) { return k.integer(v, 32); };
  Value magnitude = arith::AndIOp::create(k.b, k.loc, code, i32(7));
  Value shift = arith::ShLIOp::create(k.b, k.loc, magnitude, i32(2));
  Value doubled = arith::ShRUIOp::create(k.b, k.loc, i32(0xc8643210LL), shift);
  doubled = arith::AndIOp::create(k.b, k.loc, doubled, i32(15));
  Value value =
      k.mul(arith::SIToFPOp::create(k.b, k.loc, k.b.getF32Type(), doubled),
            k.f32(0.5));
  Value isNegative = arith::CmpIOp::create(
      k.b, k.loc, arith::CmpIPredicate::uge, code, i32(8));
  Value negated = arith::NegFOp::create(k.b, k.loc, value);
  return arith::SelectOp::create(k.b, k.loc, isNegative, negated, value);
}

static Value loadMxfp4(KernelBuilder &k, unsigned binding, Value expert,
                       Value row, Value at) {
  Values block;
  if (expert)
    block.push_back(expert);
  block.push_back(row);
  block.push_back(k.divi(at, 32));
  Type i32 = k.b.getI32Type();
  Value scale =
      k.scaleFromE8M0(k.loadScalar(k.args.bindings[binding][1], block));

  Value within = k.remi(at, 32);
  block.push_back(k.divi(within, 2));
  Value byte = arith::ExtUIOp::create(
      k.b, k.loc, i32, k.loadScalar(k.args.bindings[binding][0], block));
  // The even element is in the low nibble.
  Value shift = k.toI32(k.muli(k.remi(within, 2), 4));
  Value code = arith::ShRUIOp::create(k.b, k.loc, byte, shift);
  code = arith::AndIOp::create(k.b, k.loc, code, k.integer(15, 32));
  return k.mul(decodeE2M1(k, code), scale);
}

Value KernelBuilder::loadWeight(unsigned binding, Value expert, Value row,
                                Value at) {
  const WeightForm &form = weightAt(binding);
  if (form.element == Element::MXFP4)
    return loadMxfp4(*this, binding, expert, row, at);
  Values indices;
  if (expert)
    indices.push_back(expert);
  bool isTransposed = form.layout == Layout::Transposed;
  indices.push_back(isTransposed ? at : row);
  indices.push_back(isTransposed ? row : at);
  return widen(loadScalar(arg(binding), indices));
}

/// Sum over k of W[(expert,) row, k] * x[xRow, k].
static Value dot(KernelBuilder &k, unsigned weight, Value expert, Value row,
                 Value x, Value xRow, Value xOffset = {}) {
  int64_t n = k.weightAt(weight).inputs();
  return k.forCarry(
      k.index(0), k.index(n), 1, k.f32(0.0), [&](Value i, ValueRange now) {
        Value w = k.loadWeight(weight, expert, row, i);
        Value v = k.loadScalar(x, {xRow, xOffset ? k.addi(xOffset, i) : i});
        return Values{k.add(now[0], k.mul(w, v))};
      })[0];
}

/// Element of a bias [n] or [experts, n].
static Value loadBias(KernelBuilder &k, unsigned binding, Value expert,
                      Value row) {
  Values indices;
  if (expert)
    indices.push_back(expert);
  indices.push_back(row);
  return k.widen(k.loadScalar(k.arg(binding), indices));
}

/// Rows first ... first + 15 of those that exist.
static void forItemRows(KernelBuilder &k, Value first, int64_t rows,
                        int64_t step, llvm::function_ref<void(Value)> body) {
  Value end = k.mini(k.addi(first, kItemRows), k.index(rows));
  k.forEach(first, end, step, body);
}

void emitPlainLinear(KernelBuilder &k) {
  int64_t rows = k.weightAt(1).outputs();
  unsigned next = 2;
  unsigned bias = k.kernel.hasBias ? next++ : 0;
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value x = k.matrixArg(0), y = k.matrixArg(next);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value count = k.kernel.rowsAreOutputs ? k.args.outputs : k.args.tokens;
  k.forItems([&](Value item) {
    forItemRows(k, k.muli(item, kItemRows), rows, 1, [&](Value row) {
      k.forEach(k.index(0), count, 1, [&](Value t) {
        Value sum = dot(k, 1, {}, row, x, t);
        if (bias)
          sum = k.add(sum, loadBias(k, bias, {}, row));
        if (r)
          sum = k.add(sum, k.loadScalar(r, {t, row}));
        k.storeScalar(sum, y, {t, row});
      });
    });
  });
}

void emitPlainExpertLinear(KernelBuilder &k) {
  int64_t rows = k.weightAt(2).outputs(), inputs = k.weightAt(2).inputs();
  bool hasBias = k.kernel.bindings.size() == 5;
  Value x = k.matrixArg(0), indices = k.matrixArg(1);
  Value y = k.matrixArg(hasBias ? 4 : 3);
  // Each expert has its own input row, or all share the token's.
  bool isShared = k.rowSize(0) == inputs;
  k.forItems([&](Value t) {
    k.forEach(k.rowSize(1), [&](Value rank) {
      Value expert = k.toIndex(k.loadScalar(indices, {t, rank}));
      Value offset = isShared ? k.index(0) : k.muli(rank, inputs);
      k.forEach(rows, [&](Value row) {
        Value sum = dot(k, 2, expert, row, x, t, offset);
        if (hasBias)
          sum = k.add(sum, loadBias(k, 3, expert, row));
        k.storeScalar(sum, y, {t, k.addi(k.muli(rank, rows), row)});
      });
    });
  });
}

void emitPlainExpertGateUp(KernelBuilder &k) {
  int64_t rows = k.weightAt(5).outputs();
  ExpertWork work(k);
  Value x = k.matrixArg(0), act = k.matrixArg(7);
  work.forGateUpItems(rows, [&](Value a, Value expert, Value first) {
    k.forEach(work.firstSlot(a), work.endSlot(a), 1, [&](Value i) {
      Value slot = work.slot(i), token = work.token(slot);
      forItemRows(k, first, rows, 2, [&](Value row) {
        auto product = [&](Value at) {
          Value sum = dot(k, 5, expert, at, x, token);
          return k.add(sum, loadBias(k, 6, expert, at));
        };
        Value gate = product(row), up = product(k.addi(row, 1));
        k.storeScalar(k.swiglu(gate, up), act, {slot, k.divi(row, 2)});
      });
    });
  });
}

void emitPlainExpertDown(KernelBuilder &k) {
  int64_t rows = k.weightAt(6).outputs();
  ExpertWork work(k);
  unsigned next = 8;
  unsigned residual = k.kernel.hasResidual ? next++ : 0;
  Value act = k.matrixArg(0), weights = k.matrixArg(5);
  Value r = residual ? k.matrixArg(residual) : Value();
  Value out = k.matrixArg(next);
  k.forItems([&](Value item) {
    forItemRows(k, k.muli(item, kItemRows), rows, 1, [&](Value row) {
      k.forEach(k.index(0), k.args.tokens, 1, [&](Value t) {
        Value start = r ? k.loadScalar(r, {t, row}) : k.f32(0.0);
        k.storeScalar(start, out, {t, row});
      });
      k.forEach(k.index(0), work.active(), 1, [&](Value a) {
        Value expert = work.expert(a);
        k.forEach(work.firstSlot(a), work.endSlot(a), 1, [&](Value i) {
          Value slot = work.slot(i), t = work.token(slot);
          Value sum = dot(k, 6, expert, row, act, slot);
          sum = k.add(sum, loadBias(k, 7, expert, row));
          Value weight =
              k.loadScalar(weights, {t, k.remi(slot, k.kernel.topK)});
          Value old = k.loadScalar(out, {t, row});
          k.storeScalar(k.fma(weight, sum, old), out, {t, row});
        });
      });
    });
  });
}

} // namespace gossamer::cpu
