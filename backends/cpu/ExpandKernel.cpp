//===- ExpandKernel.cpp - A kernel's function and its entry ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelEmitters.h"
#include "backends/cpu/KernelKinds.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace gossamer::cpu {

/// Index arguments after the bindings: begin, end, T, R, K.
static constexpr unsigned kNumIndices = 5;

static SmallVector<MemRefType, 2> bindingTypes(const BindingForm &form,
                                               MLIRContext *context) {
  if (const auto *memref = std::get_if<MemRefType>(&form))
    return {*memref};
  if (const auto *weight = std::get_if<WeightForm>(&form))
    return weight->storageTypes(context);
  return std::get<CacheForm>(form).storageTypes(context);
}

static func::FuncOp emitBody(OpBuilder &b, Location loc, StringRef name,
                             const KernelDescription &kernel,
                             const KernelKind &kind,
                             const CpuFeatures &features) {
  SmallVector<Type> inputs;
  for (const BindingForm &form : kernel.bindings)
    llvm::append_range(inputs, bindingTypes(form, b.getContext()));
  inputs.append(kNumIndices, b.getIndexType());
  auto function =
      func::FuncOp::create(b, loc, name, b.getFunctionType(inputs, {}));
  function.setPrivate();
  // Called once, from its entry: it becomes part of that.
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));

  OpBuilder::InsertionGuard guard(b);
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto returnOp = func::ReturnOp::create(b, loc);
  b.setInsertionPoint(returnOp);
  KernelArguments args;
  unsigned next = 0;
  for (const BindingForm &form : kernel.bindings) {
    Values values;
    for (size_t i = 0, n = bindingTypes(form, b.getContext()).size(); i < n;
         ++i)
      values.push_back(entry->getArgument(next++));
    args.bindings.push_back(values);
  }
  args.begin = entry->getArgument(next++);
  args.end = entry->getArgument(next++);
  args.tokens = entry->getArgument(next++);
  args.outputs = entry->getArgument(next++);
  args.keys = entry->getArgument(next++);
  KernelBuilder builder(b, loc, kernel, features, std::move(args), kind.lanes);
  kind.emit(builder);
  return function;
}

/// The descriptor of a row-major memref at `pointer`. A dynamic first size is
/// never looked at and becomes 0.
static Value makeMemRef(OpBuilder &b, Location loc, Value pointer,
                        MemRefType type) {
  auto i64 = b.getI64Type();
  auto sizes = LLVM::LLVMArrayType::get(i64, type.getRank());
  auto descriptor = LLVM::LLVMStructType::getLiteral(
      b.getContext(),
      {pointer.getType(), pointer.getType(), i64, sizes, sizes});
  Value value = LLVM::PoisonOp::create(b, loc, descriptor);
  auto insert = [&](Value v, ArrayRef<int64_t> at) {
    value = LLVM::InsertValueOp::create(b, loc, value, v, at);
  };
  auto number = [&](int64_t v) -> Value {
    return LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(v));
  };
  insert(pointer, 0);
  insert(pointer, 1);
  insert(number(0), 2);
  auto [strides, offset] = type.getStridesAndOffset();
  for (int64_t d = 0; d < type.getRank(); ++d) {
    insert(number(type.isDynamicDim(d) ? 0 : type.getDimSize(d)), {3, d});
    insert(number(strides[d]), {4, d});
  }
  return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
}

static Value loadField(OpBuilder &b, Location loc, Value pointer, Type type,
                       int64_t number) {
  Value address = LLVM::GEPOp::create(b, loc, pointer.getType(), type, pointer,
                                      ArrayRef<LLVM::GEPArg>{number});
  return LLVM::LoadOp::create(b, loc, type, address);
}

static void emitEntry(OpBuilder &b, Location loc, StringRef symbol,
                      func::FuncOp body) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  Type i64 = b.getI64Type();
  auto entry = func::FuncOp::create(
      b, loc, symbol, b.getFunctionType({pointer, pointer, i64, i64}, {}));
  OpBuilder::InsertionGuard guard(b);
  Block *block = entry.addEntryBlock();
  b.setInsertionPointToStart(block);
  Value bindings = block->getArgument(0), dims = block->getArgument(1);
  SmallVector<Value> operands;
  for (Type type : body.getArgumentTypes().drop_back(kNumIndices)) {
    Value address = loadField(b, loc, bindings, pointer, operands.size());
    operands.push_back(makeMemRef(b, loc, address, cast<MemRefType>(type)));
  }
  auto addIndex = [&](Value v) {
    operands.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), v));
  };
  addIndex(block->getArgument(2));
  addIndex(block->getArgument(3));
  // goss_dims: tokens, outputs, keys.
  for (int64_t i = 0; i < 3; ++i)
    addIndex(loadField(b, loc, dims, i64, i));
  func::CallOp::create(b, loc, body, operands);
  func::ReturnOp::create(b, loc);
}

void expandKernel(OpBuilder &builder, Location loc, StringRef name,
                  StringRef symbol, const KernelDescription &kernel,
                  const KernelKind &kind, const CpuFeatures &features) {
  func::FuncOp body = emitBody(builder, loc, name, kernel, kind, features);
  emitEntry(builder, loc, symbol, body);
}

} // namespace gossamer::cpu
