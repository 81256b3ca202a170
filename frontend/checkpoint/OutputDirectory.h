//===- OutputDirectory.h - A checkpoint that is being written ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_OUTPUTDIRECTORY_H
#define GOSSAMER_FRONTEND_CHECKPOINT_OUTPUTDIRECTORY_H

#include "runtime/support/Status.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace gossamer {

/// The directory that is written to, held against other runs. On failure the
/// finished files are removed, and the directory where this run made it, unless
/// a later run is to go on from there.
class OutputDirectory {
public:
  OutputDirectory(std::string path, bool resume)
      : path_(std::move(path)), keepsFiles_(resume) {}
  OutputDirectory(const OutputDirectory &) = delete;
  OutputDirectory &operator=(const OutputDirectory &) = delete;
  ~OutputDirectory() {
    std::error_code ignored;
    if (!keepsFiles_)
      for (const std::string &name : finished_)
        std::filesystem::remove(file(name), ignored);
    // Of a directory with files nothing happens here.
    for (const std::string &folder : folders_)
      std::filesystem::remove(file(folder), ignored);
    if (created_)
      std::filesystem::remove(path_, ignored);
    if (descriptor_ >= 0)
      ::close(descriptor_);
  }

  Status create();
  /// Usage unless the directory is empty.
  Status checkEmpty() const;
  /// Unfinished files of an earlier run; Usage when there are other files than
  /// those and `names`.
  Expected<std::vector<std::string>>
  findUnfinished(const std::vector<std::string> &names) const;
  /// Makes the folder beneath that the file `name` is to lie in.
  Status prepareFile(const std::string &name);
  Status remove(const std::vector<std::string> &names) const;
  /// IoError unless the disk has room for that much more.
  Status checkSpace(uint64_t bytes) const;

  bool has(const std::string &name) const {
    std::error_code ignored;
    return std::filesystem::exists(file(name), ignored);
  }
  void noteFile(std::string name) { finished_.push_back(std::move(name)); }
  void keepFiles() { keepsFiles_ = true; }
  std::string file(const std::string &name) const {
    return (std::filesystem::path(path_) / name).string();
  }

private:
  std::string path_;
  std::vector<std::string> finished_, folders_;
  bool keepsFiles_;
  bool created_ = false;
  int descriptor_ = -1; ///< carries the lock.
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_OUTPUTDIRECTORY_H
