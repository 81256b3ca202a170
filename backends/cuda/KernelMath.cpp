//===- KernelMath.cpp - Arithmetic of device functions --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace gossamer::cuda {

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

static bool isFloat(Val v) {
  return isa<FloatType>(getElementTypeOrSelf(v.type()));
}

template <typename OpTy> static Val create(Val l, Val r) {
  KernelBuilder &k = l.builder();
  return Val(k, OpTy::create(k.b, k.loc, l, r));
}

template <typename FloatOp, typename IntOp> static Val createFor(Val l, Val r) {
  return isFloat(l) ? create<FloatOp>(l, r) : create<IntOp>(l, r);
}

static Val compare(Val l, Val r, arith::CmpFPredicate forFloats,
                   arith::CmpIPredicate forInts) {
  KernelBuilder &k = l.builder();
  Value result = isFloat(l)
                     ? Value(arith::CmpFOp::create(k.b, k.loc, forFloats, l, r))
                     : Value(arith::CmpIOp::create(k.b, k.loc, forInts, l, r));
  return Val(k, result);
}

Val operator+(Val l, Val r) {
  return createFor<arith::AddFOp, arith::AddIOp>(l, r);
}
Val operator-(Val l, Val r) {
  return createFor<arith::SubFOp, arith::SubIOp>(l, r);
}
Val operator*(Val l, Val r) {
  return createFor<arith::MulFOp, arith::MulIOp>(l, r);
}
Val operator/(Val l, Val r) {
  return createFor<arith::DivFOp, arith::DivUIOp>(l, r);
}
Val operator%(Val l, Val r) { return create<arith::RemUIOp>(l, r); }
Val operator&(Val l, Val r) { return create<arith::AndIOp>(l, r); }
Val operator|(Val l, Val r) { return create<arith::OrIOp>(l, r); }
Val operator^(Val l, Val r) { return create<arith::XOrIOp>(l, r); }
Val operator<<(Val l, Val r) { return create<arith::ShLIOp>(l, r); }
Val operator>>(Val l, Val r) { return create<arith::ShRUIOp>(l, r); }
Val operator<(Val l, Val r) {
  return compare(l, r, arith::CmpFPredicate::OLT, arith::CmpIPredicate::slt);
}
Val operator==(Val l, Val r) {
  return compare(l, r, arith::CmpFPredicate::OEQ, arith::CmpIPredicate::eq);
}
Val operator!=(Val l, Val r) {
  return compare(l, r, arith::CmpFPredicate::UNE, arith::CmpIPredicate::ne);
}

static Val constantOf(KernelBuilder &k, Type type, Attribute element) {
  auto value = cast<TypedAttr>(element);
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, element);
  return Val(k, arith::ConstantOp::create(k.b, k.loc, value));
}

Val makeConstant(Val like, double value) {
  KernelBuilder &k = like.builder();
  Type element = getElementTypeOrSelf(like.type());
  return constantOf(k, like.type(), k.b.getFloatAttr(element, value));
}

Val makeConstant(Val like, int64_t value) {
  if (isFloat(like))
    return makeConstant(like, static_cast<double>(value));
  KernelBuilder &k = like.builder();
  auto element = cast<IntegerType>(getElementTypeOrSelf(like.type()));
  APInt bits(element.getWidth(), static_cast<uint64_t>(value),
             /*isSigned=*/true, /*implicitTrunc=*/true);
  return constantOf(k, like.type(), k.b.getIntegerAttr(element, bits));
}

//===----------------------------------------------------------------------===//
// Constants and conversions
//===----------------------------------------------------------------------===//

Val KernelBuilder::i1(bool value) {
  return constantOf(*this, b.getI1Type(),
                    b.getIntegerAttr(b.getI1Type(), value ? 1 : 0));
}
Val KernelBuilder::i32(int64_t value) {
  APInt bits(32, static_cast<uint64_t>(value), /*isSigned=*/true,
             /*implicitTrunc=*/true);
  return constantOf(*this, b.getI32Type(),
                    b.getIntegerAttr(b.getI32Type(), bits));
}
Val KernelBuilder::i64(int64_t value) {
  return constantOf(*this, b.getI64Type(), b.getI64IntegerAttr(value));
}
Val KernelBuilder::f32(double value) {
  return constantOf(*this, b.getF32Type(),
                    b.getFloatAttr(b.getF32Type(), value));
}

