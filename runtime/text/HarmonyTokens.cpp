//===- HarmonyTokens.cpp - Control tokens of the chat format --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/HarmonyTokens.h"
#include <utility>

using namespace gossamer;

Status gossamer::missingControlToken(std::string_view name) {
  return notFound("tokenizer: expects the control token " + std::string(name) +
                  " of the chat format but got none");
}

Expected<HarmonyTokens> HarmonyTokens::find(const Tokenizer &tokenizer) {
  HarmonyTokens tokens;
  const std::pair<const char *, TokenId *> names[] = {
      {"<|start|>", &tokens.start},
      {"<|message|>", &tokens.message},
      {"<|end|>", &tokens.end},
      {"<|call|>", &tokens.call},
      {"<|return|>", &tokens.ret},
      {"<|channel|>", &tokens.channel},
      {"<|constrain|>", &tokens.constrain}};
  for (auto [name, id] : names) {
    std::optional<TokenId> found = tokenizer.specialId(name);
    if (!found)
      return missingControlToken(name);
    *id = *found;
  }
  tokens.endOfText = tokenizer.specialId("<|endoftext|>").value_or(-1);
  return tokens;
}

std::vector<TokenId> HarmonyTokens::stopTokens() const {
  std::vector<TokenId> ids = {ret, call};
  if (endOfText >= 0)
    ids.push_back(endOfText);
  return ids;
}
