//===- Pipeline.cpp - From the plan level to NVVM and LLVM ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/Passes.h"
#include "backends/cuda/Passes.h"

#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace gossamer::cuda {

#define GEN_PASS_REGISTRATION
#include "backends/cuda/Passes.h.inc"

void buildLowerToNVVM(OpPassManager &manager) {
  OpPassManager &device = manager.nest<gpu::GPUModuleOp>();
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
  device.addPass(createLoopInvariantCodeMotionPass());
  device.addPass(createSCFToControlFlowPass());
  device.addPass(createConvertGpuOpsToNVVMOps());
  device.addPass(createConvertNVVMToLLVMPass());
  device.addPass(createReconcileUnrealizedCastsPass());
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
  // What is left of the host's side is the step.
  cpu::buildLowerToLLVM(manager);
}

void buildCudaPipeline(OpPassManager &manager, const TargetOptions &options) {
  SelectKernelsOptions select;
  select.chip = options.chip;
  select.optLevel = options.optLevel;
  select.roundInputs = options.math == MathMode::Fast;
  manager.addPass(createSelectKernels(select));
  ExpandKernelsOptions expand;
  expand.chip = options.chip;
  expand.optLevel = options.optLevel;
  expand.roundInputs = options.math == MathMode::Fast;
  manager.addPass(createExpandKernels(expand));
  manager.addPass(cpu::createLowerStep());
  buildLowerToNVVM(manager);
}

namespace {

struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> chip{*this, "chip",
                           llvm::cl::desc("chip to generate code for"),
                           llvm::cl::init("")};
  Option<unsigned> optLevel{*this, "opt-level",
                            llvm::cl::desc("0: plain kernels"),
                            llvm::cl::init(2)};
  Option<bool> roundInputs{
      *this, "round-inputs",
      llvm::cl::desc("allow kinds that round inputs to bf16"),
      llvm::cl::init(false)};
};

} // namespace

void registerCudaBackendPasses() {
  registerGptOssCudaPasses();
  registerConvertGpuOpsToNVVMOpsPass();
  registerConvertNVVMToLLVMPass();
  PassPipelineRegistration<PipelineOptions>(
      "gptoss-cuda",
      "Plan level to the NVVM and LLVM dialects: select, expand and lower "
      "kernels, lower @step",
      [](OpPassManager &manager, const PipelineOptions &options) {
        TargetOptions target;
        target.chip = options.chip;
        target.optLevel = options.optLevel;
        target.math = options.roundInputs ? MathMode::Fast : MathMode::Exact;
        buildCudaPipeline(manager, target);
      });
  PassPipelineRegistration<>(
      "gptoss-cuda-lower-to-nvvm",
      "Device functions to the NVVM dialect, @goss_step to the LLVM dialect",
      buildLowerToNVVM);
}

} // namespace gossamer::cuda
