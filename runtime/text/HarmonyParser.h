//===- HarmonyParser.h - Reading what the model writes ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Takes the model's tokens one at a time and reports the messages they form:
// header, content in well-formed UTF-8 as it comes, end. What follows
// <|start|>assistant in the prompt begins within a header.
//
// Models break the format now and then. By default the parser makes the best
// of it and never fails:
//   * text or a header without <|start|> begins an assistant message;
//   * a header that a message end cuts off gives a message whose content is
//     what the header has left over;
//   * <|start|> and <|channel|> within content end the message; other control
//     tokens there are dropped;
//   * unknown roles are taken as tools, words too many in a header are ignored.
// With `strict`, each of these is InvalidData instead, except that control
// tokens within content count as text, as in the published parser.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_HARMONYPARSER_H
#define GOSSAMER_RUNTIME_TEXT_HARMONYPARSER_H

#include "runtime/text/Conversation.h"
#include "runtime/text/HarmonyTokens.h"
#include "runtime/text/Utf8Stream.h"
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// How a message ended.
enum class MessageEnd {
  End,         ///< <|end|>: the turn goes on.
  Call,        ///< <|call|>: a tool is called, the turn ends.
  Return,      ///< <|return|>: the turn ends.
  Interrupted, ///< without any of them: end of the tokens, or malformed.
};

struct HarmonyEvent {
  enum class Kind { Start, Delta, End };

  Kind kind;
  MessageHeader header = {};                ///< of a Start.
  std::string text = {};                    ///< of a Delta; never empty.
  MessageEnd end = MessageEnd::Interrupted; ///< of an End.
};

struct HarmonyParserOptions {
  bool strict = false;
  /// The role whose header the first token belongs to; none: a <|start|>
  /// comes first.
  std::optional<Role> role = Role::Assistant;
};

/// Events come as Start, any number of Deltas, End for each message. Not
/// thread-safe.
class HarmonyParser {
public:
  /// Fails when `tokenizer` lacks a control token of the format.
  static Expected<HarmonyParser> create(const Tokenizer &tokenizer,
                                        HarmonyParserOptions options = {});

  /// Takes one token and appends what it completes to `events`. Any value is
  /// allowed; ids without text give nothing. After a failure (strict only) the
  /// parser is to be dropped.
  Status process(TokenId id, std::vector<HarmonyEvent> &events);

  /// Ends the tokens; an open message is Interrupted.
  Status finish(std::vector<HarmonyEvent> &events);

  /// The header of the message whose content is being read, if any.
  const MessageHeader *current() const {
    return state_ == State::Content ? &header_ : nullptr;
  }

private:
  enum class State { ExpectStart, Header, Content };

  HarmonyParser(const Tokenizer &tokenizer, const HarmonyTokens &tokens,
                HarmonyParserOptions options);

  Status processBetween(TokenId id, std::vector<HarmonyEvent> &events);
  Status processHeader(TokenId id, std::vector<HarmonyEvent> &events);
  Status processContent(TokenId id, std::vector<HarmonyEvent> &events);
  void beginHeader(std::optional<Role> role);
  void beginContent(MessageHeader header, std::vector<HarmonyEvent> &events);
  void endContent(MessageEnd end, std::vector<HarmonyEvent> &events);
  void endBrokenHeader(MessageEnd end, std::vector<HarmonyEvent> &events);
  Status unexpected(TokenId id, const char *expected) const;
  MessageEnd endOf(TokenId id) const;

  Tokenizer tokenizer_;
  HarmonyTokens tokens_;
  bool strict_;
  State state_ = State::ExpectStart;
  std::optional<Role> role_;       ///< of the header being read, if known.
  std::vector<TokenId> headerIds_; ///< of the header being read.
  MessageHeader header_;           ///< of the content being read.
  Utf8Stream content_;
};

/// Parses all of `ids`; each message has one text as its content.
Expected<std::vector<Message>> parseHarmony(const Tokenizer &tokenizer,
                                            std::span<const TokenId> ids,
                                            HarmonyParserOptions options = {});

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_HARMONYPARSER_H
