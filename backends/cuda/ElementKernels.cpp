//===- ElementKernels.cpp - Kernels that work on single elements ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A block computes a row; each output element is computed by itself.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CacheAccess.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/RowParts.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cuda {

/// Threads for the `n` elements of a row.
static int64_t blockFor(int64_t n) {
  return std::clamp<int64_t>(ceilDiv(n, kWarp) * kWarp, kWarp, 256);
}

/// A block a row; `body` gets the row and one of 0 ... n-1.
static void
forElements(KernelWriter &w, int64_t n,
            llvm::function_ref<void(KernelBuilder &, Val, Val)> body) {
  w.stage(w.perRow(), blockFor(n), [&](KernelBuilder &k) {
    Val row = k.blockX();
    k.forThreads(k.i32(n), [&](Val i) { body(k, row, i); });
  });
}

void emitEmbedding(KernelWriter &w) {
  int64_t n = w.rowSize(2);
  forElements(w, n, [&](KernelBuilder &k, Val t, Val i) {
    Val id = k.arg(0).load(t);
    k.row(2, t).store(i, k.rowOf(k.arg(1), id, n).value(i));
  });
}

void emitGatherRows(KernelWriter &w) {
  forElements(w, w.rowSize(2), [](KernelBuilder &k, Val r, Val i) {
    Val t = k.arg(1).load(r);
    k.row(2, r).store(i, k.row(0, t).load(i));
  });
}

void emitRopeTable(KernelWriter &w) {
  const KernelDescription &kernel = w.kernel();
  auto n = static_cast<int64_t>(kernel.inverseFrequencies.size());
  w.stage(w.perRow(), blockFor(n), [&](KernelBuilder &k) {
    Val t = k.blockX();
    Val position = k.toFloat(k.arg(0).load(t), k.b.getF64Type());
    Array frequencies = k.table(kernel.inverseFrequencies);
    k.forThreads(k.i32(n), [&](Val i) {
      auto [sine, cosine] = k.sinCos(position * frequencies.load(i));
      k.row(1, t).store(i, k.toF32(cosine * kernel.concentration));
      k.row(2, t).store(i, k.toF32(sine * kernel.concentration));
    });
  });
}

void emitRope(KernelWriter &w) {
  int64_t half = w.rowSize(1);
  forElements(w, w.rowSize(0) / 2, [&](KernelBuilder &k, Val t, Val i) {
    Val d = i % half;
    Val low = i / half * (2 * half) + d, high = low + half;
    Array x = k.row(0, t), y = k.row(3, t);
    Rotated turned(x.load(low), x.load(high), k.row(1, t).load(d),
                   k.row(2, t).load(d));
    y.store(low, turned.first);
    y.store(high, turned.second);
  });
}

void emitRotate(KernelWriter &w) {
  int64_t half = w.rowSize(2);
  forElements(w, w.rowSize(0), [&](KernelBuilder &k, Val t, Val i) {
    Val d = i % half;
    Rotated turned(k.row(0, t).load(i), k.row(1, t).load(i),
                   k.row(2, t).load(d), k.row(3, t).load(d));
    k.row(4, t).store(i, turned.first);
    k.row(5, t).store(i, turned.second);
  });
}

void emitSplitHalf(KernelWriter &w) {
  int64_t half = w.shapeAt(1).back();
  forElements(w, w.rowSize(1), [&](KernelBuilder &k, Val t, Val i) {
    Val low = i / half * (2 * half) + i % half;
    Array x = k.row(0, t);
    k.row(1, t).store(i, x.load(low));
    k.row(2, t).store(i, x.load(low + half));
  });
}

void emitMergeHalf(KernelWriter &w) {
  int64_t half = w.shapeAt(0).back();
  forElements(w, w.rowSize(0), [&](KernelBuilder &k, Val t, Val i) {
    Val low = i / half * (2 * half) + i % half;
    Array y = k.row(2, t);
    y.store(low, k.row(0, t).load(i));
    y.store(low + half, k.row(1, t).load(i));
  });
}

void emitAdd(KernelWriter &w) {
  forElements(w, w.rowSize(2), [](KernelBuilder &k, Val t, Val i) {
    k.row(2, t).store(i, k.row(0, t).load(i) + k.row(1, t).load(i));
  });
}

void emitWeightedSum(KernelWriter &w) {
  int64_t n = w.rowSize(2), terms = w.rowSize(1);
  forElements(w, n, [&](KernelBuilder &k, Val t, Val i) {
    Val sum = k.f32(0.0);
    for (int64_t j = 0; j < terms; ++j)
      sum = k.fma(k.row(1, t).load(k.i32(j)), k.row(0, t).load(i + j * n), sum);
    k.row(2, t).store(i, sum);
  });
}

void emitSwiglu(KernelWriter &w) {
  forElements(w, w.rowSize(1), [](KernelBuilder &k, Val t, Val i) {
    Array x = k.row(0, t);
    Val gate = x.load(i * 2), up = x.load(i * 2 + 1);
    k.row(1, t).store(i, k.swiglu(gate, up));
  });
}

void emitCacheAppend(KernelWriter &w) {
  forElements(w, w.rowSize(0), [](KernelBuilder &k, Val t, Val i) {
    CacheAccess cache(k, 4);
    Val position = k.arg(2).load(t), sequence = k.arg(3).load(t);
    Array page = cache.page(cache.pageNumber(sequence, position));
    Val slot = cache.slot(position);
    Val head = i / cache.form.headDim, d = i % cache.form.headDim;
    page.store(cache.key(head, d, slot), k.row(0, t).load(i));
    page.store(cache.value(head, d, slot), k.row(1, t).load(i));
  });
}

} // namespace gossamer::cuda
