//===- DecodeMemory.cpp - Addresses and accesses --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Decoder.h"

#include "llvm/Support/MathExtras.h"

#include <cstring>

using namespace mlir;

namespace gossamer::cuda::testing {

/// Of a number or a vector; 0 for other types.
static uint64_t bytesOf(Type type) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.getNumElements() * bytesOf(vector.getElementType());
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() / 8 : 0;
}

LogicalResult Decoder::decodeGep(LLVM::GEPOp op) {
  const Planes &base = planesOf(op.getBase());
  uint64_t size = bytesOf(op.getElemType());
  if (size == 0 || op.getRawConstantIndices().size() != 1)
    return refuse(op, "other than one index of numbers");
  uint32_t index;
  if (op.getDynamicIndices().empty())
    index = constantPlane(
        8, static_cast<uint64_t>(int64_t{op.getRawConstantIndices()[0]}));
  else
    index = planesOf(op.getDynamicIndices()[0])[0];
  Handler handler = moveHandler(program_.planes[index].size);
  if (!handler)
    return refuse(op, "an index that is neither i32 nor i64");
  Instruction &i = emit(handler, op);
  i.operands = {base[0], index, 0};
  i.number = static_cast<int64_t>(size);
  i.result = allocatePlane(8);
  define(op, {i.result, base[1]});
  return success();
}

void Decoder::noteGranule(Value address, uint64_t size) {
  auto granule = static_cast<uint32_t>(size & -size);
  while (auto gep = address.getDefiningOp<LLVM::GEPOp>())
    address = gep.getBase();
  auto lower = [&](uint32_t &of) { of = std::min(of, granule); };
  auto argument = dyn_cast<BlockArgument>(address);
  if (argument && argument.getOwner()->getParentOp() == program_.function) {
    lower(program_.argumentGranules[argument.getArgNumber()]);
  } else if (auto taken = address.getDefiningOp<LLVM::AddressOfOp>()) {
    auto number = planesOf(taken)[1];
    for (const Constant &constant : program_.constants)
      if (constant.plane == number)
        lower(program_.globals[constant.bits - program_.numArguments].granule);
  } else {
    // It may come from anywhere.
    for (uint32_t &of : program_.argumentGranules)
      lower(of);
    for (GlobalMemory &global : program_.globals)
      lower(global.granule);
  }
}

LogicalResult Decoder::emitAccess(Operation *op, Value address, Type type,
                                  std::optional<uint64_t> alignment,
                                  const Planes &planes, bool isStore) {
  uint64_t size = bytesOf(type);
  Type element =
      isa<VectorType>(type) ? cast<VectorType>(type).getElementType() : type;
  if (size == 0 || element.isInteger(1))
    return refuse(op, "memory of other than numbers");
  uint64_t elementSize = bytesOf(element);
  uint64_t aligned =
      alignment.value_or(isa<VectorType>(type) ? size : elementSize);
  if (!llvm::isPowerOf2_64(aligned))
    return refuse(op, "an alignment that is no power of two");
  noteGranule(address, std::min(size & -size, aligned));
  Handler handler =
      isStore ? storeHandler(elementSize) : loadHandler(elementSize);
  Instruction &i = emit(handler, op);
  const Planes &pointer = planesOf(address);
  i.operands = {pointer[0], pointer[1], 0};
  i.number = static_cast<int64_t>(aligned);
  setList(i, planes);
  return success();
}

LogicalResult Decoder::decodeLoad(LLVM::LoadOp op) {
  Planes planes;
  if (failed(allocateResult(op.getRes(), planes)))
    return failure();
  return emitAccess(op, op.getAddr(), op.getRes().getType(), op.getAlignment(),
                    planes, /*isStore=*/false);
}

LogicalResult Decoder::decodeStore(LLVM::StoreOp op) {
  return emitAccess(op, op.getAddr(), op.getValue().getType(),
                    op.getAlignment(), planesOf(op.getValue()),
                    /*isStore=*/true);
}

LogicalResult Decoder::decodeAtomic(LLVM::AtomicRMWOp op) {
  auto pointer = cast<LLVM::LLVMPointerType>(op.getPtr().getType());
  if (op.getBinOp() != LLVM::AtomicBinOp::add || !op.getType().isInteger(32) ||
      pointer.getAddressSpace() != 3)
    return refuse(op, "other than additions of i32 to shared memory");
  Planes planes;
  if (failed(allocateResult(op.getRes(), planes)))
    return failure();
  noteGranule(op.getPtr(), sizeof(uint32_t));
  Instruction &i = emit(addAtomically, op);
  const Planes &address = planesOf(op.getPtr());
  i.operands = {address[0], address[1], planesOf(op.getVal())[0]};
  i.result = planes[0];
  return success();
}

/// Bytes of a table.
static std::vector<std::byte> tableData(DenseElementsAttr values) {
  ArrayRef<char> raw = values.getRawData();
  std::vector<std::byte> data;
  for (int64_t i = 0, end = values.isSplat() ? values.getNumElements() : 1;
       i < end; ++i)
    for (char byte : raw)
      data.push_back(static_cast<std::byte>(byte));
  return data;
}

LogicalResult Decoder::decodeAddressOf(LLVM::AddressOfOp op) {
  auto global = SymbolTable::lookupNearestSymbolFrom<LLVM::GlobalOp>(
      op, op.getGlobalNameAttr());
  if (!global)
    return refuse(op, "no llvm.mlir.global of that name");
  auto [entry, isNew] = globals_.try_emplace(
      global,
      program_.numArguments + static_cast<uint32_t>(program_.globals.size()));
  define(op, {constantPlane(8, 0), constantPlane(4, entry->second)});
  if (!isNew)
    return success();

  GlobalMemory memory;
  memory.name = global.getSymName().str();
  memory.isShared = global.getAddrSpace() == 3;
  auto array = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
  uint64_t size = array ? bytesOf(array.getElementType()) : 0;
  if (size == 0)
    return refuse(global, "a global that is no array of numbers");
  memory.size = size * array.getNumElements();
  if (memory.isShared) {
    memory.isDynamic = memory.size == 0;
    if (global.getValueOrNull())
      return refuse(global, "shared memory with a value");
  } else {
    auto values =
        dyn_cast_if_present<DenseElementsAttr>(global.getValueOrNull());
    if (!values || !global.getConstant())
      return refuse(global, "a global that is neither shared nor a table");
    memory.data = tableData(values);
    if (memory.data.size() != memory.size)
      return refuse(global, "a table whose values have another type");
  }
  program_.globals.push_back(std::move(memory));
  return success();
}

} // namespace gossamer::cuda::testing
