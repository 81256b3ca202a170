//===- KernelBuilder.cpp - Bindings, control and threads ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace gossamer::cuda {

KernelBuilder::KernelBuilder(gpu::GPUFuncOp function,
                             const KernelDescription &kernel, int64_t block)
    : b(function.getContext()), loc(function.getLoc()), kernel(kernel),
      block(block), function_(function) {
  b.setInsertionPointToEnd(&function.getBody().front());
}

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

static unsigned numPointers(const cpu::BindingForm &form) {
  if (std::holds_alternative<CacheForm>(form))
    return 2;
  const auto *weight = std::get_if<WeightForm>(&form);
  return weight && weight->isScaled() ? 2 : 1;
}

static Type storedElement(const cpu::BindingForm &form, unsigned part,
                          MLIRContext *context) {
  if (const auto *memref = std::get_if<MemRefType>(&form))
    return memref->getElementType();
  if (const auto *weight = std::get_if<WeightForm>(&form))
    return weight->storageTypes(context)[part].getElementType();
  return std::get<CacheForm>(form).storageTypes(context)[part].getElementType();
}

Array KernelBuilder::arg(unsigned i, unsigned part) {
  unsigned number = part;
  for (unsigned before = 0; before < i; ++before)
    number += numPointers(kernel.bindings[before]);
  return {Val(*this, function_.getArgument(number)),
          storedElement(kernel.bindings[i], part, b.getContext())};
}

Array KernelBuilder::scratch(Type element) {
  return {Val(*this, function_.getArguments().back()), element};
}

Val KernelBuilder::dimension(int64_t number) {
  unsigned last = function_.getNumArguments() - 1;
  Array dims(Val(*this, function_.getArgument(last - 1)), b.getI64Type());
  return truncate(dims.load(i32(number)), b.getI32Type());
}

int64_t KernelBuilder::rowSize(unsigned i) const {
  MemRefType type = typeAt(i);
  return type.getNumElements() / type.getDimSize(0);
}

Array KernelBuilder::rowOf(Array array, Val row, int64_t size) {
  return array.at(toI64(row) * size);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Array Array::at(Val index) const {
  KernelBuilder &k = address_.builder();
  Value moved = LLVM::GEPOp::create(k.b, k.loc, address_.type(), element_,
                                    address_, LLVM::GEPArg(index));
  return {Val(k, moved), element_};
}

static unsigned byteSize(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * byteSize(vector.getElementType());
  return type.getIntOrFloatBitWidth() / 8;
}

static Val loadAs(Val address, Type type) {
  KernelBuilder &k = address.builder();
  return Val(k,
             LLVM::LoadOp::create(k.b, k.loc, type, address, byteSize(type)));
}

Val Array::load(Val index) const {
  return loadAs(at(index).address_, element_);
}

Val Array::value(Val index) const {
  return address_.builder().toF32(load(index));
}

Val Array::loadVector(Val index, int64_t n) const {
  return loadAs(at(index).address_, VectorType::get({n}, element_));
}

void Array::store(Val index, Val value) const {
  KernelBuilder &k = address_.builder();
  if (element_.isInteger(16) && value.type().isF32())
    value = k.toBF16(value);
  storeVector(index, value);
}

void Array::storeVector(Val index, Val value) const {
  KernelBuilder &k = address_.builder();
  LLVM::StoreOp::create(k.b, k.loc, value, at(index).address_,
                        byteSize(value.type()));
}

LLVM::GlobalOp KernelBuilder::makeGlobal(StringRef name, Type type,
                                         bool isConstant, unsigned space,
                                         Attribute value) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(function_);
  std::string symbol =
      (function_.getName() + "_" + name + Twine(globals_++)).str();
  return LLVM::GlobalOp::create(b, loc, type, isConstant,
                                LLVM::Linkage::Internal, symbol, value,
                                /*alignment=*/16, space);
}

Val KernelBuilder::addAtomic(Array array, Val index, Val value) {
  return Val(*this, LLVM::AtomicRMWOp::create(b, loc, LLVM::AtomicBinOp::add,
                                              array.at(index).address(), value,
                                              LLVM::AtomicOrdering::monotonic,
                                              "block"));
}

Array KernelBuilder::shared(Type element, int64_t count) {
  auto global = makeGlobal("shared", LLVM::LLVMArrayType::get(element, count),
                           /*isConstant=*/false, kSharedSpace, Attribute());
  sharedBytes += ceilDiv(count * byteSize(element), 16) * 16;
  return {Val(*this, LLVM::AddressOfOp::create(b, loc, global)), element};
}

