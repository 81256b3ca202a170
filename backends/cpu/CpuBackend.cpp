//===- CpuBackend.cpp - The backend for x86-64 processors -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CpuBackend.h"

#include "backends/cpu/CodeGen.h"
#include "backends/cpu/CpuTarget.h"
#include "backends/cpu/Passes.h"
#include "backends/cpu/PlanKernels.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer::cpu {

#define GEN_PASS_REGISTRATION
#include "backends/cpu/Passes.h.inc"

//===----------------------------------------------------------------------===//
// Pipelines
//===----------------------------------------------------------------------===//

void buildCpuPipeline(OpPassManager &manager, const TargetOptions &options) {
  SelectKernelsOptions select;
  select.mcpu = options.mcpu;
  select.features = options.features;
  select.optLevel = options.optLevel;
  manager.addPass(createSelectKernels(select));
  ExpandKernelsOptions expand;
  expand.mcpu = options.mcpu;
  expand.features = options.features;
  expand.optLevel = options.optLevel;
  manager.addPass(createExpandKernels(expand));
  manager.addPass(createLowerStep());
  buildLowerToLLVM(manager);
}

namespace {

struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> mcpu{*this, "mcpu",
                           llvm::cl::desc("processor to generate code for"),
                           llvm::cl::init("native")};
  Option<std::string> features{
      *this, "features",
      llvm::cl::desc("features to add or take away, separated by ':'"),
      llvm::cl::init("")};
  Option<unsigned> optLevel{
      *this, "opt-level", llvm::cl::desc("0: plain loops"), llvm::cl::init(2)};
};

} // namespace

void registerCpuBackendPasses() {
  registerGptOssCpuPasses();
  registerLowerToLLVMPasses();
  PassPipelineRegistration<PipelineOptions>(
      "gptoss-cpu",
      "Plan level to the LLVM dialect: select, expand and lower kernels, lower "
      "@step",
      [](OpPassManager &manager, const PipelineOptions &options) {
        TargetOptions target;
        target.mcpu = options.mcpu;
        target.features = options.features;
        target.optLevel = options.optLevel;
        buildCpuPipeline(manager, target);
      });
  PassPipelineRegistration<>(
      "gptoss-cpu-lower-to-llvm",
      "Expanded kernels and @goss_step to the LLVM dialect", buildLowerToLLVM);
}

//===----------------------------------------------------------------------===//
// Backend
//===----------------------------------------------------------------------===//

namespace {

class CpuBackend final : public Backend {
public:
  llvm::StringRef name() const override { return "cpu"; }

  std::string description() const override {
    return "x86-64 processors (--mcpu=native, x86-64, x86-64-v2, x86-64-v3, "
           "x86-64-v4, haswell, znver4, sapphirerapids, ...): ELF shared "
           "object";
  }

  void registerDialects(DialectRegistry &registry) const override {
    registerCpuDialects(registry);
  }

  Status resolve(TargetOptions &options) const override {
    if (options.optLevel > 3)
      return usageError("expects an opt-level of 0 to 3 but got " +
                        std::to_string(options.optLevel));
    return resolveTarget(options);
  }

  void buildPipeline(OpPassManager &manager,
                     const TargetOptions &options) const override {
    buildCpuPipeline(manager, options);
  }

  StringRef loopsPass() const override { return "gptoss-cpu-expand-kernels"; }

  std::vector<TextStage> textStages() const override {
    return {{EmitStage::LLVM, "lowered.mlir", "LLVM dialect"},
            {EmitStage::LLVMIR, "llvm.ll", "LLVM IR"},
            {EmitStage::OptimizedLLVMIR, "optimized.ll", "optimized LLVM IR"},
            {EmitStage::Assembly, "code.s", "assembly"}};
  }

  FailureOr<CompiledCode> emit(ModuleOp module, const TargetOptions &options,
                               EmitStage stage) const override {
    FailureOr<std::vector<KernelRecord>> kernels = recordsFromModule(module);
    FailureOr<std::string> bytes = emitBytes(module, options, stage);
    if (failed(kernels) || failed(bytes))
      return failure();
    CompiledCode code;
    code.bytes = std::move(*bytes);
    code.kernels = std::move(*kernels);
    code.triple = kTriple;
    code.cpu = options.mcpu;
    // The code generator was told of no other feature.
    code.requiredFeatures = CpuFeatures(options.features).names();
    return code;
  }

private:
  static FailureOr<std::string>
  emitBytes(ModuleOp module, const TargetOptions &options, EmitStage stage) {
    switch (stage) {
    case EmitStage::LLVM: {
      std::string text;
      llvm::raw_string_ostream os(text);
      module->print(os, OpPrintingFlags().enableDebugInfo(false));
      os << '\n';
      return text;
    }
    case EmitStage::LLVMIR:
      return emitMachineCode(module, options, MachineCode::LLVMIR);
    case EmitStage::OptimizedLLVMIR:
      return emitMachineCode(module, options, MachineCode::OptimizedLLVMIR);
    case EmitStage::Assembly:
      return emitMachineCode(module, options, MachineCode::Assembly);
    case EmitStage::Object:
      return emitMachineCode(module, options, MachineCode::Object);
    case EmitStage::Code:
      break;
    }
    FailureOr<std::string> object =
        emitMachineCode(module, options, MachineCode::Object);
    if (failed(object))
      return failure();
    Expected<std::string> linked = linkSharedObject(*object);
    if (!linked) {
      module.emitError(linked.status().message());
      return failure();
    }
    return linked.take();
  }
};

} // namespace

void registerCpuBackend(BackendRegistry &registry) {
  // Only a second registration under the same name could fail.
  (void)registry.add(std::make_unique<CpuBackend>()).isOk();
}

} // namespace gossamer::cpu
