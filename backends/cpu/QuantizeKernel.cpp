//===- QuantizeKernel.cpp - Activations as int8 numbers -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A block of 32 inputs x becomes integers q and a step,
//
//   step = max |x| / most,   q = x * (most / max |x|), rounded to nearest even
//
// with most = 127 for one part and 16256 = 127 * 128 for two, which are
// high = (q + 64) >> 7 and low = q - 128 high (-64 ... 63). A block is stored
// as its parts, 32 bytes each, first the even inputs and then the odd ones; the
// float step * unit; and the integer -zero * sum of q. A block that is zero, or
// as small as to vanish in any product, becomes zeros; one with an infinity or
// NaN has such a scale.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelEmitters.h"

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Magnitudes below count as zero: their reciprocal might overflow.
constexpr double kSmallest = 0x1p-100;

struct BlockScale {
  Value inverse; ///< steps per unit of x.
  Value step;
};

} // namespace

static Value bitsOf(KernelBuilder &k, Value floats) {
  return arith::BitcastOp::create(k.b, k.loc, k.vec(kLanes, k.b.getI32Type()),
                                  floats);
}

/// Largest magnitude of a block. As integers, infinity and NaN are the largest.
static Value largestMagnitude(KernelBuilder &k, Value even, Value odd) {
  VectorType words = k.vec(kLanes, k.b.getI32Type());
  Value mask = k.constantInt(words, 0x7fffffff);
  auto magnitude = [&](Value v) -> Value {
    return arith::AndIOp::create(k.b, k.loc, bitsOf(k, v), mask);
  };
  Value largest =
      arith::MaxUIOp::create(k.b, k.loc, magnitude(even), magnitude(odd));
  Value bits = vector::ReductionOp::create(
      k.b, k.loc, vector::CombiningKind::MAXUI, largest);
  return arith::BitcastOp::create(k.b, k.loc, k.b.getF32Type(), bits);
}

static BlockScale scaleBlock(KernelBuilder &k, Value largest, double most) {
  Value isSmall = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OLT,
                                        largest, k.f32(kSmallest));
  Value zero = k.f32(0.0);
  Value inverse = k.div(k.f32(most), largest);
  Value step = k.div(largest, k.f32(most));
  return {arith::SelectOp::create(k.b, k.loc, isSmall, zero, inverse),
          arith::SelectOp::create(k.b, k.loc, isSmall, zero, step)};
}

/// x * inverse to the nearest integer, which is below 2^22.
static Value roundToInteger(KernelBuilder &k, Value x, Value inverse) {
  // Adding 1.5 * 2^23 leaves the integer in the low bits.
  Value shifted = k.add(k.mul(x, k.splat(inverse, k.f32s())),
                        k.constant(k.f32s(), 12582912.0));
  Value bits = bitsOf(k, shifted);
  return arith::SubIOp::create(k.b, k.loc, bits,
                               k.constantInt(bits.getType(), 0x4b400000));
}

void emitQuantize(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.arg(1);
  int64_t parts = k.typeAt(1).getDimSize(2) / kScaleBlock;
  VectorType words = k.vec(kLanes, k.b.getI32Type());
  auto c = [&](int64_t v) { return k.constantInt(words, v); };
  k.forItems([&](Value row) {
    k.forEach(k.rowSize(0) / kScaleBlock, [&](Value block) {
      auto store = [&](Value integers, int64_t at) {
        Value bytes = arith::TruncIOp::create(
            k.b, k.loc, k.vec(kLanes, k.b.getI8Type()), integers);
        k.storeVector(bytes, y, {row, block, k.index(at)});
      };
      auto storeParts = [&](Value q, int64_t at) {
        if (parts == 1)
          return store(q, at);
        Value high = arith::AddIOp::create(k.b, k.loc, q, c(64));
        high = arith::ShRSIOp::create(k.b, k.loc, high, c(7));
        Value rest = arith::ShLIOp::create(k.b, k.loc, high, c(7));
        store(high, at);
        store(arith::SubIOp::create(k.b, k.loc, q, rest), kScaleBlock + at);
      };
      auto storeWord = [&](Value word, int64_t at) {
        Value bytes = vector::BitCastOp::create(
            k.b, k.loc, k.vec(4, k.b.getI8Type()),
            vector::FromElementsOp::create(k.b, k.loc, k.vec(1, word.getType()),
                                           word));
        k.storeVector(bytes, y, {row, block, k.index(at)});
      };
      auto [even, odd] =
          k.loadPair(x, {row, k.muli(block, kScaleBlock)}, kScaleBlock);
      BlockScale scale = scaleBlock(k, largestMagnitude(k, even, odd),
                                    parts == 1 ? 127 : 127 * 128);
      Value evenQ = roundToInteger(k, even, scale.inverse);
      Value oddQ = roundToInteger(k, odd, scale.inverse);
      storeParts(evenQ, 0);
      storeParts(oddQ, kLanes);
      Value both = arith::AddIOp::create(k.b, k.loc, evenQ, oddQ);
      Value sum = vector::ReductionOp::create(k.b, k.loc,
                                              vector::CombiningKind::ADD, both);
      sum =
          arith::MulIOp::create(k.b, k.loc, sum, k.integer(-k.kernel.zero, 32));
      storeWord(k.mul(scale.step, k.f32(k.kernel.unit)), parts * kScaleBlock);
      storeWord(sum, parts * kScaleBlock + 4);
    });
  });
}

} // namespace gossamer::cpu
