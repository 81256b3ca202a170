//===- KernelTable.h - Kernels outlined so far ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to passes/: makes gptoss.kernel operations, one for each distinct
// operation, binding types, attributes and number of work items.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_KERNELTABLE_H
#define GOSSAMER_PASSES_KERNELTABLE_H

#include "ir/GptOss.h"
#include "ir/KernelOperation.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

namespace gossamer {

/// Rows of a weight that one work item of a product computes.
inline constexpr int64_t rowsPerItem = 16;

class KernelTable {
public:
  explicit KernelTable(mlir::ModuleOp module);

  /// The kernel with these properties; outlines it when it is new. `types` are
  /// those of the bindings that `config` says are there.
  mlir::gptoss::KernelOp getOrCreate(
      mlir::Location loc, const mlir::gptoss::KernelOperation &operation,
      mlir::TypeRange types, mlir::DictionaryAttr config, mlir::AffineMap work);

  /// Kernels outlined by this table.
  unsigned size() const { return kernels_.size(); }

private:
  mlir::ModuleOp module_;
  mlir::SymbolTable symbols_;
  llvm::DenseMap<mlir::Attribute, mlir::gptoss::KernelOp> kernels_;
  llvm::StringMap<unsigned> counts_;
};

} // namespace gossamer

#endif // GOSSAMER_PASSES_KERNELTABLE_H
