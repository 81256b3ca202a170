//===- SelectKernels.cpp - Choose how each kernel is computed -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/PlanKernels.h"
#include "backends/cuda/KernelKinds.h"
#include "backends/cuda/Passes.h"
#include "backends/cuda/TargetPass.h"

using namespace mlir;

namespace gossamer::cuda {

#define GEN_PASS_DEF_SELECTKERNELS
#include "backends/cuda/Passes.h.inc"

namespace {

struct SelectKernels final : impl::SelectKernelsBase<SelectKernels> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetOptions> target =
        resolvePassTarget(getOperation(), chip, optLevel, roundInputs);
    if (failed(target))
      return signalPassFailure();
    for (auto kernel : getOperation().getOps<gptoss::KernelOp>())
      if (failed(select(kernel, *target)))
        return signalPassFailure();
  }

private:
  LogicalResult select(gptoss::KernelOp op, const TargetOptions &target) {
    FailureOr<KernelDescription> kernel = cpu::describeKernel(op);
    if (failed(kernel))
      return failure();
    if (op.getKind())
      return success(succeeded(findKind(op, *kernel)));
    const KernelKind *kind = selectKernelKind(*kernel, target);
    if (!kind) {
      const KernelKind *plain = findKernelKind(kernel->operation, "plain");
      return op.emitOpError("no kernel kind of the cuda backend computes '")
             << kernel->operation << "' with these bindings"
             << (plain ? ": plain " + whyNotApplicable(*plain, *kernel) : "");
    }
    op.setKind(kind->name);
    return success();
  }
};

} // namespace
} // namespace gossamer::cuda
