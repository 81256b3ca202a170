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

#ifndef GOSSAMER_BACKENDS_CPU_KERNELKINDS_H
#define GOSSAMER_BACKENDS_CPU_KERNELKINDS_H

#include "backends/Backend.h"
#include "backends/cpu/CpuTarget.h"
#include "backends/cpu/KernelDescription.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "llvm/ADT/ArrayRef.h"

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace gossamer::cpu {

class KernelBuilder;

/// Weights that a kind reads.
enum class WeightNeed {
  Any, ///< all but panels; or the operation has no matrix.
  DenseRows,
  DenseColumns,
  MxFp4,
  MxFp4Panels,
  Int8Panels
};

/// One way to compute one operation.
struct KernelKind {
  llvm::StringLiteral operation;
  llvm::StringLiteral name;
  int64_t lanes; ///< 1: the plain kind, the only one at opt-level 0.
  WeightNeed weights;
  bool isQuantized; ///< multiplies int8 activations, else float32 ones.
  llvm::ArrayRef<llvm::StringLiteral> features; ///< all are needed.
  llvm::StringLiteral description;
  void (*emit)(KernelBuilder &);
};

/// All kinds; of one operation the preferred ones first, "plain" last.
llvm::ArrayRef<KernelKind> kernelKinds();

/// Whether `kind` can compute `kernel` on a target with `features`; when not
/// and `why` is given, says why.
bool isApplicable(const KernelKind &kind, const KernelDescription &kernel,
                  const CpuFeatures &features, std::string *why = nullptr);

/// The best kind for a target, or nullptr when the operation is unknown.
const KernelKind *selectKernelKind(const KernelDescription &kernel,
                                   const TargetOptions &options);

/// Why `kind`, which must be applicable, is the one to use: what the kinds that
/// are preferred to it lack.
std::string explainKernelKind(const KernelKind &kind,
                              const KernelDescription &kernel,
                              const TargetOptions &options);

/// The kind of that name for the operation, or nullptr.
const KernelKind *findKernelKind(llvm::StringRef operation,
                                 llvm::StringRef name);

/// Writes the table as Markdown.
void printKernelKinds(llvm::raw_ostream &os);

/// Writes at the builder's insertion point
///   func.func private @<name>(memrefs..., begin, end, T, R, K: index)
/// with the kernel's body, and the exported goss_kernel_fn
///   func.func @<symbol>(bindings, dims: !llvm.ptr, begin, end: i64)
/// that calls it. `kind` must be applicable.
void expandKernel(mlir::OpBuilder &builder, mlir::Location loc,
                  llvm::StringRef name, llvm::StringRef symbol,
                  const KernelDescription &kernel, const KernelKind &kind,
                  const CpuFeatures &features);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_KERNELKINDS_H
