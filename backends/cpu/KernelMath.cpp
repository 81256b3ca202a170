//===- KernelMath.cpp - Arithmetic of kernel bodies -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>
#include <numeric>

using namespace mlir;

namespace gossamer::cpu {

//===----------------------------------------------------------------------===//
// Lane arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::add(Value l, Value r) {
  return arith::AddFOp::create(b, loc, l, r);
}
Value KernelBuilder::sub(Value l, Value r) {
  return arith::SubFOp::create(b, loc, l, r);
}
Value KernelBuilder::mul(Value l, Value r) {
  return arith::MulFOp::create(b, loc, l, r);
}
Value KernelBuilder::div(Value l, Value r) {
  return arith::DivFOp::create(b, loc, l, r);
}
Value KernelBuilder::fma(Value a, Value x, Value c) {
  // Without the instruction, fma would be a call of the C library.
  if (!features.hasFma())
    return add(mul(a, x), c);
  return math::FmaOp::create(b, loc, a, x, c);
}
Value KernelBuilder::max(Value l, Value r) {
  Value greater =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, l, r);
  return arith::SelectOp::create(b, loc, greater, l, r);
}
Value KernelBuilder::min(Value l, Value r) {
  Value smaller =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, l, r);
  return arith::SelectOp::create(b, loc, smaller, l, r);
}
Value KernelBuilder::sqrt(Value v) { return math::SqrtOp::create(b, loc, v); }

Value KernelBuilder::splat(Value scalar, Type type) {
  if (!isa<VectorType>(type))
    return scalar;
  return vector::BroadcastOp::create(b, loc, type, scalar);
}

Type KernelBuilder::laneType() {
  return lanes == 1 ? Type(b.getF32Type()) : Type(f32s(lanes));
}

Value KernelBuilder::bitcast(Value value, Type type) {
  return arith::BitcastOp::create(b, loc, type, value);
}

Type KernelBuilder::sameShape(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

//===----------------------------------------------------------------------===//
// Widening
//===----------------------------------------------------------------------===//

Value KernelBuilder::widen(Value value) {
  Type type = value.getType();
  Type element = getElementTypeOrSelf(type);
  if (element.isF16())
    return widenF16(value);
  if (!element.isInteger(16))
    return value;
  // bf16 is the upper half of an f32.
  Type wide = sameShape(type, b.getI32Type());
  Value bits = arith::ExtUIOp::create(b, loc, wide, value);
  bits = arith::ShLIOp::create(b, loc, bits, constantInt(wide, 16));
  return bitcast(bits, sameShape(type, b.getF32Type()));
}

Value KernelBuilder::narrowToBF16(Value value) {
  // Integer arithmetic: the instruction flushes subnormals to zero, and
  // without it a library would be called. Adding just under half, plus one
  // when the kept part is odd, carries exactly when the value rounds up.
  Type type = value.getType();
  Type wide = sameShape(type, b.getI32Type());
  auto c = [&](int64_t v) { return constantInt(wide, v); };
  Value bits = bitcast(value, wide);
  Value high = arith::ShRUIOp::create(b, loc, bits, c(16));
  Value odd = arith::AndIOp::create(b, loc, high, c(1));
  Value half = arith::AddIOp::create(b, loc, odd, c(0x7fff));
  Value rounded = arith::AddIOp::create(b, loc, bits, half);
  rounded = arith::ShRUIOp::create(b, loc, rounded, c(16));
  // A NaN stays a quiet one.
  Value isNan =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, value, value);
  Value quiet = arith::OrIOp::create(b, loc, high, c(0x40));
  rounded = arith::SelectOp::create(b, loc, isNan, quiet, rounded);
  return arith::TruncIOp::create(b, loc, sameShape(type, b.getI16Type()),
                                 rounded);
}

Value KernelBuilder::widenF16(Value value) {
  Type type = value.getType();
  Type single = sameShape(type, b.getF32Type());
  if (features.hasF16c())
    return arith::ExtFOp::create(b, loc, single, value);
  // Integer arithmetic: without the instruction a library would be called.
  // Exponent and mantissa, moved to their place in an f32, are the value times
  // 2^-112; a product with 2^112 also makes subnormals right.
  Type wide = sameShape(type, b.getI32Type());
  Value bits = bitcast(value, sameShape(type, b.getI16Type()));
  bits = arith::ExtUIOp::create(b, loc, wide, bits);
  Value sign = arith::AndIOp::create(b, loc, bits, constantInt(wide, 0x8000));
  sign = arith::ShLIOp::create(b, loc, sign, constantInt(wide, 16));
  Value rest = arith::AndIOp::create(b, loc, bits, constantInt(wide, 0x7fff));
  rest = arith::ShLIOp::create(b, loc, rest, constantInt(wide, 13));
  Value scaled = mul(bitcast(rest, single), constant(single, 0x1p112));
  // Exponent 31 is infinity or NaN in both formats.
  Value special = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, rest,
                                        constantInt(wide, 0x0f800000));
  Value infinite =
      arith::OrIOp::create(b, loc, rest, constantInt(wide, 0x7f800000));
  Value magnitude =
      arith::SelectOp::create(b, loc, special, infinite, bitcast(scaled, wide));
  return bitcast(arith::OrIOp::create(b, loc, magnitude, sign), single);
}

