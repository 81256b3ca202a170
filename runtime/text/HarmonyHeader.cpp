//===- HarmonyHeader.cpp - Headers of Harmony messages --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/HarmonyHeader.h"

#include "runtime/support/JsonWriter.h"
#include "runtime/text/Utf8.h"

#include <algorithm>
#include <utility>

using namespace gossamer;

namespace {

constexpr std::string_view kSpaces = " \t\r\n\f\v";
constexpr std::string_view kRecipientMark = "to=";

/// A header divided by its control tokens.
struct HeaderParts {
  std::string words; ///< text before, between and after, separated by spaces.
  std::optional<std::string> channel;     ///< the word after <|channel|>.
  std::optional<std::string> contentType; ///< the word after <|constrain|>.
  bool hasSpare = false; ///< a control token that does not belong here.
};

/// Removes the first word of `text` and returns it.
std::string takeWord(std::string &text) {
  size_t begin = std::min(text.find_first_not_of(kSpaces), text.size());
  size_t end = std::min(text.find_first_of(kSpaces, begin), text.size());
  std::string word = text.substr(begin, end - begin);
  text.erase(0, end);
  return word;
}

HeaderParts divide(std::span<const TokenId> ids, const Tokenizer &tokenizer,
                   const HarmonyTokens &tokens) {
  HeaderParts parts;
  TokenId mark = -1; // the control token that the text follows.
  std::string bytes;
  auto flush = [&] {
    std::string text;
    appendValidUtf8(text, bytes);
    bytes.clear();
    if (mark == tokens.channel)
      parts.channel = takeWord(text);
    else if (mark == tokens.constrain)
      parts.contentType = takeWord(text);
    (parts.words += ' ') += text;
  };
  for (TokenId id : ids) {
    if (!tokenizer.isSpecial(id)) {
      bytes += tokenizer.tokenBytes(id);
      continue;
    }
    flush();
    mark = id;
    bool twice = (id == tokens.channel && parts.channel) ||
                 (id == tokens.constrain && parts.contentType);
    parts.hasSpare |= twice || (id != tokens.channel && id != tokens.constrain);
  }
  flush();
  return parts;
}

std::vector<std::string> splitWords(std::string text) {
  std::vector<std::string> words;
  while (true) {
    std::string word = takeWord(text);
    if (word.empty())
      return words;
    words.push_back(std::move(word));
  }
}

std::string withoutMark(std::string word) {
  if (word.starts_with(kRecipientMark))
    word.erase(0, kRecipientMark.size());
  return word;
}

/// Reads the author off the front of `words`: "user", "user:name" or, of a
/// tool, just its name.
void readAuthor(std::vector<std::string> &words, ParsedHeader &out) {
  MessageHeader &header = out.header;
  if (words.empty() || words.front().starts_with(kRecipientMark)) {
    out.problem = "expects a role but got none";
    header.role = Role::Assistant;
    return;
  }
  std::string author = std::move(words.front());
  words.erase(words.begin());
  size_t colon = author.find(':');
  if (std::optional<Role> role = parseRole(author.substr(0, colon))) {
    header.role = *role;
    header.name = colon == author.npos ? "" : author.substr(colon + 1);
    return;
  }
  header.role = Role::Tool;
  if (words.empty())
    out.problem = "expects a role but got " + quoteText(author);
  header.name = std::move(author);
}

/// Reads "[to=]RECIPIENT [CONTENT_TYPE]" off the end of `words`. A lone word
/// is a recipient.
void readRecipient(std::vector<std::string> &words, MessageHeader &header) {
  if (words.empty())
    return;
  std::string last = std::move(words.back());
  words.pop_back();
  bool isContentType = header.contentType.empty() && !words.empty() &&
                       !last.starts_with(kRecipientMark);
  if (isContentType) {
    header.contentType = std::move(last);
    last = std::move(words.back());
    words.pop_back();
  }
  header.recipient = withoutMark(std::move(last));
}

} // namespace

ParsedHeader gossamer::parseHeader(std::span<const TokenId> ids,
                                   const Tokenizer &tokenizer,
                                   const HarmonyTokens &tokens,
                                   HeaderRules rules) {
  HeaderParts parts = divide(ids, tokenizer, tokens);
  std::vector<std::string> words = splitWords(std::move(parts.words));
  ParsedHeader out;
  if (rules.role) {
    out.header.role = *rules.role;
    if (!words.empty() && words.front() == roleName(*rules.role))
      words.erase(words.begin());
  } else {
    readAuthor(words, out);
  }
  out.header.channel = parts.channel.value_or("");
  if (parts.contentType)
    out.header.contentType = "<|constrain|>" + *parts.contentType;
  if (rules.readWords)
    readRecipient(words, out.header);

  for (const std::string &word : words)
    out.leftover += (out.leftover.empty() ? "" : " ") + word;
  if (!out.problem.empty())
    return out;
  if (parts.channel && parts.channel->empty())
    out.problem = "expects a channel after <|channel|> but got none";
  else if (parts.hasSpare)
    out.problem = "expects at most one <|channel|> and one <|constrain|> but "
                  "got more control tokens";
  else if (!out.leftover.empty())
    out.problem =
        "expects a recipient and a content type but got more words: " +
        quoteText(out.leftover);
  return out;
}
