//===- TargetPass.h - What the passes share ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_TARGETPASS_H
#define GOSSAMER_BACKENDS_CUDA_TARGETPASS_H

#include "backends/cuda/KernelKinds.h"
#include "ir/GptOss.h"

#include <string>

namespace gossamer::cuda {

/// Makes resolved options from a pass's.
inline mlir::FailureOr<TargetOptions> resolvePassTarget(mlir::ModuleOp module,
                                                        std::string chip,
                                                        unsigned optLevel,
                                                        bool roundInputs) {
  TargetOptions options;
  options.chip = std::move(chip);
  options.optLevel = optLevel;
  options.math = roundInputs ? MathMode::Fast : MathMode::Exact;
  if (Status status = resolveTarget(options); !status)
    return module.emitError(status.message());
  return options;
}

/// The kind that `op` names; an error at it when there is none that fits.
inline mlir::FailureOr<const KernelKind *>
findKind(mlir::gptoss::KernelOp op, const KernelDescription &kernel) {
  const KernelKind *kind = findKernelKind(kernel.operation, *op.getKind());
  std::string why = kind ? whyNotApplicable(*kind, kernel) : "does not exist";
  if (!why.empty())
    return op.emitOpError("kind '")
           << *op.getKind() << "' of '" << kernel.operation << "' " << why;
  return kind;
}

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_TARGETPASS_H