Value KernelBuilder::scaleFromE8M0(Value bits) {
  Type ints = sameShape(bits.getType(), b.getI32Type());
  if (bits.getType() != ints)
    bits = arith::ExtUIOp::create(b, loc, ints, bits);
  Value shifted = arith::ShLIOp::create(b, loc, bits, constantInt(ints, 23));
  Value smallest = constantInt(ints, 0x00400000);
  return bitcast(arith::MaxUIOp::create(b, loc, shifted, smallest),
                 sameShape(ints, b.getF32Type()));
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Horner's rule, highest coefficient first.
static Value polynomial(KernelBuilder &k, Value x, ArrayRef<double> c) {
  Value sum = k.constant(x.getType(), c.front());
  for (double coefficient : c.drop_front())
    sum = k.fma(sum, x, k.constant(x.getType(), coefficient));
  return sum;
}

/// e^x as p 2^n. Returns p and the float whose low bits hold n.
static std::pair<Value, Value> expParts(KernelBuilder &k, Value x) {
  auto c = [&](double value) { return k.constant(x.getType(), value); };
  // x = n ln2 + r. Adding 1.5 * 2^23 rounds to an integer in the low bits.
  Value magic = c(12582912.0);
  Value shifted = k.fma(x, c(1.44269504088896341), magic);
  Value n = k.sub(shifted, magic);
  Value r = k.fma(n, c(-0.693359375), x);
  r = k.fma(n, c(2.12194440e-4), r);
  Value p = polynomial(k, r,
                       {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
                        4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  return {k.add(k.fma(p, k.mul(r, r), r), c(1.0)), shifted};
}

Value KernelBuilder::exp(Value v) {
  Type type = v.getType();
  Type ints = sameShape(type, b.getI32Type());
  auto c = [&](double value) { return constant(type, value); };
  // Clamped to where the result is already 0 or infinity. A NaN stays one.
  Value isLow =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, v, c(-104.5));
  Value x = arith::SelectOp::create(b, loc, isLow, c(-104.5), v);
  Value isHigh =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, c(89.0));
  x = arith::SelectOp::create(b, loc, isHigh, c(89.0), x);

  auto [p, shifted] = expParts(*this, x);
  // 2^n as a product of two normal numbers: subnormal results round once.
  Value integer = arith::SubIOp::create(b, loc, bitcast(shifted, ints),
                                        constantInt(ints, 0x4b400000));
  Value half = arith::ShRSIOp::create(b, loc, integer, constantInt(ints, 1));
  Value other = arith::SubIOp::create(b, loc, integer, half);
  auto power = [&](Value exponent) {
    Value biased =
        arith::AddIOp::create(b, loc, exponent, constantInt(ints, 127));
    return bitcast(arith::ShLIOp::create(b, loc, biased, constantInt(ints, 23)),
                   type);
  };
  return mul(mul(p, power(half)), power(other));
}

Value KernelBuilder::expOfNegative(Value v) {
  Type type = v.getType();
  Type ints = sameShape(type, b.getI32Type());
  auto c = [&](double value) { return constant(type, value); };
  auto [p, shifted] = expParts(*this, v);
  // 2^n is normal, so that its exponent can be added to that of p.
  Value power = arith::ShLIOp::create(b, loc, bitcast(shifted, ints),
                                      constantInt(ints, 23));
  Value result =
      bitcast(arith::AddIOp::create(b, loc, bitcast(p, ints), power), type);
  // What comes of smaller inputs is dropped. A NaN stays one.
  Value isNormal =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UGE, v, c(-87.0));
  return arith::SelectOp::create(b, loc, isNormal, result, c(0.0));
}

Value KernelBuilder::sigmoid(Value v) {
  Value one = constant(v.getType(), 1.0);
  Value negative = arith::NegFOp::create(b, loc, v);
  return div(one, add(one, exp(negative)));
}

