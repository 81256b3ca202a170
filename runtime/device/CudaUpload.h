//===- CudaUpload.h - Weights on their way to a GPU -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDAUPLOAD_H
#define GOSSAMER_RUNTIME_DEVICE_CUDAUPLOAD_H

#include "runtime/device/CudaMemory.h"

namespace gossamer::cuda {

/// Copies tensors into one buffer of the GPU, each at a multiple of 256 bytes
/// and readable to the next multiple of 16. While one piece is on its way the
/// next one is read, by several threads. `showProgress`: a bar on a terminal.
/// Fails with OutOfMemory before anything is taken.
Expected<MappedTensors>
uploadTensors(CudaMemory &memory,
              std::span<const std::span<const std::byte>> host,
              bool showProgress);

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDAUPLOAD_H
