//===- Conversation.cpp - Chats in the Harmony format ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A conversation becomes a list of segments, each a control token or a text,
// from which both the readable prompt and the ids are made. Each text is
// encoded by itself, as the published renderer does: tokens never cross parts
// of a header.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Conversation.h"
#include "runtime/text/HarmonyTokens.h"
#include "runtime/text/ToolTemplate.h"
#include "runtime/text/Utf8.h"
#include <algorithm>
#include <cctype>

using namespace gossamer;

namespace {

constexpr std::string_view kRoleNames[] = {"system", "developer", "user",
                                           "assistant", "tool"};
constexpr std::string_view kReasoningNames[] = {"low", "medium", "high"};
constexpr std::string_view kConstrain = "<|constrain|>";

/// Part of a prompt: a text, or the control token of that name.
struct Segment {
  bool control;
  std::string text;
};

class Renderer {
public:
  explicit Renderer(const Conversation &conversation)
      : conversation_(conversation) {}

  Expected<std::vector<Segment>> render(RenderMode mode) {
    const std::vector<Message> &messages = conversation_.messages;
    size_t keepAnalysisFrom = conversation_.dropAnalysis ? firstKept() : 0;
    for (size_t i = 0; i < messages.size(); ++i) {
      if (i < keepAnalysisFrom && messages[i].header.channel == "analysis")
        continue;
      GOSS_RETURN_IF_ERROR(renderMessage(messages[i])
                               .withContext("message " + std::to_string(i)));
    }
    if (mode == RenderMode::Completion) {
      control("<|start|>");
      text(roleName(Role::Assistant));
    } else if (mode == RenderMode::Training && !messages.empty() &&
               isFinal(messages.back())) {
      segments_.back().text = "<|return|>";
    }
    return std::move(segments_);
  }

private:
  void control(std::string_view name) {
    segments_.push_back({/*control=*/true, std::string(name)});
  }
  void text(std::string_view text) {
    std::string repaired;
    appendValidUtf8(repaired, text);
    segments_.push_back({/*control=*/false, std::move(repaired)});
  }

  static bool isFinal(const Message &message) {
    return message.header.role == Role::Assistant &&
           message.header.channel == "final";
  }

  /// Index of the first message whose analysis stays. While the last assistant
  /// message is not a final one, a tool call is under way that needs it all.
  size_t firstKept() const {
    const std::vector<Message> &messages = conversation_.messages;
    auto last = std::find_if(messages.rbegin(), messages.rend(),
                             [](const Message &message) {
                               return message.header.role == Role::Assistant;
                             });
    if (last == messages.rend() || !isFinal(*last))
      return 0;
    auto first = std::find_if(messages.begin(), messages.end(),
                              [](const Message &message) {
                                return message.header.channel == "final";
                              });
    return static_cast<size_t>(first - messages.begin());
  }

  bool hasFunctionTools() const {
    for (const Message &message : conversation_.messages)
      for (const Content &content : message.content)
        if (const auto *developer = std::get_if<DeveloperContent>(&content))
          for (const ToolNamespace &space : developer->tools)
            if (space.name == "functions" && !space.tools.empty())
              return true;
    return false;
  }

  Status renderMessage(const Message &message) {
    const MessageHeader &header = message.header;
    GOSS_RETURN_IF_ERROR(renderHeader(header));
    control("<|message|>");
    for (const Content &content : message.content)
      GOSS_RETURN_IF_ERROR(renderContent(header.role, content));
    bool callsTool =
        header.role == Role::Assistant && !header.recipient.empty();
    control(callsTool ? "<|call|>" : "<|end|>");
    return Status::ok();
  }

  Status renderHeader(const MessageHeader &header) {
    control("<|start|>");
    if (header.role == Role::Tool) {
      if (header.name.empty())
        return invalidData("expects a tool message to name the tool, as "
                           "\"functions.NAME\", but got no name");
      text(header.name);
    } else {
      text(roleName(header.role));
      if (!header.name.empty())
        text(":" + header.name);
    }
    if (!header.recipient.empty() && header.recipient != "all")
      text(" to=" + header.recipient);
    if (!header.channel.empty()) {
      control("<|channel|>");
      text(header.channel);
    }
    if (header.contentType.starts_with(kConstrain)) {
      text(" ");
      control(kConstrain);
      text(std::string_view(header.contentType).substr(kConstrain.size()));
    } else if (!header.contentType.empty()) {
      text(" " + header.contentType);
    }
    return Status::ok();
  }

  Status renderContent(Role role, const Content &content) {
    if (const auto *plain = std::get_if<std::string>(&content)) {
      text(*plain);
      return Status::ok();
    }
    if (const auto *system = std::get_if<SystemContent>(&content))
      return role == Role::System ? renderSystem(*system)
                                  : wrongRole("system", role);
    return role == Role::Developer
               ? renderDeveloper(std::get<DeveloperContent>(content))
               : wrongRole("developer", role);
  }

  static Status wrongRole(const std::string &wanted, Role role) {
    return invalidData("expects " + wanted + " content in a " + wanted +
                       " message but got it in one of role \"" +
                       std::string(roleName(role)) + "\"");
  }

