//===- ByteLevel.h - The byte alphabet of tokenizer.json --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// tokenizer.json spells the bytes of a token as printable characters: bytes
// that are printable in Latin-1 stand for themselves, the other 68 are, in
// increasing order, U+0100 ... U+0143.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_BYTELEVEL_H
#define GOSSAMER_RUNTIME_TEXT_BYTELEVEL_H

#include <string>
#include <string_view>

namespace gossamer {

/// Appends the bytes that `spelling` (well-formed UTF-8) stands for to `out`.
/// Returns false when a character is not in the alphabet.
bool appendByteLevel(std::string_view spelling, std::string &out);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_BYTELEVEL_H