Val KernelBuilder::bitcast(Val v, Type type) {
  if (v.type() == type)
    return v;
  if (isa<VectorType>(v.type()) && isa<VectorType>(type))
    return Val(*this,
               vector::BitCastOp::create(b, loc, cast<VectorType>(type), v));
  return Val(*this, arith::BitcastOp::create(b, loc, type, v));
}
Val KernelBuilder::extend(Val v, Type type) {
  return v.type() == type ? v
                          : Val(*this, arith::ExtUIOp::create(b, loc, type, v));
}
Val KernelBuilder::toI64(Val v) {
  Type type = b.getI64Type();
  return v.type() == type ? v
                          : Val(*this, arith::ExtSIOp::create(b, loc, type, v));
}
Val KernelBuilder::truncate(Val v, Type type) {
  return Val(*this, arith::TruncIOp::create(b, loc, type, v));
}
Val KernelBuilder::toFloat(Val v, Type type) {
  return Val(*this, arith::SIToFPOp::create(b, loc, type, v));
}
Val KernelBuilder::toF32(Val v) {
  Type type = v.type();
  if (type.isF64())
    return Val(*this, arith::TruncFOp::create(b, loc, b.getF32Type(), v));
  if (type.isF16())
    return Val(*this, arith::ExtFOp::create(b, loc, b.getF32Type(), Value(v),
                                            arith::FastMathFlagsAttr()));
  // bf16 is the upper half of an f32.
  if (type.isInteger(16))
    return bitcast(extend(v, b.getI32Type()) << 16, b.getF32Type());
  return v;
}

Val KernelBuilder::toF64(Val v) {
  return Val(*this, arith::ExtFOp::create(b, loc, b.getF64Type(), Value(v),
                                          arith::FastMathFlagsAttr()));
}

Val KernelBuilder::toBF16(Val v) {
  Val rounded(*this, arith::TruncFOp::create(b, loc, b.getBF16Type(), v));
  return bitcast(rounded, b.getI16Type());
}

Val KernelBuilder::extract(Val vector, int64_t i) {
  return Val(*this, vector::ExtractOp::create(b, loc, vector, i));
}

