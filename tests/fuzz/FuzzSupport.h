//===- FuzzSupport.h - What fuzz targets share ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_FUZZ_FUZZSUPPORT_H
#define GOSSAMER_TESTS_FUZZ_FUZZSUPPORT_H

#include "runtime/support/Status.h"
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

namespace gossamer {

/// A finding: ends the process, which the fuzzer reports.
inline void require(bool condition) {
  if (!condition)
    std::abort();
}

/// What every failure on an input must be: bad data, and one line that says
/// what.
inline void requireMessage(const Status &status) {
  const std::string &message = status.message();
  bool printable = std::all_of(message.begin(), message.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  });
  if (status.code() == StatusCode::InvalidData && printable &&
      !message.empty() && message.size() < 4096)
    return;
  std::fprintf(stderr, "status %d with the message: %s\n", status.exitCode(),
               message.c_str());
  std::abort();
}

/// An input as a file, for readers that take a path. It lies in memory.
class InputFile {
public:
  explicit InputFile(std::string_view bytes)
      : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    require(descriptor_ >= 0);
    while (!bytes.empty()) {
      ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      require(written > 0);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;
  ~InputFile() { ::close(descriptor_); }

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

private:
  int descriptor_;
};

} // namespace gossamer

#endif // GOSSAMER_TESTS_FUZZ_FUZZSUPPORT_H
