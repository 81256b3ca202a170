//===- LaunchTable.h - How kernels are launched -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The compiler's view of goss_cuda_kernel (runtime/abi/CudaAbi.h), and its form
// in IR: the module attribute that `gptoss-cuda-expand-kernels` leaves.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_LAUNCHTABLE_H
#define GOSSAMER_BACKENDS_CUDA_LAUNCHTABLE_H

#include "runtime/abi/CudaAbi.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

#include <array>
#include <string>
#include <vector>

namespace gossamer::cuda {

/// Module attribute of the launches, an entry a kernel.
inline constexpr const char *kLaunchesAttr = "gptoss.cuda.launches";
/// That of goss_cuda_code.choose, an entry or none.
inline constexpr const char *kChoiceAttr = "gptoss.cuda.choice";

/// goss_cuda_extent.
struct Extent {
  uint32_t quantity = GOSS_CUDA_ONE;
  uint32_t divisor = 1;
  uint32_t scale = 1;
  uint32_t limit = 0;

  static Extent constant(int64_t n) {
    return {GOSS_CUDA_ONE, 1, static_cast<uint32_t>(n), 0};
  }
};

struct Stage {
  std::string symbol;
  std::array<Extent, 3> grid;
  uint32_t block = 0;
  uint32_t sharedBytes = 0;
  uint32_t dynamicSharedBytes = 0;
};

struct Variant {
  uint32_t maxRows = UINT32_MAX;
  Extent scratch = Extent::constant(0); ///< in units of kScratchUnit.
  std::vector<Stage> stages;
};

struct KernelLaunches {
  uint32_t numBindings = 0;
  uint32_t rows = GOSS_CUDA_TOKENS;
  std::vector<Variant> variants;
};

inline constexpr int64_t kScratchUnit = 256;

struct LaunchTable {
  std::vector<KernelLaunches> kernels;
  std::vector<KernelLaunches> choice; ///< one, or none.
};

/// Converts between the table and the attributes of a module. Reading emits an
/// error at it for what `setLaunches` does not write.
void setLaunches(mlir::ModuleOp module, const LaunchTable &table);
mlir::FailureOr<LaunchTable> launchesFromModule(mlir::ModuleOp module);

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_LAUNCHTABLE_H
