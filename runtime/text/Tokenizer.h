//===- Tokenizer.h - Text to token ids and back -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Byte-level BPE tokenizers of the o200k family, as tokenizer.json files
// describe them: a regular expression cuts the text into pieces, merges turn
// each piece into tokens, and control tokens ("<|start|>") stand beside them.
//
// Text is encoded ordinarily by default: the name of a control token in it
// stays plain text, so that nobody can forge a message boundary by typing one.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_TOKENIZER_H
#define GOSSAMER_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/support/Status.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// Index of a token in the model's vocabulary; never negative.
using TokenId = int32_t;

struct EncodeOptions {
  /// Encode names of control tokens in the text as those tokens.
  bool allowSpecial = false;
};

struct DecodeOptions {
  /// Leave control tokens out instead of writing their names.
  bool skipSpecial = false;
};

/// Immutable: all functions may be called from any thread. Copies share the
/// tables.
class Tokenizer {
public:
  /// Reads the text of a tokenizer.json. Whatever the file asks for that this
  /// class does not do is an error, never ignored. `source` names the file in
  /// messages.
  static Expected<Tokenizer> fromJson(std::string_view json,
                                      const std::string &source);

  /// Reads what serialize() wrote. Any other bytes give InvalidData.
  static Expected<Tokenizer>
  fromImage(std::span<const std::byte> image,
            const std::string &source = "tokenizer image");

  /// The tokenizer as a compact little-endian image that loads in a few
  /// milliseconds. Equal tokenizers give equal bytes.
  std::string serialize() const;

  /// The ids of `text`. Sequences that are not UTF-8 count as U+FFFD (see
  /// Utf8.h). Time is O(n log n) whatever the text. Fails only for texts of
  /// 2 GiB and more, for want of memory, or when the tokenizer's expression
  /// needs too many steps.
  Expected<std::vector<TokenId>> encode(std::string_view text,
                                        EncodeOptions options = {}) const;

  /// The bytes of `ids` one after another; not necessarily whole characters
  /// (see Utf8Stream.h). Ids without text give nothing.
  std::string decode(std::span<const TokenId> ids,
                     DecodeOptions options = {}) const;

  /// The bytes of one token, the name of a control token, or nothing for an
  /// id without text. Valid while any copy of the tokenizer lives.
  std::string_view tokenBytes(TokenId id) const;

  /// The control token called `name`, as in "<|start|>".
  std::optional<TokenId> specialId(std::string_view name) const;
  bool isSpecial(TokenId id) const;

  /// One more than the largest id that has text. The model's logits may be
  /// longer.
  size_t vocabularySize() const;

private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<const Tables> tables);

  std::shared_ptr<const Tables> tables_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_TOKENIZER_H
