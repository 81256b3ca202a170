//===- CodeGen.h - From the LLVM dialect to machine code --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Translation, optimization and emission inside this process, without files
// or tools of the host.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_CODEGEN_H
#define GOSSAMER_BACKENDS_CPU_CODEGEN_H

#include "backends/Backend.h"

#include <string>

namespace gossamer::cpu {

/// Kinds of machine code.
enum class MachineCode {
  LLVMIR, ///< as translated, with the attributes of the target.
  OptimizedLLVMIR,
  Assembly,
  Object,
};

/// Translates a module in the LLVM dialect, runs LLVM's pipeline for
/// `options.optLevel` and emits. `options` must be resolved. Fails with a
/// diagnostic at the module; an object that needs any symbol from outside is a
/// failure, because nothing would define it at load time.
mlir::FailureOr<std::string> emitMachineCode(mlir::ModuleOp module,
                                             const TargetOptions &options,
                                             MachineCode form);

/// Links one relocatable object into an ELF shared object without
/// dependencies, by the linker library in this process. Calls are serialized.
/// Values of llvm::cl options are reset to their defaults: read them before.
Expected<std::string> linkSharedObject(const std::string &object);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_CODEGEN_H
