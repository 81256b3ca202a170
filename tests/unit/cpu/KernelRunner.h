//===- KernelRunner.h - Compiling and running one kernel --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Compiles a kernel in memory the way the backend does, loads it from a
// memory file, and calls it.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CPU_KERNELRUNNER_H
#define GOSSAMER_TESTS_UNIT_CPU_KERNELRUNNER_H

#include "backends/cpu/KernelDescription.h"
#include "backends/cpu/KernelKinds.h"
#include "runtime/abi/StepAbi.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <string>
#include <vector>

namespace gossamer::cpu::testing {

/// The context that all tests share, with the dialects of the backend.
mlir::MLIRContext &context();

/// Shared object from memory; unloaded with the object.
class LoadedCode {
public:
  explicit LoadedCode(const std::string &bytes);
  ~LoadedCode();
  LoadedCode(const LoadedCode &) = delete;
  LoadedCode &operator=(const LoadedCode &) = delete;

  void *symbol(const char *name) const;

private:
  // Open as long as the code is loaded: dlopen knows libraries by name, and a
  // reused number would be taken for the library that had it before.
  int file_ = -1;
  void *handle_ = nullptr;
};

/// A compiled kernel.
class CompiledKernel {
public:
  /// Compiles with the kind `kind` for `mcpu`.
  CompiledKernel(const KernelDescription &kernel, const std::string &kind,
                 const std::string &mcpu = "native", unsigned optLevel = 2);
  /// Compiles with a kind that the table does not have.
  CompiledKernel(const KernelDescription &kernel, const KernelKind &kind,
                 const std::string &mcpu = "native");

  /// Runs items [0, items) in ranges of `chunk`, last range first.
  void run(const std::vector<const void *> &bindings, goss_dims dims,
           int64_t items, int64_t chunk = 1 << 30) const;

private:
  std::unique_ptr<LoadedCode> code_;
  goss_kernel_fn function_ = nullptr;
};

/// Kinds applicable to `kernel` on this machine.
std::vector<std::string> kindsFor(const KernelDescription &kernel);

/// memref of f32, i32 or i8.
mlir::MemRefType f32(const std::vector<int64_t> &shape);
mlir::MemRefType i32(const std::vector<int64_t> &shape);
mlir::MemRefType i8(const std::vector<int64_t> &shape);

} // namespace gossamer::cpu::testing

#endif // GOSSAMER_TESTS_UNIT_CPU_KERNELRUNNER_H
