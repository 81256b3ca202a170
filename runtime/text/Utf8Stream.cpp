//===- Utf8Stream.cpp - Text from pieces of bytes -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Utf8Stream.h"
#include "runtime/text/Utf8.h"

using namespace gossamer;

void Utf8Stream::push(std::string_view bytes, std::string &out) {
  std::string joined;
  if (!tail_.empty()) {
    joined = tail_;
    joined += bytes;
    bytes = joined;
    tail_.clear();
  }
  while (!bytes.empty()) {
    size_t valid = validUtf8Prefix(bytes);
    out += bytes.substr(0, valid);
    bytes.remove_prefix(valid);
    if (bytes.empty())
      return;
    Utf8Sequence sequence = readUtf8(bytes);
    if (sequence.kind == Utf8Kind::Incomplete) {
      tail_ = bytes;
      return;
    }
    out += kReplacementCharacter;
    bytes.remove_prefix(sequence.length);
  }
}

void Utf8Stream::flush(std::string &out) {
  if (!tail_.empty())
    out += kReplacementCharacter;
  tail_.clear();
}
