//===- DeviceCode.h - Launches of kernels by the table ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_DEVICECODE_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_DEVICECODE_H

#include "tests/gpu-interpreter/Interpreter.h"

#include "runtime/abi/CudaAbi.h"
#include "runtime/abi/StepAbi.h"

#include "llvm/ADT/StringMap.h"

namespace gossamer::cuda::testing {

/// The functions of a gpu.module, launched as runtime/abi/CudaAbi.h says.
class DeviceCode {
public:
  /// `module` must outlive the object.
  explicit DeviceCode(mlir::gpu::GPUModuleOp module) : module_(module) {}

  /// Does one launch: all stages of the variant for the step. Scratch memory
  /// holds NaN before.
  mlir::LogicalResult run(const goss_cuda_kernel &kernel, const goss_dims &dims,
                          llvm::ArrayRef<Region> bindings);

private:
  mlir::FailureOr<const Kernel *> find(llvm::StringRef symbol);

  mlir::gpu::GPUModuleOp module_;
  llvm::StringMap<Kernel> kernels_;
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_DEVICECODE_H
