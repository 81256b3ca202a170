//===- ProcessMemory.h - What this process keeps in memory ------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_PROCESSMEMORY_H
#define GOSSAMER_TOOLS_GOSS_PROCESSMEMORY_H

#include "runtime/support/Status.h"

#include <cstdint>
#include <string>

namespace gossamer::tools {

/// Resident memory in bytes, as Linux accounts it.
struct ProcessMemory {
  uint64_t peak = 0;      ///< most there was since the last reset.
  uint64_t resident = 0;  ///< now.
  uint64_t file = 0;      ///< of it mapped files: weights, programs.
  uint64_t anonymous = 0; ///< of it private: cache, activations, tables.
};

/// Reads the text of /proc/PID/status; fields that it lacks are 0.
ProcessMemory parseProcessMemory(const std::string &status);

/// What this process has.
Expected<ProcessMemory> readProcessMemory();

/// Starts a new peak at what is resident now; false where the system has no
/// such thing.
bool resetPeakMemory();

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_PROCESSMEMORY_H
