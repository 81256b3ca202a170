//===- Decoder.cpp - Values and control of a program ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Decoder.h"

#include "tests/gpu-interpreter/Arithmetic.h"

#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace gossamer::cuda::testing {

LogicalResult Decoder::refuse(Operation *op, const llvm::Twine &why) {
  return op->emitOpError("is outside of the level of kernels: ") << why.str();
}

//===----------------------------------------------------------------------===//
// Planes
//===----------------------------------------------------------------------===//

LogicalResult Decoder::sizesOf(Operation *op, Type type,
                               llvm::SmallVectorImpl<uint32_t> &sizes) {
  if (auto vector = dyn_cast<VectorType>(type)) {
    if (vector.getRank() != 1 || vector.isScalable() ||
        vector.getNumElements() > 16)
      return op->emitOpError("is outside of the level of kernels: type ")
             << type;
    for (int64_t i = 0; i < vector.getNumElements(); ++i)
      if (failed(sizesOf(op, vector.getElementType(), sizes)))
        return failure();
    return success();
  }
  if (auto structure = dyn_cast<LLVM::LLVMStructType>(type)) {
    for (Type member : structure.getBody())
      if (failed(sizesOf(op, member, sizes)))
        return failure();
    return success();
  }
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type);
      pointer &&
      (pointer.getAddressSpace() == 1 || pointer.getAddressSpace() == 3)) {
    sizes.append({8, 4});
    return success();
  }
  if (type.isIndex()) {
    sizes.push_back(8);
    return success();
  }
  if (type.isInteger(1)) {
    sizes.push_back(1);
    return success();
  }
  if (type.isInteger(8) || type.isInteger(16) || type.isInteger(32) ||
      type.isInteger(64) || type.isBF16() || type.isF16() || type.isF32() ||
      type.isF64()) {
    sizes.push_back(type.getIntOrFloatBitWidth() / 8);
    return success();
  }
  return op->emitOpError("is outside of the level of kernels: type ") << type;
}

uint32_t Decoder::allocatePlane(uint32_t size) {
  size_t offset = llvm::alignTo(program_.bytesPerThread, size);
  program_.bytesPerThread = offset + size;
  program_.planes.push_back({offset, size});
  return static_cast<uint32_t>(program_.planes.size() - 1);
}

uint32_t Decoder::constantPlane(uint32_t size, uint64_t bits) {
  auto [entry, isNew] = constants_.try_emplace({size, bits}, 0);
  if (isNew) {
    entry->second = allocatePlane(size);
    program_.constants.push_back({entry->second, bits});
  }
  return entry->second;
}

LogicalResult Decoder::allocate(Operation *op, Type type, Planes &planes) {
  llvm::SmallVector<uint32_t> sizes;
  if (failed(sizesOf(op, type, sizes)))
    return failure();
  for (uint32_t size : sizes)
    planes.push_back(allocatePlane(size));
  return success();
}

LogicalResult Decoder::allocateResult(Value result, Planes &planes) {
  if (failed(allocate(result.getDefiningOp(), result.getType(), planes)))
    return failure();
  define(result, planes);
  return success();
}

Instruction &Decoder::emit(Handler handler, Operation *op) {
  Instruction instruction;
  instruction.handler = handler;
  instruction.op = op;
  return program_.code.emplace_back(instruction);
}

void Decoder::setList(Instruction &instruction, ArrayRef<uint32_t> planes) {
  instruction.list = static_cast<uint32_t>(program_.lists.size());
  instruction.count = static_cast<uint32_t>(planes.size());
  program_.lists.insert(program_.lists.end(), planes.begin(), planes.end());
}

