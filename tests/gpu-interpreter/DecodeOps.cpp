//===- DecodeOps.cpp - Operations on values of threads --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Decoder.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace gossamer::cuda::testing {

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

LogicalResult Decoder::decodeElementwise(Operation *op, Handler handler) {
  Planes results;
  if (failed(allocateResult(op->getResult(0), results)))
    return failure();
  for (size_t element = 0; element < results.size(); ++element) {
    Instruction &i = emit(handler, op);
    i.result = results[element];
    for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
      // A scalar, like a select's condition, is for all elements.
      const Planes &planes = planesOf(operand);
      i.operands[number] = planes[planes.size() == 1 ? 0 : element];
    }
  }
  return success();
}

static uint64_t bitsOf(Attribute number) {
  if (auto integer = dyn_cast<IntegerAttr>(number))
    return integer.getValue().getZExtValue();
  return cast<FloatAttr>(number).getValue().bitcastToAPInt().getZExtValue();
}

LogicalResult Decoder::decodeConstant(arith::ConstantOp op) {
  llvm::SmallVector<uint32_t> sizes;
  if (failed(sizesOf(op, op.getType(), sizes)))
    return failure();
  Planes planes;
  if (auto elements = dyn_cast<DenseElementsAttr>(op.getValue()))
    for (Attribute element : elements.getValues<Attribute>())
      planes.push_back(constantPlane(sizes[0], bitsOf(element)));
  else
    planes.push_back(constantPlane(sizes[0], bitsOf(op.getValue())));
  define(op, planes);
  return success();
}

LogicalResult Decoder::decodeBitcast(Operation *op) {
  Value operand = op->getOperand(0), result = op->getResult(0);
  llvm::SmallVector<uint32_t> sizes;
  if (getElementTypeOrSelf(operand).isInteger(1) ||
      getElementTypeOrSelf(result).isInteger(1))
    return refuse(op, "bits of an i1");
  if (failed(sizesOf(op, result.getType(), sizes)))
    return failure();
  Planes from = planesOf(operand);
  uint32_t fromSize = program_.planes[from[0]].size, toSize = sizes[0];
  if (fromSize == toSize) {
    define(result, from);
    return success();
  }
  Planes to;
  if (failed(allocateResult(result, to)))
    return failure();
  for (size_t element = 0; element < to.size(); ++element) {
    size_t firstByte = element * toSize;
    if (fromSize > toSize) {
      Instruction &i = emit(narrowHandler(fromSize, toSize), op);
      i.operands[0] = from[firstByte / fromSize];
      i.number = static_cast<int64_t>(firstByte % fromSize * 8);
      i.result = to[element];
    } else {
      Instruction &i = emit(widenHandler(fromSize, toSize), op);
      i.result = to[element];
      setList(i, ArrayRef<uint32_t>(from).slice(firstByte / fromSize,
                                                toSize / fromSize));
    }
  }
  return success();
}

LogicalResult Decoder::decodeFromElements(vector::FromElementsOp op) {
  Planes planes;
  for (Value element : op.getElements())
    planes.append(planesOf(element));
  define(op, planes);
  return success();
}

LogicalResult Decoder::decodeExtract(vector::ExtractOp op) {
  if (op.hasDynamicPosition() || op.getStaticPosition().size() != 1)
    return refuse(op, "a position that is not static");
  define(op, {planesOf(op->getOperand(0))[op.getStaticPosition()[0]]});
  return success();
}

LogicalResult Decoder::decodeBroadcast(vector::BroadcastOp op) {
  const Planes &source = planesOf(op.getSource());
  llvm::SmallVector<uint32_t> sizes;
  if (isa<VectorType>(op.getSourceType()) ||
      failed(sizesOf(op, op.getType(), sizes)))
    return refuse(op, "more than a number broadcast to a small vector");
  define(op, Planes(sizes.size(), source[0]));
  return success();
}

