//===- OutlineKernels.cpp - From tensors to launches of kernels -*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Afterwards: no tensor is left; every buffer is an argument, a memref.alloc or
// a reshape of one; dispatches stand in the order of the operations that they
// replace; the two last arguments are the step's T and R.
//
//===----------------------------------------------------------------------===//

#include "passes/FunctionOutliner.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gossamer {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "passes/Passes.h.inc"

namespace {

struct OutlineKernels final : impl::OutlineKernelsBase<OutlineKernels> {
  using OutlineKernelsBase::OutlineKernelsBase;

  void runOnOperation() override {
    mlir::ModuleOp module = getOperation();
    if (maxTokens < 1) {
      module.emitError() << "expects max-tokens of at least 1 but got "
                         << maxTokens.getValue();
      return signalPassFailure();
    }
    if (activationParts < 0 || activationParts > 2) {
      module.emitError() << "expects activation-parts of 0, 1 or 2 but got "
                         << activationParts.getValue();
      return signalPassFailure();
    }
    KernelTable kernels(module);
    for (auto function : module.getOps<mlir::func::FuncOp>()) {
      bool hasTensors = llvm::any_of(function.getArgumentTypes(),
                                     llvm::IsaPred<mlir::RankedTensorType>) ||
                        llvm::any_of(function.getResultTypes(),
                                     llvm::IsaPred<mlir::RankedTensorType>);
      if (function.isDeclaration() || !hasTensors)
        continue;
      FunctionOutliner outliner(function, kernels, maxTokens, activationParts);
      if (failed(outliner.run()))
        return signalPassFailure();
      numDispatches += outliner.getNumDispatches();
    }
    numKernels += kernels.size();
  }
};

} // namespace
} // namespace gossamer
