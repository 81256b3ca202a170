//===- AtomicFile.cpp - Files that appear whole or not at all -------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/AtomicFile.h"
#include "runtime/support/SystemError.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <limits>
#include <sys/stat.h>
#include <unistd.h>

using namespace gossamer;

namespace {

constexpr size_t bufferBytes = size_t(1) << 20;

/// Names of uncommitted files for the signal handler, which may neither lock
/// nor allocate. Files beyond the last slot are just not removed by it.
struct Slot {
  std::atomic<int> state{free};
  char path[PATH_MAX];
  enum { free, busy, live };
};
Slot slots[16];

int takeSlot(const std::string &path) {
  if (path.size() >= PATH_MAX)
    return -1;
  for (size_t i = 0; i < std::size(slots); ++i) {
    int expected = Slot::free;
    if (!slots[i].state.compare_exchange_strong(expected, Slot::busy))
      continue;
    std::memcpy(slots[i].path, path.c_str(), path.size() + 1);
    slots[i].state = Slot::live;
    return static_cast<int>(i);
  }
  return -1;
}

void releaseSlot(int slot) {
  if (slot >= 0)
    slots[slot].state = Slot::free;
}

std::string directoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Makes a rename last: the directory holds the name.
Status syncDirectory(const std::string &directory) {
  int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return systemError(directory, "cannot open", errno);
  int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // Some file systems cannot sync a directory and say so with EINVAL.
  if (error != 0 && error != EINVAL)
    return systemError(directory, "cannot sync", error);
  return Status::ok();
}

Status checkDestination(const std::string &path) {
  struct stat info;
  if (path.empty())
    return usageError("expects a file name but got an empty one");
  if (path.back() == '/')
    return usageError(path + ": expects a file but got a directory");
  if (::stat(path.c_str(), &info) != 0)
    return Status::ok();
  if (S_ISDIR(info.st_mode))
    return usageError(path + ": expects a file but got a directory");
  if (!S_ISREG(info.st_mode))
    return usageError(path + ": expects a regular file but got a device, "
                             "pipe or socket");
  return Status::ok();
}

extern "C" void endOnSignal(int) {
  removeUncommittedFiles();
  ::_exit(static_cast<int>(StatusCode::Interrupted));
}

} // namespace

Expected<AtomicFile> AtomicFile::create(const std::string &path) {
  GOSS_RETURN_IF_ERROR(checkDestination(path));
  AtomicFile file;
  file.path_ = path;
  // The name differs between processes and between files of one process.
  static std::atomic<unsigned> counter{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string name = path + "." + std::to_string(::getpid()) + "." +
                       std::to_string(counter++) + ".part";
    int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
      file.descriptor_ = fd;
      file.temporary_ = name;
      file.slot_ = takeSlot(name);
      file.buffer_.reserve(bufferBytes);
      return file;
    }
    if (errno != EEXIST)
      return systemError(path, "cannot create", errno);
  }
  return systemError(path, "cannot create", EEXIST);
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      slot_(std::exchange(other.slot_, -1)),
      size_(std::exchange(other.size_, 0)),
      bypassesCache_(other.bypassesCache_), buffer_(std::move(other.buffer_)) {}

AtomicFile &AtomicFile::operator=(AtomicFile &&other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(slot_, other.slot_);
  std::swap(size_, other.size_);
  std::swap(bypassesCache_, other.bypassesCache_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor_ < 0)
    return;
  ::close(std::exchange(descriptor_, -1));
  ::unlink(temporary_.c_str());
  releaseSlot(std::exchange(slot_, -1));
}

