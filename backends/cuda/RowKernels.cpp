//===- RowKernels.cpp - Kernels that reduce rows --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Norms, softmax and the largest of a row. A thread takes every 32nd (or
// block-th) element in ascending order, lanes are joined by a fixed tree, warps
// in ascending order.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/Candidates.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/RowParts.h"

#include <limits>

using namespace mlir;

namespace gossamer::cuda {

static constexpr double kMinusInfinity =
    -std::numeric_limits<double>::infinity();

void normalizeRow(KernelBuilder &k, Array x, int64_t n, unsigned weight,
                  llvm::function_ref<void(Val, Val)> take) {
  Val squares = k.forCarry(k.thread(), k.i32(n), k.i32(k.block), k.f32(0.0),
                           [&](Val i, ArrayRef<Val> sum) {
                             Val v = x.load(i);
                             return Vals{k.fma(v, v, sum[0])};
                           })[0];
  Val mean = k.blockSum(squares) / static_cast<double>(n);
  Val factor = 1.0 / k.sqrt(mean + k.kernel.eps);
  Array weights = k.arg(weight);
  k.forThreads(k.i32(n),
               [&](Val i) { take(i, x.load(i) * factor * weights.value(i)); });
}

void emitNormStage(KernelWriter &w,
                   llvm::function_ref<Array(KernelBuilder &, Val)> output) {
  int64_t n = w.rowSize(0);
  w.stage(w.perRow(), kNormBlock, [&](KernelBuilder &k) {
    Val row = k.blockX();
    Array y = output(k, row);
    normalizeRow(k, k.row(0, row), n, 1,
                 [&](Val i, Val normed) { y.store(i, normed); });
  });
}

void emitRmsNorm(KernelWriter &w) {
  emitNormStage(w, [](KernelBuilder &k, Val row) { return k.row(2, row); });
}

void emitSoftmax(KernelWriter &w) {
  int64_t n = w.rowSize(0);
  w.stage(w.perRow(), kWarp, [&](KernelBuilder &k) {
    Array x = k.row(0, k.blockX()), y = k.row(1, k.blockX());
    Val largest = k.carryLanes(k.i32(n), k.f32(kMinusInfinity),
                               [&](Val i, ArrayRef<Val> now) {
                                 return Vals{k.max(x.load(i), now[0])};
                               })[0];
    largest = k.warpMax(largest);
    Val sum = k.carryLanes(k.i32(n), k.f32(0.0), [&](Val i, ArrayRef<Val> now) {
      return Vals{now[0] + k.exp(x.load(i) - largest)};
    })[0];
    sum = k.warpSum(sum);
    k.forThreads(k.i32(n),
                 [&](Val i) { y.store(i, k.exp(x.load(i) - largest) / sum); });
  });
}

void emitSoftmaxSink(KernelWriter &w) {
  int64_t heads = w.shapeAt(0)[1], maxKeys = w.shapeAt(0)[2];
  w.stage(w.perRow(heads), 128, [&](KernelBuilder &k) {
    Val head = k.blockX() % heads;
    Array x = k.rowOf(k.arg(0), k.blockX(), maxKeys);
    Array y = k.rowOf(k.arg(2), k.blockX(), maxKeys);
    Val sink = k.arg(1).value(head), keys = k.keys();
    auto overKeys = [&](double init, llvm::function_ref<Val(Val, Val)> next) {
      return k.forCarry(
          k.thread(), keys, k.i32(k.block), k.f32(init),
          [&](Val i, ArrayRef<Val> now) { return Vals{next(i, now[0])}; })[0];
    };
    Val largest = overKeys(
        kMinusInfinity, [&](Val i, Val now) { return k.max(x.load(i), now); });
    largest = k.max(k.blockMax(largest), sink);
    Val sum = overKeys(
        0.0, [&](Val i, Val now) { return now + k.exp(x.load(i) - largest); });
    sum = k.blockSum(sum) + k.exp(sink - largest);
    k.forThreads(keys,
                 [&](Val i) { y.store(i, k.exp(x.load(i) - largest) / sum); });
  });
}

void emitTopK(KernelWriter &w) {
  int64_t n = w.rowSize(0), count = w.rowSize(1);
  w.stage(w.perRow(), kWarp, [&](KernelBuilder &k) {
    Val t = k.blockX(), isFirst = k.lane() == 0;
    chooseLargest(k, k.row(0, t), n, count,
                  [&](int64_t rank, Val value, Val index) {
                    k.ifThen(isFirst, [&] {
                      k.row(1, t).store(k.i32(rank), value);
                      k.row(2, t).store(k.i32(rank), index);
                    });
                  });
  });
}

} // namespace gossamer::cuda
