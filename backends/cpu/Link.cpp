//===- Link.cpp - The linker, in process ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/CodeGen.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <mutex>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace gossamer::cpu {

namespace {

/// A folder of its own that is gone when the object is.
class TemporaryFolder {
public:
  TemporaryFolder() { error_ = sys::fs::createUniqueDirectory("gossc", path_); }
  ~TemporaryFolder() {
    if (error_)
      return;
    // Nothing can be done about a folder that stays.
    std::error_code ignored = sys::fs::remove_directories(path_);
    (void)ignored;
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  std::error_code error() const { return error_; }
  std::string file(StringRef name) const {
    SmallString<128> result(path_);
    sys::path::append(result, name);
    return result.str().str();
  }

private:
  SmallString<128> path_;
  std::error_code error_;
};

} // namespace

static Status writeFile(const std::string &path, const std::string &bytes) {
  std::error_code error;
  raw_fd_ostream os(path, error, sys::fs::OF_None);
  if (error)
    return ioError(path + ": cannot create: " + error.message());
  os << bytes;
  os.close();
  if (os.has_error()) {
    Status status = ioError(path + ": cannot write: " + os.error().message());
    os.clear_error();
    return status;
  }
  return Status::ok();
}

Expected<std::string> linkSharedObject(const std::string &object) {
  // The linker keeps its state in globals.
  static std::mutex mutex;
  std::scoped_lock lock(mutex);

  TemporaryFolder folder;
  if (folder.error())
    return ioError("cannot create a temporary folder: " +
                   folder.error().message());
  std::string input = folder.file("code.o"), output = folder.file("code.so");
  GOSS_RETURN_IF_ERROR(writeFile(input, object));

  const char *arguments[] = {"ld.lld",
                             "-shared",
                             "-z",
                             "now",
                             "-z",
                             "noexecstack",
                             "-z",
                             "defs",
                             "--gc-sections",
                             "--build-id=none",
                             "--threads=1",
                             "--hash-style=gnu",
                             "-soname=gossamer-code",
                             "-o",
                             output.c_str(),
                             input.c_str()};
  std::string log;
  raw_string_ostream os(log);
  lld::Result result =
      lld::lldMain(arguments, nulls(), os, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return internalError("the linker failed: " + StringRef(log).trim().str());

  auto buffer = MemoryBuffer::getFile(output, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return ioError(output + ": cannot read: " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

} // namespace gossamer::cpu
