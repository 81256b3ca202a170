//===- KernelWriter.h - A kernel as device functions ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_KERNELWRITER_H
#define GOSSAMER_BACKENDS_CUDA_KERNELWRITER_H

#include "backends/cuda/KernelBuilder.h"
#include "backends/cuda/LaunchTable.h"

namespace gossamer::cuda {

/// Writes the device functions of one kernel into a gpu.module, and notes how
/// they are launched. Emitters add variants in ascending order of rows, and to
/// each its stages; without a call of `variant` there is one for any number.
class KernelWriter {
public:
  using Body = llvm::function_ref<void(KernelBuilder &)>;

  /// `rows`: goss_cuda_quantity of the kernel's rows.
  KernelWriter(mlir::gpu::GPUModuleOp module, mlir::Location loc,
               std::string symbol, const KernelDescription &kernel,
               uint32_t rows);

  const KernelDescription &kernel() const { return kernel_; }
  const WeightForm &weightAt(unsigned i) const {
    return std::get<WeightForm>(kernel_.bindings[i]);
  }
  /// Shape of a memref binding.
  llvm::ArrayRef<int64_t> shapeAt(unsigned i) const {
    return std::get<mlir::MemRefType>(kernel_.bindings[i]).getShape();
  }
  /// Elements of a row of a memref binding.
  int64_t rowSize(unsigned i) const;

  /// `scale` blocks every `divisor` rows, at most `limit` unless that is 0.
  Extent perRow(int64_t scale = 1, int64_t divisor = 1,
                int64_t limit = 0) const {
    return {launches_.rows, static_cast<uint32_t>(divisor),
            static_cast<uint32_t>(scale), static_cast<uint32_t>(limit)};
  }
  /// Scratch memory of `bytes` a row.
  Extent scratchPerRow(int64_t bytes) const {
    return perRow(ceilDiv(bytes, kScratchUnit));
  }

  void variant(uint32_t maxRows, Extent scratch = Extent::constant(0));
  /// Of the present variant.
  void scratch(Extent scratch);
  /// Blocks of `block` threads, a multiple of a warp.
  void stage(Extent x, Extent y, Extent z, int64_t block, Body body);
  void stage(Extent x, Extent y, int64_t block, Body body) {
    stage(x, y, Extent::constant(1), block, body);
  }
  void stage(Extent x, int64_t block, Body body) {
    stage(x, Extent::constant(1), block, body);
  }

  KernelLaunches takeLaunches() { return std::move(launches_); }

private:
  Variant &present();
  std::string nextSymbol();
  mlir::gpu::GPUFuncOp createFunction(llvm::StringRef name, int64_t block);

  mlir::gpu::GPUModuleOp module_;
  mlir::Location loc_;
  std::string symbol_;
  const KernelDescription &kernel_;
  KernelLaunches launches_;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_KERNELWRITER_H