void Decoder::emitCopies(Operation *op, const Planes &from, const Planes &to) {
  for (auto [source, target] : llvm::zip_equal(from, to)) {
    if (source == target)
      continue;
    Instruction &i = emit(copyHandler(program_.planes[target].size), op);
    i.operands[0] = source;
    i.result = target;
  }
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult Decoder::decode() {
  gpu::GPUFuncOp function = program_.function;
  if (!function.getBody().hasOneBlock())
    return refuse(function, "several blocks");
  if (function.getNumWorkgroupAttributions() != 0 ||
      function.getNumPrivateAttributions() != 0)
    return refuse(function, "attributions");
  if (auto known = function.getKnownBlockSize())
    program_.knownBlock = static_cast<uint32_t>((*known)[0]);
  if (failed(decodeArguments()))
    return failure();
  return decodeBody(function.getBody().front());
}

LogicalResult Decoder::decodeArguments() {
  for (BlockArgument argument : program_.function.getArguments()) {
    auto pointer = dyn_cast<LLVM::LLVMPointerType>(argument.getType());
    if (!pointer || pointer.getAddressSpace() != 1)
      return refuse(program_.function, "an argument that is no !llvm.ptr<1>");
    uint32_t region = program_.numArguments++;
    define(argument, {constantPlane(8, 0), constantPlane(4, region)});
  }
  program_.argumentGranules.assign(program_.numArguments, 16);
  return success();
}

LogicalResult Decoder::decodeBody(Block &block) {
  for (Operation &op : block)
    if (failed(decodeOp(&op)))
      return failure();
  return success();
}

LogicalResult Decoder::decodeOp(Operation *op) {
  if (isa<gpu::ReturnOp>(op))
    return isa<gpu::GPUFuncOp>(op->getParentOp())
               ? success()
               : refuse(op, "a return within control flow");
  if (isa<scf::YieldOp>(op)) // Its parent's business.
    return success();
  if (isa<gpu::BarrierOp>(op)) {
    emit(barrier, op);
    return success();
  }
  if (Handler handler = arithmeticHandler(op))
    return decodeElementwise(op, handler);
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](scf::ForOp o) { return decodeFor(o); })
      .Case([&](scf::IfOp o) { return decodeIf(o); })
      .Case([&](arith::ConstantOp o) { return decodeConstant(o); })
      .Case<arith::BitcastOp, vector::BitCastOp>(
          [&](auto o) { return decodeBitcast(o); })
      .Case([&](vector::FromElementsOp o) { return decodeFromElements(o); })
      .Case([&](vector::ExtractOp o) { return decodeExtract(o); })
      .Case([&](vector::BroadcastOp o) { return decodeBroadcast(o); })
      .Case([&](LLVM::ExtractValueOp o) { return decodeExtractValue(o); })
      .Case([&](LLVM::GEPOp o) { return decodeGep(o); })
      .Case([&](LLVM::LoadOp o) { return decodeLoad(o); })
      .Case([&](LLVM::StoreOp o) { return decodeStore(o); })
      .Case([&](LLVM::AtomicRMWOp o) { return decodeAtomic(o); })
      .Case([&](LLVM::AddressOfOp o) { return decodeAddressOf(o); })
      .Case([&](gpu::ThreadIdOp o) { return decodeThreadId(o); })
      .Case([&](gpu::BlockIdOp o) { return decodeBlockId(o); })
      .Case([&](gpu::ShuffleOp o) { return decodeShuffle(o); })
      .Case([&](NVVM::MmaOp o) { return decodeMma(o); })
      .Case([&](NVVM::LdMatrixOp o) { return decodeLdMatrix(o); })
      .Default([&](Operation *o) { return refuse(o, "the operation"); });
}

// Values that a loop carries are in planes of their own, which are the loop's
// results too.
LogicalResult Decoder::decodeFor(scf::ForOp op) {
  if (!op.getInductionVar().getType().isInteger(32) || op.getUnsignedCmp())
    return refuse(op, "a counter that is no signed i32");
  Planes carried;
  for (auto [init, argument, result] : llvm::zip_equal(
           op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    Planes planes;
    if (failed(allocate(op, init.getType(), planes)))
      return failure();
    emitCopies(op, planesOf(init), planes);
    carried.append(planes);
    define(argument, planes);
    define(result, planes);
  }
  Instruction frame;
  frame.op = op;
  frame.result = allocatePlane(4);
  frame.operands = {planesOf(op.getLowerBound())[0],
                    planesOf(op.getUpperBound())[0], planesOf(op.getStep())[0]};
  define(op.getInductionVar(), {frame.result});
  auto add = [&](Handler handler, uint32_t target) {
    program_.code.push_back(frame);
    program_.code.back().handler = handler;
    program_.code.back().target = target;
    return here() - 1;
  };

  add(beginLoop, 0);
  program_.depth = std::max(program_.depth, ++depth_ + 1);
  uint32_t test = add(testLoop, 0);
  if (failed(decodeBody(*op.getBody())))
    return failure();
  // What is carried on and is itself carried must be read before it changes.
  auto yield = cast<scf::YieldOp>(op.getBody()->getTerminator());
  Planes next;
  for (Value value : yield.getOperands())
    next.append(planesOf(value));
  Planes safe = next;
  for (auto [from, to] : llvm::zip_equal(safe, carried))
    if (from != to && llvm::is_contained(carried, from))
      from = allocatePlane(program_.planes[to].size);
  emitCopies(yield, next, safe);
  emitCopies(yield, safe, carried);
  add(nextLoop, test);
  program_.code[test].target = here();
  --depth_;
  return success();
}

LogicalResult Decoder::decodeBranch(Block &block, ArrayRef<Planes> results) {
  if (failed(decodeBody(block)))
    return failure();
  Operation *yield = block.getTerminator();
  for (auto [value, planes] : llvm::zip_equal(yield->getOperands(), results))
    emitCopies(yield, planesOf(value), planes);
  return success();
}

LogicalResult Decoder::decodeIf(scf::IfOp op) {
  llvm::SmallVector<Planes> results(op.getNumResults());
  for (auto [result, planes] : llvm::zip_equal(op.getResults(), results))
    if (failed(allocateResult(result, planes)))
      return failure();
  uint32_t condition = planesOf(op.getCondition())[0];
  uint32_t begin = here();
  emit(beginIf, op).operands[0] = condition;
  program_.depth = std::max(program_.depth, ++depth_ + 1);
  if (failed(decodeBranch(*op.thenBlock(), results)))
    return failure();
  program_.code[begin].target = here();
  if (op.elseBlock()) {
    uint32_t other = here();
    emit(elseIf, op).operands[0] = condition;
    if (failed(decodeBranch(*op.elseBlock(), results)))
      return failure();
    program_.code[other].target = here();
  }
  emit(endIf, op);
  --depth_;
  return success();
}

FailureOr<Kernel> Kernel::decode(gpu::GPUFuncOp function) {
  Decoder decoder(function);
  if (failed(decoder.decode()))
    return failure();
  return Kernel(std::make_shared<const Program>(decoder.take()));
}

} // namespace gossamer::cuda::testing
