//===- Disassembly.cpp - Runs an installed disassembler -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The runtime has no disassembler of its own. The image is given to one as an
// anonymous file that the child inherits, and the function by its addresses:
// no name of the image reaches a command line, and nothing is left on a disk.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/SystemError.h"
#include "tools/report/CodeReport.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace gossamer::tools {

namespace {

constexpr std::array<const char *, 3> disassemblers = {
    "llvm-objdump-22", "llvm-objdump", "objdump"};

/// Closes on destruction.
class Descriptor {
public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  ~Descriptor() { close(); }

  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0)
      ::close(fd_);
    fd_ = -1;
  }

private:
  int fd_;
};

Status writeAll(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return systemError("anonymous file", "cannot write", errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::ok();
}

std::string hexadecimal(uint64_t number) {
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), "0x%llx",
                static_cast<unsigned long long>(number));
  return buffer.data();
}

/// The child's place for the image: beyond the standard streams.
constexpr int imageDescriptor = 3;

/// Starts the first disassembler there is; its output goes to `output`.
Expected<pid_t> start(const CodeSymbol &symbol, int image, int output) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  // Also clears close-on-exec, even where the number is the same already.
  ::posix_spawn_file_actions_adddup2(&actions, image, imageDescriptor);
  std::string from = "--start-address=" + hexadecimal(symbol.address);
  std::string to =
      "--stop-address=" + hexadecimal(symbol.address + symbol.size);
  std::string file = "/proc/self/fd/" + std::to_string(imageDescriptor);
  std::string disassembleOption = "-d", bytesOption = "--no-show-raw-insn";
  pid_t child = -1;
  int error = ENOENT;
  for (const char *program : disassemblers) {
    std::string name = program;
    std::array<char *, 7> arguments = {name.data(),
                                       disassembleOption.data(),
                                       bytesOption.data(),
                                       from.data(),
                                       to.data(),
                                       file.data(),
                                       nullptr};
    error = ::posix_spawnp(&child, program, &actions, nullptr, arguments.data(),
                           environ);
    if (error == 0)
      break;
  }
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == 0)
    return child;
  return unavailable("no disassembler: expects llvm-objdump-22, llvm-objdump "
                     "or objdump on PATH; install llvm-22 or binutils");
}

Expected<std::string> readAll(int fd) {
  std::string text;
  std::array<char, 65536> buffer;
  while (true) {
    ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError("disassembler", "cannot read", errno);
    if (count == 0)
      return text;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
}

Status waitFor(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return systemError("disassembler", "cannot wait", errno);
  GOSS_RETURN_IF_ERROR(checkInterrupt());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return Status::ok();
  return invalidData("code section: the disassembler refuses it");
}

/// The lines of instructions: what comes before the function's own line are
/// titles with the name of our file.
std::string keepInstructions(std::string_view text) {
  std::string out;
  bool begun = false;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    begun |= line.ends_with(">:");
    for (size_t tab; (tab = line.find('\t')) != std::string::npos;)
      line.replace(tab, 1, "  ");
    while (line.ends_with(' '))
      line.pop_back();
    if (begun && !line.empty())
      out += printable(line) + "\n";
  }
  return out;
}

} // namespace

Expected<std::string> disassemble(std::span<const std::byte> image,
                                  const CodeSymbol &symbol) {
  Descriptor file(::memfd_create("gossamer-code", MFD_CLOEXEC));
  if (file.get() < 0)
    return systemError("anonymous file", "cannot create", errno);
  GOSS_RETURN_IF_ERROR(writeAll(file.get(), image));
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    return systemError("pipe", "cannot create", errno);
  Descriptor reading(ends[0]), writing(ends[1]);
  GOSS_ASSIGN_OR_RETURN(pid_t child, start(symbol, file.get(), writing.get()));
  writing.close();
  Expected<std::string> output = readAll(reading.get());
  reading.close();
  GOSS_RETURN_IF_ERROR(waitFor(child));
  GOSS_RETURN_IF_ERROR(output.status());
  return keepInstructions(*output);
}

} // namespace gossamer::tools
