//===- ExpandKernels.cpp - Write the device functions of each kernel ------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/PlanKernels.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/KernelKinds.h"
#include "backends/cuda/Passes.h"
#include "backends/cuda/TargetPass.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cuda {

#define GEN_PASS_DEF_EXPANDKERNELS
#include "backends/cuda/Passes.h.inc"

/// What the kernel's rows count: tokens of the step, or rows of logits.
static uint32_t rowsOf(gptoss::KernelOp op, const KernelDescription &kernel) {
  bool isOutputs = kernel.rowsAreOutputs || op.getWork().isFunctionOfDim(1);
  return isOutputs ? GOSS_CUDA_OUTPUTS : GOSS_CUDA_TOKENS;
}

/// The buffer of logits: the only argument of @step that is a matrix of f32.
/// Null in a module without a step.
static MemRefType findLogits(ModuleOp module) {
  auto step = module.lookupSymbol<func::FuncOp>("step");
  for (Type type : step ? step.getArgumentTypes() : ArrayRef<Type>())
    if (auto buffer = dyn_cast<MemRefType>(type);
        buffer && buffer.getRank() == 2 && buffer.getElementType().isF32())
      return buffer;
  return {};
}

/// Says how many launches of the device a token takes: what a decoding step
/// costs beside its work.
static void reportLaunches(ModuleOp module, const LaunchTable &table) {
  llvm::StringMap<size_t> stages;
  for (auto [kernel, launches] :
       llvm::zip_equal(module.getOps<gptoss::KernelOp>(), table.kernels))
    stages[kernel.getSymName()] = launches.variants.front().stages.size();
  size_t plan = 0, choice = 0;
  module.walk([&](gptoss::DispatchOp dispatch) {
    plan += stages.lookup(dispatch.getKernel());
  });
  for (const KernelLaunches &launches : table.choice)
    choice += launches.variants.front().stages.size();
  if (auto remark = remark::analysis(
          module.getLoc(),
          remark::RemarkOpts::name("launches").category("cuda-expand-kernels")))
    remark << llvm::formatv("{0} launches compute one token, {1} choose the "
                            "next one",
                            plan, choice)
                  .str();
}

/// Writes goss_cuda_code.choose, which is no kernel of the plan.
static KernelLaunches expandChoice(gpu::GPUModuleOp device, Location loc,
                                   MemRefType logits) {
  return expandKernel(device, loc, "choose", describeChoice(logits),
                      {"choose", "plain", "", emitChoice}, GOSS_CUDA_OUTPUTS);
}

namespace {

struct ExpandKernels final : impl::ExpandKernelsBase<ExpandKernels> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<TargetOptions> target =
        resolvePassTarget(module, chip, optLevel, roundInputs);
    if (failed(target))
      return signalPassFailure();
    gpu::GPUModuleOp device = createDeviceModule(*target);
    std::vector<KernelRecord> records;
    LaunchTable launches;
    for (gptoss::KernelOp op :
         llvm::to_vector(module.getOps<gptoss::KernelOp>()))
      if (failed(expand(op, device, *target, records, launches.kernels)))
        return signalPassFailure();
    module->setAttr(cpu::kRecordsAttr,
                    cpu::recordsToAttr(&getContext(), records));
    if (MemRefType logits = findLogits(module);
        logits && logits.getDimSize(1) <= kMostTokensToChoose)
      launches.choice.push_back(expandChoice(device, module.getLoc(), logits));
    setLaunches(module, launches);
    reportLaunches(module, launches);
    module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                    UnitAttr::get(&getContext()));
  }

private:
  gpu::GPUModuleOp createDeviceModule(const TargetOptions &target) {
    OpBuilder b(&getContext());
    b.setInsertionPointToEnd(getOperation().getBody());
    const Chip &chip = chipOf(target);
    auto attr = NVVM::NVVMTargetAttr::get(
        &getContext(), /*optLevel=*/3, kTriple, chip.name,
        "+ptx" + std::to_string(chip.ptxVersion));
    return gpu::GPUModuleOp::create(b, getOperation().getLoc(), kDeviceModule,
                                    ArrayRef<Attribute>{attr});
  }

  LogicalResult expand(gptoss::KernelOp op, gpu::GPUModuleOp device,
                       const TargetOptions &target,
                       std::vector<KernelRecord> &records,
                       std::vector<KernelLaunches> &launches) {
    FailureOr<KernelDescription> kernel = cpu::describeKernel(op);
    if (failed(kernel))
      return failure();
    if (!op.getKind())
      return op.emitOpError("expects a kind: run gptoss-cuda-select-kernels");
    FailureOr<const KernelKind *> kind = findKind(op, *kernel);
    if (failed(kind))
      return failure();
    std::string symbol = op.getSymName().str();
    std::replace(symbol.begin(), symbol.end(), '.', '_');
    launches.push_back(expandKernel(device, op.getLoc(), symbol, *kernel,
                                    **kind, rowsOf(op, *kernel)));
    records.push_back({symbol, kernel->operation, (*kind)->name.str(),
                       kernel->numPointers(), cpu::bytesPerItem(*kernel),
                       cpu::flopsPerItem(*kernel),
                       explainKernelKind(**kind, *kernel, target)});
    return success();
  }
};

} // namespace
} // namespace gossamer::cuda
