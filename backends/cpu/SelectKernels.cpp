//===- SelectKernels.cpp - Choose how each kernel is computed -------------===//
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

#define GEN_PASS_DEF_SELECTKERNELS
#include "backends/cpu/Passes.h.inc"

namespace {

struct SelectKernels final : impl::SelectKernelsBase<SelectKernels> {
  using Base::Base;

  void runOnOperation() override {
    FailureOr<TargetOptions> target =
        resolvePassTarget(getOperation(), mcpu, features, optLevel);
    if (failed(target))
      return signalPassFailure();
    for (auto kernel : getOperation().getOps<gptoss::KernelOp>())
      if (failed(select(kernel, *target)))
        return signalPassFailure();
  }

private:
  LogicalResult select(gptoss::KernelOp op, const TargetOptions &target) {
    FailureOr<KernelDescription> kernel = describeKernel(op);
    if (failed(kernel))
      return failure();
    const KernelKind *kind = nullptr;
    if (std::optional<StringRef> chosen = op.getKind()) {
      kind = findKernelKind(kernel->operation, *chosen);
      std::string why = "does not exist";
      if (!kind ||
          !isApplicable(*kind, *kernel, CpuFeatures(target.features), &why))
        return op.emitOpError("kind '")
               << *chosen << "' of '" << kernel->operation << "' " << why;
    } else {
      kind = selectKernelKind(*kernel, target);
      if (!kind)
        return op.emitOpError("no kernel kind of the cpu backend computes '")
               << kernel->operation << "' with these bindings";
      op.setKind(kind->name);
    }
    ++(kind->lanes == 1 ? numPlain : numVector);
    return success();
  }
};

} // namespace
} // namespace gossamer::cpu
