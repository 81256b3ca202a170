//===- CudaBackend.h - The backend for NVIDIA chips -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_CUDABACKEND_H
#define GOSSAMER_BACKENDS_CUDA_CUDABACKEND_H

#include "backends/BackendRegistry.h"

namespace gossamer::cuda {

/// Adds the backend "cuda". `emit` writes
///   LLVM      the module in MLIR's LLVM and NVVM dialects,
///   LLVMIR    the device functions in LLVM IR,
///   Assembly  the device functions as PTX,
///   Object    the host's relocatable ELF object: goss_step and goss_cuda,
///   Code      the same as an ELF shared object without dependencies.
void registerCudaBackend(BackendRegistry &registry);

/// Adds the dialects that this backend's pipeline and emitter need.
void registerCudaDialects(mlir::DialectRegistry &registry);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_CUDABACKEND_H
