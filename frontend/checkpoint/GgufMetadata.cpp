//===- GgufMetadata.cpp - Config and tokenizer in GGUF --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/GgufMetadata.h"

#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace gossamer {

namespace {

constexpr std::string_view architecture = "gpt-oss";
constexpr std::string_view pretokenizer = "gpt-4o";
/// What "gpt-4o" stands for: the expression of the o200k family.
constexpr const char *pattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Kinds of tokens in tokenizer.ggml.token_type.
enum TokenType : int64_t {
  Normal = 1,
  Control = 3,
  UserDefined = 4,
  Unused = 5
};

std::string key(std::string_view name) {
  return std::string(architecture).append(".").append(name);
}

//===----------------------------------------------------------------------===//
// Reading the config
//===----------------------------------------------------------------------===//

/// The decimal number that a float32 stands for: 1e-5, not its nearest float32.
/// Files hold float32 only, and their writers began with a decimal.
double shortestDecimal(double number) {
  char text[32];
  auto result = std::to_chars(text, std::end(text), static_cast<float>(number));
  std::from_chars(text, result.ptr, number);
  return number;
}

const GgufTensor *findTensor(const GgufFile &file, std::string_view name) {
  for (const GgufTensor &tensor : file.tensors())
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

Status readNumber(const GgufFile &file, std::string_view name, double min,
                  double max, double &number) {
  GOSS_ASSIGN_OR_RETURN(number, file.getNumber(key(name), number, min, max));
  number = shortestDecimal(number);
  return Status::ok();
}

Status readSizes(const GgufFile &file, ModelConfig &config) {
  constexpr int64_t width = int64_t(1) << 17, count = 4096;
  constexpr int64_t context = int64_t(1) << 27;
  struct Field {
    const char *name;
    int64_t limit;
    int64_t *value;
    std::optional<int64_t> fallback = std::nullopt;
  };
  for (const Field &field : {
           Field{"block_count", layerLimit, &config.numLayers},
           Field{"embedding_length", width, &config.hiddenSize},
           Field{"expert_count", count, &config.numExperts},
           Field{"expert_used_count", count, &config.expertsPerToken},
           Field{"attention.head_count", count, &config.numHeads},
           Field{"attention.head_count_kv", count, &config.numKvHeads},
           Field{"attention.key_length", 1024, &config.headDim},
           Field{"context_length", context, &config.maxContext},
           Field{"attention.sliding_window", context, &config.slidingWindow,
                 128},
       }) {
    GOSS_ASSIGN_OR_RETURN(
        *field.value,
        file.getInteger(key(field.name), field.fallback, 1, field.limit));
  }
  // Older files have the experts' width as that of the feed-forward layer.
  std::string width1 = key("expert_feed_forward_length");
  GOSS_ASSIGN_OR_RETURN(
      config.intermediateSize,
      file.getInteger(file.has(width1) ? width1 : key("feed_forward_length"),
                      std::nullopt, 1, width));
  GOSS_ASSIGN_OR_RETURN(
      int64_t valueWidth,
      file.getInteger(key("attention.value_length"), config.headDim, 1, 1024));
  if (valueWidth != config.headDim)
    return file.error(key("attention.value_length"),
                      "attention.key_length, " +
                          std::to_string(config.headDim) + ", but got " +
                          std::to_string(valueWidth));
  return Status::ok();
}

Status readRope(const GgufFile &file, ModelConfig &config) {
  RopeConfig &rope = config.rope;
  GOSS_RETURN_IF_ERROR(
      readNumber(file, "rope.freq_base", 1.001, 1e15, rope.theta));
  GOSS_ASSIGN_OR_RETURN(
      std::string_view type,
      file.getString(key("rope.scaling.type"), std::string_view("yarn")));
  if (type == "none") {
    rope.scaling = RopeConfig::Scaling::None;
    return Status::ok();
  }
  if (type != "yarn")
    return file.error(key("rope.scaling.type"),
                      "\"yarn\" or \"none\" but got another");
  GOSS_RETURN_IF_ERROR(
      readNumber(file, "rope.scaling.factor", 1.0, 1e6, rope.factor));
  GOSS_ASSIGN_OR_RETURN(
      rope.originalContext,
      file.getInteger(key("rope.scaling.original_context_length"), 4096, 1,
                      int64_t(1) << 27));
  GOSS_RETURN_IF_ERROR(readNumber(file, "rope.scaling.yarn_beta_fast", 1e-6,
                                  1e6, rope.betaFast));
  GOSS_RETURN_IF_ERROR(readNumber(file, "rope.scaling.yarn_beta_slow", 1e-6,
                                  1e6, rope.betaSlow));
  // There is no key for it; the models were trained so.
  rope.truncate = false;
  rope.attentionFactor = yarnAttentionFactor(rope.factor);
  return Status::ok();
}

Status readSpecialTokens(const GgufFile &file, ModelConfig &config) {
  auto token = [&](const char *name) -> Expected<std::optional<int64_t>> {
    std::string full = std::string("tokenizer.ggml.") + name + "_token_id";
    if (!file.has(full))
      return std::optional<int64_t>();
    GOSS_ASSIGN_OR_RETURN(int64_t id,
                          file.getInteger(full, std::nullopt, 0,
                                          std::numeric_limits<int32_t>::max()));
    return std::optional<int64_t>(id);
  };
  GOSS_ASSIGN_OR_RETURN(config.bosToken, token("bos"));
  GOSS_ASSIGN_OR_RETURN(config.padToken, token("padding"));
  for (const char *name : {"eos", "eot", "eom"}) {
    GOSS_ASSIGN_OR_RETURN(std::optional<int64_t> end, token(name));
    if (end &&
        std::ranges::find(config.eosTokens, *end) == config.eosTokens.end())
      config.eosTokens.push_back(*end);
  }
  return Status::ok();
}

Status readConfig(const GgufFile &file, ModelConfig &config) {
  GOSS_ASSIGN_OR_RETURN(std::string_view name,
                        file.getString("general.architecture", std::nullopt));
  if (name != architecture && name != "gptoss")
    return file.error("general.architecture",
                      "\"gpt-oss\" but got " + quoteText(name, 60));
  GOSS_ASSIGN_OR_RETURN(int64_t parts,
                        file.getInteger("split.count", 1, 0, 1 << 20));
  if (parts > 1)
    return file.error("split.count",
                      "a file that is not split but got one of " +
                          std::to_string(parts) +
                          " parts; llama.cpp's gguf-split --merge joins them");
  GOSS_RETURN_IF_ERROR(readSizes(file, config));
  GOSS_RETURN_IF_ERROR(readRope(file, config));
  GOSS_RETURN_IF_ERROR(readNumber(file, "attention.layer_norm_rms_epsilon",
                                  1e-30, 1.0, config.rmsNormEps));
  GOSS_RETURN_IF_ERROR(readSpecialTokens(file, config));
  const GgufTensor *embedding = findTensor(file, "token_embd.weight");
  if (!embedding || embedding->shape.size() != 2)
    return invalidData(file.path() + ": expects a matrix token_embd.weight");
  constexpr uint64_t vocabularyLimit = uint64_t(1) << 24;
  if (embedding->shape[0] == 0 || embedding->shape[0] > vocabularyLimit)
    return invalidData(file.path() +
                       ": tensor \"token_embd.weight\": expects "
                       "1 to 16777216 rows but got " +
                       std::to_string(embedding->shape[0]));
  config.vocabSize = static_cast<int64_t>(embedding->shape[0]);
  config.tieWordEmbeddings = !findTensor(file, "output.weight");
  config.attentionBias = findTensor(file, "blk.0.attn_q.bias") != nullptr;
  config.claimsMxfp4 = true;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    config.layerTypes.push_back(layer % 2 == 0 ? AttentionKind::Sliding
                                               : AttentionKind::Full);
  return config.validate(file.path());
}

//===----------------------------------------------------------------------===//
// Reading the tokenizer
//===----------------------------------------------------------------------===//

void writeControlToken(JsonWriter &json, int64_t id, std::string_view text) {
  json.beginObject().member("id", id).member("content", text);
  for (const char *name : {"single_word", "lstrip", "rstrip", "normalized"})
    json.member(name, false);
  json.member("special", true).endObject();
}

void writePretokenizer(JsonWriter &json) {
  json.key("pre_tokenizer").beginObject().member("type", "Sequence");
  json.key("pretokenizers").beginArray();
  json.beginObject().member("type", "Split").key("pattern").beginObject();
  json.member("Regex", pattern).endObject();
  json.member("behavior", "Isolated").member("invert", false).endObject();
  json.beginObject().member("type", "ByteLevel");
  json.member("add_prefix_space", false).member("trim_offsets", true);
  json.member("use_regex", false).endObject().endArray().endObject();
}

/// The metadata as the tokenizer.json that says the same.
Expected<std::string> makeTokenizerJson(const GgufFile &file) {
  GOSS_ASSIGN_OR_RETURN(std::span<const std::string_view> tokens,
                        file.getStrings("tokenizer.ggml.tokens"));
  GOSS_ASSIGN_OR_RETURN(std::span<const int64_t> types,
                        file.getIntegers("tokenizer.ggml.token_type"));
  GOSS_ASSIGN_OR_RETURN(std::span<const std::string_view> merges,
                        file.getStrings("tokenizer.ggml.merges"));
  if (types.size() != tokens.size())
    return file.error("tokenizer.ggml.token_type",
                      "one for each of " + std::to_string(tokens.size()) +
                          " tokens but got " + std::to_string(types.size()));
  JsonWriter json(1);
  json.beginObject().member("version", "1.0").key("added_tokens").beginArray();
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (types[id] == Control || types[id] == UserDefined)
      writeControlToken(json, static_cast<int64_t>(id), tokens[id]);
    else if (types[id] != Normal && types[id] != Unused)
      return file.error("tokenizer.ggml.token_type",
                        "1 (normal), 3 (control), 4 (user defined) or 5 "
                        "(unused) but got " +
                            std::to_string(types[id]) + " for id " +
                            std::to_string(id));
  }
  json.endArray();
  writePretokenizer(json);
  json.key("decoder").beginObject().member("type", "ByteLevel").endObject();
  json.key("model").beginObject().member("type", "BPE");
  json.member("ignore_merges", true).key("vocab").beginObject();
  for (size_t id = 0; id < tokens.size(); ++id)
    if (types[id] == Normal)
      json.member(tokens[id], static_cast<int64_t>(id));
  json.endObject().key("merges").beginArray();
  for (std::string_view merge : merges)
    json.value(merge);
  return json.endArray().endObject().endObject().take() + "\n";
}

Status readTokenizer(const GgufFile &file, CheckpointContents &contents) {
  if (!file.has("tokenizer.ggml.tokens")) {
    contents.config.notes.push_back("the file has no tokenizer");
    return Status::ok();
  }
  GOSS_ASSIGN_OR_RETURN(std::string_view model,
                        file.getString("tokenizer.ggml.model", std::nullopt));
  if (model != "gpt2")
    return file.error("tokenizer.ggml.model", "\"gpt2\" but got another");
  GOSS_ASSIGN_OR_RETURN(std::string_view pre,
                        file.getString("tokenizer.ggml.pre", pretokenizer));
  if (pre != pretokenizer && pre != "gpt-oss")
    return file.error("tokenizer.ggml.pre", "\"gpt-4o\" but got another");
  GOSS_ASSIGN_OR_RETURN(std::string text, makeTokenizerJson(file));
  contents.tokenizer = Companion{file.path() + ": tokenizer", std::move(text)};
  return Status::ok();
}

} // namespace

