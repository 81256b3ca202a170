//===- KernelRunner.h - Running one kernel in the interpreter ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CUDA_KERNELRUNNER_H
#define GOSSAMER_TESTS_UNIT_CUDA_KERNELRUNNER_H

#include "backends/cuda/KernelKinds.h"
#include "tests/gpu-interpreter/DeviceCode.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace gossamer::cuda::testing {

/// The context that all tests share, with the dialects of both backends.
mlir::MLIRContext &context();

/// One argument of a kernel. The kernel gets a copy at an address as the
/// runtime gives them: aligned, and readable up to a multiple of 16 bytes.
struct Argument {
  std::vector<uint8_t> bytes;
  bool isWritten = false;
};

/// A kernel in device functions.
class DeviceKernel {
public:
  /// Throws, which fails the test, for code that does not verify.
  DeviceKernel(const KernelDescription &kernel, const KernelKind &kind);

  /// Runs it; false after an error, which is reported to the test.
  bool run(std::vector<Argument> &arguments, const goss_dims &dims);

private:
  mlir::OwningOpRef<mlir::ModuleOp> module_;
  KernelLaunches launches_;
  std::unique_ptr<DeviceCode> code_;
};

/// Kinds of the table that can compute `kernel`.
std::vector<const KernelKind *> kindsFor(const KernelDescription &kernel);

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_UNIT_CUDA_KERNELRUNNER_H