LogicalResult Decoder::decodeExtractValue(LLVM::ExtractValueOp op) {
  if (op.getPosition().size() != 1)
    return refuse(op, "nested structures");
  define(op, {planesOf(op.getContainer())[op.getPosition()[0]]});
  return success();
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

LogicalResult Decoder::decodeThreadId(gpu::ThreadIdOp op) {
  if (op.getDimension() != gpu::Dimension::x)
    return refuse(op, "threads in another dimension than x");
  if (program_.threadIds.empty())
    program_.threadIds.push_back(allocatePlane(8));
  define(op, {program_.threadIds[0]});
  return success();
}

LogicalResult Decoder::decodeBlockId(gpu::BlockIdOp op) {
  Planes planes;
  if (failed(allocateResult(op, planes)))
    return failure();
  Instruction &i = emit(blockId, op);
  i.result = planes[0];
  i.number = static_cast<int64_t>(op.getDimension());
  return success();
}

LogicalResult Decoder::decodeShuffle(gpu::ShuffleOp op) {
  APInt width;
  if (!matchPattern(op.getWidth(), m_ConstantInt(&width)) || width != 32)
    return refuse(op, "a width that is not the constant 32");
  Type type = op.getValue().getType();
  if (!type.isF32() && !type.isInteger(32))
    return refuse(op, "a value of other than 32 bits");
  bool isXor = op.getMode() == gpu::ShuffleMode::XOR;
  if (!isXor && op.getMode() != gpu::ShuffleMode::IDX)
    return refuse(op, "a mode other than xor and idx");
  Planes planes;
  if (failed(allocateResult(op.getShuffleResult(), planes)))
    return failure();
  define(op.getValid(), {constantPlane(1, 1)});
  Instruction &i = emit(isXor ? shuffleXor : shuffleIdx, op);
  i.result = planes[0];
  i.operands = {planesOf(op.getValue())[0], planesOf(op.getOffset())[0], 0};
  return success();
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

LogicalResult Decoder::decodeMma(NVVM::MmaOp op) {
  NVVM::MMAShapeAttr shape = op.getShape();
  bool isKnown = shape.getM() == 16 && shape.getN() == 8 &&
                 shape.getK() == 16 &&
                 op.getMultiplicandAPtxType() == NVVM::MMATypes::bf16 &&
                 op.getMultiplicandBPtxType() == NVVM::MMATypes::bf16 &&
                 op.accumPtxType() == NVVM::MMATypes::f32 &&
                 op.resultPtxType() == NVVM::MMATypes::f32 &&
                 op.getLayoutA() == NVVM::MMALayout::row &&
                 op.getLayoutB() == NVVM::MMALayout::col;
  if (!isKnown)
    return refuse(op, "other matrices than m16n8k16 of bf16 to f32");
  Planes list;
  if (failed(allocateResult(op.getRes(), list)))
    return failure();
  for (Value operand : op->getOperands())
    list.append(planesOf(operand));
  if (list.size() != 4 + 4 + 2 + 4)
    return refuse(op, "other fragments than of 4, 2 and 4 registers");
  setList(emit(multiplyMatrices, op), list);
  return success();
}

LogicalResult Decoder::decodeLdMatrix(NVVM::LdMatrixOp op) {
  NVVM::LdStMatrixShapeAttr shape = op.getShape();
  if (shape.getM() != 8 || shape.getN() != 8 ||
      op.getEltType() != NVVM::LdStMatrixEltType::B16)
    return refuse(op, "other matrices than 8x8 of 16 bits");
  Planes planes;
  if (failed(allocateResult(op.getRes(), planes)))
    return failure();
  noteGranule(op.getPtr(), 16);
  Instruction &i = emit(loadMatrices, op);
  const Planes &address = planesOf(op.getPtr());
  i.operands = {address[0], address[1], 0};
  i.number = op.getLayout() == NVVM::MMALayout::col;
  setList(i, planes);
  return success();
}

} // namespace gossamer::cuda::testing
