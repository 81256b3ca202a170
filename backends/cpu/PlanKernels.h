//===- PlanKernels.h - Reading kernels of the plan level --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_PLANKERNELS_H
#define GOSSAMER_BACKENDS_CPU_PLANKERNELS_H

#include "backends/Backend.h"
#include "backends/cpu/KernelDescription.h"
#include "ir/GptOss.h"

namespace gossamer::cpu {

/// Module attribute of the records that `gptoss-cpu-expand-kernels` leaves.
inline constexpr const char *kRecordsAttr = "gptoss.cpu.kernels";

/// Reads a kernel of the plan level. Emits an error for what no kernel of this
/// backend could compute.
mlir::FailureOr<KernelDescription> describeKernel(mlir::gptoss::KernelOp op);

/// Converts between records and the attribute.
mlir::ArrayAttr recordsToAttr(mlir::MLIRContext *context,
                              llvm::ArrayRef<KernelRecord> records);
mlir::FailureOr<std::vector<KernelRecord>>
recordsFromModule(mlir::ModuleOp module);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_PLANKERNELS_H