  Status renderSystem(const SystemContent &system) {
    std::vector<std::string> sections;
    std::string top = system.identity;
    auto addLine = [&](const char *label, const std::string &value) {
      if (!value.empty())
        top += (top.empty() ? "" : "\n") + std::string(label) + value;
    };
    addLine("Knowledge cutoff: ", system.knowledgeCutoff);
    addLine("Current date: ", system.date);
    if (!top.empty())
      sections.push_back(std::move(top));
    if (system.reasoning)
      sections.push_back("Reasoning: " +
                         std::string(reasoningName(*system.reasoning)));
    GOSS_RETURN_IF_ERROR(addTools(system.tools, sections));
    if (!system.channels.empty())
      sections.push_back(channelSection(system));
    addSections(sections);
    return Status::ok();
  }

  std::string channelSection(const SystemContent &system) const {
    std::string out = "# Valid channels: ";
    for (size_t i = 0; i < system.channels.size(); ++i)
      out += (i == 0 ? "" : ", ") + system.channels[i];
    out += ".";
    if (system.channelRequired)
      out += " Channel must be included for every message.";
    if (hasFunctionTools())
      out += "\nCalls to these tools must go to the commentary channel: "
             "'functions'.";
    return out;
  }

  Status renderDeveloper(const DeveloperContent &developer) {
    std::vector<std::string> sections;
    if (developer.instructions) {
      sections.emplace_back("# Instructions");
      sections.push_back(*developer.instructions);
    }
    GOSS_RETURN_IF_ERROR(addTools(developer.tools, sections));
    addSections(sections);
    return Status::ok();
  }

  static Status addTools(const std::vector<ToolNamespace> &tools,
                         std::vector<std::string> &sections) {
    if (tools.empty())
      return Status::ok();
    GOSS_ASSIGN_OR_RETURN(std::string section, renderToolSection(tools));
    sections.push_back(std::move(section));
    return Status::ok();
  }

  void addSections(const std::vector<std::string> &sections) {
    std::string joined;
    for (size_t i = 0; i < sections.size(); ++i)
      joined += (i == 0 ? "" : "\n\n") + sections[i];
    text(joined);
  }

  const Conversation &conversation_;
  std::vector<Segment> segments_;
};

std::string lowerCase(std::string_view name) {
  std::string lower(name);
  for (char &c : lower)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

bool hasTypedSystem(const Conversation &conversation) {
  for (const Message &message : conversation.messages)
    for (const Content &content : message.content)
      if (std::holds_alternative<SystemContent>(content))
        return true;
  return false;
}

/// All plain parts of `message` as one text.
std::string plainText(const Message &message) {
  std::string out;
  for (const Content &content : message.content)
    if (const auto *text = std::get_if<std::string>(&content))
      out += *text;
  return out;
}

} // namespace

std::string_view gossamer::roleName(Role role) {
  return kRoleNames[static_cast<size_t>(role)];
}

std::optional<Role> gossamer::parseRole(std::string_view name) {
  const auto *found =
      std::find(std::begin(kRoleNames), std::end(kRoleNames), name);
  if (found == std::end(kRoleNames))
    return std::nullopt;
  return static_cast<Role>(found - std::begin(kRoleNames));
}

std::string_view gossamer::reasoningName(ReasoningEffort effort) {
  return kReasoningNames[static_cast<size_t>(effort)];
}

std::optional<ReasoningEffort> gossamer::parseReasoning(std::string_view name) {
  const auto *found = std::find(std::begin(kReasoningNames),
                                std::end(kReasoningNames), lowerCase(name));
  if (found == std::end(kReasoningNames))
    return std::nullopt;
  return static_cast<ReasoningEffort>(found - std::begin(kReasoningNames));
}

Conversation Conversation::withSystem(SystemContent system) const {
  Conversation chat = *this;
  for (Message &message : chat.messages) {
    MessageHeader &header = message.header;
    bool plain = std::all_of(message.content.begin(), message.content.end(),
                             [](const Content &c) {
                               return std::holds_alternative<std::string>(c);
                             });
    if ((header.role == Role::System || header.role == Role::Developer) &&
        plain) {
      header.role = Role::Developer;
      message.content = {DeveloperContent{plainText(message), {}}};
    } else if (header.role == Role::Assistant && header.channel.empty() &&
               header.recipient.empty()) {
      header.channel = "final";
    }
  }
  if (!hasTypedSystem(chat)) {
    Message first;
    first.header.role = Role::System;
    first.content = {std::move(system)};
    chat.messages.insert(chat.messages.begin(), std::move(first));
  }
  return chat;
}

Expected<std::string> Conversation::renderText(RenderMode mode) const {
  GOSS_ASSIGN_OR_RETURN(std::vector<Segment> segments,
                        Renderer(*this).render(mode));
  std::string out;
  for (const Segment &segment : segments)
    out += segment.text;
  return out;
}

Expected<std::vector<TokenId>>
Conversation::renderTokens(const Tokenizer &tokenizer, RenderMode mode) const {
  GOSS_ASSIGN_OR_RETURN(std::vector<Segment> segments,
                        Renderer(*this).render(mode));
  std::vector<TokenId> ids;
  for (const Segment &segment : segments) {
    if (segment.control) {
      std::optional<TokenId> id = tokenizer.specialId(segment.text);
      if (!id)
        return missingControlToken(segment.text);
      ids.push_back(*id);
      continue;
    }
    GOSS_ASSIGN_OR_RETURN(std::vector<TokenId> part,
                          tokenizer.encode(segment.text));
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}
