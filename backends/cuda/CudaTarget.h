//===- CudaTarget.h - NVIDIA chips ------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_CUDATARGET_H
#define GOSSAMER_BACKENDS_CUDA_CUDATARGET_H

#include "backends/Backend.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace gossamer::cuda {

inline constexpr const char *kTriple = "nvptx64-nvidia-cuda";

/// A chip that code can be made for.
struct Chip {
  llvm::StringLiteral name; ///< "sm_90".
  unsigned architecture;    ///< 90; compute capability times ten.
  unsigned ptxVersion;      ///< least that has the chip, and our kernels: 78.
};

/// TargetOptions::ptxas for no machine code.
inline constexpr const char *kNoPtxas = "none";

/// All chips, in ascending order.
llvm::ArrayRef<Chip> chips();

/// The chip of that name, or null.
const Chip *findChip(llvm::StringRef name);

/// The chip of resolved options.
const Chip &chipOf(const TargetOptions &options);

/// Sets the chip where none is named, the host's processor, and the path of
/// ptxas or kNoPtxas. Idempotent. Fails with Usage for an unknown chip and for
/// the math mode int8, with NotFound for a ptxas that is named but missing.
Status resolveTarget(TargetOptions &options);

/// Makes LLVM's code generator for NVPTX available. Thread-safe.
void initializeCodeGenerator();

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_CUDATARGET_H
