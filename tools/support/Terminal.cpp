//===- Terminal.cpp - Streams, styles and signals of the tools ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/Terminal.h"

#include "runtime/support/AtomicFile.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace gossamer::tools {

Status Output::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0) {
      readerGone_ = errno == EPIPE;
      return ioError(std::string("standard output: cannot write: ") +
                     std::strerror(errno));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return Status::ok();
}

bool Output::isTerminal() const { return ::isatty(fd_) == 1; }

Output &standardOutput() {
  static Output output(STDOUT_FILENO);
  return output;
}

Expected<std::string> readTextFile(const std::string &path) {
  bool isStdin = path == "-";
  int fd = isStdin ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    std::string message = path + ": cannot open: " + std::strerror(errno);
    return errno == ENOENT ? notFound(message) : ioError(message);
  }
  std::string text;
  std::array<char, 65536> buffer;
  ssize_t count = 0;
  Status interrupted;
  while ((interrupted = waitForInput(fd)) &&
         (count = ::read(fd, buffer.data(), buffer.size())) != 0) {
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  int error = errno;
  if (!isStdin)
    ::close(fd);
  GOSS_RETURN_IF_ERROR(interrupted);
  if (count < 0) {
    return ioError((isStdin ? "standard input" : path) +
                   ": cannot read: " + std::strerror(error));
  }
  return text;
}

bool isStyled(int fd) {
  const char *term = std::getenv("TERM");
  return ::isatty(fd) == 1 && !std::getenv("NO_COLOR") &&
         (!term || std::strcmp(term, "dumb") != 0);
}

Notes::Notes(bool quiet) : quiet_(quiet), styled_(isStyled(STDERR_FILENO)) {}

void Notes::note(std::string_view verb, std::string_view text) const {
  if (quiet_)
    return;
  std::fprintf(stderr, "%s%12.*s%s %.*s\n", styled_ ? "\x1b[1;32m" : "",
               static_cast<int>(verb.size()), verb.data(),
               styled_ ? "\x1b[0m" : "", static_cast<int>(text.size()),
               text.data());
}

std::atomic<bool> &interruptFlag() {
  static std::atomic<bool> flag = false;
  return flag;
}

Status checkInterrupt() {
  return interruptFlag() ? Status(StatusCode::Interrupted, "interrupted")
                         : Status::ok();
}

namespace {
/// Wakes waitForInput: a signal may arrive on another thread, or just before
/// a call blocks, and would not interrupt it then.
std::array<int, 2> wakePipe = {-1, -1};

void onInterrupt(int) {
  // The second signal means that the work does not listen.
  if (interruptFlag().exchange(true)) {
    removeUncommittedFiles();
    ::_exit(static_cast<int>(StatusCode::Interrupted));
  }
  int error = errno;
  [[maybe_unused]] ssize_t written = ::write(wakePipe[1], "", 1);
  errno = error;
}
} // namespace

bool clearInterrupt() {
  // A signal between these two only leaves the flag set, which suffices.
  bool was = interruptFlag().exchange(false);
  char byte = 0;
  while (::read(wakePipe[0], &byte, 1) > 0) {
  }
  return was;
}

Status waitForInput(int fd) {
  std::array<pollfd, 2> files = {{{fd, POLLIN, 0}, {wakePipe[0], POLLIN, 0}}};
  while (!interruptFlag()) {
    int ready = ::poll(files.data(), files.size(), -1);
    // What cannot be waited for is left to the read to report.
    if ((ready < 0 && errno != EINTR) || (ready > 0 && files[0].revents))
      return checkInterrupt();
  }
  return checkInterrupt();
}

void installSignalHandlers() {
  // Without the pipe only the wake-up is lost.
  if (wakePipe[0] < 0 && ::pipe2(wakePipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    wakePipe = {-1, -1};
  clearInterrupt();
  ::signal(SIGPIPE, SIG_IGN);
  // A write past a file size limit then fails like one on a full disk.
  ::signal(SIGXFSZ, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

std::string formatFixed(double value, int decimals) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string formatScientific(double value, int decimals) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.*e", decimals, value);
  return buffer.data();
}

std::string formatBytes(uint64_t bytes) {
  if (bytes < 1000)
    return std::to_string(bytes) + " B";
  static constexpr std::array<const char *, 4> units = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < units.size(); ++unit)
    value /= 1000;
  return formatFixed(value, 1) + " " + units[unit];
}

std::string formatSeconds(double seconds) {
  if (seconds < 1e-3)
    return formatFixed(seconds * 1e6, 0) + " us";
  if (seconds < 1)
    return formatFixed(seconds * 1e3, seconds < 0.1 ? 1 : 0) + " ms";
  return formatFixed(seconds, 2) + " s";
}

std::string formatCount(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string formatParameters(uint64_t count) {
  double value = static_cast<double>(count);
  if (value >= 1e9)
    return formatFixed(value / 1e9, 1) + " B";
  if (value >= 1e6)
    return formatFixed(value / 1e6, 1) + " M";
  return formatCount(count);
}

} // namespace gossamer::tools
