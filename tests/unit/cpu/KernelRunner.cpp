//===- KernelRunner.cpp - Compiling and running one kernel ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "backends/cpu/CodeGen.h"
#include "backends/cpu/CpuBackend.h"
#include "backends/cpu/Passes.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <dlfcn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

namespace gossamer::cpu::testing {

MLIRContext &context() {
  static MLIRContext *instance = [] {
    DialectRegistry registry;
    registerCpuDialects(registry);
    auto *result = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
    result->loadAllAvailableDialects();
    return result;
  }();
  return *instance;
}

LoadedCode::LoadedCode(const std::string &bytes) {
  file_ = memfd_create("kernel", MFD_CLOEXEC);
  if (file_ < 0 || write(file_, bytes.data(), bytes.size()) !=
                       static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("cannot write a memory file");
  std::string path = "/proc/self/fd/" + std::to_string(file_);
  handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle_)
    throw std::runtime_error(dlerror());
}

LoadedCode::~LoadedCode() {
  dlclose(handle_);
  close(file_);
}

void *LoadedCode::symbol(const char *name) const {
  return dlsym(handle_, name);
}

static std::string compile(const KernelDescription &kernel,
                           const KernelKind &kind,
                           const TargetOptions &options) {
  MLIRContext &ctx = context();
  OpBuilder builder(&ctx);
  Location loc = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  CpuFeatures features(options.features);
  std::string why;
  if (!isApplicable(kind, kernel, features, &why))
    throw std::runtime_error(kind.name.str() + ": " + why);
  expandKernel(builder, loc, "kernel", "goss_kernel_0", kernel, kind, features);
  if (failed(verify(*module)))
    throw std::runtime_error("kernel does not verify");
  PassManager manager(&ctx);
  buildLowerToLLVM(manager);
  if (failed(manager.run(*module)))
    throw std::runtime_error("kernel does not lower");
  auto object = emitMachineCode(*module, options, MachineCode::Object);
  if (failed(object))
    throw std::runtime_error("kernel does not compile");
  auto linked = linkSharedObject(*object);
  if (!linked)
    throw std::runtime_error(linked.status().message());
  return *linked;
}

static TargetOptions targetOptions(const std::string &mcpu, unsigned optLevel) {
  TargetOptions options;
  options.mcpu = mcpu;
  options.optLevel = optLevel;
  if (Status status = resolveTarget(options); !status)
    throw std::runtime_error(status.message());
  return options;
}

static const KernelKind &namedKind(const KernelDescription &kernel,
                                   const std::string &name) {
  const KernelKind *kind = findKernelKind(kernel.operation, name);
  if (!kind)
    throw std::runtime_error("no such kind: " + name);
  return *kind;
}

static goss_kernel_fn entryOf(const LoadedCode &code) {
  void *entry = code.symbol("goss_kernel_0");
  if (!entry)
    throw std::runtime_error("goss_kernel_0 is missing");
  return reinterpret_cast<goss_kernel_fn>(entry);
}

CompiledKernel::CompiledKernel(const KernelDescription &kernel,
                               const std::string &kind, const std::string &mcpu,
                               unsigned optLevel)
    : code_(std::make_unique<LoadedCode>(compile(
          kernel, namedKind(kernel, kind), targetOptions(mcpu, optLevel)))),
      function_(entryOf(*code_)) {}

CompiledKernel::CompiledKernel(const KernelDescription &kernel,
                               const KernelKind &kind, const std::string &mcpu)
    : code_(std::make_unique<LoadedCode>(
          compile(kernel, kind, targetOptions(mcpu, 2)))),
      function_(entryOf(*code_)) {}

void CompiledKernel::run(const std::vector<const void *> &bindings,
                         goss_dims dims, int64_t items, int64_t chunk) const {
  int64_t ranges = (items + chunk - 1) / chunk;
  for (int64_t r = ranges - 1; r >= 0; --r)
    function_(bindings.data(), &dims, r * chunk,
              std::min(items, (r + 1) * chunk));
}

std::vector<std::string> kindsFor(const KernelDescription &kernel) {
  TargetOptions options;
  if (!resolveTarget(options))
    return {};
  CpuFeatures features(options.features);
  std::vector<std::string> names;
  for (const KernelKind &kind : kernelKinds())
    if (isApplicable(kind, kernel, features))
      names.push_back(kind.name.str());
  return names;
}

MemRefType f32(const std::vector<int64_t> &shape) {
  return MemRefType::get(shape, Builder(&context()).getF32Type());
}

MemRefType i32(const std::vector<int64_t> &shape) {
  return MemRefType::get(shape, Builder(&context()).getI32Type());
}

MemRefType i8(const std::vector<int64_t> &shape) {
  return MemRefType::get(shape, Builder(&context()).getI8Type());
}

} // namespace gossamer::cpu::testing