std::pair<Value, Value> KernelBuilder::sinCos(Value angle) {
  Type type = angle.getType();
  Type ints = sameShape(type, b.getI64Type());
  auto c = [&](double value) { return constant(type, value); };
  // angle = n pi/2 + r. The parts of pi/2 have 33 bits: n times them is exact.
  Value magic = c(0x1.8p52);
  Value shifted = add(mul(angle, c(6.36619772367581382433e-01)), magic);
  Value n = sub(shifted, magic);
  Value r = sub(angle, mul(n, c(1.57079632673412561417e+00)));
  r = sub(r, mul(n, c(6.07710050630396597660e-11)));
  r = sub(r, mul(n, c(2.02226624879595063154e-21)));

  Value z = mul(r, r);
  Value s =
      polynomial(*this, z,
                 {1.58969099521155010221e-10, -2.50507602534068634195e-08,
                  2.75573137070700676789e-06, -1.98412698298579493134e-04,
                  8.33333333332248946124e-03, -1.66666666666666324348e-01});
  Value sine = fma(mul(r, z), s, r);
  Value t =
      polynomial(*this, z,
                 {-1.13596475577881948265e-11, 2.08757232129817482790e-09,
                  -2.75573143513906633035e-07, 2.48015872894767294178e-05,
                  -1.38888888888741095749e-03, 4.16666666666666019037e-02});
  Value cosine = fma(mul(z, z), t, sub(c(1.0), mul(z, c(0.5))));

  Value quadrant = bitcast(shifted, ints);
  auto bit = [&](Value value, int64_t mask) -> Value {
    Value masked =
        arith::AndIOp::create(b, loc, value, constantInt(ints, mask));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, masked,
                                 constantInt(ints, 0));
  };
  Value next = arith::AddIOp::create(b, loc, quadrant, constantInt(ints, 1));
  Value swap = bit(quadrant, 1);
  auto signedSelect = [&](Value negate, Value v) -> Value {
    Value negated = arith::NegFOp::create(b, loc, v);
    return arith::SelectOp::create(b, loc, negate, negated, v);
  };
  Value sin = arith::SelectOp::create(b, loc, swap, cosine, sine);
  Value cos = arith::SelectOp::create(b, loc, swap, sine, cosine);
  return {signedSelect(bit(quadrant, 2), sin), signedSelect(bit(next, 2), cos)};
}

Value KernelBuilder::swiglu(Value gate, Value up) {
  Type type = gate.getType();
  Value limit = constant(type, kernel.limit);
  gate = min(gate, limit);
  up = max(min(up, limit), constant(type, -kernel.limit));
  Value glu = mul(gate, sigmoid(mul(gate, constant(type, kernel.alpha))));
  return mul(add(up, constant(type, 1.0)), glu);
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

Value KernelBuilder::shuffle(Value l, Value r, ArrayRef<int64_t> order) {
  return vector::ShuffleOp::create(b, loc, l, r, order);
}

static SmallVector<int64_t, 16> iota(int64_t from, int64_t count) {
  SmallVector<int64_t, 16> order(count);
  std::iota(order.begin(), order.end(), from);
  return order;
}

Value KernelBuilder::sumLanes(Value v) {
  for (int64_t half = kLanes / 2; half >= 1; half /= 2)
    v = add(shuffle(v, v, iota(0, half)), shuffle(v, v, iota(half, half)));
  return vector::ExtractOp::create(b, loc, v, ArrayRef<int64_t>{0});
}

Value KernelBuilder::reduceRows(
    ArrayRef<Value> rows, llvm::function_ref<Value(Value, Value)> combine) {
  // A vector holds groups of `width` lanes, one a row. Each step joins the
  // halves of the groups, of two vectors where there are two.
  SmallVector<Value, 16> vectors(rows);
  for (int64_t width = kLanes; width > 1; width /= 2) {
    SmallVector<int64_t, 16> low, high;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      int64_t at = lane / (width / 2) * width + lane % (width / 2);
      low.push_back(at);
      high.push_back(at + width / 2);
    }
    SmallVector<Value, 16> joined;
    for (size_t i = 0; i < vectors.size(); i += 2) {
      Value l = vectors[i], r = i + 1 < vectors.size() ? vectors[i + 1] : l;
      joined.push_back(combine(shuffle(l, r, low), shuffle(l, r, high)));
    }
    vectors = std::move(joined);
  }
  return vectors[0];
}

Value KernelBuilder::sumOfRows(ArrayRef<Value> rows) {
  return reduceRows(rows, [&](Value l, Value r) { return add(l, r); });
}

Value KernelBuilder::maxOfRows(ArrayRef<Value> rows) {
  return reduceRows(rows, [&](Value l, Value r) { return max(l, r); });
}

Value KernelBuilder::sumLanesOf4(ArrayRef<Value> four) {
  // Groups of `width` lanes a row lie one after the other in one or two
  // vectors; each step adds the upper half of every group to its lower half.
  auto halve = [&](Value l, Value r, int64_t width, int64_t groups) {
    SmallVector<int64_t, 16> low, high;
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t i = 0; i < width / 2; ++i) {
        low.push_back(g * width + i);
        high.push_back(g * width + width / 2 + i);
      }
    return add(shuffle(l, r, low), shuffle(l, r, high));
  };
  Value ab = halve(four[0], four[1], 16, 2);
  Value cd = halve(four[2], four[3], 16, 2);
  Value all = halve(ab, cd, 8, 4);
  all = halve(all, all, 4, 4);
  return halve(all, all, 2, 4);
}

std::pair<Value, Value> KernelBuilder::evenOdd(Value low, Value high) {
  SmallVector<int64_t, 16> even, odd;
  for (int64_t i = 0; i < kLanes; ++i) {
    even.push_back(2 * i);
    odd.push_back(2 * i + 1);
  }
  return {shuffle(low, high, even), shuffle(low, high, odd)};
}

Value KernelBuilder::sumTree(ArrayRef<Value> sixteen) {
  SmallVector<Value, 16> values(sixteen);
  for (size_t half = values.size() / 2; half >= 1; half /= 2)
    for (size_t i = 0; i < half; ++i)
      values[i] = add(values[i], values[i + half]);
  return values[0];
}

} // namespace gossamer::cpu
