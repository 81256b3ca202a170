//===- Text.cpp - Tokenizers and conversations in C -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Handles.h"

#include "runtime/support/MappedFile.h"
#include "runtime/text/Utf8.h"

using namespace gossamer;
using namespace gossamer::capi;

//===----------------------------------------------------------------------===//
// Tokenizers
//===----------------------------------------------------------------------===//

goss_api_code goss_api_tokenizer_of_model(const goss_api_model *model,
                                          goss_api_tokenizer **tokenizer,
                                          goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(model, "model"));
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    const Artifact &artifact = model->model->artifact();
    if (!artifact.hasSection(SectionKind::Tokenizer))
      return notFound(artifact.path() + ": has no tokenizer: the checkpoint it "
                                        "was compiled from has none");
    GOSS_ASSIGN_OR_RETURN(
        Tokenizer read,
        Tokenizer::fromImage(artifact.section(SectionKind::Tokenizer),
                             artifact.path() + ": section tokenizer"));
    *tokenizer = new goss_api_tokenizer{std::move(read)};
    return Status::ok();
  });
}

goss_api_code goss_api_tokenizer_open(const char *path,
                                      goss_api_tokenizer **tokenizer,
                                      goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(path, "path"));
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    GOSS_ASSIGN_OR_RETURN(Tokenizer read,
                          Tokenizer::fromJson(file.text(), path));
    *tokenizer = new goss_api_tokenizer{std::move(read)};
    return Status::ok();
  });
}

void goss_api_tokenizer_free(goss_api_tokenizer *tokenizer) {
  delete tokenizer;
}

goss_api_code goss_api_tokenizer_encode(const goss_api_tokenizer *tokenizer,
                                        const char *text, size_t length,
                                        bool allow_special, int32_t **tokens,
                                        size_t *count, goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    GOSS_RETURN_IF_ERROR(requireArgument(tokens, "tokens"));
    GOSS_RETURN_IF_ERROR(requireArgument(count, "count"));
    if (length)
      GOSS_RETURN_IF_ERROR(requireArgument(text, "text"));
    EncodeOptions options;
    options.allowSpecial = allow_special;
    GOSS_ASSIGN_OR_RETURN(
        std::vector<TokenId> ids,
        tokenizer->tokenizer.encode(textOf(text, length), options));
    return copyOut<int32_t>(ids, tokens, count);
  });
}

goss_api_code goss_api_tokenizer_decode(const goss_api_tokenizer *tokenizer,
                                        const int32_t *tokens, size_t count,
                                        bool skip_special, char **text,
                                        size_t *length,
                                        goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    GOSS_RETURN_IF_ERROR(requireArgument(text, "text"));
    GOSS_RETURN_IF_ERROR(requireArgument(length, "length"));
    if (count)
      GOSS_RETURN_IF_ERROR(requireArgument(tokens, "tokens"));
    DecodeOptions options;
    options.skipSpecial = skip_special;
    std::string bytes = tokenizer->tokenizer.decode({tokens, count}, options);
    std::string repaired;
    appendValidUtf8(repaired, bytes);
    return copyOut<char>(repaired, text, length);
  });
}

//===----------------------------------------------------------------------===//
// Conversations
//===----------------------------------------------------------------------===//

goss_api_code goss_api_conversation_create(goss_api_conversation **conversation,
                                           goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(conversation, "conversation"));
    *conversation = new goss_api_conversation{};
    return Status::ok();
  });
}

goss_api_code
goss_api_conversation_from_json(const char *json, size_t length,
                                goss_api_conversation **conversation,
                                goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(json, "json"));
    GOSS_RETURN_IF_ERROR(requireArgument(conversation, "conversation"));
    GOSS_ASSIGN_OR_RETURN(
        Conversation read,
        Conversation::fromJson(textOf(json, length), "conversation"));
    *conversation = new goss_api_conversation{std::move(read), {}};
    return Status::ok();
  });
}

void goss_api_conversation_free(goss_api_conversation *conversation) {
  delete conversation;
}

