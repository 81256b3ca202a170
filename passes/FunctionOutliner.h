//===- FunctionOutliner.h - One function from tensors to buffers -*- C++
//-*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to passes/: the work of outline-kernels on one function.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_FUNCTIONOUTLINER_H
#define GOSSAMER_PASSES_FUNCTIONOUTLINER_H

#include "passes/CacheChain.h"
#include "passes/KernelTable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

namespace gossamer {

class FunctionOutliner {
public:
  /// `activationParts`: int8 parts of an activation that is multiplied with
  /// scaled weights, 0 for float32.
  FunctionOutliner(mlir::func::FuncOp function, KernelTable &kernels,
                   int64_t maxTokens, int64_t activationParts);

  /// Rewrites the function, or emits an error.
  mlir::LogicalResult run();

  unsigned getNumDispatches() const { return numDispatches_; }

private:
  /// What the first dimension of a tensor counts.
  enum class Rows { Tokens, Outputs };

  mlir::LogicalResult convertSignature();
  mlir::LogicalResult bindResults();
  mlir::LogicalResult convertOperation(mlir::Operation *op);
  mlir::LogicalResult convertCompute(mlir::gptoss::ComputeOpInterface op);
  mlir::LogicalResult convertMoe(mlir::gptoss::MoeOp op);
  /// A product's input: `buffer` itself, or what `quantize` makes of its rows
  /// for a scaled `weight`. Null after an error at `loc`.
  mlir::Value getProductInput(mlir::Location loc, mlir::Value buffer,
                              mlir::AffineMap rows,
                              mlir::gptoss::WeightType weight);
  bool isQuantized(mlir::gptoss::WeightType weight) const {
    return activationParts_ > 0 && weight.isScaled();
  }
  mlir::LogicalResult convertView(mlir::Operation *op);
  void finish();

  /// Static type of the buffer of a tensor, null after an error at `loc`.
  mlir::MemRefType getBufferType(mlir::Location loc, mlir::Type tensor);
  /// Buffer that a result is computed into: an argument, or a new one.
  mlir::Value getResultBuffer(mlir::Operation *op, mlir::Value result);
  mlir::Value allocate(mlir::Location loc, llvm::ArrayRef<int64_t> shape,
                       mlir::Type element);
  /// Rows that an operation works on; fails where operands disagree.
  mlir::FailureOr<Rows> inferRows(mlir::Operation *op);
  mlir::AffineMap getWork(mlir::Operation *op, Rows rows);
  mlir::DictionaryAttr getConfig(mlir::Operation *op,
                                 const mlir::gptoss::KernelOperation &kernel,
                                 Rows rows);
  /// Makes a launch of `operation` on the bindings at the current place;
  /// `layer` is that of the cache, where one is bound.
  void dispatch(mlir::Location loc, llvm::StringRef operation,
                mlir::ValueRange bindings, mlir::DictionaryAttr config,
                mlir::AffineMap work, mlir::IntegerAttr layer = {});
  /// Value of the least of the map's results, computed once.
  mlir::Value getItems(mlir::AffineMap work);

  mlir::func::FuncOp function_;
  KernelTable &kernels_;
  int64_t maxTokens_;
  int64_t activationParts_;
  int64_t maxKeys_ = 0;
  mlir::gptoss::CacheType cacheType_;
  mlir::OpBuilder builder_;
  mlir::IRMapping buffers_;
  CacheChain cache_;
  llvm::DenseMap<mlir::Value, Rows> rows_;
  llvm::DenseMap<mlir::AffineMap, mlir::Value> items_;
  /// By buffer and element of the weights.
  llvm::DenseMap<std::pair<mlir::Value, mlir::Type>, mlir::Value> quantized_;
  mlir::Operation *firstOperation_ = nullptr;
  mlir::Value tokens_, outputs_;
  unsigned numDispatches_ = 0;
};

} // namespace gossamer

#endif // GOSSAMER_PASSES_FUNCTIONOUTLINER_H