Val KernelBuilder::vector(ArrayRef<Val> elements) {
  auto type = VectorType::get({static_cast<int64_t>(elements.size())},
                              elements[0].type());
  SmallVector<Value> values(elements.begin(), elements.end());
  return Val(*this, vector::FromElementsOp::create(b, loc, type, values));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Val KernelBuilder::fma(Val a, Val x, Val c) {
  return Val(*this, LLVM::FMAOp::create(b, loc, a, x, c));
}
Val KernelBuilder::neg(Val v) {
  return Val(*this, arith::NegFOp::create(b, loc, v));
}
Val KernelBuilder::min(Val l, Val r) {
  return createFor<LLVM::MinNumOp, arith::MinSIOp>(l, r);
}
Val KernelBuilder::max(Val l, Val r) {
  return createFor<LLVM::MaxNumOp, arith::MaxSIOp>(l, r);
}
Val KernelBuilder::select(Val condition, Val yes, Val no) {
  return Val(*this, arith::SelectOp::create(b, loc, condition, yes, no));
}

static Val callIntrinsic(KernelBuilder &k, StringRef name, Type type,
                         ArrayRef<Val> operands) {
  SmallVector<Value> values(operands.begin(), operands.end());
  auto call = LLVM::CallIntrinsicOp::create(k.b, k.loc, type,
                                            k.b.getStringAttr(name), values);
  return Val(k, call.getResult(0));
}

Val KernelBuilder::sqrt(Val v) {
  return callIntrinsic(*this, "llvm.nvvm.sqrt.rn.f", v.type(), v);
}
Val KernelBuilder::exp2(Val v) {
  return callIntrinsic(*this, "llvm.nvvm.ex2.approx.ftz", v.type(), v);
}
Val KernelBuilder::exp(Val v) { return exp2(v * 1.44269504088896341); }
Val KernelBuilder::sigmoid(Val v) { return 1.0 / (exp(neg(v)) + 1.0); }

Val KernelBuilder::swiglu(Val gate, Val up) {
  gate = min(gate, f32(kernel.limit));
  up = max(min(up, f32(kernel.limit)), f32(-kernel.limit));
  return (up + 1.0) * (gate * sigmoid(gate * kernel.alpha));
}

Val KernelBuilder::decodeE2M1(Val code) {
  // The doubled magnitude is a nibble of a constant.
  Val doubled = (i32(0xc8643210LL) >> ((code & 7) << 2)) & 15;
  Val magnitude = toFloat(doubled, b.getF32Type()) * 0.5;
  Val sign = (code & 8) << 28;
  return bitcast(bitcast(magnitude, b.getI32Type()) | sign, b.getF32Type());
}

std::pair<Val, Val> KernelBuilder::decodeE2M1Pair(Val word, int64_t j) {
  // Sign, exponent and mantissa of a code, moved to the places that those of an
  // f16 end at, are the code's value times 2^-14, subnormals too.
  auto moved = [&](int64_t left) {
    return left >= 0 ? word << left : word >> -left;
  };
  Val sign = moved(12 - 4 * j) & i32(0x80008000LL);
  Val rest = moved(9 - 4 * j) & i32(0x0e000e00LL);
  Val halves =
      bitcast(vector({sign | rest}), VectorType::get({2}, b.getF16Type()));
  return {toF32(extract(halves, 0)), toF32(extract(halves, 1))};
}

Val KernelBuilder::scaleFromE8M0(Val bits) {
  return bitcast(max(bits << 23, i32(0x00400000)), b.getF32Type());
}

/// Horner's rule, highest coefficient first.
static Val polynomial(KernelBuilder &k, Val x, ArrayRef<double> c) {
  Val sum = likewise(x, c.front());
  for (double coefficient : c.drop_front())
    sum = k.fma(sum, x, likewise(x, coefficient));
  return sum;
}

std::pair<Val, Val> KernelBuilder::sinCos(Val angle) {
  // angle = n pi/2 + r. The parts of pi/2 have 33 bits: n times them is exact.
  Val shifted = angle * 6.36619772367581382433e-01 + 0x1.8p52;
  Val n = shifted - 0x1.8p52;
  Val r = angle - n * 1.57079632673412561417e+00;
  r = r - n * 6.07710050630396597660e-11;
  r = r - n * 2.02226624879595063154e-21;

  Val z = r * r;
  Val s = polynomial(*this, z,
                     {1.58969099521155010221e-10, -2.50507602534068634195e-08,
                      2.75573137070700676789e-06, -1.98412698298579493134e-04,
                      8.33333333332248946124e-03, -1.66666666666666324348e-01});
  Val sine = fma(r * z, s, r);
  Val t = polynomial(*this, z,
                     {-1.13596475577881948265e-11, 2.08757232129817482790e-09,
                      -2.75573143513906633035e-07, 2.48015872894767294178e-05,
                      -1.38888888888741095749e-03, 4.16666666666666019037e-02});
  Val cosine = fma(z * z, t, 1.0 - z * 0.5);

  Val quadrant = bitcast(shifted, b.getI64Type());
  Val swap = (quadrant & 1) != 0;
  auto signedSelect = [&](Val negate, Val v) {
    return select(negate, neg(v), v);
  };
  Val sin = select(swap, cosine, sine);
  Val cos = select(swap, sine, cosine);
  return {signedSelect((quadrant & 2) != 0, sin),
          signedSelect(((quadrant + 1) & 2) != 0, cos)};
}

} // namespace gossamer::cuda
