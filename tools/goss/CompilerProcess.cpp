//===- CompilerProcess.cpp - Runs gossc -----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/CompilerProcess.h"

#include "runtime/support/SystemError.h"
#include "tools/support/Terminal.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace gossamer::tools {

namespace fs = std::filesystem;

Expected<std::string> findCompiler(const std::string &path) {
  std::error_code error;
  fs::path program = path;
  if (path.empty())
    program = fs::read_symlink("/proc/self/exe", error).parent_path() / "gossc";
  if (::access(program.c_str(), X_OK) != 0 || fs::is_directory(program, error))
    return notFound(program.string() +
                    ": expects the compiler; give its place with --gossc=PATH, "
                    "or artifacts with --model=FILE and --oracle=FILE");
  return program.string();
}

/// Waits for a child; asks it to end when this program is to end.
static Expected<int> waitForExit(pid_t child) {
  while (true) {
    int state = 0;
    pid_t ended = ::waitpid(child, &state, WNOHANG);
    if (ended == child)
      return state;
    if (ended < 0 && errno != EINTR)
      return systemError("gossc", "waiting for it", errno);
    if (interruptFlag())
      ::kill(child, SIGTERM);
    ::poll(nullptr, 0, 10);
  }
}

Status runCompiler(const std::string &program,
                   const std::vector<std::string> &arguments) {
  std::vector<char *> words = {const_cast<char *>(program.c_str())};
  for (const std::string &argument : arguments)
    words.push_back(const_cast<char *>(argument.c_str()));
  words.push_back(nullptr);
  pid_t child = 0;
  if (int error = ::posix_spawn(&child, program.c_str(), nullptr, nullptr,
                                words.data(), environ))
    return systemError(program, "running it", error);
  GOSS_ASSIGN_OR_RETURN(int state, waitForExit(child));
  GOSS_RETURN_IF_ERROR(checkInterrupt());
  if (WIFSIGNALED(state))
    return internalError(program + ": ended by signal " +
                         std::to_string(WTERMSIG(state)));
  int code = WEXITSTATUS(state);
  if (code == 0)
    return Status::ok();
  // Those of StatusCode mean what they mean here; it has said why.
  bool isKnown = code >= static_cast<int>(StatusCode::Usage) &&
                 code <= static_cast<int>(StatusCode::IoError);
  return {isKnown ? static_cast<StatusCode>(code) : StatusCode::Internal,
          program + ": could not compile the checkpoint, exit code " +
              std::to_string(code)};
}

Expected<ScratchFolder> ScratchFolder::create(const std::string &parent) {
  std::string path = parent + "/.goss-XXXXXX";
  if (!::mkdtemp(path.data()))
    return systemError(path, "making the folder", errno);
  ScratchFolder folder;
  folder.path_ = std::move(path);
  return folder;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!path_.empty())
    fs::remove_all(path_, ignored);
}

} // namespace gossamer::tools
