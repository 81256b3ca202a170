//===- GptOssInterfaces.td - Operation interfaces ----------*- tablegen -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_GPTOSSINTERFACES_TD
#define GOSSAMER_IR_GPTOSSINTERFACES_TD

include "mlir/IR/OpBase.td"

def GptOss_ComputeOpInterface : OpInterface<"ComputeOpInterface"> {
  let cppNamespace = "::mlir::gptoss";
  let description = [{
    An operation of the graph or fused level that computes something: which
    kernel operation implements it, and what it costs. `outline-kernels`,
    reports and drawings rely on it.
  }];
  let methods = [
    InterfaceMethod<[{
      Name of the kernel operation that implements this operation, or "" when
      it needs none (a view) or several.
    }], "::llvm::StringRef", "getKernelOperation", (ins), "", [{
      return $_op->getName().stripDialect();
    }]>,
    InterfaceMethod<[{
      What one execution costs in a step of the given size.
    }], "::mlir::gptoss::Cost", "getCost",
        (ins "const ::mlir::gptoss::StepSize &":$size), "", [{
      return ::mlir::gptoss::computeCost($_op, size);
    }]>,
  ];
}

#endif // GOSSAMER_IR_GPTOSSINTERFACES_TD
