//===- Utf8.cpp - Reading and repairing UTF-8 -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Utf8.h"
#include <algorithm>
#include <charconv>
#include <cstring>

using namespace gossamer;

namespace {

/// What may follow a lead byte: the number of continuation bytes and the
/// range of the first of them (the others are 0x80 ... 0xBF).
struct LeadByte {
  uint8_t continuations; ///< 0: no lead byte.
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

LeadByte classifyLead(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF)
    return {1};
  if (byte == 0xE0)
    return {2, 0xA0};
  if (byte == 0xED)
    return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF)
    return {2};
  if (byte == 0xF0)
    return {3, 0x90};
  if (byte >= 0xF1 && byte <= 0xF3)
    return {3};
  if (byte == 0xF4)
    return {3, 0x80, 0x8F};
  return {0};
}

/// Number of leading ASCII bytes, counted in whole words.
size_t skipAsciiWords(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u)
      break;
  }
  return i;
}

/// The code unit of a "\\uXXXX" that `text` begins with, or -1.
int readUnicodeEscape(std::string_view text) {
  if (!text.starts_with("\\u") || text.size() < 6)
    return -1;
  unsigned unit = 0;
  const char *end = text.data() + 6;
  auto [rest, error] = std::from_chars(text.data() + 2, end, unit, 16);
  return error == std::errc() && rest == end ? static_cast<int>(unit) : -1;
}

} // namespace

Utf8Sequence gossamer::readUtf8(std::string_view text) {
  auto byteAt = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t first = byteAt(0);
  if (first < 0x80)
    return {Utf8Kind::Valid, 1, first};
  LeadByte lead = classifyLead(first);
  if (lead.continuations == 0)
    return {Utf8Kind::Invalid, 1, 0};

  uint32_t codePoint = first & (0x3Fu >> lead.continuations);
  for (uint8_t i = 1; i <= lead.continuations; ++i) {
    if (i == text.size())
      return {Utf8Kind::Incomplete, i, 0};
    uint8_t low = i == 1 ? lead.low : 0x80;
    uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byteAt(i) < low || byteAt(i) > high)
      return {Utf8Kind::Invalid, i, 0};
    codePoint = codePoint << 6 | (byteAt(i) & 0x3Fu);
  }
  return {Utf8Kind::Valid, static_cast<uint8_t>(lead.continuations + 1),
          codePoint};
}

void gossamer::appendUtf8(std::string &out, uint32_t codePoint) {
  auto put = [&](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  auto putRest = [&](int shift) {
    for (; shift >= 0; shift -= 6)
      put(0x80 | (codePoint >> shift & 0x3F));
  };
  if (codePoint < 0x80) {
    put(codePoint);
  } else if (codePoint < 0x800) {
    put(0xC0 | codePoint >> 6);
    putRest(0);
  } else if (codePoint < 0x10000) {
    put(0xE0 | codePoint >> 12);
    putRest(6);
  } else {
    put(0xF0 | codePoint >> 18);
    putRest(12);
  }
}

size_t gossamer::validUtf8Prefix(std::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    position += skipAsciiWords(text.substr(position));
    if (position == text.size())
      break;
    Utf8Sequence sequence = readUtf8(text.substr(position));
    if (sequence.kind != Utf8Kind::Valid)
      break;
    position += sequence.length;
  }
  return position;
}

void gossamer::appendValidUtf8(std::string &out, std::string_view text) {
  while (!text.empty()) {
    size_t valid = validUtf8Prefix(text);
    out += text.substr(0, valid);
    text.remove_prefix(valid);
    if (text.empty())
      return;
    out += kReplacementCharacter;
    text.remove_prefix(readUtf8(text).length);
  }
}

std::string_view gossamer::repairUtf8(std::string_view text,
                                      std::string &storage) {
  if (isValidUtf8(text))
    return text;
  storage.clear();
  appendValidUtf8(storage, text);
  return storage;
}

std::string gossamer::repairJsonSurrogates(std::string_view json) {
  std::string out;
  while (!json.empty()) {
    size_t plain = std::min(json.find('\\'), json.size());
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    int unit = readUnicodeEscape(json);
    bool high = unit >= 0xD800 && unit < 0xDC00;
    bool low = unit >= 0xDC00 && unit < 0xE000;
    size_t length = unit >= 0 ? 6 : 2;
    if (high) {
      int next = readUnicodeEscape(json.substr(6));
      if (next >= 0xDC00 && next < 0xE000) {
        high = false;
        length = 12;
      }
    }
    length = std::min(length, json.size());
    out += high || low ? "\\ufffd" : json.substr(0, length);
    json.remove_prefix(length);
  }
  return out;
}
