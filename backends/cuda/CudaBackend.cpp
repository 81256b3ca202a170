//===- CudaBackend.cpp - The backend for NVIDIA chips ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CudaBackend.h"

#include "backends/cpu/CodeGen.h"
#include "backends/cpu/CpuBackend.h"
#include "backends/cpu/CpuTarget.h"
#include "backends/cpu/PlanKernels.h"
#include "backends/cuda/CodeGen.h"
#include "backends/cuda/CudaTarget.h"
#include "backends/cuda/Passes.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUCommon/GPUToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace gossamer::cuda {

void registerCudaDialects(DialectRegistry &registry) {
  cpu::registerCpuDialects(registry);
  registry.insert<gpu::GPUDialect, NVVM::NVVMDialect>();
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  gpu::registerConvertGpuToLLVMInterface(registry);
  registerConvertNVVMToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerGPUDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

namespace {

class CudaBackend final : public Backend {
public:
  StringRef name() const override { return "cuda"; }

  std::string description() const override {
    std::string names;
    for (const Chip &chip : chips())
      names += (names.empty() ? "" : ", ") + chip.name.str();
    return "NVIDIA GPUs (--chip=" + names +
           "): PTX, a cubin where ptxas is found, and a step for the host";
  }

  void registerDialects(DialectRegistry &registry) const override {
    registerCudaDialects(registry);
  }

  Status resolve(TargetOptions &options) const override {
    return resolveTarget(options);
  }

  unsigned activationParts(MathMode) const override { return 0; }
  bool mergesLaunches() const override { return true; }

  void buildPipeline(OpPassManager &manager,
                     const TargetOptions &options) const override {
    buildCudaPipeline(manager, options);
  }

  StringRef loopsPass() const override { return "gptoss-cuda-expand-kernels"; }

  std::vector<TextStage> textStages() const override {
    return {{EmitStage::LLVM, "lowered.mlir", "LLVM and NVVM dialects"},
            {EmitStage::LLVMIR, "llvm.ll", "LLVM IR of the device"},
            {EmitStage::OptimizedLLVMIR, "optimized.ll", "optimized LLVM IR"},
            {EmitStage::Assembly, "code.ptx", "PTX"}};
  }

  FailureOr<CompiledCode> emit(ModuleOp module, const TargetOptions &options,
                               EmitStage stage) const override;
};

/// The device functions of a module; an error at it where there are none.
FailureOr<gpu::GPUModuleOp> findDevice(ModuleOp module) {
  auto device = module.lookupSymbol<gpu::GPUModuleOp>(kDeviceModule);
  if (!device)
    return module.emitError("expects a gpu.module @")
           << kDeviceModule << ": the module did not pass gptoss-cuda";
  return device;
}

std::string printModule(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().enableDebugInfo(false));
  os << '\n';
  return text;
}

/// The host's side alone, with the device's code as data.
FailureOr<OwningOpRef<ModuleOp>> makeHostModule(ModuleOp module,
                                                const TargetOptions &options,
                                                CompiledCode &code) {
  FailureOr<gpu::GPUModuleOp> device = findDevice(module);
  FailureOr<LaunchTable> launches = launchesFromModule(module);
  if (failed(device) || failed(launches))
    return failure();
  FailureOr<std::string> ptx =
      emitDeviceCode(*device, options, DeviceCode::PTX);
  if (failed(ptx))
    return failure();
  Cubin cubin;
  if (options.ptxas != kNoPtxas) {
    FailureOr<Cubin> assembled = assemblePtx(module, options, *ptx);
    if (failed(assembled))
      return failure();
    cubin = std::move(*assembled);
  }
  code.warnings = std::move(cubin.warnings);
  OwningOpRef<ModuleOp> host = module.clone();
  (*host)->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
  host->lookupSymbol<gpu::GPUModuleOp>(kDeviceModule).erase();
  addLaunchTable(*host, *launches, options, *ptx, cubin.bytes);
  return host;
}

FailureOr<std::string> emitHost(ModuleOp module, const TargetOptions &options,
                                bool isLinked, CompiledCode &code) {
  FailureOr<OwningOpRef<ModuleOp>> host = makeHostModule(module, options, code);
  if (failed(host))
    return failure();
  FailureOr<std::string> object =
      cpu::emitMachineCode(**host, options, cpu::MachineCode::Object);
  if (failed(object) || !isLinked)
    return object;
  Expected<std::string> linked = cpu::linkSharedObject(*object);
  if (!linked)
    return module.emitError(linked.status().message());
  return linked.take();
}

FailureOr<std::string> emitBytes(ModuleOp module, const TargetOptions &options,
                                 EmitStage stage, CompiledCode &code) {
  auto emitDevice = [&](DeviceCode form) -> FailureOr<std::string> {
    FailureOr<gpu::GPUModuleOp> device = findDevice(module);
    if (failed(device))
      return failure();
    return emitDeviceCode(*device, options, form);
  };
  switch (stage) {
  case EmitStage::LLVM:
    return printModule(module);
  case EmitStage::LLVMIR:
    return emitDevice(DeviceCode::LLVMIR);
  case EmitStage::OptimizedLLVMIR:
    return emitDevice(DeviceCode::OptimizedLLVMIR);
  case EmitStage::Assembly:
    return emitDevice(DeviceCode::PTX);
  case EmitStage::Object:
  case EmitStage::Code:
    break;
  }
  return emitHost(module, options, stage == EmitStage::Code, code);
}

FailureOr<CompiledCode> CudaBackend::emit(ModuleOp module,
                                          const TargetOptions &options,
                                          EmitStage stage) const {
  CompiledCode code;
  FailureOr<std::vector<KernelRecord>> kernels = cpu::recordsFromModule(module);
  if (failed(kernels))
    return failure();
  FailureOr<std::string> bytes = emitBytes(module, options, stage, code);
  if (failed(bytes))
    return failure();
  code.bytes = std::move(*bytes);
  code.kernels = std::move(*kernels);
  code.triple = kTriple;
  code.cpu = options.chip;
  code.requiredFeatures = cpu::CpuFeatures(options.features).names();
  return code;
}

} // namespace

void registerCudaBackend(BackendRegistry &registry) {
  // Only a second registration under the same name could fail.
  (void)registry.add(std::make_unique<CudaBackend>()).isOk();
}

} // namespace gossamer::cuda
