//===- KernelText.cpp - Device functions from text ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/KernelText.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;

namespace gossamer::cuda::testing {

std::string runText(const std::string &body, const LaunchShape &shape,
                    const std::vector<Region> &arguments,
                    const std::string &globals) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<arith::ArithDialect, gpu::GPUDialect, LLVM::LLVMDialect,
                      math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect,
                      vector::VectorDialect>();
  std::string error;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (error.empty())
      error = diagnostic.str();
    return success();
  });
  std::string text = "gpu.module @m {\n" + globals + "gpu.func @k(";
  for (size_t i = 0; i < arguments.size(); ++i)
    text += (i ? ", %a" : "%a") + std::to_string(i) + " : !llvm.ptr<1>";
  text +=
      ") kernel {\n"
      "  %tx = gpu.thread_id x\n  %t = arith.index_cast %tx : index to i32\n"
      "  %bx = gpu.block_id x\n  %b = arith.index_cast %bx : index to i32\n" +
      body + "\n  gpu.return\n}\n}\n";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return "does not parse: " + error;
  gpu::GPUFuncOp function;
  module->walk([&](gpu::GPUFuncOp op) { function = op; });
  if (succeeded(runKernel(function, shape, arguments)))
    return error;
  return error.empty() ? "failed without an error" : error;
}

} // namespace gossamer::cuda::testing
