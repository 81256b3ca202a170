//===- Utf8Stream.h - Text from pieces of bytes -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Tokens are runs of bytes and may end in the middle of a character. The
// stream holds such a tail back until the bytes that complete it have come.
// However the bytes are divided, the concatenated output is the same, and
// equals appendValidUtf8 of all bytes.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_UTF8STREAM_H
#define GOSSAMER_RUNTIME_TEXT_UTF8STREAM_H

#include <string>
#include <string_view>

namespace gossamer {

/// Turns bytes into well-formed UTF-8 as they come. Not thread-safe.
class Utf8Stream {
public:
  /// Appends to `out` all characters that `bytes` complete. A sequence that
  /// can no longer become valid is written as U+FFFD at once.
  void push(std::string_view bytes, std::string &out);
  std::string push(std::string_view bytes) {
    std::string out;
    push(bytes, out);
    return out;
  }

  /// Ends the text: an incomplete tail is written as U+FFFD. The stream can
  /// then be used for the next text.
  void flush(std::string &out);
  std::string flush() {
    std::string out;
    flush(out);
    return out;
  }

  /// Whether bytes are held back (never more than three).
  bool hasPending() const { return !tail_.empty(); }

private:
  std::string tail_; ///< start of a character that is not complete.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_UTF8STREAM_H
