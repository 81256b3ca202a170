//===- QuantizeKernel.cpp - Activations as int8 numbers -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A row of inputs x has a step, and a block of 32 of them a number of halvings:
//
//   step = max |x of the row| / most
//   shift = the most halvings for which max |x of the block| <= most units
//   unit = step / 2^shift,  q = x / unit, rounded to nearest even
//
// with shift at most 22, and most = 127 for one part and 32512 = 127 * 256 for
// two, which are high = (q + 128) >> 8 and low = q - 256 high (-128 ... 127).
// With steps of their own, products of blocks would need a multiplication.
//
// A block is its parts, of 40 bytes each: the 32 integers, first those of the
// even inputs and then the odd ones; an anchor (IntegerProducts.cpp), the float
// 1.5 * 2^23 * 2^-shift, for the high part 256 times that; and the bits of the
// anchor minus zero * the sum of the integers. After the blocks comes the float
// step * unit of the weight. A row that is zero, or as small as to vanish in
// any product, becomes zeros; one with an infinity or NaN has such a step.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelEmitters.h"

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Magnitudes below count as zero: their reciprocal might overflow.
constexpr double kSmallest = 0x1p-100;

/// Binary digits of the low one of two parts.
constexpr int64_t kLowBits = 8;
/// Most halvings of a row's step: an anchor's unit stays a normal number
/// whatever the scale of a weight.
constexpr int64_t kMaxShift = 22;

} // namespace

static Value bitsOf(KernelBuilder &k, Value floats) {
  return arith::BitcastOp::create(k.b, k.loc, k.vec(kLanes, k.b.getI32Type()),
                                  floats);
}

/// The larger one of `largest` and the magnitudes in v, as bits: infinity and
/// NaN are the largest.
static Value maxMagnitude(KernelBuilder &k, Value largest, Value v) {
  VectorType words = k.vec(kLanes, k.b.getI32Type());
  Value magnitude = arith::AndIOp::create(k.b, k.loc, bitsOf(k, v),
                                          k.constantInt(words, 0x7fffffff));
  return arith::MaxUIOp::create(k.b, k.loc, largest, magnitude);
}

static Value asFloat(KernelBuilder &k, Value bits) {
  return arith::BitcastOp::create(k.b, k.loc, k.b.getF32Type(), bits);
}

/// Largest of 16 lanes of bits as a float.
static Value largestLane(KernelBuilder &k, Value bits) {
  return asFloat(k, vector::ReductionOp::create(
                        k.b, k.loc, vector::CombiningKind::MAXUI, bits));
}

namespace {

struct RowScale {
  Value largest; ///< magnitude.
  Value inverse; ///< steps per unit of x.
  Value step;
};

} // namespace

static RowScale scaleRow(KernelBuilder &k, Value x, Value row, double most) {
  Value none = k.constantInt(k.vec(kLanes, k.b.getI32Type()), 0);
  Values lanes =
      k.forCarry(k.index(0), k.index(k.rowSize(0)), kLanes, none,
                 [&](Value i, ValueRange now) {
                   return Values{maxMagnitude(
                       k, now[0], k.loadVector(x, {row, i}, kLanes))};
                 });
  Value largest = largestLane(k, lanes[0]);
  Value isSmall = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OLT,
                                        largest, k.f32(kSmallest));
  Value zero = k.f32(0.0);
  Value inverse = k.div(k.f32(most), largest);
  Value step = k.div(largest, k.f32(most));
  return {largest, arith::SelectOp::create(k.b, k.loc, isSmall, zero, inverse),
          arith::SelectOp::create(k.b, k.loc, isSmall, zero, step)};
}

