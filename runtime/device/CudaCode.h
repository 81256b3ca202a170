//===- CudaCode.h - Loaded code for a GPU -----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDACODE_H
#define GOSSAMER_RUNTIME_DEVICE_CUDACODE_H

#include "runtime/abi/CudaAbi.h"
#include "runtime/device/CudaContext.h"
#include "runtime/device/Device.h"
#include "runtime/device/SharedObject.h"

#include <array>
#include <optional>
#include <span>
#include <vector>

namespace gossamer::cuda {

/// `extent` in a step of these sizes.
uint64_t evaluate(const goss_cuda_extent &extent, const goss_dims &dims);

/// A goss_cuda_kernel whose functions were found.
struct CudaKernel {
  struct Stage {
    Function function;
    const goss_cuda_stage *launch;
  };
  struct Variant {
    uint32_t maxRows;
    goss_cuda_extent scratch;
    std::vector<Stage> stages;
  };

  uint32_t numBindings = 0;
  goss_cuda_extent rows{}; ///< that choose the variant.
  std::vector<Variant> variants;

  /// The variant for a step, null when the step has no rows for the kernel.
  const Variant *choose(const goss_dims &dims) const;
};

/// The code section of an artifact: the host's step and the GPU's module.
/// Immutable and thread-safe.
class CudaCode {
public:
  /// Fails with Unavailable for code of other chips or newer drivers, with
  /// InvalidData for code that is not as CudaAbi.h says or that the driver's
  /// compiler refuses, then with what it wrote.
  static Expected<std::unique_ptr<const CudaCode>>
  load(std::shared_ptr<const CudaContext> context,
       const ProgramDescription &description);
  CudaCode(const CudaCode &) = delete;
  CudaCode &operator=(const CudaCode &) = delete;
  ~CudaCode();

  goss_step_fn step() const { return step_; }
  std::span<const CudaKernel> kernels() const { return kernels_; }
  /// goss_cuda_code.choose; null where the code has none.
  const CudaKernel *choice() const { return choice_ ? &*choice_ : nullptr; }

private:
  CudaCode(std::shared_ptr<const CudaContext> context, SharedObject object)
      : context_(std::move(context)), object_(std::move(object)) {}
  Status checkTable(size_t numKernels) const;
  Status checkKernel(const goss_cuda_kernel &kernel) const;
  Status loadModule();
  Status loadImage(const void *image, std::string &log);
  Status findFunctions();
  Expected<CudaKernel> findKernel(const goss_cuda_kernel &table);
  Status findFunction(const goss_cuda_stage &stage, Function &function);

  std::shared_ptr<const CudaContext> context_;
  SharedObject object_;
  goss_step_fn step_ = nullptr;
  const goss_cuda_code *table_ = nullptr;
  Module module_ = nullptr;
  std::vector<CudaKernel> kernels_;
  std::optional<CudaKernel> choice_;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDACODE_H
