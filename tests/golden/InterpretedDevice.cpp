//===- InterpretedDevice.cpp - A GPU that is interpreted ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/golden/InterpretedDevice.h"

#include "runtime/artifact/manifest.pb.h"
#include "runtime/device/CpuDevice.h"
#include "runtime/device/CudaChoice.h"
#include "runtime/device/SharedObject.h"
#include "tests/gpu-interpreter/DeviceCode.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <vector>

using namespace gossamer;
using namespace gossamer::golden;
using gossamer::cuda::testing::DeviceCode;
using gossamer::cuda::testing::Region;

namespace {

constexpr size_t kTensorAlignment = 256, kPadding = 16;

size_t roundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

/// What launches may touch.
struct MemoryMap {
  const proto::Manifest *manifest = nullptr;
  std::map<const uint8_t *, size_t> committed; ///< bytes of cache pages.

  size_t bytesFrom(const uint8_t *address) const {
    auto next = committed.upper_bound(address);
    if (next == committed.begin())
      return 0;
    auto [begin, size] = *std::prev(next);
    auto offset = static_cast<size_t>(address - begin);
    return offset < size ? size - offset : 0;
  }

  size_t sizeOf(const proto::Binding &binding, const uint8_t *address,
                const goss_dims &dims) const {
    auto tokens = static_cast<size_t>(dims.tokens);
    auto outputs = static_cast<size_t>(dims.outputs);
    switch (binding.role()) {
    case proto::Binding::ARENA: {
      size_t size = binding.dtype() == "I8" ? 1 : 4;
      for (uint64_t extent : binding.shape())
        size *= extent;
      return size;
    }
    case proto::Binding::PARAMETER:
      return tensorBytes[binding.index()];
    case proto::Binding::LOGITS:
      return outputs * manifest->config().vocab_size() * sizeof(float);
    case proto::Binding::OUTPUTS:
      return outputs * sizeof(int32_t);
    case proto::Binding::CACHE_PAGES:
      return bytesFrom(address);
    case proto::Binding::PAGE_TABLE:
      return static_cast<size_t>(dims.sequences) * maxPages * sizeof(int32_t);
    default:
      return tokens * sizeof(int32_t);
    }
  }

  std::vector<size_t> tensorBytes;
  size_t maxPages = 0;
};

class InterpretedProgram final : public Program {
public:
  InterpretedProgram(SharedObject object, const goss_cuda_code *table,
                     goss_step_fn step, mlir::gpu::GPUModuleOp code,
                     const MemoryMap &memory)
      : object_(std::move(object)), table_(table), step_(step), code_(code),
        memory_(memory) {}

  Status run(const goss_step_args &args, DispatchObserver *) const override {
    goss_device_table table{GOSS_STEP_ABI_VERSION, sizeof(goss_device_table),
                            const_cast<InterpretedProgram *>(this), &dispatch};
    if (step_(&args, &table) != 0)
      return internalError("a launch failed; its error is above");
    return Status::ok();
  }

  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *) const override {
    GOSS_RETURN_IF_ERROR(run(args, nullptr));
    size_t vocabulary = memory_.manifest->config().vocab_size();
    std::span<float> logits(args.logits, chosen.size() * vocabulary);
    size_t words = seenWords(vocabulary);
    std::vector<goss_cuda_choice> choices(chosen.size());
    std::vector<uint32_t> seen(chosen.size() * words);
    for (size_t row = 0; row < chosen.size(); ++row) {
      if (chosen[row] != wholeRow)
        choices[row] = cuda::encode(wanted[row]);
      std::ranges::copy(wanted[row].seen, seen.data() + row * words);
    }
    std::vector<int32_t> tokens(chosen.size());
    auto &self = const_cast<InterpretedProgram &>(*this);
    if (failed(self.code_.run(*table_->choose, args.dims,
                              {regionOf(logits, false),
                               regionOf(std::span(choices), false),
                               regionOf(std::span(seen), false),
                               regionOf(std::span(tokens), true)})))
      return internalError("a launch failed; its error is above");
    for (size_t row = 0; row < chosen.size(); ++row)
      if (chosen[row] != wholeRow) {
        chosen[row] = tokens[row];
        // Rows that were chosen from are not for the host.
        std::ranges::fill(logits.subspan(row * vocabulary, vocabulary),
                          std::numeric_limits<float>::quiet_NaN());
      }
    return Status::ok();
  }

private:
  template <typename T>
  static Region regionOf(std::span<T> memory, bool isOut) {
    return {reinterpret_cast<std::byte *>(memory.data()), memory.size_bytes(),
            isOut};
  }