/// Halvings of the row's step that suit a block, as an i32.
static Value shiftOf(KernelBuilder &k, const RowScale &row, Value even,
                     Value odd) {
  VectorType words = k.vec(kLanes, k.b.getI32Type());
  Value bits =
      maxMagnitude(k, maxMagnitude(k, k.constantInt(words, 0), even), odd);
  Value ratio = k.div(row.largest, largestLane(k, bits));
  bits = arith::BitcastOp::create(k.b, k.loc, k.b.getI32Type(), ratio);
  // Whole powers of two that are in the ratio. It is 1 at least.
  Value exponent = arith::ShRUIOp::create(k.b, k.loc, bits, k.integer(23, 32));
  exponent = arith::AndIOp::create(k.b, k.loc, exponent, k.integer(255, 32));
  exponent = arith::MaxSIOp::create(k.b, k.loc, exponent, k.integer(127, 32));
  Value shift = arith::SubIOp::create(k.b, k.loc, exponent, k.integer(127, 32));
  return arith::MinSIOp::create(k.b, k.loc, shift, k.integer(kMaxShift, 32));
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

/// Four bytes into an i8 memref.
static void storeWord(KernelBuilder &k, Value word, Value memref,
                      ValueRange indices) {
  Value one = vector::FromElementsOp::create(k.b, k.loc,
                                             k.vec(1, word.getType()), word);
  k.storeVector(
      vector::BitCastOp::create(k.b, k.loc, k.vec(4, k.b.getI8Type()), one),
      memref, indices);
}

/// The parts of integers, the first one in the highest digits.
static SmallVector<Value, 2> splitParts(KernelBuilder &k, Value q,
                                        int64_t parts) {
  if (parts == 1)
    return {q};
  auto c = [&](int64_t v) { return k.constantInt(q.getType(), v); };
  Value high = arith::AddIOp::create(k.b, k.loc, q, c(1 << (kLowBits - 1)));
  high = arith::ShRSIOp::create(k.b, k.loc, high, c(kLowBits));
  Value rest = arith::ShLIOp::create(k.b, k.loc, high, c(kLowBits));
  return {high, arith::SubIOp::create(k.b, k.loc, q, rest)};
}

/// Writes a block of a row from byte `start` on.
static void quantizeBlock(KernelBuilder &k, Value y, Value row, Value start,
                          int64_t parts, const RowScale &scale, Value even,
                          Value odd) {
  Value shift = shiftOf(k, scale, even, odd);
  Value exponent = arith::ShLIOp::create(k.b, k.loc, shift, k.integer(23, 32));
  Value power =
      arith::AddIOp::create(k.b, k.loc, exponent, k.integer(127 << 23, 32));
  Value inverse = k.mul(scale.inverse, asFloat(k, power));
  auto evenParts = splitParts(k, roundToInteger(k, even, inverse), parts);
  auto oddParts = splitParts(k, roundToInteger(k, odd, inverse), parts);
  for (int64_t part = 0; part < parts; ++part) {
    auto place = [&](int64_t at) {
      return Values{row, k.addi(start, part * kPartBytes + at)};
    };
    for (auto [at, integers] : {std::pair(int64_t(0), evenParts[part]),
                                std::pair(kLanes, oddParts[part])})
      k.storeVector(arith::TruncIOp::create(
                        k.b, k.loc, k.vec(kLanes, k.b.getI8Type()), integers),
                    y, place(at));
    // Bits of 1.5 * 2^23 units.
    int64_t digits = 23 + kLowBits * (parts - 1 - part);
    Value anchor = arith::SubIOp::create(
        k.b, k.loc, k.integer((127 + digits) << 23 | 0x400000, 32), exponent);
    Value both =
        arith::AddIOp::create(k.b, k.loc, evenParts[part], oddParts[part]);
    Value sum = vector::ReductionOp::create(k.b, k.loc,
                                            vector::CombiningKind::ADD, both);
    sum = arith::MulIOp::create(k.b, k.loc, sum, k.integer(-k.kernel.zero, 32));
    storeWord(k, anchor, y, place(kScaleBlock));
    storeWord(k, arith::AddIOp::create(k.b, k.loc, anchor, sum), y,
              place(kScaleBlock + 4));
  }
}

void emitQuantize(KernelBuilder &k) {
  Value x = k.matrixArg(0), y = k.arg(1);
  int64_t inputs = k.rowSize(0), rowBytes = k.rowSize(1);
  int64_t parts = quantizedParts(rowBytes, inputs);
  k.forItems([&](Value row) {
    RowScale scale = scaleRow(k, x, row, parts == 1 ? 127 : 127 << kLowBits);
    k.forEach(inputs / kScaleBlock, [&](Value block) {
      auto [even, odd] =
          k.loadPair(x, {row, k.muli(block, kScaleBlock)}, kScaleBlock);
      quantizeBlock(k, y, row, k.muli(block, parts * kPartBytes), parts, scale,
                    even, odd);
    });
    storeWord(k, k.mul(scale.step, k.f32(k.kernel.unit)), y,
              {row, k.index(rowBytes - 4)});
  });
}

} // namespace gossamer::cpu
