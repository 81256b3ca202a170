//===- Terminal.h - Streams, styles and signals of the tools ----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Generated text goes to standard output, everything else to standard error.
// A reader that goes away (`goss run | head -1`) ends a tool quietly; a first
// Ctrl-C asks the running work to stop, a second one ends the process.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_SUPPORT_TERMINAL_H
#define GOSSAMER_TOOLS_SUPPORT_TERMINAL_H

#include "runtime/support/Status.h"

#include <atomic>
#include <string>
#include <string_view>

namespace gossamer::tools {

/// Standard output without a buffer of its own: what was written is seen at
/// once. Not thread-safe.
class Output {
public:
  explicit Output(int fd) : fd_(fd) {}

  /// Writes all bytes; IoError when the system refuses them.
  Status write(std::string_view bytes);
  /// True once a write failed because nobody reads any more.
  bool isReaderGone() const { return readerGone_; }
  bool isTerminal() const;

private:
  int fd_;
  bool readerGone_ = false;
};

Output &standardOutput();

/// Reads all of a file, or of standard input for "-".
Expected<std::string> readTextFile(const std::string &path);

/// Notes on standard error in two columns, cargo's way: a right-aligned bold
/// verb and the rest. Silent when quiet.
class Notes {
public:
  explicit Notes(bool quiet = false);
  void note(std::string_view verb, std::string_view text) const;
  bool isQuiet() const { return quiet_; }

private:
  bool quiet_;
  bool styled_;
};

/// True where standard error (2) or output (1) is a terminal that may be
/// coloured: NO_COLOR is unset and TERM is not "dumb".
bool isStyled(int fd);

/// Prepares signals: SIGPIPE ignored, SIGINT and SIGTERM set the flag.
void installSignalHandlers();
/// Set by the first Ctrl-C. Whoever has dealt with it calls clearInterrupt().
std::atomic<bool> &interruptFlag();
/// Forgets an interruption; returns whether there was one.
bool clearInterrupt();
/// Waits until `fd` can be read: Interrupted when Ctrl-C comes first, on
/// whichever thread and at whatever moment the signal arrives.
Status waitForInput(int fd);
/// Interrupted when the flag is set, else Ok: for work in stages.
Status checkInterrupt();

/// Human units: "7.4 MB", "1.25 ms", "12.3 s".
std::string formatBytes(uint64_t bytes);
std::string formatSeconds(double seconds);
/// 1234567 -> "1,234,567".
std::string formatCount(uint64_t count);
/// "9.1 M", "20.9 B".
std::string formatParameters(uint64_t count);
/// Fixed number of decimals.
std::string formatFixed(double value, int decimals);
/// "1.25e-06", with that number of decimals.
std::string formatScientific(double value, int decimals);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_SUPPORT_TERMINAL_H
