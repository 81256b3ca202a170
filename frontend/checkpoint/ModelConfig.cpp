//===- ModelConfig.cpp - What a GPT-OSS config.json says ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ModelConfig.h"

#include "frontend/checkpoint/ConfigReader.h"
#include "runtime/support/JsonWriter.h"

#include <algorithm>
#include <cmath>

namespace gossamer {

namespace {

Status fieldError(const std::string &fileName, const char *field,
                  const std::string &message) {
  return invalidData(fileName + ": field \"" + field + "\": " + message);
}

Status checkMultiple(const std::string &fileName, const char *field,
                     int64_t value, int64_t unit, const char *what) {
  if (value % unit == 0)
    return Status::ok();
  return fieldError(fileName, field,
                    "expects a multiple of " + std::to_string(unit) + " (" +
                        what + ") but got " + std::to_string(value));
}

Status checkToken(const std::string &fileName, const char *field, int64_t token,
                  int64_t vocabSize) {
  if (token >= 0 && token < vocabSize)
    return Status::ok();
  return fieldError(fileName, field,
                    "expects a token id from 0 to " +
                        std::to_string(vocabSize - 1) +
                        " (vocab_size) but got " + std::to_string(token));
}

Status checkTokens(const std::string &fileName, const ModelConfig &config) {
  for (int64_t token : config.eosTokens)
    GOSS_RETURN_IF_ERROR(
        checkToken(fileName, "eos_token_id", token, config.vocabSize));
  if (config.bosToken)
    GOSS_RETURN_IF_ERROR(checkToken(fileName, "bos_token_id", *config.bosToken,
                                    config.vocabSize));
  if (config.padToken)
    GOSS_RETURN_IF_ERROR(checkToken(fileName, "pad_token_id", *config.padToken,
                                    config.vocabSize));
  return Status::ok();
}

/// Length of the shortest pattern that `types` repeats.
size_t shortestPeriod(const std::vector<AttentionKind> &types) {
  for (size_t period = 1; period < types.size(); ++period)
    if (std::equal(types.begin() + static_cast<ptrdiff_t>(period), types.end(),
                   types.begin()))
      return period;
  return types.size();
}

void writeRope(JsonWriter &json, const RopeConfig &rope) {
  json.member("rope_theta", rope.theta).key("rope_scaling").beginObject();
  if (rope.scaling == RopeConfig::Scaling::None) {
    json.member("rope_type", "default").endObject();
    return;
  }
  json.member("rope_type", "yarn")
      .member("factor", rope.factor)
      .member("beta_fast", rope.betaFast)
      .member("beta_slow", rope.betaSlow)
      .member("original_max_position_embeddings", rope.originalContext)
      .member("truncate", rope.truncate);
  if (rope.attentionFactor != yarnAttentionFactor(rope.factor))
    json.member("attention_factor", rope.attentionFactor);
  json.endObject();
}

void writeTokens(JsonWriter &json, const ModelConfig &config) {
  if (config.bosToken)
    json.member("bos_token_id", *config.bosToken);
  if (config.padToken)
    json.member("pad_token_id", *config.padToken);
  if (config.eosTokens.empty())
    return;
  json.key("eos_token_id");
  if (config.eosTokens.size() == 1) {
    json.value(config.eosTokens.front());
    return;
  }
  json.beginArray();
  for (int64_t token : config.eosTokens)
    json.value(token);
  json.endArray();
}

} // namespace

double yarnAttentionFactor(double factor) {
  return factor <= 1.0 ? 1.0 : 0.1 * std::log(factor) + 1.0;
}

Expected<ModelConfig> ModelConfig::parse(std::string_view text,
                                         const std::string &fileName) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::parse(text, fileName));
  ModelConfig config;
  GOSS_RETURN_IF_ERROR(readConfig(document.root(), config));
  GOSS_RETURN_IF_ERROR(config.validate(fileName));
  return config;
}

Status ModelConfig::applyGenerationConfig(std::string_view text,
                                          const std::string &fileName) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::parse(text, fileName));
  GOSS_RETURN_IF_ERROR(document.root().asObject().status());
  GOSS_RETURN_IF_ERROR(readSpecialTokens(document.root(), *this));
  return checkTokens(fileName, *this);
}

