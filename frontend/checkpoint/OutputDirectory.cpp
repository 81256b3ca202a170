//===- OutputDirectory.cpp - A checkpoint that is being written -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/OutputDirectory.h"

#include "runtime/support/SystemError.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>

namespace gossamer {

namespace fs = std::filesystem;

Status OutputDirectory::create() {
  std::error_code error;
  created_ = fs::create_directories(path_, error);
  if (error)
    return systemError(path_, "cannot create the directory", error.value());
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0)
    return systemError(path_, "cannot open the directory", errno);
  // File systems without locks go without.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return usageError(path_ + ": another run is writing here");
  return Status::ok();
}

Status OutputDirectory::checkEmpty() const {
  std::error_code error;
  if (!fs::is_empty(path_, error) || error)
    return usageError(path_ + ": expects an empty directory but got one "
                              "with files");
  return Status::ok();
}

Expected<std::vector<std::string>>
OutputDirectory::findUnfinished(const std::vector<std::string> &names) const {
  std::error_code error;
  std::vector<std::string> unfinished;
  fs::recursive_directory_iterator entries(path_, error);
  for (; !error && entries != fs::recursive_directory_iterator();
       entries.increment(error)) {
    std::string entry = entries->path().lexically_relative(path_).string();
    std::error_code ignored;
    if (entries->is_directory(ignored) &&
        std::ranges::any_of(names, [&](const std::string &name) {
          return name.starts_with(entry + "/");
        }))
      continue;
    bool isPart = entry.ends_with(".part");
    bool known = std::ranges::any_of(names, [&](const std::string &name) {
      return isPart ? entry.starts_with(name + ".") : entry == name;
    });
    if (!known)
      return usageError(path_ +
                        ": expects files of a stopped run with the "
                        "same options but got '" +
                        entry + "'");
    if (isPart)
      unfinished.push_back(entry);
  }
  if (error)
    return systemError(path_, "cannot list the directory", error.value());
  return unfinished;
}

Status OutputDirectory::prepareFile(const std::string &name) {
  fs::path folder = fs::path(name).parent_path();
  if (folder.empty())
    return Status::ok();
  std::error_code error;
  fs::path path = fs::path(path_) / folder;
  if (fs::create_directories(path, error))
    folders_.push_back(folder.string());
  if (error)
    return systemError(path.string(), "cannot create the directory",
                       error.value());
  return Status::ok();
}

Status OutputDirectory::remove(const std::vector<std::string> &names) const {
  for (const std::string &name : names) {
    std::error_code error;
    fs::remove(file(name), error);
    if (error)
      return systemError(file(name), "cannot remove", error.value());
  }
  return Status::ok();
}

Status OutputDirectory::checkSpace(uint64_t bytes) const {
  std::error_code error;
  fs::space_info space = fs::space(path_, error);
  if (!error && space.available < bytes)
    return ioError(path_ + ": expects " + std::to_string(bytes) +
                   " bytes of free space but got " +
                   std::to_string(space.available));
  return Status::ok();
}

} // namespace gossamer
