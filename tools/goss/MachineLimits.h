//===- MachineLimits.h - What this machine can do at most -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_MACHINELIMITS_H
#define GOSSAMER_TOOLS_GOSS_MACHINELIMITS_H

#include "runtime/device/Device.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gossamer::tools {

/// Something a second, measured several times.
struct Rate {
  double best = 0;
  double median = 0;
};

/// Limits of a number of threads, measured; or of a GPU, whose arithmetic is
/// what its maker states and whose reading is copying within its memory.
struct MachineLimits {
  unsigned threads = 1;
  std::string chip;              ///< of a GPU; empty for threads.
  std::string units;             ///< "132 multiprocessors at 1980 MHz".
  uint64_t streamedBytes = 0;    ///< size of the buffer that was read.
  Rate read;                     ///< bytes a second, before the tests.
  std::optional<Rate> readAfter; ///< the same after them.
  Rate int8;                     ///< operations a second.
  Rate float32;
  Rate bf16; ///< products in tensor cores; 0 where that is not known.
  std::string_view int8Instruction;
  std::string_view float32Instruction;

  /// The limit that results are compared with: the best seen. A machine that
  /// others use gives less at times.
  double readBytesPerSecond() const {
    return readAfter && readAfter->best > read.best ? readAfter->best
                                                    : read.best;
  }
};

/// Measures all but `readAfter` in about a second: reading a buffer far larger
/// than the last cache, in huge pages where the system gives them, and vector
/// arithmetic in registers. The buffer is gone afterwards.
Expected<MachineLimits> measureMachineLimits(unsigned threads);

/// Measures `readAfter`.
Status measureReadAgain(MachineLimits &limits);

/// The same for a GPU.
Expected<MachineLimits> measureGpuLimits(Device &device);
Status measureCopiesAgain(Device &device, MachineLimits &limits);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_MACHINELIMITS_H
