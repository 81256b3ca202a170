//===- CodeGen.h - From the NVVM dialect to PTX and cubin -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_CODEGEN_H
#define GOSSAMER_BACKENDS_CUDA_CODEGEN_H

#include "backends/Backend.h"
#include "backends/cuda/LaunchTable.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <string>
#include <vector>

namespace gossamer::cuda {

/// Texts of the device's code.
enum class DeviceCode {
  LLVMIR, ///< as translated.
  OptimizedLLVMIR,
  PTX,
};

/// Translates the lowered device functions and runs LLVM's pipeline and code
/// generator. Fails with a diagnostic at the module, also for PTX that needs
/// what nothing defines.
mlir::FailureOr<std::string> emitDeviceCode(mlir::gpu::GPUModuleOp module,
                                            const TargetOptions &options,
                                            DeviceCode form);

/// What ptxas made of PTX.
struct Cubin {
  std::string bytes;
  std::vector<std::string> warnings; ///< registers that did not suffice.
};

/// Assembles PTX with the program `options.ptxas`, which must not be "none".
/// Fails with a diagnostic at the module.
mlir::FailureOr<Cubin> assemblePtx(mlir::ModuleOp module,
                                   const TargetOptions &options,
                                   llvm::StringRef ptx);

/// Adds the data symbol goss_cuda (runtime/abi/CudaAbi.h) to the module of the
/// host's step in the LLVM dialect. `cubin` may be empty.
void addLaunchTable(mlir::ModuleOp host, const LaunchTable &launches,
                    const TargetOptions &options, llvm::StringRef ptx,
                    llvm::StringRef cubin);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_CODEGEN_H
