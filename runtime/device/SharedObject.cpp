//===- SharedObject.cpp - Code loaded from memory -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/SharedObject.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

using namespace gossamer;

namespace {

Status writeAll(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return outOfMemory("cannot copy the code section into memory: " +
                         std::string(std::strerror(errno)));
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::ok();
}

} // namespace

Expected<SharedObject> SharedObject::load(std::span<const std::byte> image) {
  int file = ::memfd_create("gossamer-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0)
    return outOfMemory(
        "cannot create an anonymous file for the code section: " +
        std::string(std::strerror(errno)));
  // Owns the file from here. It stays open while the object is loaded: the
  // dynamic loader recognises objects by path, and a descriptor number that is
  // used again would find this object in place of the next one.
  SharedObject object(nullptr, file);
  GOSS_RETURN_IF_ERROR(writeAll(file, image));
  // From here on nobody, in this process or another, can change the bytes.
  ::fcntl(file, F_ADD_SEALS,
          F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
  std::string path = "/proc/self/fd/" + std::to_string(file);
  object.handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!object.handle_) {
    const char *error = ::dlerror();
    std::string_view reason = error ? error : "unknown reason";
    // The path means nothing to anyone.
    if (reason.starts_with(path + ": "))
      reason.remove_prefix(path.size() + 2);
    return invalidData("code section: cannot be loaded: " +
                       std::string(reason));
  }
  return object;
}

SharedObject::~SharedObject() {
  if (handle_)
    ::dlclose(handle_);
  if (file_ >= 0)
    ::close(file_);
}

void *SharedObject::lookup(const char *symbol) const {
  return ::dlsym(handle_, symbol);
}
