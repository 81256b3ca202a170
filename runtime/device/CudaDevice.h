//===- CudaDevice.h - Steps on an NVIDIA GPU --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDADEVICE_H
#define GOSSAMER_RUNTIME_DEVICE_CUDADEVICE_H

#include "runtime/device/Device.h"

namespace gossamer {

struct CudaDeviceOptions {
  unsigned ordinal = 0; ///< GPU of this machine, as the driver counts them.
  /// Steps of a kind that came before are replayed from a graph; otherwise
  /// every launch is issued anew. The results are the same.
  bool usesGraphs = true;
  /// On a terminal, how far the weights are on their way to the GPU.
  bool showProgress = false;
};

/// Makes a device for a GPU. The environment variable GOSSAMER_CUDA_GRAPHS=0
/// turns graphs off, to find out whether they are at fault. Fails with
/// Unavailable when there is no driver, none that is new enough, or no such
/// GPU.
Expected<std::shared_ptr<Device>>
createCudaDevice(CudaDeviceOptions options = {});

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_CUDADEVICE_H
