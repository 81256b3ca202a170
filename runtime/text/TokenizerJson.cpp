//===- TokenizerJson.cpp - Reading tokenizer.json -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Only what the o200k family uses is understood; every other setting is
// refused by name, because ignoring it would give other tokens without notice.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/text/ByteLevel.h"
#include "runtime/text/TokenizerTables.h"
#include <algorithm>
#include <initializer_list>

using namespace gossamer;

namespace {

constexpr JsonLimits kLimits = {.maxBytes = size_t(256) << 20,
                                .maxValues = size_t(1) << 24,
                                .maxDepth = 16};

/// Fails when `object` has a member that is not in `names`.
Status checkMembers(JsonValue object,
                    std::initializer_list<std::string_view> names) {
  for (JsonValue member : object)
    if (std::find(names.begin(), names.end(), member.name()) == names.end())
      return member.error("is not supported");
  return Status::ok();
}

/// Fails when the member `name` is there and asks for anything.
Status checkUnused(JsonValue object, std::string_view name) {
  JsonValue member = object.find(name);
  bool unused = !member.isPresent() || member.isNull() ||
                (member.isString() && member.text().empty());
  return unused ? Status::ok() : member.mismatch("null");
}

/// Fails when the member `name` is there and true.
Status checkFalse(JsonValue object, std::string_view name) {
  GOSS_ASSIGN_OR_RETURN(bool value, object.getBoolOr(name, false));
  return value ? object.find(name).mismatch("false") : Status::ok();
}

Status checkType(JsonValue object, std::string_view type) {
  GOSS_RETURN_IF_ERROR(object.asObject().status());
  GOSS_ASSIGN_OR_RETURN(JsonValue found, object.get("type"));
  if (found.text() != type)
    return found.mismatch("\"" + std::string(type) + "\"");
  return Status::ok();
}

/// Reads `pre_tokenizer` and returns its regular expression.
Expected<std::string> readPattern(JsonValue preTokenizer) {
  GOSS_RETURN_IF_ERROR(checkType(preTokenizer, "Sequence"));
  GOSS_ASSIGN_OR_RETURN(JsonValue steps,
                        preTokenizer.getArray("pretokenizers"));
  if (steps.size() != 2)
    return steps.mismatch("[Split, ByteLevel]");
  auto step = steps.begin();
  JsonValue split = *step;
  JsonValue byteLevel = *++step;

  GOSS_RETURN_IF_ERROR(checkType(split, "Split"));
  GOSS_RETURN_IF_ERROR(
      checkMembers(split, {"type", "pattern", "behavior", "invert"}));
  GOSS_ASSIGN_OR_RETURN(JsonValue behavior, split.get("behavior"));
  if (behavior.text() != "Isolated")
    return behavior.mismatch("\"Isolated\"");
  GOSS_RETURN_IF_ERROR(checkFalse(split, "invert"));
  GOSS_ASSIGN_OR_RETURN(JsonValue pattern, split.getObject("pattern"));
  GOSS_RETURN_IF_ERROR(checkMembers(pattern, {"Regex"}));

  GOSS_RETURN_IF_ERROR(checkType(byteLevel, "ByteLevel"));
  GOSS_RETURN_IF_ERROR(checkMembers(
      byteLevel, {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
  GOSS_RETURN_IF_ERROR(checkFalse(byteLevel, "add_prefix_space"));
  // Both settings default to true where they are left out.
  GOSS_ASSIGN_OR_RETURN(bool useRegex, byteLevel.getBool("use_regex"));
  if (useRegex)
    return byteLevel.find("use_regex").mismatch("false");
  return pattern.getString("Regex");
}

/// Checks everything around the model: no part may change text or tokens.
Status checkPipeline(JsonValue root) {
  GOSS_RETURN_IF_ERROR(root.asObject().status());
  GOSS_RETURN_IF_ERROR(checkMembers(
      root, {"version", "truncation", "padding", "added_tokens", "normalizer",
             "pre_tokenizer", "post_processor", "decoder", "model"}));
  for (std::string_view name : {"truncation", "padding", "normalizer"})
    GOSS_RETURN_IF_ERROR(checkUnused(root, name));
  GOSS_ASSIGN_OR_RETURN(JsonValue decoder, root.get("decoder"));
  GOSS_RETURN_IF_ERROR(checkType(decoder, "ByteLevel"));
  // As a post-processor ByteLevel only moves offsets, which we do not report.
  JsonValue postProcessor = root.find("post_processor");
  if (postProcessor.isPresent() && !postProcessor.isNull())
    GOSS_RETURN_IF_ERROR(checkType(postProcessor, "ByteLevel"));
  return Status::ok();
}

Status checkModel(JsonValue model) {
  GOSS_RETURN_IF_ERROR(checkType(model, "BPE"));
  GOSS_RETURN_IF_ERROR(checkMembers(
      model, {"type", "dropout", "unk_token", "continuing_subword_prefix",
              "end_of_word_suffix", "fuse_unk", "byte_fallback",
              "ignore_merges", "vocab", "merges"}));
  for (std::string_view name :
       {"dropout", "unk_token", "continuing_subword_prefix",
        "end_of_word_suffix"})
    GOSS_RETURN_IF_ERROR(checkUnused(model, name));
  for (std::string_view name : {"fuse_unk", "byte_fallback"})
    GOSS_RETURN_IF_ERROR(checkFalse(model, name));
  return Status::ok();
}

/// Collects the tokens of a file in any order and sorts them by id.
class TokenCollector {
public:
  Status addVocabulary(JsonValue vocabulary) {
    for (JsonValue entry : vocabulary) {
      GOSS_ASSIGN_OR_RETURN(int64_t id,
                            entry.asInteger(0, TokenTable::kMaxIds - 1));
      GOSS_RETURN_IF_ERROR(claim(entry, id));
      scratch_.clear();
      if (entry.name().empty() || !appendByteLevel(entry.name(), scratch_))
        return entry.error("expects a name in the byte-level alphabet but got "
                           "another one");
      spellings_[static_cast<size_t>(id)] = {entry.name(), /*special=*/false};
    }
    return Status::ok();
  }

  Status addControlTokens(JsonValue tokens) {
    for (JsonValue token : tokens) {
      GOSS_RETURN_IF_ERROR(token.asObject().status());
      GOSS_RETURN_IF_ERROR(
          checkMembers(token, {"id", "content", "single_word", "lstrip",
                               "rstrip", "normalized", "special"}));
      for (std::string_view name : {"single_word", "lstrip", "rstrip"})
        GOSS_RETURN_IF_ERROR(checkFalse(token, name));
      GOSS_ASSIGN_OR_RETURN(bool special, token.getBool("special"));
      if (!special)
        return token.find("special").mismatch("true");
      GOSS_ASSIGN_OR_RETURN(int64_t id,
                            token.getInteger("id", 0, TokenTable::kMaxIds - 1));
      GOSS_RETURN_IF_ERROR(claim(token.find("id"), id));
      GOSS_ASSIGN_OR_RETURN(JsonValue content, token.get("content"));
      GOSS_RETURN_IF_ERROR(content.asString().status());
      spellings_[static_cast<size_t>(id)] = {content.text(), /*special=*/true};
    }
    return Status::ok();
  }

  TokenTable::Data take() const {
    TokenTable::Data data;
    data.offsets.push_back(0);
    for (uint32_t id = 0; id < spellings_.size(); ++id) {
      const Spelling &spelling = spellings_[id];
      if (spelling.special) {
        data.bytes += spelling.text;
        data.specials.push_back(id);
      } else {
        (void)appendByteLevel(spelling.text, data.bytes);
      }
      data.offsets.push_back(static_cast<uint32_t>(data.bytes.size()));
    }
    return data;
  }

private:
  /// As the file writes a token. The views live as long as the document.
  struct Spelling {
    std::string_view text;
    bool special = false;
  };

  Status claim(JsonValue place, int64_t id) {
    auto index = static_cast<size_t>(id);
    if (index >= spellings_.size()) {
      spellings_.resize(index + 1);
      used_.resize(index + 1);
    }
    if (used_[index])
      return place.error("expects ids that are used once but got " +
                         std::to_string(id) + " again");
    used_[index] = true;
    return Status::ok();
  }

  std::vector<Spelling> spellings_; ///< by id.
  std::vector<bool> used_;
  std::string scratch_;
};

/// Turns the merges of a file into token ids.
class MergeReader {
public:
  explicit MergeReader(const TokenTable &tokens) : tokens_(tokens) {}

  Expected<std::vector<MergeTable::Entry>> read(JsonValue merges) {
    std::vector<MergeTable::Entry> entries;
    entries.reserve(merges.size());
    for (JsonValue merge : merges) {
      std::string_view left, right;
      GOSS_RETURN_IF_ERROR(readPair(merge, left, right));
      MergeTable::Entry entry;
      GOSS_RETURN_IF_ERROR(find(merge, left, {}, entry.left));
      GOSS_RETURN_IF_ERROR(find(merge, right, {}, entry.right));
      GOSS_RETURN_IF_ERROR(find(merge, left, right, entry.result));
      entries.push_back(entry);
    }
    return entries;
  }

private:
  /// A merge is ["a", "b"], or "a b" in older files.
  static Status readPair(JsonValue merge, std::string_view &left,
                         std::string_view &right) {
    if (merge.isArray() && merge.size() == 2) {
      auto part = merge.begin();
      JsonValue first = *part;
      JsonValue second = *++part;
      left = first.text();
      right = second.text();
    } else if (merge.isString()) {
      std::string_view both = merge.text();
      size_t space = both.find(' ');
      left = both.substr(0, space);
      right = space == both.npos ? "" : both.substr(space + 1);
    }
    if (left.empty() || right.empty())
      return merge.mismatch("[\"LEFT\", \"RIGHT\"] or \"LEFT RIGHT\"");
    return Status::ok();
  }

  /// Looks up the token spelled `first` followed by `second`.
  Status find(JsonValue merge, std::string_view first, std::string_view second,
              uint32_t &id) {
    bytes_.clear();
    bool known = appendByteLevel(first, bytes_) &&
                 appendByteLevel(second, bytes_) &&
                 (id = tokens_.find(bytes_)) != TokenTable::kNone;
    return known ? Status::ok()
                 : merge.error("names the token " +
                               quoteText(std::string(first).append(second)) +
                               ", which is not in the vocabulary");
  }

  const TokenTable &tokens_;
  std::string bytes_;
};

} // namespace

Expected<Tokenizer> Tokenizer::fromJson(std::string_view json,
                                        const std::string &source) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::parse(json, source, kLimits));
  JsonValue root = document.root();
  GOSS_RETURN_IF_ERROR(checkPipeline(root));
  GOSS_ASSIGN_OR_RETURN(JsonValue preTokenizer, root.get("pre_tokenizer"));
  GOSS_ASSIGN_OR_RETURN(std::string pattern, readPattern(preTokenizer));
  GOSS_ASSIGN_OR_RETURN(JsonValue model, root.getObject("model"));
  GOSS_RETURN_IF_ERROR(checkModel(model));
  GOSS_ASSIGN_OR_RETURN(bool wholePieces,
                        model.getBoolOr("ignore_merges", false));
  GOSS_ASSIGN_OR_RETURN(JsonValue vocabulary, model.getObject("vocab"));
  GOSS_ASSIGN_OR_RETURN(JsonValue merges, model.getArray("merges"));
  GOSS_ASSIGN_OR_RETURN(JsonValue added, root.getArray("added_tokens"));

  TokenCollector collector;
  GOSS_RETURN_IF_ERROR(collector.addVocabulary(vocabulary));
  GOSS_RETURN_IF_ERROR(collector.addControlTokens(added));

  auto located = [&](const Status &status) {
    return status.withContext(source);
  };
  auto pretokenizer = Pretokenizer::create(pattern);
  if (!pretokenizer)
    return located(pretokenizer.status());
  auto tokens = TokenTable::create(collector.take());
  if (!tokens)
    return located(tokens.status());
  GOSS_ASSIGN_OR_RETURN(std::vector<MergeTable::Entry> entries,
                        MergeReader(*tokens).read(merges));
  auto grouped = MergeTable::group(entries, tokens->size());
  if (!grouped)
    return located(grouped.status());
  auto mergeTable = MergeTable::create(grouped.take(), *tokens);
  if (!mergeTable)
    return located(mergeTable.status());
  return Tokenizer(std::make_shared<const Tables>(
      Tables{std::move(pattern), pretokenizer.take(), tokens.take(),
             mergeTable.take(), wholePieces}));
}
