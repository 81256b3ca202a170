//===- ProcessMemory.cpp - What this process keeps in memory --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ProcessMemory.h"

#include "tools/support/Terminal.h"

#include <fstream>
#include <sstream>

namespace gossamer::tools {

ProcessMemory parseProcessMemory(const std::string &status) {
  ProcessMemory memory;
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kilobytes = 0;
    if (!(words >> name >> kilobytes))
      continue;
    uint64_t bytes = kilobytes * 1024;
    if (name == "VmHWM:")
      memory.peak = bytes;
    else if (name == "VmRSS:")
      memory.resident = bytes;
    else if (name == "RssFile:")
      memory.file = bytes;
    else if (name == "RssAnon:")
      memory.anonymous = bytes;
  }
  return memory;
}

Expected<ProcessMemory> readProcessMemory() {
  GOSS_ASSIGN_OR_RETURN(std::string status, readTextFile("/proc/self/status"));
  return parseProcessMemory(status);
}

bool resetPeakMemory() {
  // 5: "reset the peak resident set size", proc(5).
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

} // namespace gossamer::tools
