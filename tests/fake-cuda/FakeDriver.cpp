//===- FakeDriver.cpp - The driver of a GPU that does not exist -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The functions that runtime/device/CudaDriver.h looks up, but those of
// FakeStreams.cpp, and four more by which tests say what kernels do and see
// what happened.
//
//===----------------------------------------------------------------------===//

#include "tests/fake-cuda/FakeGpu.h"

#include <array>
#include <cstring>

using namespace gossamer::cuda;
using namespace gossamer::cuda::fake;

namespace {

bool isCapturing() {
  for (StreamTag *stream : Gpu::get().streams)
    if (stream->graph)
      return true;
  return false;
}

uint8_t *bytesAt(Address address) {
  return reinterpret_cast<uint8_t *>(address);
}

/// Copies to or from memory that is not pinned are done before the call ends.
Result copyWith(const void *host, size_t bytes, Stream stream,
                std::function<void()> work) {
  Gpu &gpu = Gpu::get();
  bool isPinned = gpu.isPinned(host, bytes);
  if (stream->graph && !isPinned)
    return captureInvalid;
  gpu.add(*stream, std::move(work));
  if (!isPinned && !stream->graph)
    gpu.drain(*stream, stream->added);
  return 0;
}

/// Finds ".entry NAME(.param ..., .param ...)" in PTX.
void findEntries(std::string_view ptx, ModuleTag &module) {
  constexpr std::string_view entry = ".entry ", parameter = ".param";
  for (size_t at = ptx.find(entry); at != ptx.npos; at = ptx.find(entry, at)) {
    at += entry.size();
    size_t open = ptx.find('(', at), close = ptx.find(')', at);
    if (open == ptx.npos || close == ptx.npos)
      return;
    auto function = std::make_unique<FunctionTag>();
    function->name = ptx.substr(at, open - at);
    while (!function->name.empty() && function->name.back() <= ' ')
      function->name.pop_back();
    std::string_view list = ptx.substr(open, close - open);
    for (size_t i = list.find(parameter); i != list.npos;
         i = list.find(parameter, i + 1))
      ++function->parameters;
    module.functions.push_back(std::move(function));
  }
}

/// What a kernel reads and writes must be memory of the GPU.
void runKernel(const FunctionTag &function, std::vector<uint64_t> arguments,
               std::array<unsigned, 3> grid, unsigned block) {
  Gpu &gpu = Gpu::get();
  std::string line = "launch " + function.name + " grid";
  for (unsigned blocks : grid)
    line += " " + std::to_string(blocks);
  gpu.note(line + " block " + std::to_string(block));
  for (uint64_t argument : arguments)
    if (argument && !gpu.isMapped(argument, 1))
      gpu.note("not memory of the GPU: an argument of " + function.name);
  if (auto kernel = gpu.kernels.find(function.name);
      kernel != gpu.kernels.end())
    kernel->second(arguments.data(), grid.data(), block);
}

} // namespace

