//===- WeightCopy.h - Weights in memory of the process ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Mapped weights are read through small pages of the page cache. A copy lies in
// huge pages, which a step that reads all of it streams faster; it costs the
// time to make it and memory that the system cannot take back.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_WEIGHTCOPY_H
#define GOSSAMER_RUNTIME_MODEL_WEIGHTCOPY_H

#include "runtime/device/Device.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace gossamer {

/// Told the bytes copied since the last call, from any thread. May be empty.
using CopyProgress = std::function<void(uint64_t bytes)>;

/// Bytes that copyTensors copies: tensors that share memory count once.
uint64_t copiedBytes(std::span<const std::span<const std::byte>> tensors);

/// Copies mapped tensors into one buffer of the device and lets each of
/// `tensors` refer to its copy there. The pages of the mapping are given back
/// as the copy proceeds, so that no weight is resident twice. Fails with
/// OutOfMemory where the system has not that much memory to give.
Expected<DeviceBuffer>
copyTensors(Device &device, std::vector<std::span<const std::byte>> &tensors,
            const CopyProgress &progress);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_WEIGHTCOPY_H
