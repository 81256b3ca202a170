//===- KernelKinds.h - The table of kernel kinds ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Every way this backend knows to compute a kernel operation. The table drives
// selection, the checks of an explicit choice, the tests (each kind against a
// scalar reference) and the manual (`printKernelKinds`).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_KERNELKINDS_H
#define GOSSAMER_BACKENDS_CUDA_KERNELKINDS_H

#include "backends/cuda/CudaTarget.h"
#include "backends/cuda/KernelWriter.h"

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace gossamer::cuda {

/// One way to compute one operation.
struct KernelKind {
  llvm::StringLiteral operation;
  llvm::StringLiteral name;
  llvm::StringLiteral description;
  void (*emit)(KernelWriter &);
  /// What of a kernel the kind lacks an answer to, as a phrase that follows its
  /// name ("needs ..."); empty when it fits. Null: all that has no row panels.
  std::string (*refuse)(const KernelDescription &) = nullptr;
  bool roundsInputs = false; ///< to bf16: for the math mode fast.
};

/// All kinds; of one operation the preferred ones first, "plain" last.
llvm::ArrayRef<KernelKind> kernelKinds();

/// Why `kind` cannot compute `kernel`; empty when it can.
std::string whyNotApplicable(const KernelKind &kind,
                             const KernelDescription &kernel);

/// The best kind for a target, or null when none fits. At opt-level 0 that is
/// "plain".
const KernelKind *selectKernelKind(const KernelDescription &kernel,
                                   const TargetOptions &options);

/// Why `kind`, which must be applicable, is the one to use: what the kinds that
/// are preferred to it lack.
std::string explainKernelKind(const KernelKind &kind,
                              const KernelDescription &kernel,
                              const TargetOptions &options);

/// The kind of that name for the operation, or null.
const KernelKind *findKernelKind(llvm::StringRef operation,
                                 llvm::StringRef name);

/// Writes the table as Markdown.
void printKernelKinds(llvm::raw_ostream &os);

/// Writes the device functions of a kernel into `module`. `kind` must be
/// applicable; `rows` is the goss_cuda_quantity of its rows.
KernelLaunches expandKernel(mlir::gpu::GPUModuleOp module, mlir::Location loc,
                            llvm::StringRef symbol,
                            const KernelDescription &kernel,
                            const KernelKind &kind, uint32_t rows);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_KERNELKINDS_H
