//===- HarmonyTokens.h - Control tokens of the chat format ------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_HARMONYTOKENS_H
#define GOSSAMER_RUNTIME_TEXT_HARMONYTOKENS_H

#include "runtime/text/Tokenizer.h"

namespace gossamer {

/// The control tokens of Harmony messages, found by name: their ids differ
/// from tokenizer to tokenizer.
struct HarmonyTokens {
  TokenId start;     ///< <|start|>: a message begins.
  TokenId message;   ///< <|message|>: its header ends, its content begins.
  TokenId end;       ///< <|end|>: the message ends, the turn goes on.
  TokenId call;      ///< <|call|>: ends a tool call and the turn.
  TokenId ret;       ///< <|return|>: ends the turn.
  TokenId channel;   ///< <|channel|>: a channel name follows.
  TokenId constrain; ///< <|constrain|>: a content type follows.
  TokenId endOfText; ///< <|endoftext|>: ends a plain document; -1 if absent.

  /// NotFound names the token that `tokenizer` lacks.
  static Expected<HarmonyTokens> find(const Tokenizer &tokenizer);

  /// Tokens after which generation stops: not at <|end|>, which only separates
  /// reasoning from the answer.
  std::vector<TokenId> stopTokens() const;

  bool endsMessage(TokenId id) const {
    return id == end || id == call || id == ret;
  }
};

/// The failure that a tokenizer has no control token `name`.
Status missingControlToken(std::string_view name);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_HARMONYTOKENS_H
