//===- ElementKernels.cpp - Kernels that work on rows ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Written for any number of lanes. Apart from the sum of rms_norm each output
// element is computed by itself, so all kinds give the same bits.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CacheAccess.h"
#include "backends/cpu/KernelEmitters.h"

#include <numeric>

using namespace mlir;

namespace gossamer::cpu {

/// Copies `n` elements of a row, widened to f32.
static void copyRow(KernelBuilder &k, Value from, Value fromRow, Value to,
                    Value toRow, int64_t n) {
  k.forChunks(n, [&](Value i, Value mask) {
    k.store(k.load(from, {fromRow, i}, mask), to, {toRow, i}, mask);
  });
}

void emitEmbedding(KernelBuilder &k) {
  Value x = k.matrixArg(2);
  k.forItems([&](Value t) {
    Value id = k.toIndex(k.loadScalar(k.arg(0), t));
    copyRow(k, k.arg(1), id, x, t, k.rowSize(2));
  });
}

void emitGatherRows(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(2);
  k.forItems([&](Value r) {
    Value t = k.toIndex(k.loadScalar(k.arg(1), r));
    copyRow(k, x, t, y, r, k.rowSize(2));
  });
}

void emitRmsNorm(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.matrixArg(2);
  int64_t n = k.rowSize(0);
  k.forItems([&](Value t) {
    Value squares =
        k.carryChunks(n, k.lane(0.0), [&](Value i, Value mask, ValueRange sum) {
          Value v = k.load(x, {t, i}, mask);
          return Values{k.lanes == 1 ? k.add(sum[0], k.mul(v, v))
                                     : k.fma(v, v, sum[0])};
        })[0];
    Value sum = k.lanes == 1 ? squares : k.sumLanes(squares);
    Value mean = k.div(sum, k.f32(static_cast<double>(n)));
    Value root = k.sqrt(k.add(mean, k.f32(k.kernel.eps)));
    Value factor = k.splat(k.div(k.f32(1.0), root));
    k.forChunks(n, [&](Value i, Value mask) {
      Value scaled = k.mul(k.load(x, {t, i}, mask), factor);
      Value weight = k.load(k.arg(1), i, mask);
      k.store(k.mul(scaled, weight), y, {t, i}, mask);
    });
  });
}

void emitRopeTable(KernelBuilder &k) {
  Value cosines = k.matrixArg(1), sines = k.matrixArg(2);
  SmallVector<double> frequencies(k.kernel.inverseFrequencies.begin(),
                                  k.kernel.inverseFrequencies.end());
  int64_t n = frequencies.size();
  k.forItems([&](Value t) {
    Value position = arith::SIToFPOp::create(k.b, k.loc, k.b.getF64Type(),
                                             k.loadScalar(k.arg(0), t));
    // The frequencies are constants of the code: the loop is unrolled.
    for (int64_t i = 0; i < n; i += k.lanes) {
      int64_t count = std::min(k.lanes, n - i);
      Type type = k.lanes == 1 ? Type(k.b.getF64Type())
                               : Type(k.vec(k.lanes, k.b.getF64Type()));
      Value frequency;
      if (k.lanes == 1) {
        frequency = k.constant(type, frequencies[i]);
      } else {
        SmallVector<double> chunk(k.lanes, 0.0);
        std::copy_n(frequencies.begin() + i, count, chunk.begin());
        frequency = arith::ConstantOp::create(
            k.b, k.loc,
            DenseElementsAttr::get(cast<VectorType>(type),
                                   ArrayRef<double>(chunk)));
      }
      auto [sine, cosine] = k.sinCos(k.mul(k.splat(position, type), frequency));
      Value mask = count < k.lanes ? k.prefixMask(count) : Value();
      auto put = [&](Value v, Value table) {
        v = k.mul(v, k.constant(type, k.kernel.concentration));
        Value narrow = arith::TruncFOp::create(k.b, k.loc, k.laneType(), v);
        k.store(narrow, table, {t, k.index(i)}, mask);
      };
      put(cosine, cosines);
      put(sine, sines);
    }
  });
}

/// Values a and b of the two halves, turned by the angle.
static std::pair<Value, Value> rotate(KernelBuilder &k, Value a, Value b,
                                      Value cosine, Value sine) {
  Value first = k.sub(k.mul(a, cosine), k.mul(b, sine));
  Value second = k.add(k.mul(b, cosine), k.mul(a, sine));
  return {first, second};
}

void emitRope(KernelBuilder &k) {
  Value x = k.matrixArg(0), cosines = k.matrixArg(1), sines = k.matrixArg(2);
  Value y = k.matrixArg(3);
  int64_t half = k.rowSize(1), heads = k.rowSize(0) / (2 * half);
  k.forItems([&](Value t) {
    k.forEach(heads, [&](Value head) {
      Value base = k.muli(head, 2 * half);
      k.forChunks(half, [&](Value i, Value mask) {
        Value low = k.addi(base, i), high = k.addi(low, half);
        auto [first, second] =
            rotate(k, k.load(x, {t, low}, mask), k.load(x, {t, high}, mask),
                   k.load(cosines, {t, i}, mask), k.load(sines, {t, i}, mask));
        k.store(first, y, {t, low}, mask);
        k.store(second, y, {t, high}, mask);
      });
    });
  });
}

void emitRotate(KernelBuilder &k) {
  Value a = k.matrixArg(0), b = k.matrixArg(1);
  Value cosines = k.matrixArg(2), sines = k.matrixArg(3);
  Value first = k.matrixArg(4), second = k.matrixArg(5);
  int64_t half = k.rowSize(2), heads = k.rowSize(0) / half;
  k.forItems([&](Value t) {
    k.forEach(heads, [&](Value head) {
      Value base = k.muli(head, half);
      k.forChunks(half, [&](Value i, Value mask) {
        Value at = k.addi(base, i);
        auto [f, s] =
            rotate(k, k.load(a, {t, at}, mask), k.load(b, {t, at}, mask),
                   k.load(cosines, {t, i}, mask), k.load(sines, {t, i}, mask));
        k.store(f, first, {t, at}, mask);
        k.store(s, second, {t, at}, mask);
      });
    });
  });
}

/// Copies between rows of heads and two rows of their halves.
static void copyHalves(KernelBuilder &k, Value whole, Value first, Value second,
                       int64_t heads, int64_t half, bool split) {
  k.forItems([&](Value t) {
    k.forEach(heads, [&](Value head) {
      k.forChunks(half, [&](Value i, Value mask) {
        Value low = k.addi(k.muli(head, 2 * half), i);
        Value high = k.addi(low, half);
        Value at = k.addi(k.muli(head, half), i);
        auto copy = [&](Value from, Value fromAt, Value to, Value toAt) {
          k.store(k.load(from, {t, fromAt}, mask), to, {t, toAt}, mask);
        };
        if (split) {
          copy(whole, low, first, at);
          copy(whole, high, second, at);
        } else {
          copy(first, at, whole, low);
          copy(second, at, whole, high);
        }
      });
    });
  });
}

/// Last dimension of binding `i`.
static int64_t lastSize(KernelBuilder &k, unsigned i) {
  return k.typeAt(i).getShape().back();
}

void emitSplitHalf(KernelBuilder &k) {
  int64_t half = lastSize(k, 1);
  Value x = k.matrixArg(0), first = k.matrixArg(1), second = k.matrixArg(2);
  copyHalves(k, x, first, second, k.rowSize(1) / half, half, true);
}

void emitMergeHalf(KernelBuilder &k) {
  int64_t half = lastSize(k, 0);
  Value first = k.matrixArg(0), second = k.matrixArg(1), y = k.matrixArg(2);
  copyHalves(k, y, first, second, k.rowSize(0) / half, half, false);
}

void emitAdd(KernelBuilder &k) {
  Value a = k.matrixArg(0), b = k.matrixArg(1), c = k.matrixArg(2);
  k.forItems([&](Value t) {
    k.forChunks(k.rowSize(2), [&](Value i, Value mask) {
      Value left = k.load(a, {t, i}, mask);
      k.store(k.add(left, k.load(b, {t, i}, mask)), c, {t, i}, mask);
    });
  });
}

void emitWeightedSum(KernelBuilder &k) {
  Value y = k.matrixArg(0), weights = k.matrixArg(1), x = k.matrixArg(2);
  int64_t n = k.rowSize(2), terms = k.rowSize(1);
  k.forItems([&](Value t) {
    k.forChunks(n, [&](Value i, Value mask) {
      Value sum = k.lane(0.0);
      for (int64_t j = 0; j < terms; ++j) {
        Value weight = k.splat(k.loadScalar(weights, {t, k.index(j)}));
        Value term = k.load(y, {t, k.addi(i, j * n)}, mask);
        sum = k.fma(weight, term, sum);
      }
      k.store(sum, x, {t, i}, mask);
    });
  });
}

void emitCacheAppend(KernelBuilder &k) {
  Value keys = k.matrixArg(0), values = k.matrixArg(1);
  CacheAccess cache(k, 4);
  const CacheForm &form = cache.form;
  k.forItems([&](Value t) {
    Value position = k.toIndex(k.loadScalar(k.arg(2), t));
    Value sequence = k.toIndex(k.loadScalar(k.arg(3), t));
    Value page = cache.page(sequence, k.divi(position, form.pageTokens));
    Value slot = k.remi(position, form.pageTokens);
    k.forEach(form.kvHeads, [&](Value head) {
      Value base = k.muli(head, form.headDim);
      // Keys are transposed: one element in each row of 16 positions.
      k.forEach(form.headDim, [&](Value d) {
        Value element = k.loadScalar(keys, {t, k.addi(base, d)});
        k.storeScalar(cache.toElement(element), cache.pages,
                      {page, k.addi(cache.key(head, d), slot)});
      });
      Value row = cache.value(head, slot);
      k.forChunks(form.headDim, [&](Value d, Value mask) {
        Value v = k.load(values, {t, k.addi(base, d)}, mask);
        k.store(cache.toElement(v), cache.pages, {page, k.addi(row, d)}, mask);
      });
    });
  });
}

} // namespace gossamer::cpu
