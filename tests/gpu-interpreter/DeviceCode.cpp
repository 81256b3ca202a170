//===- DeviceCode.cpp - Launches of kernels by the table ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/DeviceCode.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <vector>

using namespace mlir;

namespace gossamer::cuda::testing {

/// Bytes of a unit of scratch memory.
static constexpr uint64_t kScratchUnit = 256;

static uint64_t quantityOf(uint32_t quantity, const goss_dims &dims) {
  switch (quantity) {
  case GOSS_CUDA_TOKENS:
    return static_cast<uint64_t>(dims.tokens);
  case GOSS_CUDA_OUTPUTS:
    return static_cast<uint64_t>(dims.outputs);
  default:
    return 1;
  }
}

static uint64_t evaluate(const goss_cuda_extent &extent,
                         const goss_dims &dims) {
  uint64_t n =
      extent.scale *
      llvm::divideCeil(quantityOf(extent.quantity, dims), extent.divisor);
  return extent.limit ? std::min<uint64_t>(n, extent.limit) : n;
}

FailureOr<const Kernel *> DeviceCode::find(StringRef symbol) {
  auto known = kernels_.find(symbol);
  if (known == kernels_.end()) {
    auto function = module_.lookupSymbol<gpu::GPUFuncOp>(symbol);
    if (!function)
      return module_.emitOpError("expects a function @") << symbol;
    FailureOr<Kernel> kernel = Kernel::decode(function);
    if (failed(kernel))
      return failure();
    known = kernels_.try_emplace(symbol, std::move(*kernel)).first;
  }
  return &known->second;
}

LogicalResult DeviceCode::run(const goss_cuda_kernel &kernel,
                              const goss_dims &dims,
                              ArrayRef<Region> bindings) {
  uint64_t rows = quantityOf(kernel.rows, dims);
  if (rows == 0)
    return success();
  const goss_cuda_variant *variant = kernel.variants;
  while (variant->max_rows < rows)
    ++variant;

  alignas(16) goss_dims ownDims = dims;
  struct alignas(kScratchUnit) Unit {
    std::byte bytes[kScratchUnit];
  };
  std::vector<Unit> scratch(evaluate(variant->scratch, dims));
  auto *scratchBegin = reinterpret_cast<std::byte *>(scratch.data());
  std::fill_n(scratchBegin, scratch.size() * kScratchUnit, std::byte{0xff});
  std::vector<Region> arguments(bindings.begin(), bindings.end());
  arguments.push_back(
      {reinterpret_cast<std::byte *>(&ownDims), sizeof ownDims, false});
  arguments.push_back({scratch.empty() ? nullptr : scratchBegin,
                       scratch.size() * kScratchUnit, true});

  for (uint32_t i = 0; i < variant->num_stages; ++i) {
    const goss_cuda_stage &stage = variant->stages[i];
    FailureOr<const Kernel *> function = find(stage.symbol);
    if (failed(function))
      return failure();
    LaunchShape shape;
    shape.block = stage.block;
    shape.dynamicSharedBytes = stage.dynamic_shared_bytes;
    for (int d = 0; d < 3; ++d)
      shape.grid[d] = static_cast<uint32_t>(evaluate(stage.grid[d], dims));
    if (failed((*function)->run(shape, arguments)))
      return failure();
  }
  return success();
}

} // namespace gossamer::cuda::testing
