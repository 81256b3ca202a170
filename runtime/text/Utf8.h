//===- Utf8.h - Reading and repairing UTF-8 ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Well-formed UTF-8 as the Unicode standard defines it (table 3-7): shortest
// forms only, no surrogates, nothing above U+10FFFF. An ill-formed sequence is
// replaced by one U+FFFD for each of its maximal subparts, as browsers and
// Rust's lossy conversion do.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_UTF8_H
#define GOSSAMER_RUNTIME_TEXT_UTF8_H

#include <cstdint>
#include <string>
#include <string_view>

namespace gossamer {

/// U+FFFD.
inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

enum class Utf8Kind : uint8_t {
  Valid,      ///< a whole code point.
  Invalid,    ///< bytes that no continuation can make valid.
  Incomplete, ///< the text ends within what may be a code point.
};

/// What a text begins with.
struct Utf8Sequence {
  Utf8Kind kind;
  uint8_t length;     ///< bytes it consists of, 1 ... 4.
  uint32_t codePoint; ///< meaningful when Valid.
};

/// Reads the first sequence of `text`, which must not be empty.
Utf8Sequence readUtf8(std::string_view text);

/// Appends the encoding of `codePoint` (a scalar value) to `out`.
void appendUtf8(std::string &out, uint32_t codePoint);

/// Number of bytes at the front of `text` that are well-formed.
size_t validUtf8Prefix(std::string_view text);

inline bool isValidUtf8(std::string_view text) {
  return validUtf8Prefix(text) == text.size();
}

/// Appends `text` to `out` with every ill-formed sequence replaced.
void appendValidUtf8(std::string &out, std::string_view text);

/// Returns `text` when it is well-formed, else a repaired copy in `storage`.
std::string_view repairUtf8(std::string_view text, std::string &storage);

/// Replaces escaped surrogates that stand alone in a JSON text ("\ud83d") by
/// "\ufffd": JavaScript and Python write them, and strict readers refuse them.
std::string repairJsonSurrogates(std::string_view json);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_UTF8_H
