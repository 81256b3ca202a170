//===- ProductKernels.cpp - Products, a warp an output --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The plain kinds, for every form of weight that lies by rows or transposed: a
// warp computes one output of one row of the input. A lane takes every 32nd
// input; lanes are joined by a fixed tree. So a result depends on nothing but
// its row and its weights.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/ExpertWork.h"
#include "backends/cuda/KernelEmitters.h"

using namespace mlir;

namespace gossamer::cuda {

/// Outputs of a block, a warp each.
static constexpr int64_t kBlockWarps = 8;
static constexpr int64_t kBlock = kBlockWarps * kWarp;

namespace {

/// One output's weights (of one expert), whatever their form.
class WeightRow {
public:
  /// `expert` may be null.
  WeightRow(KernelBuilder &k, unsigned binding, Val expert, Val row)
      : k_(k), form_(k.weightAt(binding)) {
    int64_t inputs = form_.inputs(), outputs = form_.outputs();
    // Rows, or matrices, in elements: more than 2^31 of them.
    Val number = k.toI64(row);
    if (expert)
      number = number + k.toI64(expert) * outputs;
    if (form_.layout == Layout::Transposed) {
      Array matrix = k.arg(binding);
      if (expert)
        matrix = matrix.at(k.toI64(expert) * (inputs * outputs));
      values_ = matrix.at(row);
    } else if (form_.element == Element::MXFP4) {
      values_ = k.arg(binding, 0).at(number * (inputs / 2));
      scales_ = k.arg(binding, 1).at(number * (inputs / cpu::kScaleBlock));
    } else {
      values_ = k.arg(binding).at(number * inputs);
    }
  }

  Val load(Val i) const {
    if (form_.layout == Layout::Transposed)
      return values_.value(i * form_.outputs());
    if (form_.element != Element::MXFP4)
      return values_.value(i);
    // The even element is in the low nibble.
    Val byte = k_.extend(values_.load(i / 2), k_.i32Type());
    Val code = (byte >> (i % 2 * 4)) & 15;
    Val scale = k_.extend(scales_.load(i / cpu::kScaleBlock), k_.i32Type());
    return k_.decodeE2M1(code) * k_.scaleFromE8M0(scale);
  }