goss_api_code goss_api_conversation_set_system(
    goss_api_conversation *conversation, const char *identity, const char *date,
    const char *reasoning, goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(conversation, "conversation"));
    SystemContent system = conversation->system;
    if (identity)
      system.identity = identity;
    if (date)
      system.date = date;
    if (reasoning) {
      system.reasoning = parseReasoning(reasoning);
      if (!system.reasoning)
        return usageError("reasoning: expects low, medium or high but got " +
                          std::string(reasoning));
    }
    conversation->system = std::move(system);
    return Status::ok();
  });
}

goss_api_code goss_api_conversation_add(goss_api_conversation *conversation,
                                        const char *role, const char *channel,
                                        const char *text, size_t length,
                                        goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(conversation, "conversation"));
    GOSS_RETURN_IF_ERROR(requireArgument(role, "role"));
    if (length)
      GOSS_RETURN_IF_ERROR(requireArgument(text, "text"));
    std::optional<Role> known = parseRole(role);
    if (known != Role::Developer && known != Role::User &&
        known != Role::Assistant)
      return usageError("role: expects developer, user or assistant but got " +
                        std::string(role));
    Message message;
    message.header.role = *known;
    if (channel)
      message.header.channel = channel;
    std::string content(textOf(text, length));
    if (known == Role::Developer)
      message.content.emplace_back(DeveloperContent{std::move(content), {}});
    else
      message.content.emplace_back(std::move(content));
    conversation->conversation.messages.push_back(std::move(message));
    return Status::ok();
  });
}

goss_api_code
goss_api_conversation_render(const goss_api_conversation *conversation,
                             const goss_api_tokenizer *tokenizer,
                             int32_t **tokens, size_t *count,
                             goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(conversation, "conversation"));
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    GOSS_RETURN_IF_ERROR(requireArgument(tokens, "tokens"));
    GOSS_RETURN_IF_ERROR(requireArgument(count, "count"));
    GOSS_ASSIGN_OR_RETURN(
        std::vector<TokenId> ids,
        conversation->conversation.withSystem(conversation->system)
            .renderTokens(tokenizer->tokenizer));
    return copyOut<int32_t>(ids, tokens, count);
  });
}

//===----------------------------------------------------------------------===//
// The parser
//===----------------------------------------------------------------------===//

namespace {

/// Tells the deltas among the parser's events and forgets all events.
void tellEvents(goss_api_parser &parser, goss_api_message_callback callback,
                void *userData) {
  for (const HarmonyEvent &event : parser.events) {
    if (event.kind == HarmonyEvent::Kind::Start) {
      parser.channel = event.header.channel;
      parser.recipient = event.header.recipient;
    } else if (event.kind == HarmonyEvent::Kind::Delta && callback) {
      callback(userData, parser.channel.c_str(), parser.recipient.c_str(),
               event.text.c_str(), event.text.size());
    }
  }
  parser.events.clear();
}

} // namespace

goss_api_code goss_api_parser_create(const goss_api_tokenizer *tokenizer,
                                     goss_api_parser **parser,
                                     goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(tokenizer, "tokenizer"));
    GOSS_RETURN_IF_ERROR(requireArgument(parser, "parser"));
    GOSS_ASSIGN_OR_RETURN(HarmonyParser made,
                          HarmonyParser::create(tokenizer->tokenizer));
    *parser = new goss_api_parser{std::move(made), {}, {}, {}};
    return Status::ok();
  });
}

void goss_api_parser_free(goss_api_parser *parser) { delete parser; }

goss_api_code goss_api_parser_push(goss_api_parser *parser, int32_t token,
                                   goss_api_message_callback callback,
                                   void *user_data, goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(parser, "parser"));
    GOSS_RETURN_IF_ERROR(parser->parser.process(token, parser->events));
    tellEvents(*parser, callback, user_data);
    return Status::ok();
  });
}

goss_api_code goss_api_parser_finish(goss_api_parser *parser,
                                     goss_api_message_callback callback,
                                     void *user_data, goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(parser, "parser"));
    GOSS_RETURN_IF_ERROR(parser->parser.finish(parser->events));
    tellEvents(*parser, callback, user_data);
    return Status::ok();
  });
}