Status ModelConfig::validate(const std::string &fileName) const {
  if (layerTypes.size() != static_cast<size_t>(numLayers))
    return fieldError(fileName, "layer_types",
                      "expects " + std::to_string(numLayers) +
                          " entries (num_hidden_layers) but got " +
                          std::to_string(layerTypes.size()));
  if (expertsPerToken > numExperts)
    return fieldError(fileName, "num_experts_per_tok",
                      "expects at most " + std::to_string(numExperts) +
                          " (num_local_experts) but got " +
                          std::to_string(expertsPerToken));
  if (numHeads % numKvHeads != 0)
    return fieldError(fileName, "num_attention_heads",
                      "expects a multiple of " + std::to_string(numKvHeads) +
                          " (num_key_value_heads) but got " +
                          std::to_string(numHeads));
  GOSS_RETURN_IF_ERROR(
      checkMultiple(fileName, "head_dim", headDim, 2, "rotated in halves"));
  GOSS_RETURN_IF_ERROR(checkMultiple(fileName, "hidden_size", hiddenSize, 32,
                                     "blocks of the MXFP4 format"));
  GOSS_RETURN_IF_ERROR(checkMultiple(fileName, "intermediate_size",
                                     intermediateSize, 32,
                                     "blocks of the MXFP4 format"));
  bool slides = std::find(layerTypes.begin(), layerTypes.end(),
                          AttentionKind::Sliding) != layerTypes.end();
  if (slides && slidingWindow <= 0)
    return fieldError(fileName, "sliding_window",
                      "expects a number of keys, as layer_types names "
                      "sliding_attention, but got null");
  if (rope.scaling == RopeConfig::Scaling::Yarn &&
      rope.betaFast < rope.betaSlow)
    return fieldError(
        fileName, "rope_scaling.beta_fast",
        "expects at least " + JsonWriter().value(rope.betaSlow).take() +
            " (beta_slow) but got " + JsonWriter().value(rope.betaFast).take());
  return checkTokens(fileName, *this);
}

void ModelConfig::setNumLayers(int64_t layers) {
  size_t period = shortestPeriod(layerTypes);
  std::vector<AttentionKind> types;
  types.reserve(static_cast<size_t>(layers));
  for (int64_t layer = 0; layer < layers; ++layer)
    types.push_back(layerTypes[static_cast<size_t>(layer) % period]);
  layerTypes = std::move(types);
  numLayers = layers;
}

std::string ModelConfig::toJson(bool mxfp4) const {
  JsonWriter json(2);
  json.beginObject();
  json.key("architectures").beginArray().value("GptOssForCausalLM").endArray();
  json.member("model_type", "gpt_oss")
      .member("num_hidden_layers", numLayers)
      .member("hidden_size", hiddenSize)
      .member("intermediate_size", intermediateSize)
      .member("vocab_size", vocabSize)
      .member("num_attention_heads", numHeads)
      .member("num_key_value_heads", numKvHeads)
      .member("head_dim", headDim)
      .member("num_local_experts", numExperts)
      .member("num_experts_per_tok", expertsPerToken)
      .member("max_position_embeddings", maxContext)
      .member("attention_bias", attentionBias)
      .member("tie_word_embeddings", tieWordEmbeddings)
      .member("hidden_act", "silu")
      .member("rms_norm_eps", rmsNormEps)
      .member("swiglu_alpha", swigluAlpha)
      .member("swiglu_limit", swigluLimit);
  json.key("sliding_window");
  slidingWindow > 0 ? json.value(slidingWindow) : json.null();
  json.key("layer_types").beginArray();
  for (AttentionKind kind : layerTypes)
    json.value(kind == AttentionKind::Sliding ? "sliding_attention"
                                              : "full_attention");
  json.endArray();
  writeRope(json, rope);
  writeTokens(json, *this);
  if (mxfp4)
    json.key("quantization_config")
        .beginObject()
        .member("quant_method", "mxfp4")
        .endObject();
  return json.endObject().take() + "\n";
}

} // namespace gossamer
