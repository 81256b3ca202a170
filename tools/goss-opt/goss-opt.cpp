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

#include "backends/cpu/Passes.h"
#include "backends/cuda/Passes.h"
#include "passes/Passes.h"
#include "tools/goss-opt/Dialects.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  gossamer::registerAllLevels(registry);
  mlir::registerTransformsPasses();
  gossamer::registerGossamerPasses();
  gossamer::registerGossamerPipelines();
  gossamer::cpu::registerCpuBackendPasses();
  gossamer::cuda::registerCudaBackendPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Gossamer optimizer driver\n", registry));
}
