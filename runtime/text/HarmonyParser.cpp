//===- HarmonyParser.cpp - Reading what the model writes ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/HarmonyParser.h"
#include "runtime/text/HarmonyHeader.h"

using namespace gossamer;

Expected<HarmonyParser> HarmonyParser::create(const Tokenizer &tokenizer,
                                              HarmonyParserOptions options) {
  GOSS_ASSIGN_OR_RETURN(HarmonyTokens tokens, HarmonyTokens::find(tokenizer));
  return HarmonyParser(tokenizer, tokens, options);
}

HarmonyParser::HarmonyParser(const Tokenizer &tokenizer,
                             const HarmonyTokens &tokens,
                             HarmonyParserOptions options)
    : tokenizer_(tokenizer), tokens_(tokens), strict_(options.strict) {
  if (options.role)
    beginHeader(options.role);
}

Status HarmonyParser::process(TokenId id, std::vector<HarmonyEvent> &events) {
  switch (state_) {
  case State::ExpectStart:
    return processBetween(id, events);
  case State::Header:
    return processHeader(id, events);
  case State::Content:
    return processContent(id, events);
  }
  return Status::ok();
}

Status HarmonyParser::processBetween(TokenId id,
                                     std::vector<HarmonyEvent> &events) {
  if (id == tokens_.start) {
    beginHeader(std::nullopt);
    return Status::ok();
  }
  if (strict_)
    return unexpected(id, "<|start|>");
  if (id == tokens_.channel || id == tokens_.constrain ||
      id == tokens_.message) {
    beginHeader(Role::Assistant);
    return processHeader(id, events);
  }
  if (tokenizer_.isSpecial(id) || tokenizer_.tokenBytes(id).empty())
    return Status::ok();
  MessageHeader implied;
  implied.role = Role::Assistant;
  beginContent(std::move(implied), events);
  return processContent(id, events);
}

Status HarmonyParser::processHeader(TokenId id,
                                    std::vector<HarmonyEvent> &events) {
  if (id == tokens_.message) {
    ParsedHeader parsed =
        parseHeader(headerIds_, tokenizer_, tokens_, {.role = role_});
    if (strict_ && !parsed.problem.empty())
      return invalidData("message header: " + parsed.problem);
    beginContent(std::move(parsed.header), events);
    return Status::ok();
  }
  bool ends = tokens_.endsMessage(id) || id == tokens_.endOfText;
  if (ends && strict_)
    return unexpected(id, "<|message|>");
  if (ends)
    endBrokenHeader(endOf(id), events);
  else if (id == tokens_.start && !strict_)
    beginHeader(std::nullopt);
  else
    headerIds_.push_back(id);
  return Status::ok();
}

Status HarmonyParser::processContent(TokenId id,
                                     std::vector<HarmonyEvent> &events) {
  if (tokens_.endsMessage(id) || (id == tokens_.endOfText && !strict_)) {
    endContent(endOf(id), events);
    return Status::ok();
  }
  if (!strict_ && (id == tokens_.start || id == tokens_.channel)) {
    endContent(MessageEnd::Interrupted, events);
    return processBetween(id, events);
  }
  if (!strict_ && tokenizer_.isSpecial(id))
    return Status::ok();
  std::string text = content_.push(tokenizer_.tokenBytes(id));
  if (!text.empty())
    events.push_back(
        {.kind = HarmonyEvent::Kind::Delta, .text = std::move(text)});
  return Status::ok();
}

Status HarmonyParser::finish(std::vector<HarmonyEvent> &events) {
  if (state_ == State::Content) {
    endContent(MessageEnd::Interrupted, events);
  } else if (state_ == State::Header) {
    if (strict_)
      return invalidData("message header: expects <|message|> but got the end "
                         "of the tokens");
    endBrokenHeader(MessageEnd::Interrupted, events);
  }
  return Status::ok();
}

void HarmonyParser::beginHeader(std::optional<Role> role) {
  state_ = State::Header;
  role_ = role;
  headerIds_.clear();
}

void HarmonyParser::beginContent(MessageHeader header,
                                 std::vector<HarmonyEvent> &events) {
  state_ = State::Content;
  headerIds_.clear();
  header_ = std::move(header);
  events.push_back({.kind = HarmonyEvent::Kind::Start, .header = header_});
}

void HarmonyParser::endContent(MessageEnd end,
                               std::vector<HarmonyEvent> &events) {
  if (std::string rest = content_.flush(); !rest.empty())
    events.push_back(
        {.kind = HarmonyEvent::Kind::Delta, .text = std::move(rest)});
  events.push_back({.kind = HarmonyEvent::Kind::End, .end = end});
  state_ = State::ExpectStart;
}

/// A header that never came to its content. If it has said anything, that is
/// a message.
void HarmonyParser::endBrokenHeader(MessageEnd end,
                                    std::vector<HarmonyEvent> &events) {
  state_ = State::ExpectStart;
  if (headerIds_.empty())
    return;
  ParsedHeader parsed = parseHeader(headerIds_, tokenizer_, tokens_,
                                    {.role = role_, .readWords = false});
  beginContent(std::move(parsed.header), events);
  if (!parsed.leftover.empty())
    events.push_back({.kind = HarmonyEvent::Kind::Delta,
                      .text = std::move(parsed.leftover)});
  endContent(end, events);
}

MessageEnd HarmonyParser::endOf(TokenId id) const {
  if (id == tokens_.end)
    return MessageEnd::End;
  if (id == tokens_.call)
    return MessageEnd::Call;
  return id == tokens_.ret ? MessageEnd::Return : MessageEnd::Interrupted;
}

Status HarmonyParser::unexpected(TokenId id, const char *expected) const {
  std::string found(tokenizer_.tokenBytes(id));
  return invalidData("message: expects " + std::string(expected) +
                     " but got token " + std::to_string(id) +
                     (tokenizer_.isSpecial(id) ? " (" + found + ")" : ""));
}

Expected<std::vector<Message>>
gossamer::parseHarmony(const Tokenizer &tokenizer, std::span<const TokenId> ids,
                       HarmonyParserOptions options) {
  GOSS_ASSIGN_OR_RETURN(HarmonyParser parser,
                        HarmonyParser::create(tokenizer, options));
  std::vector<HarmonyEvent> events;
  for (TokenId id : ids)
    GOSS_RETURN_IF_ERROR(parser.process(id, events));
  GOSS_RETURN_IF_ERROR(parser.finish(events));

  std::vector<Message> messages;
  std::string text;
  for (HarmonyEvent &event : events) {
    switch (event.kind) {
    case HarmonyEvent::Kind::Start:
      messages.push_back({std::move(event.header), {}});
      text.clear();
      break;
    case HarmonyEvent::Kind::Delta:
      text += event.text;
      break;
    case HarmonyEvent::Kind::End:
      messages.back().content = {text};
      break;
    }
  }
  return messages;
}
