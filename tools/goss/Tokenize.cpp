//===- Tokenize.cpp - goss tokenize, goss detokenize ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/text/Conversation.h"
#include "runtime/text/Utf8.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <charconv>
#include <filesystem>
#include <functional>
#include <memory>

namespace gossamer::tools {
namespace {

struct TokenizeArguments {
  std::string source;
  bool special = false;
  bool jsonl = false;
};

/// The tokenizer of an artifact, a checkpoint directory or a tokenizer.json.
Expected<Tokenizer> openTokenizer(const std::string &source) {
  std::string path = source;
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    path += "/tokenizer.json";
  if (path.ends_with(".json")) {
    GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
    return Tokenizer::fromJson(file.text(), path);
  }
  GOSS_ASSIGN_OR_RETURN(path, resolveArtifactPath(path));
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
  GOSS_ASSIGN_OR_RETURN(std::optional<Tokenizer> tokenizer,
                        readTokenizer(artifact));
  if (!tokenizer)
    return notFound(path + ": has no tokenizer, as the checkpoint had none");
  return std::move(*tokenizer);
}

/// Calls `convert` for each line of `text` that is not empty; a failure names
/// its line.
Status
forEachLine(std::string_view text,
            const std::function<Expected<std::string>(JsonValue)> &convert) {
  size_t number = 0;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::string source = "standard input: line " + std::to_string(++number);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    // Programs that cut strings anywhere write halves of surrogate pairs.
    GOSS_ASSIGN_OR_RETURN(
        JsonDocument document,
        JsonDocument::parse(repairJsonSurrogates(line), source));
    Expected<std::string> answer = convert(document.root());
    if (!answer) {
      Status status = answer.status();
      bool named = status.message().find(source) != std::string::npos;
      return named ? status : status.withContext(source);
    }
    GOSS_RETURN_IF_ERROR(standardOutput().write(*answer + "\n"));
    GOSS_RETURN_IF_ERROR(checkInterrupt());
  }
  return Status::ok();
}

std::string idsToJson(const std::vector<TokenId> &ids) {
  JsonWriter json;
  json.beginObject().key("ids").beginArray();
  for (TokenId id : ids)
    json.value(id);
  json.endArray().endObject();
  return json.take();
}

/// {"text":...} or {"messages":...}; "special" of a line overrides the option.
Expected<std::string> encodeLine(const Tokenizer &tokenizer, JsonValue line,
                                 bool special) {
  if (line.find("messages").isPresent()) {
    GOSS_ASSIGN_OR_RETURN(Conversation conversation,
                          Conversation::fromJson(line));
    GOSS_ASSIGN_OR_RETURN(std::vector<TokenId> ids,
                          conversation.renderTokens(tokenizer));
    return idsToJson(ids);
  }
  GOSS_ASSIGN_OR_RETURN(std::string text, line.getString("text"));
  EncodeOptions options;
  GOSS_ASSIGN_OR_RETURN(options.allowSpecial,
                        line.getBoolOr("special", special));
  GOSS_ASSIGN_OR_RETURN(std::vector<TokenId> ids,
                        tokenizer.encode(text, options));
  return idsToJson(ids);
}

Status tokenize(const TokenizeArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, openTokenizer(arguments.source));
  GOSS_ASSIGN_OR_RETURN(std::string input, readTextFile("-"));
  if (arguments.jsonl)
    return forEachLine(input, [&](JsonValue line) {
      return encodeLine(tokenizer, line, arguments.special);
    });
  EncodeOptions options;
  options.allowSpecial = arguments.special;
  GOSS_ASSIGN_OR_RETURN(std::vector<TokenId> ids,
                        tokenizer.encode(input, options));
  std::string text;
  for (TokenId id : ids)
    text += (text.empty() ? "" : " ") + std::to_string(id);
  return standardOutput().write(text + "\n");
}

/// Ids between spaces, commas and brackets.
Expected<std::vector<TokenId>> parseIds(std::string_view text) {
  constexpr std::string_view separators = " \t\r\n,[]";
  std::vector<TokenId> ids;
  size_t begin = 0;
  while ((begin = text.find_first_not_of(separators, begin)) !=
         std::string_view::npos) {
    size_t end = std::min(text.find_first_of(separators, begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    TokenId id = 0;
    auto [rest, error] =
        std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || rest != word.data() + word.size() || id < 0)
      return invalidData("standard input: expects token ids but got " +
                         quoteText(word));
    ids.push_back(id);
    begin = end;
  }
  return ids;
}

Expected<std::string> decodeLine(const Tokenizer &tokenizer, JsonValue line,
                                 bool special) {
  GOSS_ASSIGN_OR_RETURN(JsonValue list, line.getArray("ids"));
  GOSS_ASSIGN_OR_RETURN(
      std::vector<int64_t> numbers,
      list.asIntegers(0, std::numeric_limits<TokenId>::max()));
  std::vector<TokenId> ids(numbers.begin(), numbers.end());
  DecodeOptions options;
  options.skipSpecial = !special;
  std::string text = tokenizer.decode(ids, options);
  return JsonWriter().beginObject().member("text", text).endObject().take();
}

Status detokenize(const TokenizeArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer, openTokenizer(arguments.source));
  GOSS_ASSIGN_OR_RETURN(std::string input, readTextFile("-"));
  if (arguments.jsonl)
    return forEachLine(input, [&](JsonValue line) {
      return decodeLine(tokenizer, line, arguments.special);
    });
  GOSS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, parseIds(input));
  DecodeOptions options;
  options.skipSpecial = !arguments.special;
  return standardOutput().write(tokenizer.decode(ids, options));
}

Command &addOptions(Command &command,
                    const std::shared_ptr<TokenizeArguments> &arguments,
                    const std::string &special, const std::string &jsonl) {
  return command
      .positional("TOKENIZER", arguments->source,
                  "an artifact, a checkpoint directory or a tokenizer.json "
                  "(default: the embedded model)")
      .group("Text")
      .flag("--special", arguments->special, special)
      .flag("--jsonl", arguments->jsonl, jsonl);
}

} // namespace

void addTokenizeCommands(CommandLine &line) {
  auto arguments = std::make_shared<TokenizeArguments>();
  addOptions(
      line.addCommand("tokenize", "Turns standard input into token ids."),
      arguments, "names such as <|start|> in the text are control tokens",
      "read a JSON object a line, {\"text\":...} or "
      "{\"messages\":[...]}, and write {\"ids\":[...]}")
      .example("echo -n \"Once upon a time\" | goss tokenize", "ids of a text")
      .example("goss tokenize tokenizer.json --jsonl < chats.jsonl",
               "ids of conversations, rendered as prompts")
      .action([arguments] { return tokenize(*arguments); });
  arguments = std::make_shared<TokenizeArguments>();
  addOptions(line.addCommand("detokenize",
                             "Turns token ids on standard input into text."),
             arguments, "write the names of control tokens",
             "read {\"ids\":[...]} a line and write {\"text\":...}")
      .example("echo 1,2,3 | goss detokenize model.goss", "text of three ids")
      .action([arguments] { return detokenize(*arguments); });
}

} // namespace gossamer::tools
