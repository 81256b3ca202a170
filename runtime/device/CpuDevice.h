//===- CpuDevice.h - Steps on the host's cores ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CPUDEVICE_H
#define GOSSAMER_RUNTIME_DEVICE_CPUDEVICE_H

#include "runtime/device/Device.h"

namespace gossamer {

struct CpuDeviceOptions {
  /// Threads of a dispatch, the caller's included; 0 = all cores that this
  /// process may use. With 1 no thread is ever started.
  unsigned threads = 0;
  /// Dispatches with less estimated work than this stay on the calling thread.
  /// Tests set 0 to divide everything.
  uint64_t inlineNanoseconds = 3'000;
};

/// The largest accepted CpuDeviceOptions::threads.
inline constexpr unsigned maxCpuThreads = 1024;

/// Makes the device for this host. Fails with Usage for too many threads.
Expected<std::shared_ptr<Device>>
createCpuDevice(CpuDeviceOptions options = {});

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_CPUDEVICE_H
