//===- Passes.td - Passes of the CUDA backend --------------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_PASSES_TD
#define GOSSAMER_BACKENDS_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

class CudaPass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  list<Option> targetOptions = [
    Option<"chip", "chip", "std::string", "\"\"",
           "chip to generate code for, like sm_90; the oldest one if empty">,
    Option<"optLevel", "opt-level", "unsigned", "2",
           "0: plain kernels; 1 and above: the best kernels for the target">,
    Option<"roundInputs", "round-inputs", "bool", "false",
           "allow kinds that round inputs to bf16">];
}

def SelectKernels : CudaPass<"gptoss-cuda-select-kernels"> {
  let summary = "Choose how each kernel is computed";
  let description = [{
    Gives every `gptoss.kernel` without a `kind` the best entry of the table of
    kernel kinds; at opt-level 0 always the plain one. A kind that is there
    already is checked.

    ```mlir
    gptoss.kernel @rms_norm.0 "rms_norm"(...) work ... attributes {...}
    // becomes
    gptoss.kernel @rms_norm.0 "rms_norm"(...) work ... kind "plain" attributes {...}
    ```
  }];
  let options = targetOptions;
}

def ExpandKernels : CudaPass<"gptoss-cuda-expand-kernels"> {
  let summary = "Write the device functions of each kernel";
  let description = [{
    Adds `gpu.module @goss_kernels` with one `gpu.func` a stage of each kernel:
    `@rms_norm_0` for the first stage of the first variant of `gptoss.kernel
    @rms_norm.0`, `@rms_norm_0_v1_s2` for another one. Arguments are the
    addresses of the bindings, of the step's goss_dims and of scratch memory
    (runtime/abi/CudaAbi.h). Functions use only the operations that
    docs/nvidia-backend.md lists.

    The kernels must have kinds. They stay, for `gptoss-cpu-lower-step`. The
    module attribute `gptoss.cuda.launches` says how each is launched, and
    `gptoss.cpu.kernels` records symbol, operation, kind, the reason for it, and
    cost.
  }];
  let options = targetOptions;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // GOSSAMER_BACKENDS_CUDA_PASSES_TD
