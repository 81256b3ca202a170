//===- CudaDriver.h - The driver of NVIDIA GPUs -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The functions of libcuda.so.1 that the runtime uses, opened when the first
// device is asked for: nothing of CUDA is needed to build or to link. Types and
// numbers are those of the driver API's documentation; all of them have been
// the same since CUDA 11.8, the oldest driver that is accepted.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDADRIVER_H
#define GOSSAMER_RUNTIME_DEVICE_CUDADRIVER_H

#include "runtime/support/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace gossamer::cuda {

using Result = int; ///< CUresult; 0 is success.
using DeviceHandle = int;
using Address = unsigned long long; ///< CUdeviceptr.
using Context = struct ContextTag *;
using Module = struct ModuleTag *;
using Function = struct FunctionTag *;
using Stream = struct StreamTag *;
using Event = struct EventTag *;
using Graph = struct GraphTag *;
using GraphExec = struct GraphExecTag *;
using MemoryHandle = unsigned long long;

inline constexpr Result errorOutOfMemory = 2;
inline constexpr Result errorNoBinaryForGpu = 209;
inline constexpr Result errorUnsupportedPtxVersion = 222;
inline constexpr Result errorNotFound = 500;

/// CUdevice_attribute.
enum DeviceAttribute : int {
  clockRate = 13, ///< the highest, in kHz.
  multiprocessorCount = 16,
  capabilityMajor = 75,
  capabilityMinor = 76,
  maxSharedBytesOptIn = 97,
  virtualMemorySupported = 102,
};

/// CUmemLocation.
struct MemoryLocation {
  int type; ///< 1: a device.
  int id;
};

/// CUmemAllocationProp.
struct AllocationProperties {
  int type; ///< 1: pinned.
  int handleTypes;
  MemoryLocation location;
  void *win32;
  uint8_t flags[8];
};

/// CUmemAccessDesc.
struct AccessDescription {
  MemoryLocation location;
  int flags; ///< 3: read and write.
};

/// CUDA_MEMCPY2D.
struct Copy2D {
  struct End {
    size_t xInBytes, y;
    unsigned memoryType; ///< 1: host, 2: device.
    void *host;
    Address device;
    void *array;
    size_t pitch;
  };
  End source, destination;
  size_t widthInBytes, height;
};