Status AtomicFile::writeAt(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    // The kernel writes at most about 2 GiB in one call.
    size_t count = std::min<size_t>(bytes.size(), size_t(1) << 30);
    ssize_t written =
        ::pwrite(descriptor_, bytes.data(), count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemError(path_,
                         "cannot write at offset " + std::to_string(offset),
                         written < 0 ? errno : ENOSPC);
    offset += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status::ok();
}

Status AtomicFile::flush() {
  GOSS_RETURN_IF_ERROR(
      writeAt(size_ - buffer_.size(), {buffer_.data(), buffer_.size()}));
  buffer_.clear();
  return Status::ok();
}

Status AtomicFile::append(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > bufferBytes)
    GOSS_RETURN_IF_ERROR(flush());
  if (bytes.size() >= bufferBytes) {
    GOSS_RETURN_IF_ERROR(writeAt(size_, bytes));
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  size_ += bytes.size();
  return Status::ok();
}

/// Writes whole blocks at the end, past the page cache; returns how many bytes
/// it wrote. What it cannot write is left to the usual way, which also reports
/// why.
size_t AtomicFile::writeDirect(std::string_view blocks) {
  size_t done = 0;
  if (::fcntl(descriptor_, F_SETFL, O_DIRECT) == 0) {
    while (done < blocks.size()) {
      ssize_t written =
          ::pwrite(descriptor_, blocks.data() + done, blocks.size() - done,
                   static_cast<off_t>(size_ + done));
      if (written < 0 && errno == EINTR)
        continue;
      if (written <= 0)
        break;
      done += static_cast<size_t>(written);
    }
    ::fcntl(descriptor_, F_SETFL, 0);
  }
  // Not this file system, or not these blocks: do not try again.
  bypassesCache_ = done == blocks.size();
  return done;
}

Status AtomicFile::write(std::string_view bytes) {
  if (bypassesCache_ && bytes.size() >= bufferBytes &&
      (reinterpret_cast<uintptr_t>(bytes.data()) - size_) % directBlock == 0) {
    // Whole blocks only; what stands before and after them goes the usual way.
    size_t head = -size_ % directBlock;
    GOSS_RETURN_IF_ERROR(append(bytes.substr(0, head)));
    GOSS_RETURN_IF_ERROR(flush());
    bytes.remove_prefix(head);
    size_t blocks = bytes.size() / directBlock * directBlock;
    size_t written = writeDirect(bytes.substr(0, blocks));
    size_ += written;
    bytes.remove_prefix(written);
  }
  return append(bytes);
}

Status AtomicFile::reserve(uint64_t size) {
  if (size <= size_)
    return Status::ok();
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max()))
    return systemError(
        path_, "cannot reserve " + std::to_string(size) + " bytes", EFBIG);
  int failed;
  do
    failed = ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0,
                         static_cast<off_t>(size));
  while (failed && errno == EINTR);
  if (failed && errno != EOPNOTSUPP && errno != ENOSYS)
    return systemError(
        path_, "cannot reserve " + std::to_string(size) + " bytes", errno);
  return Status::ok();
}

Status AtomicFile::extend(uint64_t size) {
  if (size <= size_)
    return Status::ok();
  GOSS_RETURN_IF_ERROR(reserve(size));
  GOSS_RETURN_IF_ERROR(flush());
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
    return systemError(
        path_, "cannot grow to " + std::to_string(size) + " bytes", errno);
  size_ = size;
  return Status::ok();
}

Status AtomicFile::alignTo(uint64_t alignment) {
  uint64_t missing = (alignment - size_ % alignment) % alignment;
  const std::string zeros(static_cast<size_t>(std::min(missing, alignment)),
                          '\0');
  return write(zeros);
}

Status AtomicFile::overwrite(uint64_t offset, std::string_view bytes) {
  if (offset > size_ || bytes.size() > size_ - offset)
    return internalError(path_ + ": expects to overwrite bytes before " +
                         std::to_string(size_) + " but got " +
                         std::to_string(bytes.size()) + " at offset " +
                         std::to_string(offset));
  GOSS_RETURN_IF_ERROR(flush());
  return writeAt(offset, bytes);
}

Status AtomicFile::commit() {
  GOSS_RETURN_IF_ERROR(flush());
  if (::fsync(descriptor_) != 0)
    return systemError(path_, "cannot sync", errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    int error = errno;
    ::unlink(temporary_.c_str());
    releaseSlot(std::exchange(slot_, -1));
    return systemError(path_, "cannot close", error);
  }
  int error = 0;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    error = errno;
    ::unlink(temporary_.c_str());
  }
  releaseSlot(std::exchange(slot_, -1));
  if (error != 0)
    return systemError(path_, "cannot rename", error);
  return syncDirectory(directoryOf(path_));
}

Status gossamer::writeFile(const std::string &path, std::string_view content) {
  GOSS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  GOSS_RETURN_IF_ERROR(file.write(content));
  return file.commit();
}

void gossamer::removeUncommittedFiles() {
  for (Slot &slot : slots)
    if (slot.state == Slot::live)
      ::unlink(slot.path);
}

void gossamer::removeUncommittedFilesOnSignals() {
  struct sigaction action = {};
  action.sa_handler = endOnSignal;
  sigemptyset(&action.sa_mask);
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  // A write past a file size limit reports EFBIG instead of killing us.
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &action, nullptr);
}
