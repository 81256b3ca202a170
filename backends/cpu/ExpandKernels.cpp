//===- ExpandKernels.cpp - Write the body of each kernel ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelKinds.h"
#include "backends/cpu/Passes.h"
#include "backends/cpu/PlanKernels.h"
#include "backends/cpu/TargetPass.h"

using namespace mlir;

namespace gossamer::cpu {

#define GEN_PASS_DEF_EXPANDKERNELS
#include "backends/cpu/Passes.h.inc"

namespace {

struct ExpandKernels final : impl::ExpandKernelsBase<ExpandKernels> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<TargetOptions> target =
        resolvePassTarget(module, mcpu, features, optLevel);
    if (failed(target))
      return signalPassFailure();
    OpBuilder builder(&getContext());
    std::vector<KernelRecord> records;
    auto kernels = llvm::to_vector(module.getOps<gptoss::KernelOp>());
    for (gptoss::KernelOp op : kernels) {
      builder.setInsertionPointToEnd(module.getBody());
      std::string symbol = "goss_kernel_" + std::to_string(records.size());
      if (failed(expand(builder, op, symbol, *target, records)))
        return signalPassFailure();
    }
    module->setAttr(kRecordsAttr, recordsToAttr(&getContext(), records));
  }

private:
  LogicalResult expand(OpBuilder &builder, gptoss::KernelOp op,
                       const std::string &symbol, const TargetOptions &target,
                       std::vector<KernelRecord> &records) {
    FailureOr<KernelDescription> kernel = describeKernel(op);
    if (failed(kernel))
      return failure();
    if (!op.getKind())
      return op.emitOpError("expects a kind: run gptoss-cpu-select-kernels");
    CpuFeatures features(target.features);
    const KernelKind *kind = findKernelKind(kernel->operation, *op.getKind());
    std::string why = "does not exist";
    if (!kind || !isApplicable(*kind, *kernel, features, &why))
      return op.emitOpError("kind '")
             << *op.getKind() << "' of '" << kernel->operation << "' " << why;
    std::string name = ("cpu." + op.getSymName()).str();
    expandKernel(builder, op.getLoc(), name, symbol, *kernel, *kind, features);
    records.push_back({symbol, kernel->operation, kind->name.str(),
                       kernel->numPointers(), bytesPerItem(*kernel),
                       flopsPerItem(*kernel),
                       explainKernelKind(*kind, *kernel, target)});
    return success();
  }
};

} // namespace
} // namespace gossamer::cpu