Array KernelBuilder::table(ArrayRef<double> values) {
  Type f64 = b.getF64Type();
  auto count = static_cast<int64_t>(values.size());
  auto data =
      DenseElementsAttr::get(RankedTensorType::get({count}, f64), values);
  auto global = makeGlobal("table", LLVM::LLVMArrayType::get(f64, count),
                           /*isConstant=*/true, kGlobalSpace, data);
  return {Val(*this, LLVM::AddressOfOp::create(b, loc, global)), f64};
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

static SmallVector<Value> toValues(ArrayRef<Val> vals) {
  return SmallVector<Value>(vals.begin(), vals.end());
}

static Vals toVals(KernelBuilder &k, ValueRange values) {
  Vals vals;
  for (Value value : values)
    vals.push_back(Val(k, value));
  return vals;
}

Vals KernelBuilder::forCarry(
    Val from, Val to, Val step, ArrayRef<Val> inits,
    llvm::function_ref<Vals(Val, ArrayRef<Val>)> body) {
  auto loop = scf::ForOp::create(b, loc, from, to, step, toValues(inits));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Vals next = body(Val(*this, loop.getInductionVar()),
                   toVals(*this, loop.getRegionIterArgs()));
  // Without values the builder has made the terminator.
  if (!inits.empty())
    scf::YieldOp::create(b, loc, toValues(next));
  return toVals(*this, loop.getResults());
}

void KernelBuilder::forEach(Val from, Val to, Val step,
                            llvm::function_ref<void(Val)> body) {
  forCarry(from, to, step, {}, [&](Val i, ArrayRef<Val>) {
    body(i);
    return Vals();
  });
}

void KernelBuilder::ifThen(Val condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

Vals KernelBuilder::ifElse(Val condition, llvm::function_ref<Vals()> yes,
                           llvm::function_ref<Vals()> no) {
  // Bodies write through `b`: it follows the builder of the branch.
  auto branch = [&](llvm::function_ref<Vals()> body) {
    return [this, body](OpBuilder &at, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.restoreInsertionPoint(at.saveInsertionPoint());
      scf::YieldOp::create(b, loc, toValues(body()));
    };
  };
  auto op = scf::IfOp::create(b, loc, condition, branch(yes), branch(no));
  return toVals(*this, op.getResults());
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

Val KernelBuilder::indexToI32(Value index) {
  return Val(*this, arith::IndexCastOp::create(b, loc, b.getI32Type(), index));
}

Val KernelBuilder::thread() {
  return indexToI32(gpu::ThreadIdOp::create(b, loc, gpu::Dimension::x));
}

Val KernelBuilder::blockId(gpu::Dimension dimension) {
  return indexToI32(gpu::BlockIdOp::create(b, loc, dimension));
}

void KernelBuilder::barrier() { gpu::BarrierOp::create(b, loc); }

Val KernelBuilder::shuffleXor(Val v, int64_t mask) {
  return Val(*this, gpu::ShuffleOp::create(b, loc, v, i32(mask), i32(kWarp),
                                           gpu::ShuffleMode::XOR)
                        .getShuffleResult());
}

Val KernelBuilder::shuffleIdx(Val v, Val lane) {
  return Val(*this, gpu::ShuffleOp::create(b, loc, v, lane, i32(kWarp),
                                           gpu::ShuffleMode::IDX)
                        .getShuffleResult());
}

Val KernelBuilder::warpReduce(Val v,
                              llvm::function_ref<Val(Val, Val)> combine) {
  for (int64_t mask = kWarp / 2; mask > 0; mask /= 2)
    v = combine(v, shuffleXor(v, mask));
  return v;
}

Val KernelBuilder::warpSum(Val v) {
  return warpReduce(v, [](Val l, Val r) { return l + r; });
}

Val KernelBuilder::warpMax(Val v) {
  return warpReduce(v, [this](Val l, Val r) { return max(l, r); });
}

void KernelBuilder::multiplyTiles(ArrayRef<Val> weights, ArrayRef<Val> inputs,
                                  MutableArrayRef<Val> sums) {
  Type f32 = b.getF32Type();
  Type result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, f32));
  using Types = std::array<NVVM::MMATypes, 2>;
  using Layouts = std::array<NVVM::MMALayout, 2>;
  Value product = NVVM::MmaOp::create(
      b, loc, result, toValues(weights), toValues(inputs), toValues(sums),
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      Types{NVVM::MMATypes::bf16, NVVM::MMATypes::bf16},
      Layouts{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (auto [i, sum] : llvm::enumerate(sums))
    sum = Val(*this,
              LLVM::ExtractValueOp::create(
                  b, loc, product, ArrayRef<int64_t>{static_cast<int64_t>(i)}));
}

Val KernelBuilder::blockReduce(Val v,
                               llvm::function_ref<Val(Val, Val)> combine) {
  v = warpReduce(v, combine);
  if (block == kWarp)
    return v;
  int64_t warps = block / kWarp;
  Array parts = shared(v.type(), warps);
  ifThen(lane() == 0, [&] { parts.store(warp(), v); });
  barrier();
  Val sum = parts.load(i32(0));
  for (int64_t i = 1; i < warps; ++i)
    sum = combine(sum, parts.load(i32(i)));
  return sum;
}

Val KernelBuilder::blockSum(Val v) {
  return blockReduce(v, [](Val l, Val r) { return l + r; });
}

Val KernelBuilder::blockMax(Val v) {
  return blockReduce(v, [this](Val l, Val r) { return max(l, r); });
}

} // namespace gossamer::cuda
