//===- Tokenizer.cpp - Text to token ids and back -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/text/BytePairEncoder.h"
#include "runtime/text/TokenizerTables.h"
#include "runtime/text/Utf8.h"

using namespace gossamer;

namespace {

/// Positions within a text are 32 bits wide.
constexpr size_t kMaxTextBytes = (size_t(1) << 31) - 1;

/// Encodes text in which no control token is looked for.
class OrdinaryEncoder {
public:
  explicit OrdinaryEncoder(const Pretokenizer &pretokenizer,
                           const TokenTable &tokens, const MergeTable &merges,
                           bool wholePieces)
      : pieces_(pretokenizer), encoder_(tokens, merges, wholePieces) {}

  Status encode(std::string_view text, std::vector<TokenId> &out) {
    pieces_.reset(text);
    std::string_view piece;
    while (true) {
      GOSS_ASSIGN_OR_RETURN(bool found, pieces_.next(piece));
      if (!found)
        return Status::ok();
      encoder_.encode(piece, out);
    }
  }

private:
  PieceReader pieces_;
  BytePairEncoder encoder_;
};

/// Position of the first control token in `text` at or after `from`, or npos;
/// sets `id`.
size_t findSpecial(const TokenTable &tokens, std::string_view text, size_t from,
                   uint32_t &id) {
  for (; from < text.size(); ++from) {
    id = tokens.matchSpecial(text.substr(from));
    if (id != TokenTable::kNone)
      return from;
  }
  return std::string_view::npos;
}

} // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Tables> tables)
    : tables_(std::move(tables)) {}

Expected<std::vector<TokenId>> Tokenizer::encode(std::string_view text,
                                                 EncodeOptions options) const {
  std::string repaired;
  text = repairUtf8(text, repaired);
  if (text.size() > kMaxTextBytes)
    return invalidData("text: expects at most " +
                       std::to_string(kMaxTextBytes) + " bytes but got " +
                       std::to_string(text.size()));
  OrdinaryEncoder encoder(tables_->pretokenizer, tables_->tokens,
                          tables_->merges, tables_->wholePieces);
  std::vector<TokenId> ids;
  size_t begin = 0;
  while (options.allowSpecial) {
    uint32_t id = 0;
    size_t special = findSpecial(tables_->tokens, text, begin, id);
    if (special == std::string_view::npos)
      break;
    GOSS_RETURN_IF_ERROR(
        encoder.encode(text.substr(begin, special - begin), ids));
    ids.push_back(static_cast<TokenId>(id));
    begin = special + tables_->tokens.bytes(id).size();
  }
  GOSS_RETURN_IF_ERROR(encoder.encode(text.substr(begin), ids));
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids,
                              DecodeOptions options) const {
  std::string text;
  for (TokenId id : ids)
    if (!options.skipSpecial || !isSpecial(id))
      text += tokenBytes(id);
  return text;
}

std::string_view Tokenizer::tokenBytes(TokenId id) const {
  if (id < 0 || static_cast<uint32_t>(id) >= tables_->tokens.size())
    return {};
  return tables_->tokens.bytes(static_cast<uint32_t>(id));
}

std::optional<TokenId> Tokenizer::specialId(std::string_view name) const {
  uint32_t id = tables_->tokens.findSpecial(name);
  if (id == TokenTable::kNone)
    return std::nullopt;
  return static_cast<TokenId>(id);
}

bool Tokenizer::isSpecial(TokenId id) const {
  return id >= 0 && tables_->tokens.isSpecial(static_cast<uint32_t>(id));
}

size_t Tokenizer::vocabularySize() const { return tables_->tokens.size(); }
