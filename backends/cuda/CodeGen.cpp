//===- CodeGen.cpp - From the NVVM dialect to PTX -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CodeGen.h"

#include "backends/cuda/CudaTarget.h"

#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace gossamer::cuda {

static std::unique_ptr<TargetMachine>
makeTargetMachine(const gossamer::TargetOptions &options, std::string &error) {
  initializeCodeGenerator();
  Triple triple(kTriple);
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  const Chip &chip = chipOf(options);
  llvm::TargetOptions codeGen;
  // A multiplication and an addition stay two roundings unless the kernel asks
  // for one.
  codeGen.AllowFPOpFusion = FPOpFusion::Strict;
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, chip.name, "+ptx" + std::to_string(chip.ptxVersion), codeGen,
      std::nullopt, std::nullopt, CodeGenOptLevel::Aggressive));
}

static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager lam;
  FunctionAnalysisManager fam;
  CGSCCAnalysisManager cgam;
  ModuleAnalysisManager mam;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3).run(module, mam);
}

/// Where the device functions need what nothing defines, a driver would refuse
/// them: MLIR lowers some operations to calls of a device library.
static mlir::LogicalResult checkSelfContained(mlir::gpu::GPUModuleOp device,
                                              const Module &module) {
  std::string missing;
  for (const Function &function : module)
    if (function.isDeclaration() && !function.isIntrinsic() &&
        !function.use_empty())
      missing += (missing.empty() ? "" : ", ") + function.getName().str();
  if (missing.empty())
    return mlir::success();
  return device.emitError("generated code needs functions that nothing "
                          "defines: ")
         << missing;
}

static mlir::FailureOr<std::string>
emitPtx(mlir::gpu::GPUModuleOp device, TargetMachine &machine, Module &module) {
  SmallString<0> text;
  raw_svector_ostream os(text);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, os, nullptr,
                                  CodeGenFileType::AssemblyFile)) {
    device.emitError("the code generator cannot write PTX");
    return mlir::failure();
  }
  passes.run(module);
  if (text.str().contains("\n.extern"))
    return device.emitError("the PTX needs symbols that nothing defines");
  return text.str().str();
}

static std::string printModule(const Module &module) {
  std::string text;
  raw_string_ostream os(text);
  module.print(os, nullptr);
  return text;
}

mlir::FailureOr<std::string>
emitDeviceCode(mlir::gpu::GPUModuleOp device,
               const gossamer::TargetOptions &options, DeviceCode form) {
  std::string error;
  std::unique_ptr<TargetMachine> machine = makeTargetMachine(options, error);
  if (!machine)
    return device.emitError("no code generator: ") << error;
  LLVMContext context;
  auto module = mlir::translateModuleToLLVMIR(device, context, "gossamer");
  if (!module)
    return device.emitError("translation to LLVM IR failed");
  module->setDataLayout(machine->createDataLayout());
  module->setTargetTriple(machine->getTargetTriple());
  if (mlir::failed(checkSelfContained(device, *module)))
    return mlir::failure();
  if (form == DeviceCode::LLVMIR)
    return printModule(*module);
  optimize(*module, *machine);
  if (form == DeviceCode::OptimizedLLVMIR)
    return printModule(*module);
  return emitPtx(device, *machine, *module);
}

} // namespace gossamer::cuda
