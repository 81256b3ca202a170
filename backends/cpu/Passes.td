//===- Passes.td - Passes of the CPU backend ---------------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_PASSES_TD
#define GOSSAMER_BACKENDS_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

class CpuPass<string argument> : Pass<argument, "::mlir::ModuleOp"> {
  list<Option> targetOptions = [
    Option<"mcpu", "mcpu", "std::string", "\"native\"",
           "processor to generate code for">,
    Option<"features", "features", "std::string", "\"\"",
           "features to add or take away, like +avx2,-avx512f; separated by ':' "
           "on a command line">,
    Option<"optLevel", "opt-level", "unsigned", "2",
           "0: plain loops; 1 and above: the best kernels for the target">];
}

def SelectKernels : CpuPass<"gptoss-cpu-select-kernels"> {
  let summary = "Choose how each kernel is computed";
  let description = [{
    Gives every `gptoss.kernel` without a `kind` the best entry of the table of
    kernel kinds for the target's features and the kernel's weights; at
    opt-level 0 always the plain loops. A kind that is there already is checked
    against the target.

    ```mlir
    gptoss.kernel @rms_norm.0 "rms_norm"(...) work ... attributes {...}
    // becomes
    gptoss.kernel @rms_norm.0 "rms_norm"(...) work ... kind "lanes16" attributes {...}
    ```
  }];
  let options = targetOptions;
  let statistics = [
    Statistic<"numPlain", "num-plain", "Kernels computed by plain loops">,
    Statistic<"numVector", "num-vector", "Kernels computed in 16 lanes">];
}

def ExpandKernels : CpuPass<"gptoss-cpu-expand-kernels"> {
  let summary = "Write the body of each kernel";
  let description = [{
    For kernel number N of the module, `gptoss.kernel @name`, adds

    - `func.func private @cpu.name(memrefs..., begin, end, T, R, K)`: the loop
      over work items begin ... end-1 in scf, arith, vector and memref; and
    - `func.func @goss_kernel_N(!llvm.ptr, !llvm.ptr, i64, i64)`: the entry that
      the runtime calls (goss_kernel_fn of runtime/abi/StepAbi.h).

    The kernels must have kinds. They stay, for `gptoss-cpu-lower-step`. The
    module attribute `gptoss.cpu.kernels` records symbol, operation, kind,
    the reason for it, and cost of each.
  }];
  let options = targetOptions;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"];
}

def LowerStep : CpuPass<"gptoss-cpu-lower-step"> {
  let summary = "Turn @step into the entry point of the step ABI";
  let description = [{
    Replaces `func.func @step` at the plan level by `func.func @goss_step(args,
    device: !llvm.ptr) -> i32`: each `gptoss.concurrent` (or dispatch outside of one) fills
    an array of goss_launch in the frame and calls the device's `dispatch`; a
    code other than 0 is returned at once. Launch ids count the dispatches in
    order, kernels the `gptoss.kernel` operations, parameters the tensors of the
    `gptoss.parameter` operations. Kernels and parameters are erased.

    Every binding must be an argument of the function, a `memref.view` of one (or
    a reshape of a view), a `gptoss.weight` or the cache. Other operations of the
    body, such as index arithmetic, are kept.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

#endif // GOSSAMER_BACKENDS_CPU_PASSES_TD
