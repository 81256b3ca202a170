//===- ChatTurn.cpp - One answer, channel by channel ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ChatTurn.h"

#include "tools/support/Terminal.h"

#include <cstdio>
#include <unistd.h>

namespace gossamer::tools {

ChatTurn::ChatTurn(HarmonyParser parser, bool showReasoning, bool showAnswer)
    : parser_(std::move(parser)), showReasoning_(showReasoning),
      showAnswer_(showAnswer), styled_(isStyled(STDERR_FILENO)) {}

void ChatTurn::note(std::string_view text) const {
  if (showReasoning_)
    std::fprintf(stderr, "%s%.*s%s", styled_ ? "\x1b[2m" : "",
                 static_cast<int>(text.size()), text.data(),
                 styled_ ? "\x1b[0m" : "");
}

Status ChatTurn::begin(const MessageHeader &header) {
  // A model that names no channel talks to the user.
  isFinal_ = header.channel == "final" ||
             (header.channel.empty() && header.recipient.empty());
  messages_.push_back({header, {std::string()}});
  if (!isFinal_)
    note("[" + header.channel +
         (header.recipient.empty() ? "" : " to " + header.recipient) + "] ");
  return Status::ok();
}

Status ChatTurn::end() {
  if (!isFinal_) {
    note("\n");
    return Status::ok();
  }
  return showAnswer_ ? standardOutput().write("\n") : Status::ok();
}

Status ChatTurn::show(const HarmonyEvent &event) {
  switch (event.kind) {
  case HarmonyEvent::Kind::Start:
    return begin(event.header);
  case HarmonyEvent::Kind::End:
    return end();
  case HarmonyEvent::Kind::Delta:
    break;
  }
  std::get<std::string>(messages_.back().content.front()) += event.text;
  if (!isFinal_) {
    note(event.text);
    return Status::ok();
  }
  return showAnswer_ ? standardOutput().write(event.text) : Status::ok();
}

Status ChatTurn::process(TokenId token) {
  events_.clear();
  GOSS_RETURN_IF_ERROR(parser_.process(token, events_));
  for (const HarmonyEvent &event : events_)
    GOSS_RETURN_IF_ERROR(show(event));
  return Status::ok();
}

Status ChatTurn::finish() {
  events_.clear();
  GOSS_RETURN_IF_ERROR(parser_.finish(events_));
  for (const HarmonyEvent &event : events_)
    GOSS_RETURN_IF_ERROR(show(event));
  return Status::ok();
}

} // namespace gossamer::tools
