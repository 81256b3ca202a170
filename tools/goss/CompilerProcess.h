//===- CompilerProcess.h - Runs gossc ---------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// goss links no compiler; where it needs one it runs the program beside itself.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_COMPILERPROCESS_H
#define GOSSAMER_TOOLS_GOSS_COMPILERPROCESS_H

#include "runtime/support/Status.h"

#include <string>
#include <vector>

namespace gossamer::tools {

/// `path`, or the gossc that lies beside this program where it is empty:
/// NotFound when there is none.
Expected<std::string> findCompiler(const std::string &path);

/// Runs the program and waits for it; its messages go to standard error. An
/// exit code other than 0 becomes a failure with that code. Ctrl-C ends the
/// program and gives Interrupted.
Status runCompiler(const std::string &program,
                   const std::vector<std::string> &arguments);

/// A folder of its own for files that nobody else needs, removed with all that
/// is in it.
class ScratchFolder {
public:
  ScratchFolder() = default;
  ScratchFolder(ScratchFolder &&other) noexcept { path_.swap(other.path_); }
  ScratchFolder &operator=(ScratchFolder &&other) noexcept {
    path_.swap(other.path_);
    return *this;
  }
  ~ScratchFolder();

  /// Made within `parent`, which must exist.
  static Expected<ScratchFolder> create(const std::string &parent);
  std::string file(const std::string &name) const { return path_ + "/" + name; }

private:
  std::string path_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_COMPILERPROCESS_H
