//===- CodeGen.cpp - From the LLVM dialect to machine code ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CodeGen.h"

#include "backends/cpu/CpuTarget.h"

#include "mlir/Target/LLVMIR/Export.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;

namespace gossamer::cpu {

// At opt-level 0 the loops are plain, but they do run through LLVM: without its
// basic passes the oracle is some twenty times slower, and its results are the
// same, as nothing here may reorder or fuse floating-point operations.
static CodeGenOptLevel codeGenLevel(unsigned level) {
  switch (level) {
  case 0:
  case 1:
    return CodeGenOptLevel::Less;
  case 2:
    return CodeGenOptLevel::Default;
  default:
    return CodeGenOptLevel::Aggressive;
  }
}

static OptimizationLevel pipelineLevel(unsigned level) {
  switch (level) {
  case 0:
  case 1:
    return OptimizationLevel::O1;
  case 2:
    return OptimizationLevel::O2;
  default:
    return OptimizationLevel::O3;
  }
}

static std::unique_ptr<TargetMachine>
makeTargetMachine(const gossamer::TargetOptions &options, std::string &error) {
  initializeCodeGenerator();
  Triple triple(kTriple);
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions codeGen;
  codeGen.FunctionSections = true;
  codeGen.DataSections = true;
  // A multiplication and an addition stay two roundings unless the kernel asks
  // for one: results must not depend on what the optimizer happens to see.
  codeGen.AllowFPOpFusion = FPOpFusion::Strict;
  // The base name keeps features out that `options.features` does not list.
  return std::unique_ptr<TargetMachine>(target->createTargetMachine(
      triple, "x86-64", options.features, codeGen, Reloc::PIC_,
      CodeModel::Small, codeGenLevel(options.optLevel)));
}

static void setFunctionAttributes(Module &module,
                                  const gossamer::TargetOptions &options) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", options.mcpu);
    function.addFnAttr("target-features", options.features);
    function.addFnAttr("prefer-vector-width", "512");
    // No memset or memcpy may appear that nobody defines.
    function.addFnAttr("no-builtins");
    function.addFnAttr(Attribute::NoUnwind);
  }
}

static void optimize(Module &module, TargetMachine &machine, unsigned level) {
  LoopAnalysisManager lam;
  FunctionAnalysisManager fam;
  CGSCCAnalysisManager cgam;
  ModuleAnalysisManager mam;
  // Loops are as long as they are meant to be, and vectors are explicit: more
  // of either makes code that is compiled for long and runs no faster.
  PipelineTuningOptions tuning;
  if (level >= 2) {
    tuning.LoopUnrolling = false;
    tuning.SLPVectorization = false;
  }
  PassBuilder builder(&machine, tuning);
  TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  fam.registerPass([&] { return TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(mam);
  builder.registerCGSCCAnalyses(cgam);
  builder.registerFunctionAnalyses(fam);
  builder.registerLoopAnalyses(lam);
  builder.crossRegisterProxies(lam, fam, cgam, mam);
  builder.buildPerModuleDefaultPipeline(pipelineLevel(level)).run(module, mam);
}

static std::string printModule(const Module &module) {
  std::string text;
  raw_string_ostream os(text);
  module.print(os, nullptr);
  return text;
}

/// Names the symbols that `object` needs and does not define.
static llvm::Expected<std::vector<std::string>>
undefinedSymbols(StringRef object) {
  auto file = object::ObjectFile::createObjectFile(
      MemoryBufferRef(object, "generated code"));
  if (!file)
    return file.takeError();
  std::vector<std::string> names;
  for (const object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    if (!(*flags & object::SymbolRef::SF_Undefined))
      continue;
    llvm::Expected<StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if (!name->empty())
      names.push_back(name->str());
  }
  return names;
}

static mlir::LogicalResult checkSelfContained(mlir::ModuleOp module,
                                              StringRef object) {
  auto undefined = undefinedSymbols(object);
  if (!undefined)
    return module.emitError("generated object is unreadable: ")
           << toString(undefined.takeError());
  if (undefined->empty())
    return mlir::success();
  return module.emitError("generated code needs symbols that nothing defines: ")
         << llvm::join(*undefined, ", ");
}

mlir::FailureOr<std::string>
emitMachineCode(mlir::ModuleOp module, const gossamer::TargetOptions &options,
                MachineCode form) {
  std::string error;
  std::unique_ptr<TargetMachine> machine = makeTargetMachine(options, error);
  if (!machine) {
    module.emitError("no code generator: ") << error;
    return mlir::failure();
  }
  LLVMContext context;
  auto ir = mlir::translateModuleToLLVMIR(module, context, "gossamer");
  if (!ir) {
    module.emitError("translation to LLVM IR failed");
    return mlir::failure();
  }
  ir->setDataLayout(machine->createDataLayout());
  ir->setTargetTriple(machine->getTargetTriple());
  setFunctionAttributes(*ir, options);
  if (form == MachineCode::LLVMIR)
    return printModule(*ir);
  optimize(*ir, *machine, options.optLevel);
  if (form == MachineCode::OptimizedLLVMIR)
    return printModule(*ir);

  std::string result;
  SmallVector<char, 0> bytes;
  raw_svector_ostream os(bytes);
  legacy::PassManager passes;
  TargetLibraryInfoImpl library(machine->getTargetTriple());
  library.disableAllFunctions();
  passes.add(new TargetLibraryInfoWrapperPass(library));
  CodeGenFileType type = form == MachineCode::Assembly
                             ? CodeGenFileType::AssemblyFile
                             : CodeGenFileType::ObjectFile;
  if (machine->addPassesToEmitFile(passes, os, nullptr, type)) {
    module.emitError("the code generator cannot write this kind of file");
    return mlir::failure();
  }
  passes.run(*ir);
  result.assign(bytes.begin(), bytes.end());
  if (form == MachineCode::Object &&
      mlir::failed(checkSelfContained(module, result)))
    return mlir::failure();
  return result;
}

} // namespace gossamer::cpu
