//===- Passes.h - Passes of the CPU backend ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_PASSES_H
#define GOSSAMER_BACKENDS_CPU_PASSES_H

#include "backends/Backend.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace gossamer::cpu {

#define GEN_PASS_DECL
#include "backends/cpu/Passes.h.inc"

/// Appends the passes that lower expanded kernels (scf, arith, math, vector,
/// memref, func) to the LLVM dialect.
void buildLowerToLLVM(mlir::OpPassManager &manager);

/// Appends the pipeline `gptoss-cpu`: from the plan level to the LLVM dialect.
/// `options` must be resolved.
void buildCpuPipeline(mlir::OpPassManager &manager,
                      const TargetOptions &options);

/// Registers the conversions that buildLowerToLLVM uses, so that its steps can
/// be named one by one.
void registerLowerToLLVMPasses();

/// Registers the passes above and the pipelines `gptoss-cpu` and
/// `gptoss-cpu-lower-to-llvm` with the pass registry of goss-opt.
void registerCpuBackendPasses();

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_PASSES_H
