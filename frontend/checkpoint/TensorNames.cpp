//===- TensorNames.cpp - Tensor names of other forms ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorNames.h"

namespace gossamer {

const std::string_view huggingFaceLayerPrefix = "model.layers.";

using Pair = TensorNames::Pair;

static constexpr Pair originalOthers[] = {
    {"embedding.weight", "model.embed_tokens.weight"},
    {"norm.scale", "model.norm.weight"},
    {"unembedding.weight", "lm_head.weight"},
};

static constexpr Pair originalLayers[] = {
    {"attn.norm.scale", "input_layernorm.weight"},
    {"attn.sinks", "self_attn.sinks"},
    {"attn.out.weight", "self_attn.o_proj.weight"},
    {"attn.out.bias", "self_attn.o_proj.bias"},
    {"mlp.norm.scale", "post_attention_layernorm.weight"},
    // OpenAI's gate is the router, not a half of SwiGLU.
    {"mlp.gate.weight", "mlp.router.weight"},
    {"mlp.gate.bias", "mlp.router.bias"},
    {"mlp.mlp1_weight.blocks", "mlp.experts.gate_up_proj_blocks"},
    {"mlp.mlp1_weight.scales", "mlp.experts.gate_up_proj_scales"},
    {"mlp.mlp1_bias", "mlp.experts.gate_up_proj_bias"},
    {"mlp.mlp2_weight.blocks", "mlp.experts.down_proj_blocks"},
    {"mlp.mlp2_weight.scales", "mlp.experts.down_proj_scales"},
    {"mlp.mlp2_bias", "mlp.experts.down_proj_bias"},
};

static constexpr Pair ggufOthers[] = {
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
};

static constexpr Pair ggufLayers[] = {
    {"attn_norm.weight", "input_layernorm.weight"},
    {"attn_q.weight", "self_attn.q_proj.weight"},
    {"attn_q.bias", "self_attn.q_proj.bias"},
    {"attn_k.weight", "self_attn.k_proj.weight"},
    {"attn_k.bias", "self_attn.k_proj.bias"},
    {"attn_v.weight", "self_attn.v_proj.weight"},
    {"attn_v.bias", "self_attn.v_proj.bias"},
    {"attn_output.weight", "self_attn.o_proj.weight"},
    {"attn_output.bias", "self_attn.o_proj.bias"},
    {"attn_sinks.weight", "self_attn.sinks"},
    {"post_attention_norm.weight", "post_attention_layernorm.weight"},
    {"ffn_gate_inp.weight", "mlp.router.weight"},
    {"ffn_gate_inp.bias", "mlp.router.bias"},
    {"ffn_down_exps.bias", "mlp.experts.down_proj_bias"},
};

const TensorNames originalNames = {"block.", originalLayers, originalOthers};
const TensorNames ggufNames = {"blk.", ggufLayers, ggufOthers};

static TensorNames::LayerName splitLayer(std::string_view prefix,
                                         std::string_view name) {
  if (!name.starts_with(prefix))
    return {};
  std::string_view rest = name.substr(prefix.size());
  size_t digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == rest.npos || rest[digits] != '.')
    return {};
  return {rest.substr(0, digits + 1), rest.substr(digits + 1)};
}

TensorNames::LayerName splitHuggingFaceName(std::string_view name) {
  return splitLayer(huggingFaceLayerPrefix, name);
}

TensorNames::LayerName TensorNames::split(std::string_view own) const {
  return splitLayer(layerPrefix, own);
}

static std::string join(std::string_view prefix, std::string_view layer,
                        std::string_view name) {
  return std::string(prefix).append(layer).append(name);
}

std::string TensorNames::toHuggingFace(std::string_view own) const {
  for (const Pair &pair : otherNames)
    if (pair.own == own)
      return std::string(pair.huggingFace);
  LayerName name = split(own);
  for (const Pair &pair : layerNames)
    if (pair.own == name.rest)
      return join(huggingFaceLayerPrefix, name.layer, pair.huggingFace);
  return {};
}

std::string TensorNames::fromHuggingFace(std::string_view huggingFace) const {
  for (const Pair &pair : otherNames)
    if (pair.huggingFace == huggingFace)
      return std::string(pair.own);
  LayerName name = splitHuggingFaceName(huggingFace);
  for (const Pair &pair : layerNames)
    if (pair.huggingFace == name.rest)
      return join(layerPrefix, name.layer, pair.own);
  return {};
}

} // namespace gossamer