extern "C" {

//===----------------------------------------------------------------------===//
// For tests
//===----------------------------------------------------------------------===//

void fakeCudaSetKernel(const char *name, FakeKernel kernel) {
  GOSS_FAKE_LOCKED;
  gpu.kernels[name] = kernel;
}

/// The lines noted since the last call, each followed by a line feed.
void fakeCudaTakeLog(std::string *text) {
  GOSS_FAKE_LOCKED;
  text->clear();
  for (const std::string &line : gpu.log)
    *text += line + "\n";
  gpu.log.clear();
}

void fakeCudaSetMemory(size_t bytes) {
  GOSS_FAKE_LOCKED;
  gpu.memory = bytes;
}

size_t fakeCudaUsedMemory() {
  GOSS_FAKE_LOCKED;
  return gpu.used();
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

Result cuInit(unsigned) {
  GOSS_FAKE_LOCKED;
  return gpu.devices ? 0 : 100;
}

Result cuDriverGetVersion(int *version) {
  GOSS_FAKE_LOCKED;
  *version = gpu.driver;
  return 0;
}

Result cuGetErrorName(Result error, const char **name) {
  static const std::map<Result, const char *> names = {
      {1, "CUDA_ERROR_INVALID_VALUE"},
      {2, "CUDA_ERROR_OUT_OF_MEMORY"},
      {100, "CUDA_ERROR_NO_DEVICE"},
      {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {218, "CUDA_ERROR_INVALID_PTX"},
      {500, "CUDA_ERROR_NOT_FOUND"},
      {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
      {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"}};
  auto found = names.find(error);
  *name = found == names.end() ? nullptr : found->second;
  return found == names.end() ? invalidValue : 0;
}

Result cuGetErrorString(Result, const char **text) {
  *text = "made up";
  return 0;
}

Result cuDeviceGetCount(int *count) {
  GOSS_FAKE_LOCKED;
  *count = gpu.devices;
  return 0;
}

Result cuDeviceGet(DeviceHandle *device, int ordinal) {
  *device = ordinal;
  return 0;
}

Result cuDeviceGetName(char *name, int length, DeviceHandle) {
  std::strncpy(name, "Fake GPU", static_cast<size_t>(length));
  return 0;
}

Result cuDeviceGetAttribute(int *value, int attribute, DeviceHandle) {
  GOSS_FAKE_LOCKED;
  switch (attribute) {
  case capabilityMajor:
    *value = gpu.capability / 10;
    return 0;
  case capabilityMinor:
    *value = gpu.capability % 10;
    return 0;
  case clockRate:
    *value = 1'000'000;
    return 0;
  case multiprocessorCount:
    *value = 132;
    return 0;
  case maxSharedBytesOptIn:
    *value = 232448;
    return 0;
  case virtualMemorySupported:
    *value = 1;
    return 0;
  default:
    return invalidValue;
  }
}

Result cuDeviceTotalMem_v2(size_t *bytes, DeviceHandle) {
  GOSS_FAKE_LOCKED;
  *bytes = gpu.memory;
  return 0;
}

Result cuDevicePrimaryCtxRetain(Context *context, DeviceHandle device) {
  *context = reinterpret_cast<Context>(static_cast<uintptr_t>(device) + 1);
  return 0;
}

Result cuDevicePrimaryCtxRelease_v2(DeviceHandle) { return 0; }
Result cuCtxSetCurrent(Context) { return 0; }

Result cuCtxSynchronize() {
  GOSS_FAKE_LOCKED;
  gpu.drainAll();
  return 0;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Result cuMemGetInfo_v2(size_t *free, size_t *total) {
  GOSS_FAKE_LOCKED;
  *free = gpu.memory > gpu.used() ? gpu.memory - gpu.used() : 0;
  *total = gpu.memory;
  return 0;
}

Result cuMemAlloc_v2(Address *address, size_t bytes) {
  GOSS_FAKE_LOCKED;
  if (bytes == 0 || isCapturing())
    return bytes == 0 ? invalidValue : captureInvalid;
  *address = gpu.allocate(bytes);
  return *address ? 0 : errorOutOfMemory;
}

Result cuMemFree_v2(Address address) {
  GOSS_FAKE_LOCKED;
  gpu.drainAll();
  return gpu.free(address) ? 0 : invalidValue;
}

Result cuMemHostRegister_v2(void *data, size_t bytes, unsigned) {
  GOSS_FAKE_LOCKED;
  gpu.pinned.emplace(reinterpret_cast<uintptr_t>(data), bytes);
  return 0;
}

Result cuMemHostUnregister(void *data) {
  GOSS_FAKE_LOCKED;
  gpu.drainAll();
  return gpu.pinned.erase(reinterpret_cast<uintptr_t>(data)) ? 0 : invalidValue;
}

Result cuMemAddressReserve(Address *address, size_t bytes, size_t alignment,
                           Address, unsigned long long) {
  GOSS_FAKE_LOCKED;
  *address = gpu.reserve(bytes, alignment);
  return *address ? 0 : errorOutOfMemory;
}

Result cuMemAddressFree(Address, size_t) { return 0; }

Result cuMemGetAllocationGranularity(size_t *bytes,
                                     const AllocationProperties *properties,
                                     int option) {
  *bytes = size_t{64} << 10;
  return properties->type == 1 && properties->location.type == 1 && option == 0
             ? 0
             : invalidValue;
}

Result cuMemCreate(MemoryHandle *handle, size_t bytes,
                   const AllocationProperties *, unsigned long long) {
  GOSS_FAKE_LOCKED;
  *handle = bytes;
  return gpu.take(bytes) ? 0 : errorOutOfMemory;
}

Result cuMemRelease(MemoryHandle handle) {
  GOSS_FAKE_LOCKED;
  gpu.giveBack(handle);
  return 0;
}

Result cuMemMap(Address address, size_t bytes, size_t, MemoryHandle handle,
                unsigned long long) {
  GOSS_FAKE_LOCKED;
  return handle == bytes && gpu.map(address, bytes) ? 0 : invalidValue;
}

Result cuMemUnmap(Address address, size_t) {
  GOSS_FAKE_LOCKED;
  return gpu.unmap(address) ? 0 : invalidValue;
}

Result cuMemSetAccess(Address, size_t, const AccessDescription *access,
                      size_t count) {
  return count == 1 && access->flags == 3 ? 0 : invalidValue;
}

Result cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes,
                            Stream stream) {
  GOSS_FAKE_LOCKED;
  if (!gpu.isMapped(to, bytes))
    return invalidValue;
  return copyWith(from, bytes, stream,
                  [=] { std::memcpy(bytesAt(to), from, bytes); });
}

Result cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes,
                            Stream stream) {
  GOSS_FAKE_LOCKED;
  if (!gpu.isMapped(from, bytes))
    return invalidValue;
  gpu.note("copy to host " + std::to_string(bytes));
  return copyWith(to, bytes, stream,
                  [=] { std::memcpy(to, bytesAt(from), bytes); });
}

Result cuMemcpyDtoDAsync_v2(Address to, Address from, size_t bytes,
                            Stream stream) {
  GOSS_FAKE_LOCKED;
  if (!gpu.isMapped(to, bytes) || !gpu.isMapped(from, bytes))
    return invalidValue;
  gpu.add(*stream, [=] { std::memcpy(bytesAt(to), bytesAt(from), bytes); });
  return 0;
}

Result cuMemcpy2DAsync_v2(const Copy2D *copy, Stream stream) {
  GOSS_FAKE_LOCKED;
  const Copy2D::End &from = copy->source, &to = copy->destination;
  size_t width = copy->widthInBytes, rows = copy->height;
  if (from.memoryType != 1 || to.memoryType != 2 || from.xInBytes || from.y ||
      to.xInBytes || to.y || width > from.pitch || width > to.pitch ||
      !gpu.isMapped(to.device, (rows - 1) * to.pitch + width))
    return invalidValue;
  return copyWith(from.host, (rows - 1) * from.pitch + width, stream, [=] {
    for (size_t row = 0; row < rows; ++row)
      std::memcpy(bytesAt(to.device + row * to.pitch),
                  static_cast<const uint8_t *>(from.host) + row * from.pitch,
                  width);
  });
}

Result cuMemsetD8Async(Address address, unsigned char value, size_t bytes,
                       Stream stream) {
  GOSS_FAKE_LOCKED;
  if (!gpu.isMapped(address, bytes))
    return invalidValue;
  gpu.add(*stream, [=] { std::memset(bytesAt(address), value, bytes); });
  return 0;
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

Result cuModuleLoadDataEx(Module *module, const void *image, unsigned count,
                          int *options, void **values) {
  GOSS_FAKE_LOCKED;
  const char *text = static_cast<const char *>(image);
  if (std::memcmp(text,
                  "\x7f"
                  "ELF",
                  4) == 0)
    return errorNoBinaryForGpu;
  if (gpu.refusesCode || std::strstr(text, "nonsense")) {
    if (count == 2 && options[0] == 5 && options[1] == 6)
      std::strncpy(static_cast<char *>(values[0]),
                   "ptxas fatal : nonsense\n  in line 3\n",
                   reinterpret_cast<size_t>(values[1]));
    return invalidPtx;
  }
  gpu.note(std::strncmp(text, "cubin", 5) == 0 ? "loaded cubin" : "loaded PTX");
  *module = new ModuleTag;
  findEntries(text, **module);
  return 0;
}

Result cuModuleUnload(Module module) {
  GOSS_FAKE_LOCKED;
  gpu.drainAll();
  delete module;
  return 0;
}

Result cuModuleGetFunction(Function *function, Module module,
                           const char *name) {
  for (const auto &each : module->functions)
    if (each->name == name) {
      *function = each.get();
      return 0;
    }
  return errorNotFound;
}

Result cuFuncSetAttribute(Function function, int attribute, int value) {
  GOSS_FAKE_LOCKED;
  gpu.note("allow " + function->name + " " + std::to_string(value));
  return attribute == 8 ? 0 : invalidValue;
}

Result cuLaunchKernel(Function function, unsigned gridX, unsigned gridY,
                      unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned, Stream stream,
                      void **arguments, void **) {
  GOSS_FAKE_LOCKED;
  if (!gridX || !gridY || !gridZ || !blockX || blockY != 1 || blockZ != 1)
    return invalidValue;
  std::vector<uint64_t> values;
  for (size_t i = 0; i < function->parameters; ++i)
    values.push_back(*static_cast<const uint64_t *>(arguments[i]));
  gpu.add(*stream,
          [=] { runKernel(*function, values, {gridX, gridY, gridZ}, blockX); });
  return 0;
}

} // extern "C"
