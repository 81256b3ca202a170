//===- CudaDevice.cpp - Steps on an NVIDIA GPU ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// docs/nvidia-backend.md says what compiled code and this device agree on.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaDevice.h"

#include "runtime/device/CpuFeatures.h"
#include "runtime/device/CudaUpload.h"
#include "runtime/device/CudaWorkspace.h"

#include <cstdlib>
#include <mutex>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

class CudaProgram final : public Program {
public:
  CudaProgram(std::shared_ptr<CudaMemory> memory,
              std::unique_ptr<const CudaCode> code, StepArrays arrays,
              bool usesGraphs)
      : memory_(std::move(memory)), code_(std::move(code)), arrays_(arrays),
        usesGraphs_(usesGraphs) {}
  ~CudaProgram() override {
    // What the workspaces destroy belongs to it.
    (void)memory_->context().enter();
  }

  Status run(const goss_step_args &args,
             DispatchObserver *observer) const override {
    return runAndChoose(args, {}, {}, observer);
  }
  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *observer) const override;

private:
  Expected<std::unique_ptr<CudaWorkspace>> takeWorkspace() const;

  std::shared_ptr<CudaMemory> memory_;
  std::unique_ptr<const CudaCode> code_;
  StepArrays arrays_;
  bool usesGraphs_;
  mutable std::mutex mutex_; ///< guards what follows.
  /// Those that no step uses; the last one ran last and knows its graphs.
  mutable std::vector<std::unique_ptr<CudaWorkspace>> workspaces_;
};

Expected<std::unique_ptr<CudaWorkspace>> CudaProgram::takeWorkspace() const {
  {
    std::lock_guard lock(mutex_);
    if (!workspaces_.empty()) {
      std::unique_ptr<CudaWorkspace> last = std::move(workspaces_.back());
      workspaces_.pop_back();
      return last;
    }
  }
  auto workspace =
      std::make_unique<CudaWorkspace>(*memory_, *code_, arrays_, usesGraphs_);
  GOSS_RETURN_IF_ERROR(workspace->create());
  return workspace;
}

Status CudaProgram::runAndChoose(const goss_step_args &args,
                                 std::span<const TokenChoice> wanted,
                                 std::span<int32_t> chosen,
                                 DispatchObserver *observer) const {
  GOSS_RETURN_IF_ERROR(memory_->context().enter());
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<CudaWorkspace> workspace,
                        takeWorkspace());
  Status status = workspace->run(args, wanted, chosen, observer);
  std::lock_guard lock(mutex_);
  workspaces_.push_back(std::move(workspace));
  return status;
}

class CudaDevice final : public Device {
public:
  CudaDevice(std::shared_ptr<const CudaContext> context,
             std::shared_ptr<CudaMemory> memory, CudaDeviceOptions options)
      : context_(std::move(context)), memory_(std::move(memory)),
        options_(options) {}
  ~CudaDevice() override { (void)context_->enter(); }

  std::string_view name() const override { return "cuda"; }
  unsigned threadCount() const override { return 1; }
  DeviceFacts facts() const override;
  Expected<uint64_t> memoryBytes() override { return context_->memoryBytes(); }
  Expected<DeviceBuffer> allocate(size_t bytes) override {
    return memory_->allocate(bytes, "buffer of a step");
  }
  Expected<DeviceBuffer> allocateHost(size_t bytes) override {
    return memory_->allocateHost(bytes);
  }
  Expected<DeviceBuffer> reserve(size_t bytes) override {
    return memory_->reserve(bytes);
  }
  Status commit(const DeviceBuffer &buffer, size_t bytes) override {
    return memory_->commit(buffer, bytes);
  }
  Expected<MappedTensors>
  mapTensors(std::span<const std::span<const std::byte>> host) override {
    return uploadTensors(*memory_, host, options_.showProgress);
  }
  Status copy(void *to, const void *from, size_t bytes) override {
    return memory_->copy(to, from, bytes);
  }
  Status clear(void *data, size_t bytes) override {
    return memory_->clear(data, bytes);
  }
  Status read(void *to, const void *from, size_t bytes) override {
    return memory_->read(to, from, bytes);
  }
  Expected<std::shared_ptr<const Program>>
  load(const ProgramDescription &description) override;
  Status synchronize() override { return memory_->synchronize(); }

private:
  std::shared_ptr<const CudaContext> context_;
  std::shared_ptr<CudaMemory> memory_;
  CudaDeviceOptions options_;
};

/// Operations of one multiprocessor in a cycle, by the data sheets; 0 where
/// chips of one capability differ.
double float32Operations(int capability) {
  return capability == 80 ? 128 : 256;
}
double bf16Operations(int capability) {
  switch (capability) {
  case 80:
    return 2048;
  case 90:
    return 4096;
  case 100:
    return 8192;
  default:
    return 0;
  }
}

DeviceFacts CudaDevice::facts() const {
  double cycles = context_->clockHertz() * context_->multiprocessors();
  int capability = context_->capability();
  return {context_->chipName(),
          std::to_string(context_->multiprocessors()) + " multiprocessors at " +
              std::to_string(static_cast<int>(context_->clockHertz() / 1e6)) +
              " MHz",
          cycles * float32Operations(capability),
          cycles * bf16Operations(capability)};
}

Expected<std::shared_ptr<const Program>>
CudaDevice::load(const ProgramDescription &description) {
  GOSS_RETURN_IF_ERROR(checkCpuFeatures(description.requiredFeatures));
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<const CudaCode> code,
                        CudaCode::load(context_, description));
  return std::shared_ptr<const Program>(std::make_shared<CudaProgram>(
      memory_, std::move(code), description.arrays, options_.usesGraphs));
}

} // namespace

Expected<std::shared_ptr<Device>>
gossamer::createCudaDevice(CudaDeviceOptions options) {
  const char *graphs = std::getenv("GOSSAMER_CUDA_GRAPHS");
  if (graphs && std::string_view(graphs) == "0")
    options.usesGraphs = false;
  GOSS_ASSIGN_OR_RETURN(std::shared_ptr<const CudaContext> context,
                        CudaContext::create(options.ordinal));
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<CudaMemory> memory,
                        CudaMemory::create(context));
  return std::shared_ptr<Device>(std::make_shared<CudaDevice>(
      std::move(context), std::move(memory), options));
}
