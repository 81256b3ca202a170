//===- MappedFile.h - Read-only view of a file ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A file mapped for reading. Pages come from the page cache, so several
// processes that map the same weights share one copy.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_MAPPEDFILE_H
#define GOSSAMER_RUNTIME_SUPPORT_MAPPEDFILE_H

#include "runtime/support/Status.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace gossamer {

/// Owns the mapping of one regular file; movable, not copyable. All const
/// functions may be called from any thread. Nobody may shorten the file while
/// it is mapped: reading past its new end raises SIGBUS.
class MappedFile {
public:
  /// What the kernel is told about the use of a range.
  enum class Advice { Normal, Sequential, Random, WillNeed, DontNeed };

  /// Maps `path`. A directory, a device or a pipe is InvalidData; an absent
  /// file NotFound. A file of no bytes is mapped as an empty range.
  static Expected<MappedFile> open(const std::string &path);

  /// Maps the file `name` of `directory`, where `name` comes from a file and
  /// not from the user: refuses absolute names and "..". Symbolic links that
  /// lie in the directory are followed (download caches consist of them).
  static Expected<MappedFile> openBeneath(const std::string &directory,
                                          const std::string &name);

  /// A view of `bytes`, which must outlive it, that messages call `name`: for
  /// data that is part of the program.
  static MappedFile borrow(std::span<const std::byte> bytes, std::string name);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  const std::string &path() const { return path_; }
  uint64_t size() const { return size_; }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte *>(data_), size_};
  }
  std::string_view text() const {
    return {static_cast<const char *>(data_), size_};
  }

  /// Hints only: ranges are cut to the file and failures are ignored.
  void advise(Advice advice) const { advise(advice, 0, size_); }
  void advise(Advice advice, uint64_t offset, uint64_t length) const;

private:
  std::string path_;
  const void *data_ = nullptr;
  size_t size_ = 0;
  bool owned_ = false; ///< data_ is a mapping of ours.
};

/// Checks that `name` can only name something beneath a directory: relative,
/// not empty, no component "..", no NUL byte.
Status checkRelativeName(std::string_view name);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_MAPPEDFILE_H
