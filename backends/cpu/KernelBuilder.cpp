//===- KernelBuilder.cpp - Writing kernel bodies --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelBuilder.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;

namespace gossamer::cpu {

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

Value KernelBuilder::matrixArg(unsigned i) {
  Value memref = arg(i);
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  if (rank == 2)
    return memref;
  if (rank == 1)
    return memref::ExpandShapeOp::create(
        b, loc,
        MemRefType::get({cast<MemRefType>(memref.getType()).getDimSize(0), 1},
                        cast<MemRefType>(memref.getType()).getElementType()),
        memref, SmallVector<ReassociationIndices>{{0, 1}});
  SmallVector<ReassociationIndices> groups(2);
  groups[0].push_back(0);
  for (int64_t d = 1; d < rank; ++d)
    groups[1].push_back(d);
  return memref::CollapseShapeOp::create(b, loc, memref, groups);
}

int64_t KernelBuilder::rowSize(unsigned i) const {
  MemRefType type = typeAt(i);
  return type.getNumElements() / type.getDimSize(0);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

Value KernelBuilder::integer(int64_t value, unsigned bits) {
  return constantInt(b.getIntegerType(bits), value);
}

Value KernelBuilder::constant(Type type, double value) {
  TypedAttr attr = b.getFloatAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value KernelBuilder::constantInt(Type type, int64_t value) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value KernelBuilder::prefixMask(int64_t set, int64_t n) {
  SmallVector<bool> bits(n, false);
  std::fill_n(bits.begin(), std::min(set, n), true);
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(vec(n, b.getI1Type()), bits));
}

Value KernelBuilder::prefixMask(Value set, int64_t n) {
  return vector::CreateMaskOp::create(b, loc, vec(n, b.getI1Type()), set);
}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::addi(Value l, Value r) {
  return arith::AddIOp::create(b, loc, l, r);
}
Value KernelBuilder::subi(Value l, Value r) {
  return arith::SubIOp::create(b, loc, l, r);
}
Value KernelBuilder::muli(Value l, Value r) {
  return arith::MulIOp::create(b, loc, l, r);
}
Value KernelBuilder::divi(Value l, int64_t r) {
  return arith::DivUIOp::create(b, loc, l, index(r));
}
Value KernelBuilder::remi(Value l, int64_t r) {
  return arith::RemUIOp::create(b, loc, l, index(r));
}
Value KernelBuilder::mini(Value l, Value r) {
  return arith::MinSIOp::create(b, loc, l, r);
}
Value KernelBuilder::maxi(Value l, Value r) {
  return arith::MaxSIOp::create(b, loc, l, r);
}
Value KernelBuilder::toIndex(Value i32) {
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), i32);
}
Value KernelBuilder::toI32(Value index) {
  return arith::IndexCastOp::create(b, loc, b.getI32Type(), index);
}
Value KernelBuilder::less(Value l, Value r) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, l, r);
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::forEach(Value from, Value to, int64_t step,
                            llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, loc, from, to, index(step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  body(loop.getInductionVar());
}

Values
KernelBuilder::forCarry(Value from, Value to, int64_t step, ValueRange inits,
                        llvm::function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(b, loc, from, to, index(step), inits);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
    scf::YieldOp::create(b, loc, next);
  }
  return Values(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, llvm::function_ref<void()> body) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  body();
}

void KernelBuilder::ifThenElse(Value condition, llvm::function_ref<void()> then,
                               llvm::function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(op.thenBlock()->getTerminator());
  then();
  b.setInsertionPoint(op.elseBlock()->getTerminator());
  otherwise();
}

void KernelBuilder::forChunks(int64_t n,
                              llvm::function_ref<void(Value, Value)> body) {
  carryChunks(n, {}, [&](Value i, Value mask, ValueRange) {
    body(i, mask);
    return Values();
  });
}

