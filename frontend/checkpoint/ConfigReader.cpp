//===- ConfigReader.cpp - Fields of a config.json -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConfigReader.h"

#include <algorithm>
#include <initializer_list>

namespace gossamer {

namespace {

// Upper bounds of the sizes. They are far above any model and keep every
// product of sizes (the largest: all experts' bytes of all layers) in int64_t.
constexpr int64_t expertLimit = 4096;
constexpr int64_t widthLimit = int64_t(1) << 17;
constexpr int64_t headLimit = 4096;
constexpr int64_t headDimLimit = 1024;
constexpr int64_t vocabLimit = int64_t(1) << 24;
constexpr int64_t contextLimit = int64_t(1) << 27;

using Names = std::initializer_list<const char *>;

/// The member under the first of its names that is present. All names that
/// are present must hold the same integer.
Expected<JsonValue> findAlias(JsonValue object, Names names) {
  JsonValue found;
  for (const char *name : names) {
    JsonValue value = object.find(name);
    if (!value.isPresent())
      continue;
    if (!found.isPresent()) {
      found = value;
      continue;
    }
    if (value.describe() != found.describe())
      return value.mismatch("the same as \"" + std::string(found.name()) +
                            "\" (" + found.describe() + ")");
  }
  return found;
}

/// Reads a size of at least 1; an absent member leaves `size` as it is.
Status readSize(JsonValue root, Names names, int64_t max, int64_t &size) {
  GOSS_ASSIGN_OR_RETURN(JsonValue value, findAlias(root, names));
  if (!value.isPresent())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(size, value.asInteger(1, max));
  return Status::ok();
}

/// Reads a number in [min, max]; an absent member leaves `number` as it is.
Status readNumber(JsonValue root, const char *name, double min, double max,
                  double &number) {
  JsonValue value = root.find(name);
  if (!value.isPresent())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(number, value.asNumber(min, max));
  return Status::ok();
}

Status readFlag(JsonValue root, const char *name, bool &flag) {
  JsonValue value = root.find(name);
  if (!value.isPresent())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(flag, value.asBool());
  return Status::ok();
}

/// A string that may only be one value.
Status expectString(JsonValue value, const std::string &expected) {
  if (value.isString() && value.text() == expected)
    return Status::ok();
  return value.mismatch("\"" + expected + "\"");
}

Status readModelType(JsonValue root) {
  JsonValue type = root.find("model_type");
  if (type.isPresent())
    return expectString(type, "gpt_oss");
  if (root.find("rope_ntk_beta").isPresent() ||
      root.find("rope_scaling_factor").isPresent())
    return root.error("is the original OpenAI config, expected the Hugging "
                      "Face one (model_type \"gpt_oss\")");
  return root.get("model_type").status();
}

Status readHeadCounts(JsonValue root, ModelConfig &config) {
  GOSS_RETURN_IF_ERROR(
      readSize(root, {"num_attention_heads"}, headLimit, config.numHeads));
  if (root.find("num_key_value_heads").isNull())
    config.numKvHeads = config.numHeads;
  else
    GOSS_RETURN_IF_ERROR(
        readSize(root, {"num_key_value_heads"}, headLimit, config.numKvHeads));

  JsonValue headDim = root.find("head_dim");
  if (!headDim.isNull())
    return readSize(root, {"head_dim"}, headDimLimit, config.headDim);
  // What transformers does with a null; the tensors' shapes confirm it.
  if (config.hiddenSize % config.numHeads != 0 ||
      config.hiddenSize / config.numHeads > headDimLimit)
    return headDim.mismatch(
        "a number, as hidden_size " + std::to_string(config.hiddenSize) +
        " does not divide into " + std::to_string(config.numHeads) +
        " heads of at most " + std::to_string(headDimLimit) + ",");
  config.headDim = config.hiddenSize / config.numHeads;
  return Status::ok();
}

Status readSizes(JsonValue root, ModelConfig &config) {
  GOSS_RETURN_IF_ERROR(
      readSize(root, {"num_hidden_layers"}, layerLimit, config.numLayers));
  GOSS_RETURN_IF_ERROR(readSize(root, {"num_local_experts", "num_experts"},
                                expertLimit, config.numExperts));
  GOSS_RETURN_IF_ERROR(readSize(root,
                                {"num_experts_per_tok", "experts_per_token"},
                                expertLimit, config.expertsPerToken));
  GOSS_RETURN_IF_ERROR(
      readSize(root, {"hidden_size"}, widthLimit, config.hiddenSize));
  GOSS_RETURN_IF_ERROR(readSize(root, {"intermediate_size"}, widthLimit,
                                config.intermediateSize));
  GOSS_RETURN_IF_ERROR(
      readSize(root, {"vocab_size"}, vocabLimit, config.vocabSize));
  GOSS_RETURN_IF_ERROR(readSize(root, {"max_position_embeddings"}, contextLimit,
                                config.maxContext));
  return readHeadCounts(root, config);
}

Status readScalars(JsonValue root, ModelConfig &config) {
  // The smallest normal float is below any epsilon in use; zero would divide
  // by zero on a row of zeros.
  GOSS_RETURN_IF_ERROR(
      readNumber(root, "rms_norm_eps", 1e-30, 1.0, config.rmsNormEps));
  GOSS_RETURN_IF_ERROR(
      readNumber(root, "swiglu_alpha", 1e-6, 1e6, config.swigluAlpha));
  GOSS_RETURN_IF_ERROR(
      readNumber(root, "swiglu_limit", 1e-6, 1e6, config.swigluLimit));
  GOSS_RETURN_IF_ERROR(readFlag(root, "attention_bias", config.attentionBias));
  GOSS_RETURN_IF_ERROR(
      readFlag(root, "tie_word_embeddings", config.tieWordEmbeddings));
  JsonValue activation = root.find("hidden_act");
  if (activation.isPresent())
    GOSS_RETURN_IF_ERROR(expectString(activation, "silu"));
  return Status::ok();
}

Status readLayerTypes(JsonValue root, ModelConfig &config) {
  JsonValue window = root.find("sliding_window");
  if (window.isNull())
    config.slidingWindow = 0;
  GOSS_RETURN_IF_ERROR(window.isNull()
                           ? Status::ok()
                           : readSize(root, {"sliding_window"}, contextLimit,
                                      config.slidingWindow));
  JsonValue types = root.find("layer_types");
  if (!types.isPresent() || types.isNull()) {
    // Even layers slide, odd ones see all; without a window none can slide.
    for (int64_t layer = 0; layer < config.numLayers; ++layer)
      config.layerTypes.push_back(layer % 2 == 0 && config.slidingWindow > 0
                                      ? AttentionKind::Sliding
                                      : AttentionKind::Full);
    config.notes.push_back(config.slidingWindow > 0
                               ? "layer_types is missing: even layers slide"
                               : "layer_types and sliding_window are missing: "
                                 "every layer sees all keys");
  } else {
    GOSS_RETURN_IF_ERROR(types.asArray().status());
    for (JsonValue type : types) {
      if (type.text() != "sliding_attention" && type.text() != "full_attention")
        return type.mismatch("\"sliding_attention\" or \"full_attention\"");
      config.layerTypes.push_back(type.text() == "sliding_attention"
                                      ? AttentionKind::Sliding
                                      : AttentionKind::Full);
    }
  }
  return Status::ok();
}

Status readQuantization(JsonValue root, ModelConfig &config) {
  JsonValue quantization = root.find("quantization_config");
  if (!quantization.isPresent() || quantization.isNull())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(JsonValue method, quantization.get("quant_method"));
  GOSS_RETURN_IF_ERROR(expectString(method, "mxfp4"));
  config.claimsMxfp4 = true;
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

/// A member that counts as missing when null or zero, as in transformers.
JsonValue findValue(JsonValue object, const char *name) {
  JsonValue value = object.find(name);
  return value.isNull() ? JsonValue() : value;
}

/// The concentration: stated, or derived from mscale and mscale_all_dim, or
/// from the factor alone.
Status readAttentionFactor(JsonValue yarn, RopeConfig &rope) {
  rope.attentionFactor = yarnAttentionFactor(rope.factor);
  JsonValue stated = findValue(yarn, "attention_factor");
  JsonValue scale = findValue(yarn, "mscale");
  JsonValue scaleAll = findValue(yarn, "mscale_all_dim");
  if (stated.isPresent()) {
    GOSS_ASSIGN_OR_RETURN(rope.attentionFactor, stated.asNumber(1e-6, 1e6));
  } else if (scale.isPresent() && scaleAll.isPresent()) {
    GOSS_ASSIGN_OR_RETURN(double numerator, scale.asNumber(0.0, 1e6));
    GOSS_ASSIGN_OR_RETURN(double denominator, scaleAll.asNumber(0.0, 1e6));
    double growth = yarnAttentionFactor(rope.factor) - 1.0;
    if (numerator != 0 && denominator != 0)
      rope.attentionFactor =
          (growth * numerator + 1.0) / (growth * denominator + 1.0);
  }
  return Status::ok();
}

/// The context the frequencies were trained for.
Status readOriginalContext(JsonValue root, JsonValue yarn,
                           ModelConfig &config) {
  RopeConfig &rope = config.rope;
  if (findValue(yarn, "original_max_position_embeddings").isPresent())
    return readSize(yarn, {"original_max_position_embeddings"}, contextLimit,
                    rope.originalContext);
  if (findValue(root, "initial_context_length").isPresent())
    return readSize(root, {"initial_context_length"}, contextLimit,
                    rope.originalContext);
  rope.originalContext = config.maxContext;
  config.notes.push_back(
      "original_max_position_embeddings is missing: max_position_embeddings (" +
      std::to_string(config.maxContext) + ") is used");
  return Status::ok();
}

Status readYarn(JsonValue root, JsonValue yarn, ModelConfig &config) {
  RopeConfig &rope = config.rope;
  rope.scaling = RopeConfig::Scaling::Yarn;
  GOSS_RETURN_IF_ERROR(readOriginalContext(root, yarn, config));
  JsonValue factor = findValue(yarn, "factor");
  if (factor.isPresent()) {
    GOSS_ASSIGN_OR_RETURN(rope.factor, factor.asNumber(1.0, 1e6));
  } else {
    // The ratio of the two contexts, which must then both be stated.
    GOSS_RETURN_IF_ERROR(yarn.get("original_max_position_embeddings").status());
    rope.factor = std::max(1.0, static_cast<double>(config.maxContext) /
                                    static_cast<double>(rope.originalContext));
    config.notes.push_back("factor is missing: the ratio of the contexts is "
                           "used");
  }
  if (findValue(yarn, "beta_fast").isPresent())
    GOSS_RETURN_IF_ERROR(
        readNumber(yarn, "beta_fast", 1e-6, 1e6, rope.betaFast));
  if (findValue(yarn, "beta_slow").isPresent())
    GOSS_RETURN_IF_ERROR(
        readNumber(yarn, "beta_slow", 1e-6, 1e6, rope.betaSlow));
  // transformers' default, though the published models say false.
  rope.truncate = true;
  if (yarn.find("truncate").isPresent())
    GOSS_RETURN_IF_ERROR(readFlag(yarn, "truncate", rope.truncate));
  else
    config.notes.push_back("truncate is missing: true, the default of "
                           "transformers, is used");
  return readAttentionFactor(yarn, rope);
}

/// The frequency base: inside rope_parameters (transformers 5), at the top
/// (transformers 4), or the default.
Status readTheta(JsonValue root, JsonValue parameters, RopeConfig &rope) {
  // ln(theta) divides the YaRN bounds, so theta must exceed 1.
  constexpr double thetaLimit = 1.0 + 1e-3;
  GOSS_RETURN_IF_ERROR(
      readNumber(root, "rope_theta", thetaLimit, 1e15, rope.theta));
  return readNumber(parameters, "rope_theta", thetaLimit, 1e15, rope.theta);
}

Status checkWholeRotation(JsonValue object) {
  JsonValue part = findValue(object, "partial_rotary_factor");
  if (!part.isPresent())
    return Status::ok();
  if (!part.asNumber(1.0, 1.0))
    return part.mismatch("1, a rotation of whole heads,");
  return Status::ok();
}

Status readRope(JsonValue root, ModelConfig &config) {
  JsonValue parameters = findValue(root, "rope_parameters");
  if (!parameters.isPresent())
    parameters = findValue(root, "rope_scaling");
  if (parameters.isPresent())
    GOSS_RETURN_IF_ERROR(parameters.asObject().status());
  GOSS_RETURN_IF_ERROR(checkWholeRotation(root));
  GOSS_RETURN_IF_ERROR(checkWholeRotation(parameters));
  GOSS_RETURN_IF_ERROR(readTheta(root, parameters, config.rope));
  if (!parameters.isPresent()) {
    // An absent key means the published model's YaRN in transformers, a null
    // rope_scaling none at all.
    if (root.find("rope_scaling").isNull()) {
      config.rope.scaling = RopeConfig::Scaling::None;
      config.notes.push_back("rope_scaling is null: positions are not scaled");
    } else {
      config.notes.push_back("rope_scaling is missing: that of the published "
                             "models (yarn, factor 32 from 4096) is used");
    }
    return Status::ok();
  }
  for (const char *kind : {"full_attention", "sliding_attention"})
    if (JsonValue perKind = parameters.find(kind); perKind.isPresent())
      return perKind.error("a rotation of its own for one kind of layer is "
                           "not supported");
  JsonValue type = parameters.find("rope_type");
  if (!type.isPresent())
    type = parameters.find("type");
  if (!type.isPresent() || type.text() == "default" || type.text() == "none") {
    if (!type.isPresent())
      config.notes.push_back("rope_type is missing: positions are not scaled");
    config.rope.scaling = RopeConfig::Scaling::None;
    return Status::ok();
  }
  if (type.text() != "yarn")
    return type.mismatch("\"yarn\" or \"default\"");
  return readYarn(root, parameters, config);
}

//===----------------------------------------------------------------------===//
// Special tokens
//===----------------------------------------------------------------------===//

/// One id, a list of ids, or null.
Status readEndTokens(JsonValue value, std::vector<int64_t> &tokens) {
  std::vector<int64_t> ids;
  if (value.isArray()) {
    GOSS_ASSIGN_OR_RETURN(ids, value.asIntegers());
  } else {
    GOSS_ASSIGN_OR_RETURN(int64_t id, value.asInteger());
    ids.push_back(id);
  }
  tokens.clear();
  for (int64_t id : ids)
    if (std::find(tokens.begin(), tokens.end(), id) == tokens.end())
      tokens.push_back(id);
  return Status::ok();
}

Status readToken(JsonValue value, std::optional<int64_t> &token) {
  if (!value.isPresent())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(token, value.asInteger());
  return Status::ok();
}

} // namespace

Status readSpecialTokens(JsonValue root, ModelConfig &config) {
  JsonValue end = findValue(root, "eos_token_id");
  if (end.isPresent())
    GOSS_RETURN_IF_ERROR(readEndTokens(end, config.eosTokens));
  GOSS_RETURN_IF_ERROR(
      readToken(findValue(root, "bos_token_id"), config.bosToken));
  return readToken(findValue(root, "pad_token_id"), config.padToken);
}

Status readConfig(JsonValue root, ModelConfig &config) {
  GOSS_RETURN_IF_ERROR(root.asObject().status());
  GOSS_RETURN_IF_ERROR(readModelType(root));
  GOSS_RETURN_IF_ERROR(readSizes(root, config));
  GOSS_RETURN_IF_ERROR(readScalars(root, config));
  GOSS_RETURN_IF_ERROR(readLayerTypes(root, config));
  GOSS_RETURN_IF_ERROR(readRope(root, config));
  GOSS_RETURN_IF_ERROR(readQuantization(root, config));
  return readSpecialTokens(root, config);
}

} // namespace gossamer
