//===- ByteLevel.cpp - The byte alphabet of tokenizer.json ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/ByteLevel.h"
#include "runtime/text/Utf8.h"
#include <array>
#include <cstdint>

using namespace gossamer;

namespace {

constexpr size_t kAlphabetEnd = 0x144;
constexpr int16_t kNone = -1;

constexpr bool standsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

/// Code point to byte.
constexpr std::array<int16_t, kAlphabetEnd> makeAlphabet() {
  std::array<int16_t, kAlphabetEnd> table{};
  table.fill(kNone);
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 0x100; ++byte)
    table[standsForItself(byte) ? byte : next++] = static_cast<int16_t>(byte);
  return table;
}

constexpr std::array<int16_t, kAlphabetEnd> kAlphabet = makeAlphabet();
static_assert(kAlphabet[0x120] == ' ' && kAlphabet[0x10A] == '\n' &&
              kAlphabet[0x143] == 0xAD);

} // namespace

bool gossamer::appendByteLevel(std::string_view spelling, std::string &out) {
  while (!spelling.empty()) {
    Utf8Sequence sequence = readUtf8(spelling);
    if (sequence.kind != Utf8Kind::Valid ||
        sequence.codePoint >= kAlphabetEnd ||
        kAlphabet[sequence.codePoint] == kNone)
      return false;
    out.push_back(static_cast<char>(kAlphabet[sequence.codePoint]));
    spelling.remove_prefix(sequence.length);
  }
  return true;
}
