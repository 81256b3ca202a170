//===- JsonWriter.h - Writing JSON ------------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_JSONWRITER_H
#define GOSSAMER_RUNTIME_SUPPORT_JSONWRITER_H

#include "runtime/support/Json.h"
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Builds a JSON text front to back. The text is always valid: bytes that are
/// not UTF-8 become U+FFFD, and numbers that JSON lacks (NaN, infinity) become
/// null. The same calls give the same bytes. Calls that do not nest properly
/// are a bug of the caller and are asserted. Not thread-safe.
///
///   JsonWriter json;
///   json.beginObject().member("name", "x").key("ids").beginArray();
///   json.value(1).value(2).endArray().endObject();
///   json.take();  // {"name":"x","ids":[1,2]}
class JsonWriter {
public:
  /// `indent` spaces a level, each value on its own line; 0: a single line.
  explicit JsonWriter(unsigned indent = 0) : indent_(indent) {}

  JsonWriter &beginObject() { return open('{'); }
  JsonWriter &endObject() { return close('}'); }
  JsonWriter &beginArray() { return open('['); }
  JsonWriter &endArray() { return close(']'); }

  /// Starts a member of the open object; a value follows.
  JsonWriter &key(std::string_view name);

  JsonWriter &null();
  JsonWriter &value(std::string_view text);
  JsonWriter &value(const std::string &text) {
    return value(std::string_view(text));
  }
  JsonWriter &value(const char *text) { return value(std::string_view(text)); }
  /// The shortest text that reads back as the same number, with a fraction or
  /// an exponent ("1.0").
  JsonWriter &value(double number);
  JsonWriter &value(float number);
  template <std::integral T> JsonWriter &value(T number) {
    if constexpr (std::same_as<T, bool>)
      return literal(number ? "true" : "false");
    else if constexpr (std::signed_integral<T>)
      return integer(static_cast<int64_t>(number));
    else
      return unsignedInteger(static_cast<uint64_t>(number));
  }
  /// Copies a value of a parsed document.
  JsonWriter &value(const JsonValue &value);

  template <typename T>
  JsonWriter &member(std::string_view name, const T &content) {
    key(name);
    return value(content);
  }

  /// Returns the text and starts anew; every object and array must be closed.
  std::string take();

private:
  JsonWriter &open(char bracket);
  JsonWriter &close(char bracket);
  JsonWriter &literal(std::string_view text);
  JsonWriter &integer(int64_t number);
  JsonWriter &unsignedInteger(uint64_t number);
  /// Puts the comma and line break that the next value or key needs.
  void separate();
  void newLine();

  std::string text_;
  std::vector<char> closers_; ///< closing bracket of each open level.
  unsigned indent_;
  bool first_ = true;     ///< nothing yet in the open level.
  bool afterKey_ = false; ///< a key waits for its value.
};

/// Appends `text` as a quoted JSON string to `out`.
void appendJsonString(std::string &out, std::string_view text);

/// A name or text of an input as messages show it: quoted like a JSON string,
/// so that it stays on one line and moves no cursor, and cut after `maxShown`
/// bytes.
std::string quoteText(std::string_view text, size_t maxShown = 200);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_JSONWRITER_H
