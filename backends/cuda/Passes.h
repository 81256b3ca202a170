//===- Passes.h - Passes of the CUDA backend --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_PASSES_H
#define GOSSAMER_BACKENDS_CUDA_PASSES_H

#include "backends/Backend.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

#include <memory>

namespace gossamer::cuda {

#define GEN_PASS_DECL
#include "backends/cuda/Passes.h.inc"

/// Name of the gpu.module that the device functions are in.
inline constexpr const char *kDeviceModule = "goss_kernels";

/// Appends the passes that lower the device functions to the NVVM dialect, and
/// the host's step to the LLVM dialect.
void buildLowerToNVVM(mlir::OpPassManager &manager);

/// Appends the pipeline `gptoss-cuda`: from the plan level to the NVVM and LLVM
/// dialects. `options` must be resolved.
void buildCudaPipeline(mlir::OpPassManager &manager,
                       const TargetOptions &options);

/// Registers the passes above and the pipelines `gptoss-cuda` and
/// `gptoss-cuda-lower-to-nvvm` with the pass registry of goss-opt.
void registerCudaBackendPasses();

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_PASSES_H