Status readGgufMetadata(const GgufFile &file, CheckpointContents &contents) {
  GOSS_RETURN_IF_ERROR(readConfig(file, contents.config));
  GOSS_RETURN_IF_ERROR(readTokenizer(file, contents));
  if (!file.has("tokenizer.chat_template"))
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(
      std::string_view text,
      file.getString("tokenizer.chat_template", std::nullopt));
  contents.chatTemplate =
      Companion{file.path() + ": chat template", std::string(text)};
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {

Status refuse(const std::string &what) { return invalidData("GGUF: " + what); }

Status checkExpressible(const ModelConfig &config) {
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    if ((config.windowOf(layer) > 0) != (layer % 2 == 0))
      return refuse("expects sliding and full layers in turn, as its readers "
                    "assume, but layer " +
                    std::to_string(layer) + " is another");
  if (config.swigluAlpha != 1.702 || config.swigluLimit != 7.0)
    return refuse("expects swiglu_alpha 1.702 and swiglu_limit 7, for which "
                  "it has no keys, but got others");
  const RopeConfig &rope = config.rope;
  if (rope.scaling == RopeConfig::Scaling::Yarn &&
      (rope.truncate ||
       rope.attentionFactor != yarnAttentionFactor(rope.factor)))
    return refuse("expects YaRN with truncate false and the usual attention "
                  "factor, for which it has no keys, but got others");
  if (config.eosTokens.size() > 3)
    return refuse("expects at most 3 end tokens but got " +
                  std::to_string(config.eosTokens.size()));
  return Status::ok();
}

void writeRope(const RopeConfig &rope, GgufHeader &header) {
  header.add(key("rope.freq_base"), static_cast<float>(rope.theta));
  if (rope.scaling == RopeConfig::Scaling::None) {
    header.add(key("rope.scaling.type"), std::string_view("none"));
    return;
  }
  header.add(key("rope.scaling.type"), std::string_view("yarn"));
  header.add(key("rope.scaling.factor"), static_cast<float>(rope.factor));
  header.add(key("rope.scaling.original_context_length"),
             static_cast<uint32_t>(rope.originalContext));
  header.add(key("rope.scaling.yarn_beta_fast"),
             static_cast<float>(rope.betaFast));
  header.add(key("rope.scaling.yarn_beta_slow"),
             static_cast<float>(rope.betaSlow));
}

void writeConfig(const ModelConfig &config, GgufHeader &header) {
  header.add("general.architecture", architecture);
  struct Field {
    const char *name;
    int64_t value;
  };
  for (const Field &field : {
           Field{"block_count", config.numLayers},
           Field{"context_length", config.maxContext},
           Field{"embedding_length", config.hiddenSize},
           Field{"feed_forward_length", config.intermediateSize},
           Field{"expert_feed_forward_length", config.intermediateSize},
           Field{"expert_count", config.numExperts},
           Field{"expert_used_count", config.expertsPerToken},
           Field{"attention.head_count", config.numHeads},
           Field{"attention.head_count_kv", config.numKvHeads},
           Field{"attention.key_length", config.headDim},
           Field{"attention.value_length", config.headDim},
           Field{"attention.sliding_window", config.slidingWindow},
       })
    header.add(key(field.name), static_cast<uint32_t>(field.value));
  header.add(key("attention.layer_norm_rms_epsilon"),
             static_cast<float>(config.rmsNormEps));
  writeRope(config.rope, header);
}

void writeSpecialTokens(const ModelConfig &config, GgufHeader &header) {
  auto token = [&](const char *name, int64_t id) {
    header.add(std::string("tokenizer.ggml.") + name + "_token_id",
               static_cast<uint32_t>(id));
  };
  if (config.bosToken)
    token("bos", *config.bosToken);
  if (config.padToken)
    token("padding", *config.padToken);
  const char *const names[] = {"eos", "eot", "eom"};
  for (size_t i = 0; i < config.eosTokens.size(); ++i)
    token(names[i], config.eosTokens[i]);
}

/// The lists that a tokenizer is made of in GGUF.
struct TokenLists {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
};

Status readLists(JsonValue root, int64_t vocabulary, TokenLists &lists) {
  auto count = static_cast<size_t>(vocabulary);
  lists.types.assign(count, Unused);
  for (size_t id = 0; id < count; ++id)
    lists.tokens.push_back("[PAD" + std::to_string(id) + "]");
  auto put = [&](JsonValue place, std::string_view text,
                 TokenType type) -> Status {
    GOSS_ASSIGN_OR_RETURN(int64_t id, place.asInteger(0, vocabulary - 1));
    lists.tokens[static_cast<size_t>(id)] = text;
    lists.types[static_cast<size_t>(id)] = type;
    return Status::ok();
  };
  JsonValue model = root.find("model");
  for (JsonValue entry : model.find("vocab"))
    GOSS_RETURN_IF_ERROR(put(entry, entry.name(), Normal));
  for (JsonValue token : root.find("added_tokens"))
    GOSS_RETURN_IF_ERROR(
        put(token.find("id"), token.find("content").text(), Control));
  for (JsonValue merge : model.find("merges")) {
    std::string text(merge.text());
    for (JsonValue part : merge)
      text += (text.empty() ? "" : " ") + std::string(part.text());
    lists.merges.push_back(std::move(text));
  }
  return Status::ok();
}

Status writeTokenizer(const ModelConfig &config, const Companion &tokenizer,
                      GgufHeader &header) {
  // Whatever Gossamer cannot read is refused here, with the place.
  GOSS_RETURN_IF_ERROR(
      Tokenizer::fromJson(tokenizer.text, tokenizer.source).status());
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::parse(tokenizer.text, tokenizer.source));
  // The tokenizer was read, so that this is its first step.
  JsonValue split =
      *document.root().find("pre_tokenizer").find("pretokenizers").begin();
  JsonValue regex = split.find("pattern").find("Regex");
  if (regex.text() != pattern)
    return regex.error("is not the expression of the o200k family, the only "
                       "one that GGUF has a name for (gpt-4o)");
  TokenLists lists;
  GOSS_RETURN_IF_ERROR(readLists(document.root(), config.vocabSize, lists));
  header.add("tokenizer.ggml.model", std::string_view("gpt2"));
  header.add("tokenizer.ggml.pre", pretokenizer);
  header.add("tokenizer.ggml.tokens",
             std::span<const std::string>(lists.tokens));
  header.add("tokenizer.ggml.token_type",
             std::span<const int32_t>(lists.types));
  header.add("tokenizer.ggml.merges",
             std::span<const std::string>(lists.merges));
  return Status::ok();
}

} // namespace

Status writeGgufMetadata(const ModelConfig &config,
                         const std::optional<Companion> &tokenizer,
                         const std::optional<Companion> &chatTemplate,
                         GgufHeader &header) {
  GOSS_RETURN_IF_ERROR(checkExpressible(config));
  writeConfig(config, header);
  if (tokenizer)
    GOSS_RETURN_IF_ERROR(writeTokenizer(config, *tokenizer, header));
  writeSpecialTokens(config, header);
  if (chatTemplate)
    header.add("tokenizer.chat_template", std::string_view(chatTemplate->text));
  return Status::ok();
}

} // namespace gossamer
