//===- MappedFile.cpp - Read-only view of a file --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/MappedFile.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/SystemError.h"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace gossamer;

namespace {

/// Closes a descriptor when the scope ends.
struct ScopedDescriptor {
  int fd;
  ~ScopedDescriptor() {
    if (fd >= 0)
      ::close(fd);
  }
};

} // namespace

Expected<MappedFile> MappedFile::open(const std::string &path) {
  // O_NONBLOCK: a pipe that nobody writes must not hang the open.
  ScopedDescriptor file{
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0)
    return systemError(path, "cannot open", errno);
  struct stat info;
  if (::fstat(file.fd, &info) != 0)
    return systemError(path, "cannot examine", errno);
  if (S_ISDIR(info.st_mode))
    return invalidData(path + ": expects a file but got a directory");
  if (!S_ISREG(info.st_mode))
    return invalidData(path + ": expects a regular file but got a device, "
                              "pipe or socket");

  MappedFile mapped;
  mapped.path_ = path;
  if (info.st_size == 0)
    return mapped;
  size_t size = static_cast<size_t>(info.st_size);
  void *data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd, 0);
  if (data == MAP_FAILED)
    return systemError(path, "cannot map", errno);
  mapped.data_ = data;
  mapped.size_ = size;
  mapped.owned_ = true;
  return mapped;
}

Expected<MappedFile> MappedFile::openBeneath(const std::string &directory,
                                             const std::string &name) {
  GOSS_RETURN_IF_ERROR(checkRelativeName(name).withContext(directory));
  return open(directory.empty() ? name : directory + "/" + name);
}

MappedFile MappedFile::borrow(std::span<const std::byte> bytes,
                              std::string name) {
  MappedFile view;
  view.path_ = std::move(name);
  view.data_ = bytes.data();
  view.size_ = bytes.size();
  return view;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      owned_(std::exchange(other.owned_, false)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(owned_, other.owned_);
  return *this;
}

MappedFile::~MappedFile() {
  if (owned_)
    ::munmap(const_cast<void *>(data_), size_);
}

void MappedFile::advise(Advice advice, uint64_t offset, uint64_t length) const {
  if (!owned_ || offset >= size_)
    return;
  length = std::min<uint64_t>(length, size_ - offset);
  int value = MADV_NORMAL;
  switch (advice) {
  case Advice::Normal:
    value = MADV_NORMAL;
    break;
  case Advice::Sequential:
    value = MADV_SEQUENTIAL;
    break;
  case Advice::Random:
    value = MADV_RANDOM;
    break;
  case Advice::WillNeed:
    value = MADV_WILLNEED;
    break;
  case Advice::DontNeed:
    value = MADV_DONTNEED;
    break;
  }
  // The kernel wants a page boundary; the range grows down to one.
  uint64_t misaligned = offset % static_cast<uint64_t>(::getpagesize());
  const char *begin = static_cast<const char *>(data_) + (offset - misaligned);
  (void)::madvise(const_cast<char *>(begin), length + misaligned, value);
}

Status gossamer::checkRelativeName(std::string_view name) {
  std::string quoted = quoteText(name);
  if (name.empty())
    return invalidData("expects a file name but got " + quoted);
  // A message that names the file must not move the cursor.
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      return invalidData("expects a file name without control characters but "
                         "got " +
                         quoted);
  if (name.front() == '/')
    return invalidData("expects a relative file name but got " + quoted);
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('/', begin), name.size());
    if (name.substr(begin, end - begin) == "..")
      return invalidData("expects a file name without \"..\" but got " +
                         quoted);
    begin = end + 1;
  }
  return Status::ok();
}
