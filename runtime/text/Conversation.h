//===- Conversation.h - Chats in the Harmony format -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Messages and their rendering as a prompt:
//
//   <|start|>assistant to=functions.f<|channel|>commentary <|constrain|>json
//     <|message|>{"x":1}<|call|>
//
// Control tokens are put in by the renderer as ids. All text is encoded
// ordinarily, so nothing that a user types can become a control token.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_CONVERSATION_H
#define GOSSAMER_RUNTIME_TEXT_CONVERSATION_H

#include "runtime/support/Status.h"
#include "runtime/text/Tokenizer.h"
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gossamer {

class JsonValue;

enum class Role { System, Developer, User, Assistant, Tool };
enum class ReasoningEffort { Low, Medium, High };

/// "system", "developer", "user", "assistant" or "tool".
std::string_view roleName(Role role);
std::optional<Role> parseRole(std::string_view name);
/// "low", "medium" or "high", read in any letter case.
std::string_view reasoningName(ReasoningEffort effort);
std::optional<ReasoningEffort> parseReasoning(std::string_view name);

/// A function that the model may call.
struct ToolDescription {
  std::string name;
  std::string description;
  std::string parameters; ///< JSON schema as text; empty: takes none.
};

/// Tools under one name, as in "functions". Without tools, the description
/// says how to use the namespace itself.
struct ToolNamespace {
  std::string name;
  std::string description;
  std::vector<ToolDescription> tools;
};

/// What the system message says. An empty text leaves its line out.
struct SystemContent {
  std::string identity =
      "You are ChatGPT, a large language model trained by OpenAI.";
  std::string knowledgeCutoff = "2024-06";
  std::string date; ///< YYYY-MM-DD. Given by the caller: prompts reproduce.
  std::optional<ReasoningEffort> reasoning = ReasoningEffort::Medium;
  std::vector<ToolNamespace> tools; ///< built-in ones, as "browser".
  std::vector<std::string> channels = {"analysis", "commentary", "final"};
  bool channelRequired = true;
};

/// What the developer message says.
struct DeveloperContent {
  std::optional<std::string> instructions;
  std::vector<ToolNamespace> tools;
};

using Content = std::variant<std::string, SystemContent, DeveloperContent>;

/// Everything before the content. An empty text means absent.
struct MessageHeader {
  Role role = Role::User;
  std::string name;        ///< of a tool ("functions.f"), or of a user.
  std::string recipient;   ///< empty: all.
  std::string channel;     ///< "analysis", "commentary" or "final".
  std::string contentType; ///< "<|constrain|>json", or plain text.

  bool operator==(const MessageHeader &) const = default;
};

struct Message {
  MessageHeader header;
  std::vector<Content> content;
};

/// How a conversation is to end.
enum class RenderMode {
  Completion, ///< with <|start|>assistant, for the model to go on.
  History,    ///< with its last message.
  Training,   ///< as History; a last final answer ends in <|return|>.
};

/// A chat. A plain value.
struct Conversation {
  std::vector<Message> messages;
  /// Leave out the analysis before the first final answer when the last
  /// assistant message is a final one.
  bool dropAnalysis = true;

  /// Reads an array of messages, or an object with "messages" and optionally
  /// "auto_drop_analysis". A message has "role", "content" and optionally
  /// "name", "recipient", "channel" and "content_type"; its content is a
  /// string, or an array of parts of type "text", "system_content" and
  /// "developer_content". `source` names the text in messages.
  static Expected<Conversation> fromJson(std::string_view json,
                                         const std::string &source);
  static Expected<Conversation> fromJson(JsonValue value);

  /// The conversation as a chat program means it that knows plain messages
  /// only: `system` is put in front unless a system message with typed content
  /// is there; plain system messages become developer instructions; assistant
  /// messages without a channel go to "final".
  Conversation withSystem(SystemContent system) const;

  /// The prompt as text, with control tokens by name.
  Expected<std::string>
  renderText(RenderMode mode = RenderMode::Completion) const;
  /// The prompt as ids of `tokenizer`.
  Expected<std::vector<TokenId>>
  renderTokens(const Tokenizer &tokenizer,
               RenderMode mode = RenderMode::Completion) const;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_CONVERSATION_H
