//===- GpuLimits.cpp - What a GPU can do at most --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/MachineLimits.h"

#include <algorithm>
#include <chrono>
#include <vector>

namespace gossamer::tools {

namespace {

constexpr uint64_t mostBytes = uint64_t{1} << 30;
constexpr uint64_t leastBytes = uint64_t{16} << 20;
constexpr size_t copies = 20;

using Clock = std::chrono::steady_clock;

/// Bytes read and written a second by copying within the GPU's memory.
Expected<Rate> measureCopies(Device &device, uint64_t bytes) {
  GOSS_ASSIGN_OR_RETURN(DeviceBuffer from, device.allocate(bytes));
  GOSS_ASSIGN_OR_RETURN(DeviceBuffer to, device.allocate(bytes));
  std::vector<double> rates;
  for (size_t i = 0; i <= copies; ++i) {
    GOSS_RETURN_IF_ERROR(device.synchronize());
    Clock::time_point begin = Clock::now();
    GOSS_RETURN_IF_ERROR(device.copy(to.data(), from.data(), bytes));
    GOSS_RETURN_IF_ERROR(device.synchronize());
    double seconds =
        std::chrono::duration<double>(Clock::now() - begin).count();
    if (i > 0) // The first one warms up.
      rates.push_back(2 * static_cast<double>(bytes) / seconds);
  }
  std::sort(rates.begin(), rates.end());
  return Rate{rates.back(), rates[rates.size() / 2]};
}

/// With what memory the model has left.
Expected<Rate> measureFittingCopies(Device &device, uint64_t &bytes) {
  for (bytes = mostBytes;; bytes /= 2) {
    Expected<Rate> rate = measureCopies(device, bytes);
    if (rate || rate.status().code() != StatusCode::OutOfMemory ||
        bytes <= leastBytes)
      return rate;
  }
}

} // namespace

Expected<MachineLimits> measureGpuLimits(Device &device) {
  MachineLimits limits;
  DeviceFacts facts = device.facts();
  limits.chip = facts.chip;
  limits.units = facts.units;
  GOSS_ASSIGN_OR_RETURN(limits.read,
                        measureFittingCopies(device, limits.streamedBytes));
  limits.float32 = {facts.float32FlopsPerSecond, facts.float32FlopsPerSecond};
  limits.bf16 = {facts.bf16FlopsPerSecond, facts.bf16FlopsPerSecond};
  return limits;
}

Status measureCopiesAgain(Device &device, MachineLimits &limits) {
  GOSS_ASSIGN_OR_RETURN(limits.readAfter,
                        measureFittingCopies(device, limits.streamedBytes));
  return Status::ok();
}

} // namespace gossamer::tools