// Name of the member, symbol of the library, parameters.
#define GOSS_CUDA_FUNCTIONS(X)                                                 \
  X(init, "cuInit", (unsigned flags))                                          \
  X(driverGetVersion, "cuDriverGetVersion", (int *version))                    \
  X(getErrorName, "cuGetErrorName", (Result error, const char **name))         \
  X(getErrorString, "cuGetErrorString", (Result error, const char **text))     \
  X(deviceGetCount, "cuDeviceGetCount", (int *count))                          \
  X(deviceGet, "cuDeviceGet", (DeviceHandle * device, int ordinal))            \
  X(deviceGetName, "cuDeviceGetName",                                          \
    (char *name, int length, DeviceHandle device))                             \
  X(deviceGetAttribute, "cuDeviceGetAttribute",                                \
    (int *value, int attribute, DeviceHandle device))                          \
  X(deviceTotalMem, "cuDeviceTotalMem_v2",                                     \
    (size_t *bytes, DeviceHandle device))                                      \
  X(primaryCtxRetain, "cuDevicePrimaryCtxRetain",                              \
    (Context * context, DeviceHandle device))                                  \
  X(primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (DeviceHandle device))  \
  X(ctxSetCurrent, "cuCtxSetCurrent", (Context context))                       \
  X(ctxSynchronize, "cuCtxSynchronize", ())                                    \
  X(memGetInfo, "cuMemGetInfo_v2", (size_t *free, size_t *total))              \
  X(memAlloc, "cuMemAlloc_v2", (Address * address, size_t bytes))              \
  X(memFree, "cuMemFree_v2", (Address address))                                \
  X(memHostRegister, "cuMemHostRegister_v2",                                   \
    (void *data, size_t bytes, unsigned flags))                                \
  X(memHostUnregister, "cuMemHostUnregister", (void *data))                    \
  X(memAddressReserve, "cuMemAddressReserve",                                  \
    (Address * address, size_t bytes, size_t alignment, Address hint,          \
     unsigned long long flags))                                                \
  X(memAddressFree, "cuMemAddressFree", (Address address, size_t bytes))       \
  X(memGetAllocationGranularity, "cuMemGetAllocationGranularity",              \
    (size_t *bytes, const AllocationProperties *properties, int option))       \
  X(memCreate, "cuMemCreate",                                                  \
    (MemoryHandle * handle, size_t bytes,                                      \
     const AllocationProperties *properties, unsigned long long flags))        \
  X(memRelease, "cuMemRelease", (MemoryHandle handle))                         \
  X(memMap, "cuMemMap",                                                        \
    (Address address, size_t bytes, size_t offset, MemoryHandle handle,        \
     unsigned long long flags))                                                \
  X(memUnmap, "cuMemUnmap", (Address address, size_t bytes))                   \
  X(memSetAccess, "cuMemSetAccess",                                            \
    (Address address, size_t bytes, const AccessDescription *access,           \
     size_t count))                                                            \
  X(memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                   \
    (Address to, const void *from, size_t bytes, Stream stream))               \
  X(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2",                                   \
    (void *to, Address from, size_t bytes, Stream stream))                     \
  X(memcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                   \
    (Address to, Address from, size_t bytes, Stream stream))                   \
  X(memcpy2DAsync, "cuMemcpy2DAsync_v2", (const Copy2D *copy, Stream stream))  \
  X(memsetD8Async, "cuMemsetD8Async",                                          \
    (Address address, unsigned char value, size_t bytes, Stream stream))       \
  X(streamCreate, "cuStreamCreate", (Stream * stream, unsigned flags))         \
  X(streamDestroy, "cuStreamDestroy_v2", (Stream stream))                      \
  X(streamSynchronize, "cuStreamSynchronize", (Stream stream))                 \
  X(streamWaitEvent, "cuStreamWaitEvent",                                      \
    (Stream stream, Event event, unsigned flags))                              \
  X(streamBeginCapture, "cuStreamBeginCapture_v2", (Stream stream, int mode))  \
  X(streamEndCapture, "cuStreamEndCapture", (Stream stream, Graph * graph))    \
  X(eventCreate, "cuEventCreate", (Event * event, unsigned flags))             \
  X(eventDestroy, "cuEventDestroy_v2", (Event event))                          \
  X(eventRecord, "cuEventRecord", (Event event, Stream stream))                \
  X(eventSynchronize, "cuEventSynchronize", (Event event))                     \
  X(eventElapsedTime, "cuEventElapsedTime",                                    \
    (float *milliseconds, Event begin, Event end))                             \
  X(graphInstantiate, "cuGraphInstantiateWithFlags",                           \
    (GraphExec * exec, Graph graph, unsigned long long flags))                 \
  X(graphDestroy, "cuGraphDestroy", (Graph graph))                             \
  X(graphExecDestroy, "cuGraphExecDestroy", (GraphExec exec))                  \
  X(graphLaunch, "cuGraphLaunch", (GraphExec exec, Stream stream))             \
  X(moduleLoadDataEx, "cuModuleLoadDataEx",                                    \
    (Module * module, const void *image, unsigned numOptions, int *options,    \
     void **values))                                                           \
  X(moduleUnload, "cuModuleUnload", (Module module))                           \
  X(moduleGetFunction, "cuModuleGetFunction",                                  \
    (Function * function, Module module, const char *name))                    \
  X(funcSetAttribute, "cuFuncSetAttribute",                                    \
    (Function function, int attribute, int value))                             \
  X(launchKernel, "cuLaunchKernel",                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ,        \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     Stream stream, void **arguments, void **extra))

/// The library's functions by name. Immutable, thread-safe.
struct Driver {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration has none there.
#define GOSS_CUDA_MEMBER(name, symbol, parameters) Result(*name) parameters;
  GOSS_CUDA_FUNCTIONS(GOSS_CUDA_MEMBER)
#undef GOSS_CUDA_MEMBER

  int version; ///< 12080 for CUDA 12.8.

  /// Ok, or "cuMemAlloc_v2: CUDA_ERROR_OUT_OF_MEMORY (out of memory)":
  /// OutOfMemory for that error, Internal for all others.
  Status check(const char *call, Result result) const;
};

/// Opens the library once a process: the file that the environment variable
/// GOSSAMER_LIBCUDA names, else libcuda.so.1 by the loader's rules. Fails with
/// Unavailable, and the reason in one line, when there is none, when it lacks a
/// function, is too old or finds no GPU.
Expected<const Driver *> openDriver();

/// "12.8" for 12080.
std::string formatVersion(int version);

/// The oldest driver that understands a version of PTX (78 for 7.8).
int driverForPtx(uint32_t ptxVersion);

} // namespace gossamer::cuda

/// Returns the Status of a failed call of member `name` of `driver`.
#define GOSS_CUDA_CALL(driver, name, ...)                                      \
  GOSS_RETURN_IF_ERROR((driver).check(#name, (driver).name(__VA_ARGS__)))

#endif // GOSSAMER_RUNTIME_DEVICE_CUDADRIVER_H
