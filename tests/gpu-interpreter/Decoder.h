//===- Decoder.h - Makes programs of device functions -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_DECODER_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_DECODER_H

#include "tests/gpu-interpreter/Handlers.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include "llvm/ADT/DenseMap.h"

#include <map>

namespace gossamer::cuda::testing {

/// Planes of a value.
using Planes = llvm::SmallVector<uint32_t, 4>;

/// Decodes one function.
class Decoder {
public:
  explicit Decoder(mlir::gpu::GPUFuncOp function) {
    program_.function = function;
  }

  mlir::LogicalResult decode();
  Program take() { return std::move(program_); }

private:
  using LogicalResult = mlir::LogicalResult;

  // Decoder.cpp: values and structure.
  LogicalResult decodeArguments();
  LogicalResult decodeBody(mlir::Block &block);
  LogicalResult decodeOp(mlir::Operation *op);
  LogicalResult decodeFor(mlir::scf::ForOp op);
  LogicalResult decodeIf(mlir::scf::IfOp op);
  LogicalResult decodeBranch(mlir::Block &block,
                             llvm::ArrayRef<Planes> results);

  LogicalResult refuse(mlir::Operation *op, const llvm::Twine &why);
  /// Sizes of the elements of a type's planes.
  LogicalResult sizesOf(mlir::Operation *op, mlir::Type type,
                        llvm::SmallVectorImpl<uint32_t> &sizes);
  uint32_t allocatePlane(uint32_t size);
  uint32_t constantPlane(uint32_t size, uint64_t bits);
  LogicalResult allocate(mlir::Operation *op, mlir::Type type, Planes &planes);
  /// New planes for the result of an operation.
  LogicalResult allocateResult(mlir::Value result, Planes &planes);
  const Planes &planesOf(mlir::Value value) const {
    return planes_.find(value)->second;
  }
  void define(mlir::Value value, Planes planes) {
    planes_[value] = std::move(planes);
  }

  Instruction &emit(Handler handler, mlir::Operation *op);
  void emitCopies(mlir::Operation *op, const Planes &from, const Planes &to);
  void setList(Instruction &instruction, llvm::ArrayRef<uint32_t> planes);
  uint32_t here() const { return static_cast<uint32_t>(program_.code.size()); }

  // DecodeOps.cpp: operations without regions.
  LogicalResult decodeElementwise(mlir::Operation *op, Handler handler);
  LogicalResult decodeConstant(mlir::arith::ConstantOp op);
  LogicalResult decodeBitcast(mlir::Operation *op);
  LogicalResult decodeFromElements(mlir::vector::FromElementsOp op);
  LogicalResult decodeExtract(mlir::vector::ExtractOp op);
  LogicalResult decodeBroadcast(mlir::vector::BroadcastOp op);
  LogicalResult decodeExtractValue(mlir::LLVM::ExtractValueOp op);
  LogicalResult decodeBlockId(mlir::gpu::BlockIdOp op);
  LogicalResult decodeThreadId(mlir::gpu::ThreadIdOp op);
  LogicalResult decodeShuffle(mlir::gpu::ShuffleOp op);
  LogicalResult decodeMma(mlir::NVVM::MmaOp op);
  LogicalResult decodeLdMatrix(mlir::NVVM::LdMatrixOp op);

  // DecodeMemory.cpp
  LogicalResult decodeGep(mlir::LLVM::GEPOp op);
  LogicalResult decodeLoad(mlir::LLVM::LoadOp op);
  LogicalResult decodeStore(mlir::LLVM::StoreOp op);
  LogicalResult decodeAtomic(mlir::LLVM::AtomicRMWOp op);
  LogicalResult decodeAddressOf(mlir::LLVM::AddressOfOp op);
  LogicalResult emitAccess(mlir::Operation *op, mlir::Value address,
                           mlir::Type type, std::optional<uint64_t> alignment,
                           const Planes &planes, bool isStore);
  /// Notes that the memory of an address is touched in units of at least this.
  void noteGranule(mlir::Value address, uint64_t size);

  Program program_;
  llvm::DenseMap<mlir::Value, Planes> planes_;
  std::map<std::pair<uint32_t, uint64_t>, uint32_t> constants_;
  llvm::DenseMap<mlir::Operation *, uint32_t> globals_; ///< number of region.
  uint32_t depth_ = 0;
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_DECODER_H
