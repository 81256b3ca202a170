//===- ChatTurn.h - One answer, channel by channel --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_CHATTURN_H
#define GOSSAMER_TOOLS_GOSS_CHATTURN_H

#include "runtime/text/HarmonyParser.h"

#include <string>
#include <vector>

namespace gossamer::tools {

/// Shows an answer while it comes: the final channel on standard output,
/// reasoning and tool calls on standard error, dim where that is a terminal.
class ChatTurn {
public:
  ChatTurn(HarmonyParser parser, bool showReasoning, bool showAnswer);

  /// Takes a token; fails when standard output cannot be written.
  Status process(TokenId token);
  /// Ends the answer.
  Status finish();

  /// The messages of the answer, for the history.
  const std::vector<Message> &messages() const { return messages_; }

private:
  Status show(const HarmonyEvent &event);
  Status begin(const MessageHeader &header);
  Status end();
  void note(std::string_view text) const;

  HarmonyParser parser_;
  bool showReasoning_;
  bool showAnswer_;
  bool styled_;
  bool isFinal_ = false; ///< the open message is for the user.
  std::vector<Message> messages_;
  std::vector<HarmonyEvent> events_; ///< scratch.
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_CHATTURN_H
