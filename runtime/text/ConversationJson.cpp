//===- ConversationJson.cpp - Reading conversations -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/text/Conversation.h"

using namespace gossamer;

namespace {

/// A tool has "name", and may have "description" and "parameters".
Expected<ToolDescription> readTool(JsonValue value) {
  ToolDescription tool;
  GOSS_ASSIGN_OR_RETURN(tool.name, value.getString("name"));
  GOSS_ASSIGN_OR_RETURN(tool.description, value.getStringOr("description", ""));
  JsonValue parameters = value.find("parameters");
  if (parameters.isPresent() && !parameters.isNull()) {
    GOSS_RETURN_IF_ERROR(parameters.asObject().status());
    JsonWriter writer;
    writer.value(parameters);
    tool.parameters = writer.take();
  }
  return tool;
}

/// "tools" maps the names of namespaces to what they hold; it may be absent.
Expected<std::vector<ToolNamespace>> readTools(JsonValue content) {
  std::vector<ToolNamespace> tools;
  JsonValue map = content.find("tools");
  if (!map.isPresent() || map.isNull())
    return tools;
  GOSS_RETURN_IF_ERROR(map.asObject().status());
  for (JsonValue value : map) {
    ToolNamespace space;
    GOSS_ASSIGN_OR_RETURN(space.name, value.getStringOr("name", value.name()));
    GOSS_ASSIGN_OR_RETURN(space.description,
                          value.getStringOr("description", ""));
    GOSS_ASSIGN_OR_RETURN(JsonValue list, value.getArray("tools"));
    for (JsonValue entry : list) {
      GOSS_ASSIGN_OR_RETURN(ToolDescription tool, readTool(entry));
      space.tools.push_back(std::move(tool));
    }
    tools.push_back(std::move(space));
  }
  return tools;
}

Status readChannels(JsonValue content, SystemContent &system) {
  system.channels.clear();
  JsonValue config = content.find("channel_config");
  if (!config.isPresent() || config.isNull())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(JsonValue channels, config.getArray("valid_channels"));
  GOSS_ASSIGN_OR_RETURN(system.channels, channels.asStrings());
  GOSS_ASSIGN_OR_RETURN(system.channelRequired,
                        config.getBoolOr("channel_required", false));
  return Status::ok();
}

/// What is missing or null is left out of the message: this form is explicit
/// and has no defaults.
Expected<SystemContent> readSystem(JsonValue content) {
  SystemContent system;
  GOSS_ASSIGN_OR_RETURN(system.identity,
                        content.getStringOr("model_identity", ""));
  GOSS_ASSIGN_OR_RETURN(system.knowledgeCutoff,
                        content.getStringOr("knowledge_cutoff", ""));
  GOSS_ASSIGN_OR_RETURN(system.date,
                        content.getStringOr("conversation_start_date", ""));
  JsonValue effort = content.find("reasoning_effort");
  system.reasoning = parseReasoning(effort.text());
  if (effort.isPresent() && !effort.isNull() && !system.reasoning)
    return effort.mismatch("\"low\", \"medium\" or \"high\"");
  GOSS_ASSIGN_OR_RETURN(system.tools, readTools(content));
  GOSS_RETURN_IF_ERROR(readChannels(content, system));
  return system;
}

Expected<DeveloperContent> readDeveloper(JsonValue content) {
  DeveloperContent developer;
  JsonValue instructions = content.find("instructions");
  if (instructions.isPresent() && !instructions.isNull()) {
    GOSS_ASSIGN_OR_RETURN(developer.instructions, instructions.asString());
  }
  GOSS_ASSIGN_OR_RETURN(developer.tools, readTools(content));
  return developer;
}

Expected<Content> readContent(JsonValue part) {
  GOSS_ASSIGN_OR_RETURN(JsonValue type, part.get("type"));
  if (type.text() == "text") {
    GOSS_ASSIGN_OR_RETURN(std::string text, part.getString("text"));
    return Content(std::move(text));
  }
  if (type.text() == "system_content") {
    GOSS_ASSIGN_OR_RETURN(SystemContent system, readSystem(part));
    return Content(std::move(system));
  }
  if (type.text() == "developer_content") {
    GOSS_ASSIGN_OR_RETURN(DeveloperContent developer, readDeveloper(part));
    return Content(std::move(developer));
  }
  return type.mismatch("\"text\", \"system_content\" or \"developer_content\"");
}

Status readHeader(JsonValue value, MessageHeader &header) {
  GOSS_ASSIGN_OR_RETURN(JsonValue role, value.get("role"));
  std::optional<Role> known = parseRole(role.text());
  if (!known)
    return role.mismatch(
        "\"system\", \"developer\", \"user\", \"assistant\" or \"tool\"");
  header.role = *known;
  GOSS_ASSIGN_OR_RETURN(header.name, value.getStringOr("name", ""));
  GOSS_ASSIGN_OR_RETURN(header.recipient, value.getStringOr("recipient", ""));
  GOSS_ASSIGN_OR_RETURN(header.channel, value.getStringOr("channel", ""));
  GOSS_ASSIGN_OR_RETURN(header.contentType,
                        value.getStringOr("content_type", ""));
  // Dropping a call in silence would change what the model sees.
  if (JsonValue calls = value.find("tool_calls"); calls.size() > 0)
    return calls.error("is not supported: write a call as an assistant message "
                       "with a recipient");
  return Status::ok();
}

Expected<Message> readMessage(JsonValue value) {
  GOSS_RETURN_IF_ERROR(value.asObject().status());
  Message message;
  GOSS_RETURN_IF_ERROR(readHeader(value, message.header));
  GOSS_ASSIGN_OR_RETURN(JsonValue content, value.get("content"));
  if (content.isString()) {
    message.content.emplace_back(std::string(content.text()));
    return message;
  }
  if (!content.isArray())
    return content.mismatch("a string or an array of parts");
  for (JsonValue part : content) {
    GOSS_ASSIGN_OR_RETURN(Content read, readContent(part));
    message.content.push_back(std::move(read));
  }
  return message;
}

} // namespace

Expected<Conversation> Conversation::fromJson(std::string_view json,
                                              const std::string &source) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::parse(json, source));
  return fromJson(document.root());
}

Expected<Conversation> Conversation::fromJson(JsonValue value) {
  Conversation conversation;
  JsonValue messages = value;
  if (value.isObject()) {
    GOSS_ASSIGN_OR_RETURN(messages, value.get("messages"));
    GOSS_ASSIGN_OR_RETURN(conversation.dropAnalysis,
                          value.getBoolOr("auto_drop_analysis", true));
  }
  if (!messages.isArray())
    return messages.mismatch("an array of messages");
  for (JsonValue message : messages) {
    GOSS_ASSIGN_OR_RETURN(Message read, readMessage(message));
    conversation.messages.push_back(std::move(read));
  }
  return conversation;
}
