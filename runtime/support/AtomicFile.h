//===- AtomicFile.h - Files that appear whole or not at all -----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_ATOMICFILE_H
#define GOSSAMER_RUNTIME_SUPPORT_ATOMICFILE_H

#include "runtime/support/Status.h"
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Writes a file beside its destination and renames it there on commit, after
/// its bytes have reached the disk. Until then the destination keeps its old
/// content. Without a commit nothing is left behind. Movable; one thread at a
/// time. After a failed write only destruction makes sense.
class AtomicFile {
public:
  /// Creates the temporary file. An existing destination must be a regular
  /// file (it will be replaced) and its directory must exist.
  static Expected<AtomicFile> create(const std::string &path);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) noexcept;
  ~AtomicFile();

  const std::string &path() const { return path_; }
  /// Bytes appended so far.
  uint64_t size() const { return size_; }

  /// Lets large writes go past the page cache where the file system can: for
  /// files of gigabytes that nobody reads at once. It serves writes from memory
  /// whose address equals size() modulo directBlock.
  void bypassCache() { bypassesCache_ = true; }
  static constexpr size_t directBlock = 4096;

  /// Appends, through a buffer.
  Status write(std::string_view bytes);
  Status write(std::span<const std::byte> bytes) {
    return write(std::string_view(reinterpret_cast<const char *>(bytes.data()),
                                  bytes.size()));
  }
  /// Appends zero bytes up to a multiple of `alignment` (a power of two).
  Status alignTo(uint64_t alignment);
  /// Tells the file system that the file will have `size` bytes, so that it
  /// lays them out together and a full disk shows now; only a hint where it
  /// cannot do that.
  Status reserve(uint64_t size);
  /// Appends zero bytes up to `size` without writing them, for files whose
  /// parts come in any order: overwrite() then puts each in its place.
  Status extend(uint64_t size);
  /// Replaces bytes that were appended earlier.
  Status overwrite(uint64_t offset, std::string_view bytes);

  /// Flushes, syncs, and moves the file to its destination.
  Status commit();

private:
  AtomicFile() = default;
  Status flush();
  Status writeAt(uint64_t offset, std::string_view bytes);
  Status append(std::string_view bytes);
  size_t writeDirect(std::string_view blocks);
  void discard();

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
  int slot_ = -1; ///< place in the table of files to remove on a signal.
  uint64_t size_ = 0;
  bool bypassesCache_ = false;
  std::vector<char> buffer_; ///< the last bytes of size_, not yet written.
};

/// Writes `content` to `path` as one AtomicFile.
Status writeFile(const std::string &path, std::string_view content);

/// Makes SIGINT, SIGTERM and SIGHUP remove uncommitted files before they end
/// the process with exit code 130, and a write past a file size limit a failure
/// instead of the end of the process. Called once by tools that have no
/// handlers of their own.
void removeUncommittedFilesOnSignals();

/// What a signal handler of one's own calls: removes uncommitted files.
/// Async-signal-safe; the process must end after it.
void removeUncommittedFiles();

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_ATOMICFILE_H