  /// Sum of weight times x over the inputs; all lanes have it.
  Val dot(Array x) const {
    Val sum = k_.carryLanes(k_.i32(form_.inputs()), k_.f32(0.0),
                            [&](Val i, ArrayRef<Val> now) {
                              return Vals{k_.fma(load(i), x.load(i), now[0])};
                            })[0];
    return k_.warpSum(sum);
  }

private:
  KernelBuilder &k_;
  const WeightForm &form_;
  Array values_, scales_;
};

} // namespace

/// The warp's output, where it exists, in `body`.
static void forOutput(KernelBuilder &k, Val block, int64_t outputs,
                      llvm::function_ref<void(Val)> body) {
  Val row = block * kBlockWarps + k.warp();
  k.ifThen(row < outputs, [&] { body(row); });
}

static Extent blocksOf(int64_t outputs) {
  return Extent::constant(ceilDiv(outputs, kBlockWarps));
}

static void storeOnce(KernelBuilder &k, Array array, Val index, Val value) {
  k.ifThen(k.lane() == 0, [&] { array.store(index, value); });
}

void emitWarpStage(KernelWriter &w, RowInput input, DenseMatrix matrix) {
  int64_t outputs = w.weightAt(matrix.weight).outputs();
  // Rows are in x, which may be large.
  w.stage(w.perRow(), blocksOf(outputs), kBlock, [&](KernelBuilder &k) {
    forOutput(k, k.blockY(), outputs, [&](Val output) {
      Val row = k.blockX();
      Val sum = WeightRow(k, matrix.weight, {}, output).dot(input(k, row));
      k.ifThen(k.lane() == 0, [&] { matrix.store(k, row, output, sum); });
    });
  });
}

LinearBindings::LinearBindings(const KernelDescription &kernel) {
  unsigned next = 2;
  bias_ = kernel.hasBias ? next++ : 0;
  residual_ = kernel.hasResidual ? next++ : 0;
  y_ = next;
}

void LinearBindings::operator()(KernelBuilder &k, Val row, Val output,
                                Val sum) const {
  if (bias_)
    sum = sum + k.arg(bias_).value(output);
  if (residual_)
    sum = sum + k.row(residual_, row).load(output);
  k.row(y_, row).store(output, sum);
}

void emitPlainLinear(KernelWriter &w) {
  LinearBindings store(w.kernel());
  emitWarpStage(w, inputRow, {1, store});
}

void emitPlainExpertLinear(KernelWriter &w) {
  const WeightForm &weight = w.weightAt(2);
  bool hasBias = w.kernel().bindings.size() == 5;
  unsigned y = hasBias ? 4 : 3;
  int64_t ranks = w.rowSize(1), outputs = weight.outputs();
  // Each expert has its own input row, or all share the token's.
  bool isShared = w.rowSize(0) == weight.inputs();
  w.stage(w.perRow(ranks), blocksOf(outputs), kBlock, [&](KernelBuilder &k) {
    forOutput(k, k.blockY(), outputs, [&](Val row) {
      Val slot = k.blockX();
      Val expert = k.arg(1).load(slot);
      Val input = isShared ? slot / ranks : slot;
      Array x = k.rowOf(k.arg(0), input, weight.inputs());
      Val sum = WeightRow(k, 2, expert, row).dot(x);
      if (hasBias)
        sum = sum + k.arg(3).value(expert * outputs + row);
      storeOnce(k, k.rowOf(k.arg(y), slot, outputs), row, sum);
    });
  });
}

void emitPlainExpertGateUp(KernelWriter &w) {
  constexpr unsigned weight = 5, bias = 6, act = 7;
  int64_t outputs = w.weightAt(weight).outputs(), pairs = outputs / 2;
  int64_t inputs = w.weightAt(weight).inputs();
  int64_t experts = w.weightAt(weight).shape[0];
  Extent active = w.perRow(w.kernel().topK, 1, experts);
  w.stage(blocksOf(pairs), active, kBlock, [&](KernelBuilder &k) {
    ExpertWork work(k);
    Val a = k.blockY();
    k.ifThen(a < work.active(), [&] {
      Val expert = work.expert(a);
      forOutput(k, k.blockX(), pairs, [&](Val pair) {
        auto output = [&](Val row, Array x) {
          Val sum = WeightRow(k, weight, expert, row).dot(x);
          return sum + k.arg(bias).value(expert * outputs + row);
        };
        k.forEach(work.firstSlot(a), work.endSlot(a), k.i32(1), [&](Val i) {
          Val slot = work.slot(i);
          Array x = k.rowOf(k.arg(0), work.token(slot), inputs);
          Val gate = output(pair * 2, x);
          Val up = output(pair * 2 + 1, x);
          storeOnce(k, k.rowOf(k.arg(act), slot, pairs), pair,
                    k.swiglu(gate, up));
        });
      });
    });
  });
}

/// The products of every slot to scratch memory, [slot][output].
static void emitDownProducts(KernelWriter &w) {
  constexpr unsigned weight = 6, bias = 7;
  const WeightForm &form = w.weightAt(weight);
  int64_t outputs = form.outputs();
  Extent active = w.perRow(w.kernel().topK, 1, form.shape[0]);
  w.stage(blocksOf(outputs), active, kBlock, [&](KernelBuilder &k) {
    ExpertWork work(k);
    Val a = k.blockY();
    k.ifThen(a < work.active(), [&] {
      Val expert = work.expert(a);
      forOutput(k, k.blockX(), outputs, [&](Val row) {
        k.forEach(work.firstSlot(a), work.endSlot(a), k.i32(1), [&](Val i) {
          Val slot = work.slot(i);
          Array x = k.rowOf(k.arg(0), slot, form.inputs());
          Val sum = WeightRow(k, weight, expert, row).dot(x);
          sum = sum + k.arg(bias).value(expert * outputs + row);
          storeOnce(k, k.rowOf(k.scratch(k.f32Type()), slot, outputs), row,
                    sum);
        });
      });
    });
  });
}

void emitDownSum(KernelWriter &w) {
  DownSum sum(w.kernel());
  int64_t ranks = w.kernel().topK, outputs = w.rowSize(sum.output());
  int64_t block = 256;
  Extent blocks = Extent::constant(ceilDiv(outputs, block));
  w.stage(blocks, w.perRow(), block, [&](KernelBuilder &k) {
    Val t = k.blockY(), row = k.blockX() * block + k.thread();
    k.ifThen(row < outputs, [&] {
      Array products =
          k.rowOf(k.scratch(k.f32Type()), t, ranks * outputs).at(row);
      sum.emit(k, t, row, products, outputs);
    });
  });
}

void emitPlainExpertDown(KernelWriter &w) {
  int64_t outputs = w.weightAt(6).outputs();
  w.scratch(w.scratchPerRow(w.kernel().topK * outputs * 4));
  emitDownProducts(w);
  emitDownSum(w);
}

} // namespace gossamer::cuda