  static int32_t dispatch(void *context, const goss_launch *launches,
                          uint32_t count, const goss_dims *dims) {
    auto &self = *static_cast<InterpretedProgram *>(context);
    for (uint32_t i = 0; i < count; ++i)
      if (failed(self.launch(launches[i], *dims)))
        return 1;
    return 0;
  }

  mlir::LogicalResult launch(const goss_launch &launch, const goss_dims &dims) {
    const proto::Launch &info = memory_.manifest->launches(launch.id);
    std::vector<Region> regions;
    for (int i = 0; i < info.bindings_size(); ++i) {
      const proto::Binding &binding = info.bindings(i);
      auto *address = static_cast<const std::byte *>(launch.bindings[i]);
      size_t size = memory_.sizeOf(
          binding, reinterpret_cast<const uint8_t *>(address), dims);
      if (!binding.written())
        size = roundUp(size, kPadding);
      regions.push_back(
          {const_cast<std::byte *>(address), size, binding.written()});
    }
    return code_.run(table_->kernels[launch.kernel], dims, regions);
  }

  SharedObject object_;
  const goss_cuda_code *table_;
  goss_step_fn step_;
  DeviceCode code_;
  const MemoryMap &memory_;
};

/// Memory is the CPU's device's; tensors are copied to aligned places.
class HostedDevice final : public InterpretedDevice {
public:
  HostedDevice(mlir::gpu::GPUModuleOp code, std::shared_ptr<Device> memory)
      : code_(code), memory_(std::move(memory)) {}

  void describe(const proto::Manifest &manifest) override {
    map_.manifest = &manifest;
  }

  std::string_view name() const override { return "cuda"; }
  unsigned threadCount() const override { return 1; }
  Expected<uint64_t> memoryBytes() override { return memory_->memoryBytes(); }
  Expected<DeviceBuffer> allocate(size_t bytes) override {
    return memory_->allocate(bytes);
  }
  Expected<DeviceBuffer> allocateHost(size_t bytes) override {
    return memory_->allocateHost(roundUp(bytes, kPadding));
  }
  Expected<DeviceBuffer> reserve(size_t bytes) override {
    return memory_->reserve(bytes);
  }
  Status commit(const DeviceBuffer &buffer, size_t bytes) override {
    map_.committed[buffer.data()] = bytes;
    return memory_->commit(buffer, bytes);
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
  Status synchronize() override { return Status::ok(); }

  Expected<MappedTensors>
  mapTensors(std::span<const std::span<const std::byte>> host) override {
    size_t size = kTensorAlignment;
    for (std::span<const std::byte> tensor : host)
      size += roundUp(tensor.size(), kTensorAlignment);
    MappedTensors mapped;
    GOSS_ASSIGN_OR_RETURN(mapped.memory, memory_->allocate(size));
    auto address = reinterpret_cast<uintptr_t>(mapped.memory.data());
    uint8_t *next =
        mapped.memory.data() + (roundUp(address, kTensorAlignment) - address);
    for (std::span<const std::byte> tensor : host) {
      std::memcpy(next, tensor.data(), tensor.size());
      mapped.addresses.push_back(next);
      map_.tensorBytes.push_back(tensor.size());
      next += roundUp(tensor.size(), kTensorAlignment);
    }
    return mapped;
  }

  Expected<std::shared_ptr<const Program>>
  load(const ProgramDescription &description) override {
    GOSS_ASSIGN_OR_RETURN(SharedObject object,
                          SharedObject::load(description.code));
    auto *table =
        static_cast<const goss_cuda_code *>(object.lookup("goss_cuda"));
    auto step = reinterpret_cast<goss_step_fn>(object.lookup("goss_step"));
    if (!table || !step || table->abi_version != GOSS_CUDA_ABI_VERSION)
      return invalidData("code: expects goss_step and goss_cuda");
    map_.maxPages = description.arrays.maxPages;
    return std::shared_ptr<const Program>(std::make_shared<InterpretedProgram>(
        std::move(object), table, step, code_, map_));
  }

private:
  mlir::gpu::GPUModuleOp code_;
  std::shared_ptr<Device> memory_;
  MemoryMap map_;
};

} // namespace

std::shared_ptr<InterpretedDevice>
golden::createInterpretedDevice(mlir::gpu::GPUModuleOp code) {
  CpuDeviceOptions options;
  options.threads = 1;
  auto memory = createCpuDevice(options);
  return memory ? std::make_shared<HostedDevice>(code, memory.take()) : nullptr;
}
