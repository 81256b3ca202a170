//===- SharedObject.h - Code loaded from memory -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_SHAREDOBJECT_H
#define GOSSAMER_RUNTIME_DEVICE_SHAREDOBJECT_H

#include "runtime/support/Status.h"

#include <cstddef>
#include <span>
#include <utility>

namespace gossamer {

/// An ELF shared object loaded from bytes in memory, never from a path that
/// could have changed since the bytes were verified. Unloaded on destruction.
class SharedObject {
public:
  /// Copies `image` into a sealed anonymous file and loads that.
  /// InvalidData when the dynamic loader refuses it.
  static Expected<SharedObject> load(std::span<const std::byte> image);

  SharedObject(SharedObject &&other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)),
        file_(std::exchange(other.file_, -1)) {}
  SharedObject &operator=(SharedObject &&) = delete;
  ~SharedObject();

  /// The address of an exported symbol, or null.
  void *lookup(const char *symbol) const;

private:
  SharedObject(void *handle, int file) : handle_(handle), file_(file) {}

  void *handle_;
  int file_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_SHAREDOBJECT_H
