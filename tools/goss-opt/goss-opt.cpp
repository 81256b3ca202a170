//===- goss-opt.cpp - Runs passes on gptoss IR ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// mlir-opt with the gptoss dialect, our passes and pipelines, the backends'
// passes, and the upstream dialects that the levels and backends use.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"
#include "passes/Passes.h"
#ifdef GOSSAMER_HAS_CPU_BACKEND
#include "backends/cpu/CpuBackend.h"
#include "backends/cpu/Passes.h"
#endif

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::affine::AffineDialect, mlir::arith::ArithDialect,
                  mlir::cf::ControlFlowDialect, mlir::func::FuncDialect,
                  mlir::index::IndexDialect, mlir::LLVM::LLVMDialect,
                  mlir::math::MathDialect, mlir::memref::MemRefDialect,
                  mlir::scf::SCFDialect, mlir::ub::UBDialect,
                  mlir::vector::VectorDialect, mlir::gptoss::GptOssDialect>();
  mlir::registerTransformsPasses();
  gossamer::registerGossamerPasses();
  gossamer::registerGossamerPipelines();
#ifdef GOSSAMER_HAS_CPU_BACKEND
  gossamer::cpu::registerCpuDialects(registry);
  gossamer::cpu::registerCpuBackendPasses();
#endif
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Gossamer optimizer driver\n", registry));
}
