//===- KernelRunner.cpp - Running one kernel in the interpreter -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/cuda/KernelRunner.h"

#include "tests/unit/cpu/KernelRunner.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Verifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

using namespace mlir;

namespace gossamer::cuda::testing {

MLIRContext &context() {
  static MLIRContext *instance = [] {
    MLIRContext &shared = cpu::testing::context();
    shared.loadDialect<gpu::GPUDialect, NVVM::NVVMDialect>();
    return &shared;
  }();
  return *instance;
}

std::vector<const KernelKind *> kindsFor(const KernelDescription &kernel) {
  std::vector<const KernelKind *> kinds;
  for (const KernelKind &kind : kernelKinds())
    if (whyNotApplicable(kind, kernel).empty())
      kinds.push_back(&kind);
  return kinds;
}

DeviceKernel::DeviceKernel(const KernelDescription &kernel,
                           const KernelKind &kind) {
  OpBuilder b(&context());
  Location loc = b.getUnknownLoc();
  module_ = ModuleOp::create(loc);
  b.setInsertionPointToEnd(module_->getBody());
  auto device = gpu::GPUModuleOp::create(b, loc, "kernels");
  uint32_t rows = kernel.rowsAreOutputs ? GOSS_CUDA_OUTPUTS : GOSS_CUDA_TOKENS;
  launches_ = expandKernel(device, loc, "kernel", kernel, kind, rows);
  if (failed(verify(*module_)))
    throw std::runtime_error(kind.name.str() + " does not verify");
  code_ = std::make_unique<DeviceCode>(device);
}

namespace {

/// goss_cuda_kernel of launches.
struct Table {
  std::vector<std::vector<goss_cuda_stage>> stages;
  std::vector<goss_cuda_variant> variants;
  goss_cuda_kernel kernel{};

  static goss_cuda_extent convert(const Extent &e) {
    return {e.quantity, e.divisor, e.scale, e.limit};
  }

  explicit Table(const KernelLaunches &launches) {
    for (const Variant &variant : launches.variants) {
      auto &list = stages.emplace_back();
      for (const Stage &stage : variant.stages)
        list.push_back({stage.symbol.c_str(),
                        {convert(stage.grid[0]), convert(stage.grid[1]),
                         convert(stage.grid[2])},
                        stage.block,
                        stage.sharedBytes,
                        stage.dynamicSharedBytes,
                        0});
      goss_cuda_extent scratch = convert(variant.scratch);
      variants.push_back({variant.maxRows, static_cast<uint32_t>(list.size()),
                          nullptr, scratch});
    }
    for (size_t i = 0; i < variants.size(); ++i)
      variants[i].stages = stages[i].data();
    kernel = {launches.numBindings, launches.rows,
              static_cast<uint32_t>(variants.size()), 0, variants.data()};
  }
};

/// Aligned memory of an argument.
class Placed {
public:
  static constexpr size_t kAlignment = 256, kPadding = 16;

  explicit Placed(const Argument &argument)
      : size_(argument.bytes.size()),
        padded_((size_ + kPadding - 1) / kPadding * kPadding),
        memory_((padded_ + kAlignment - 1) / kAlignment) {
    std::fill_n(begin(), padded_, std::byte{0xff});
    std::memcpy(begin(), argument.bytes.data(), size_);
  }

  std::byte *begin() { return reinterpret_cast<std::byte *>(memory_.data()); }
  /// What is written must lie within the argument itself.
  Region region(bool isWritten) {
    return {begin(), isWritten ? size_ : padded_, isWritten};
  }
  void copyTo(Argument &argument) {
    std::memcpy(argument.bytes.data(), begin(), size_);
  }

private:
  struct alignas(kAlignment) Unit {
    std::byte bytes[kAlignment];
  };
  size_t size_, padded_;
  std::vector<Unit> memory_;
};

} // namespace

bool DeviceKernel::run(std::vector<Argument> &arguments,
                       const goss_dims &dims) {
  std::vector<Placed> placed(arguments.begin(), arguments.end());
  std::vector<Region> regions;
  for (size_t i = 0; i < placed.size(); ++i)
    regions.push_back(placed[i].region(arguments[i].isWritten));
  std::string error;
  ScopedDiagnosticHandler handler(&context(), [&](Diagnostic &diagnostic) {
    if (error.empty())
      error = diagnostic.str();
    return success();
  });
  Table table(launches_);
  bool isDone = succeeded(code_->run(table.kernel, dims, regions));
  EXPECT_TRUE(isDone) << error;
  for (size_t i = 0; i < placed.size(); ++i)
    placed[i].copyTo(arguments[i]);
  return isDone;
}

} // namespace gossamer::cuda::testing
