//===- HarmonyHeader.h - Headers of Harmony messages ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_HARMONYHEADER_H
#define GOSSAMER_RUNTIME_TEXT_HARMONYHEADER_H

#include "runtime/text/Conversation.h"
#include "runtime/text/HarmonyTokens.h"
#include <optional>
#include <span>
#include <string>

namespace gossamer {

/// What the tokens between <|start|> and <|message|> say.
struct ParsedHeader {
  MessageHeader header;
  std::string leftover; ///< words that are no part of a header.
  std::string problem;  ///< why a strict reader refuses it; empty: well-formed.
};

struct HeaderRules {
  std::optional<Role> role; ///< given by the prompt; else the first word.
  /// Whether words may be a recipient or a content type. Not so in a header
  /// that was cut off, where they are the content that went astray.
  bool readWords = true;
};

/// Parses a header. The recipient may stand before or after the channel, and
/// <|constrain|> needs no space before it. Never fails: what cannot be
/// understood is described in `problem`.
ParsedHeader parseHeader(std::span<const TokenId> ids,
                         const Tokenizer &tokenizer,
                         const HarmonyTokens &tokens, HeaderRules rules);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_HARMONYHEADER_H
