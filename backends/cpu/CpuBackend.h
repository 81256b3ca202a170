//===- CpuBackend.h - The backend for x86-64 processors ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_CPUBACKEND_H
#define GOSSAMER_BACKENDS_CPU_CPUBACKEND_H

#include "backends/BackendRegistry.h"

namespace gossamer::cpu {

/// Adds the backend "cpu". `emit` writes
///   LLVM      the module in MLIR's LLVM dialect,
///   Assembly  x86-64 assembler text,
///   Object    a relocatable ELF object that needs no symbol from outside,
///   Code      an ELF shared object without dependencies: goss_step and
///             goss_kernel_0 ... .
void registerCpuBackend(BackendRegistry &registry);

/// Adds the dialects that this backend's pipeline and emitter need.
void registerCpuDialects(mlir::DialectRegistry &registry);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_CPUBACKEND_H