Values KernelBuilder::carryChunks(
    int64_t n, ValueRange inits,
    llvm::function_ref<Values(Value, Value, ValueRange)> body) {
  int64_t whole = n / lanes * lanes;
  Values carried(inits);
  auto step = [&](Value i, ValueRange now) { return body(i, Value(), now); };
  if (whole == lanes)
    carried = body(index(0), Value(), carried);
  else if (whole > 0 && !carried.empty())
    carried = forCarry(index(0), index(whole), lanes, carried, step);
  else if (whole > 0)
    forEach(index(0), index(whole), lanes, [&](Value i) { step(i, {}); });
  if (whole < n)
    carried = body(index(whole), prefixMask(n - whole), carried);
  return carried;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::scratch(llvm::ArrayRef<int64_t> shape, Type element) {
  // In the entry block: a frame object, not a growing stack.
  OpBuilder::InsertionGuard guard(b);
  auto function =
      b.getInsertionBlock()->getParentOp()->getParentOfType<func::FuncOp>();
  if (!function)
    function = cast<func::FuncOp>(b.getInsertionBlock()->getParentOp());
  b.setInsertionPointToStart(&function.front());
  return memref::AllocaOp::create(b, loc, MemRefType::get(shape, element),
                                  b.getI64IntegerAttr(64));
}

Value KernelBuilder::loadScalar(Value memref, ValueRange indices) {
  return memref::LoadOp::create(b, loc, memref, indices);
}

void KernelBuilder::storeScalar(Value value, Value memref, ValueRange indices) {
  memref::StoreOp::create(b, loc, value, memref, indices);
}

Value KernelBuilder::loadVector(Value memref, ValueRange indices, int64_t n,
                                Value mask) {
  VectorType type = vec(n, cast<MemRefType>(memref.getType()).getElementType());
  if (!mask)
    return widen(vector::LoadOp::create(b, loc, type, memref, indices));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  return widen(
      vector::MaskedLoadOp::create(b, loc, type, memref, indices, mask, zero));
}

void KernelBuilder::storeVector(Value value, Value memref, ValueRange indices,
                                Value mask) {
  if (mask)
    vector::MaskedStoreOp::create(b, loc, memref, indices, mask, value);
  else
    vector::StoreOp::create(b, loc, value, memref, indices);
}

Value KernelBuilder::load(Value memref, ValueRange indices, Value mask) {
  if (lanes == 1)
    return widen(loadScalar(memref, indices));
  return loadVector(memref, indices, lanes, mask);
}

void KernelBuilder::store(Value value, Value memref, ValueRange indices,
                          Value mask) {
  if (lanes == 1)
    storeScalar(value, memref, indices);
  else
    storeVector(value, memref, indices, mask);
}

std::pair<Value, Value>
KernelBuilder::loadPair(Value memref, ValueRange indices, int64_t count) {
  bool whole = count == kDotBlock;
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  if (element.isInteger(16)) {
    // Pairs of bf16 are the halves of an i32: no shuffle is needed.
    VectorType type = vec(kDotBlock, element);
    Value raw;
    if (whole) {
      raw = vector::LoadOp::create(b, loc, type, memref, indices);
    } else {
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
      raw = vector::MaskedLoadOp::create(b, loc, type, memref, indices,
                                         prefixMask(count, kDotBlock), zero);
    }
    VectorType words = vec(kLanes, b.getI32Type());
    Value pairs = vector::BitCastOp::create(b, loc, words, raw);
    Value even = arith::ShLIOp::create(b, loc, pairs, constantInt(words, 16));
    Value odd =
        arith::AndIOp::create(b, loc, pairs, constantInt(words, 0xffff0000LL));
    return {bitcast(even, f32s()), bitcast(odd, f32s())};
  }
  Values high(indices);
  high.back() = addi(high.back(), kLanes);
  auto mask = [&](int64_t set) {
    return whole ? Value() : prefixMask(std::max<int64_t>(set, 0));
  };
  Value l = loadVector(memref, indices, kLanes, mask(count));
  Value h = count <= kLanes
                ? constant(f32s(), 0.0)
                : loadVector(memref, high, kLanes, mask(count - kLanes));
  return evenOdd(l, h);
}

} // namespace gossamer::cpu
