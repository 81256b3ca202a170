//===- JsonWriter.cpp - Writing JSON --------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>

using namespace gossamer;

namespace {

/// Length of the well-formed UTF-8 sequence that starts `text`, or 0
/// (Unicode 15, table 3-7).
size_t sequenceLength(std::string_view text) {
  auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  auto follows = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  unsigned lead = at(0);
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    bool tooLong = lead == 0xE0 && at(1) < 0xA0;
    bool surrogate = lead == 0xED && at(1) > 0x9F;
    return follows(1) && follows(2) && !tooLong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    bool tooLong = lead == 0xF0 && at(1) < 0x90;
    bool tooLarge = lead == 0xF4 && at(1) > 0x8F;
    return follows(1) && follows(2) && follows(3) && !tooLong && !tooLarge ? 4
                                                                           : 0;
  }
  return 0;
}

void appendEscaped(std::string &out, char c) {
  switch (c) {
  case '"':
    out += "\\\"";
    return;
  case '\\':
    out += "\\\\";
    return;
  case '\n':
    out += "\\n";
    return;
  case '\r':
    out += "\\r";
    return;
  case '\t':
    out += "\\t";
    return;
  case '\b':
    out += "\\b";
    return;
  case '\f':
    out += "\\f";
    return;
  default:
    break;
  }
  if (static_cast<unsigned char>(c) >= 0x20) {
    out += c;
    return;
  }
  constexpr char digits[] = "0123456789abcdef";
  out += "\\u00";
  out += digits[(c >> 4) & 15];
  out += digits[c & 15];
}

template <typename T> std::string floatText(T number) {
  if (!std::isfinite(number))
    return "null";
  char buffer[40];
  auto result = std::to_chars(buffer, buffer + sizeof(buffer), number);
  std::string text(buffer, result.ptr);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text;
}

} // namespace

void gossamer::appendJsonString(std::string &out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    size_t length = sequenceLength(text.substr(i, 4));
    if (length == 0) {
      out += "\xEF\xBF\xBD"; // U+FFFD
      ++i;
      continue;
    }
    if (length == 1)
      appendEscaped(out, text[i]);
    else
      out += text.substr(i, length);
    i += length;
  }
  out += '"';
}

std::string gossamer::quoteText(std::string_view text, size_t maxShown) {
  size_t shown = std::min(text.size(), maxShown);
  // Not in the middle of a character.
  if (shown < text.size())
    while (shown > 0 &&
           (static_cast<unsigned char>(text[shown]) & 0xC0) == 0x80)
      --shown;
  std::string quoted;
  appendJsonString(quoted, text.substr(0, shown));
  // JSON lets pass the delete character, which terminals act on.
  for (size_t at; (at = quoted.find('\x7F')) != std::string::npos;)
    quoted.replace(at, 1, "\\u007f");
  return shown < text.size() ? quoted + "..." : quoted;
}

void JsonWriter::newLine() {
  if (indent_ == 0)
    return;
  text_ += '\n';
  text_.append(closers_.size() * indent_, ' ');
}

void JsonWriter::separate() {
  if (afterKey_) {
    afterKey_ = false;
    return;
  }
  assert((!closers_.empty() || text_.empty()) && "one value at the top");
  if (!first_)
    text_ += ',';
  if (!closers_.empty())
    newLine();
  first_ = false;
}

JsonWriter &JsonWriter::open(char bracket) {
  separate();
  text_ += bracket;
  closers_.push_back(bracket == '{' ? '}' : ']');
  first_ = true;
  return *this;
}

JsonWriter &JsonWriter::close(char bracket) {
  assert(!closers_.empty() && closers_.back() == bracket && !afterKey_ &&
         "brackets must nest");
  closers_.pop_back();
  if (!first_)
    newLine();
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter &JsonWriter::key(std::string_view name) {
  assert(!closers_.empty() && closers_.back() == '}' && !afterKey_ &&
         "a key belongs to an object");
  separate();
  appendJsonString(text_, name);
  text_ += indent_ ? ": " : ":";
  afterKey_ = true;
  return *this;
}

JsonWriter &JsonWriter::literal(std::string_view text) {
  assert((closers_.empty() || closers_.back() == ']' || afterKey_) &&
         "a value of an object needs a key");
  separate();
  text_ += text;
  return *this;
}

JsonWriter &JsonWriter::null() { return literal("null"); }
JsonWriter &JsonWriter::integer(int64_t number) {
  return literal(std::to_string(number));
}
JsonWriter &JsonWriter::unsignedInteger(uint64_t number) {
  return literal(std::to_string(number));
}
JsonWriter &JsonWriter::value(double number) {
  return literal(floatText(number));
}
JsonWriter &JsonWriter::value(float number) {
  return literal(floatText(number));
}

JsonWriter &JsonWriter::value(std::string_view text) {
  std::string quoted;
  quoted.reserve(text.size() + 2);
  appendJsonString(quoted, text);
  return literal(quoted);
}

// Recursion is bounded by the depth limit of the parser.
// NOLINTNEXTLINE(misc-no-recursion)
JsonWriter &JsonWriter::value(const JsonValue &value) {
  switch (value.kind()) {
  case JsonKind::Absent:
  case JsonKind::Null:
    return null();
  case JsonKind::Boolean:
    return this->value(value.asBoolUnchecked());
  case JsonKind::Integer:
    return this->value(value.asIntegerUnchecked());
  case JsonKind::Number:
    return this->value(value.asNumberUnchecked());
  case JsonKind::String:
    return this->value(value.text());
  case JsonKind::Array:
    beginArray();
    for (JsonValue element : value)
      this->value(element);
    return endArray();
  case JsonKind::Object:
    beginObject();
    for (JsonValue member : value) {
      key(member.name());
      this->value(member);
    }
    return endObject();
  }
  return *this;
}

std::string JsonWriter::take() {
  assert(closers_.empty() && !afterKey_ && "brackets must nest");
  first_ = true;
  return std::exchange(text_, {});
}
