//===- ConvertSafetensors.cpp - Hugging Face's and OpenAI's form ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertForms.h"
#include "frontend/checkpoint/TensorNames.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/JsonWriter.h"

#include <map>

namespace gossamer {

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// Gives a file its header, and its tensors their places.
static Status finishFile(OutputFile &file,
                         const std::vector<PlainTensor> &tensors) {
  std::vector<SafetensorsWriter::Tensor> entries;
  entries.reserve(tensors.size());
  for (const PlainTensor &tensor : tensors)
    entries.push_back({tensor.name, tensor.dtype, tensor.shape});
  const std::vector<std::pair<std::string, std::string>> metadata = {
      {"format", "pt"}};
  uint64_t dataBytes = 0;
  GOSS_ASSIGN_OR_RETURN(
      file.header,
      SafetensorsWriter::makeHeader(file.name, entries, metadata, dataBytes));
  uint64_t offset = file.header.size();
  for (const PlainTensor &tensor : tensors) {
    file.tensors.push_back({tensor.name, std::string(dtypeName(tensor.dtype)),
                            tensor.shape, tensor.bytes, offset, tensor.losses});
    offset += tensor.bytes.size();
  }
  file.size = offset;
  return Status::ok();
}

/// Divides the tensors among files, and adds the index of several.
static Status addFiles(const std::vector<PlainTensor> &tensors,
                       uint64_t shardBytes, ConversionPlan &plan) {
  std::vector<std::vector<PlainTensor>> shards(1);
  uint64_t size = 0, total = 0;
  for (const PlainTensor &tensor : tensors) {
    if (size > 0 && size + tensor.bytes.size() > shardBytes) {
      shards.emplace_back();
      size = 0;
    }
    shards.back().push_back(tensor);
    size += tensor.bytes.size();
    total += tensor.bytes.size();
  }
  std::map<std::string, std::string> where;
  for (size_t i = 0; i < shards.size(); ++i) {
    OutputFile file;
    file.name = shardName(i, shards.size());
    GOSS_RETURN_IF_ERROR(finishFile(file, shards[i]));
    for (const PlainTensor &tensor : shards[i])
      where.emplace(tensor.name, file.name);
    plan.files.push_back(std::move(file));
  }
  if (shards.size() > 1)
    plan.texts.emplace_back(weightIndexFile, weightIndexJson(total, where));
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Hugging Face
//===----------------------------------------------------------------------===//

std::vector<PlainTensor>
dequantizeExperts(const std::vector<PlainTensor> &tensors) {
  std::vector<PlainTensor> plain;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const PlainTensor &blocks = tensors[i];
    if (blocks.dtype != DType::U8) {
      plain.push_back(blocks);
      continue;
    }
    // The scales come next.
    const PlainTensor &scales = tensors[++i];
    MatrixShape shape{scales.shape[0], scales.shape[1], scales.shape[2] * 32};
    PlainTensor matrix = blocks;
    matrix.name.resize(matrix.name.size() - std::string("_blocks").size());
    matrix.dtype = DType::BF16;
    matrix.shape = {shape.matrices, shape.columns, shape.rows};
    matrix.bytes = dequantizeTransposed(blocks.bytes, scales.bytes, shape);
    plain.push_back(std::move(matrix));
  }
  return plain;
}

Status planHuggingFace(const Checkpoint &checkpoint,
                       const ConvertOptions &options, ConversionPlan &plan) {
  bool wantsMxfp4 = options.to == "hf";
  std::vector<PlainTensor> tensors = listTensors(checkpoint, options);
  if (!wantsMxfp4)
    tensors = dequantizeExperts(tensors);
  GOSS_RETURN_IF_ERROR(addFiles(tensors, options.shardBytes, plan));
  addCompanions(checkpoint, plan);
  plan.texts.emplace_back("config.json",
                          checkpoint.config().toJson(wantsMxfp4));
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// OpenAI
//===----------------------------------------------------------------------===//

static Status refuseOriginal(const std::string &what) {
  return invalidData("--to=original: expects " + what +
                     ", for which its config has no key, but got another");
}

/// Whether its few keys say all of the config.
static Status checkExpressible(const ModelConfig &config) {
  const RopeConfig &rope = config.rope;
  bool isYarn = rope.scaling == RopeConfig::Scaling::Yarn;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    if ((config.windowOf(layer) > 0) != (layer % 2 == 0))
      return refuseOriginal("sliding and full layers in turn");
  if (config.rmsNormEps != 1e-5)
    return refuseOriginal("rms_norm_eps 1e-5");
  if (config.swigluAlpha != 1.702)
    return refuseOriginal("swiglu_alpha 1.702");
  if (!config.attentionBias || config.tieWordEmbeddings)
    return refuseOriginal("attention_bias true and tie_word_embeddings false");
  if (isYarn && (rope.truncate ||
                 rope.attentionFactor != yarnAttentionFactor(rope.factor)))
    return refuseOriginal("YaRN with truncate false and the usual attention "
                          "factor");
  double context =
      static_cast<double>(rope.originalContext) * (isYarn ? rope.factor : 1.0);
  if (isYarn && context != static_cast<double>(config.maxContext))
    return refuseOriginal("max_position_embeddings of " +
                          std::to_string(static_cast<int64_t>(context)) +
                          " (original context times factor)");
  return Status::ok();
}

static std::string originalConfigJson(const ModelConfig &config) {
  const RopeConfig &rope = config.rope;
  bool isYarn = rope.scaling == RopeConfig::Scaling::Yarn;
  JsonWriter json(2);
  json.beginObject()
      .member("num_hidden_layers", config.numLayers)
      .member("num_experts", config.numExperts)
      .member("experts_per_token", config.expertsPerToken)
      .member("vocab_size", config.vocabSize)
      .member("hidden_size", config.hiddenSize)
      .member("intermediate_size", config.intermediateSize)
      .member("swiglu_limit", config.swigluLimit)
      .member("head_dim", config.headDim)
      .member("num_attention_heads", config.numHeads)
      .member("num_key_value_heads", config.numKvHeads)
      .member("sliding_window", config.slidingWindow)
      .member("initial_context_length",
              isYarn ? rope.originalContext : config.maxContext)
      .member("rope_theta", rope.theta)
      .member("rope_scaling_factor", isYarn ? rope.factor : 1.0)
      .member("rope_ntk_alpha", rope.betaSlow)
      .member("rope_ntk_beta", rope.betaFast);
  return json.endObject().take() + "\n";
}

/// q, k and v as one tensor; the three come in this order, with the other kind
/// between them.
static Expected<PlainTensor> fuseQkv(const std::vector<PlainTensor> &tensors,
                                     size_t first, std::string name) {
  PlainTensor fused = tensors[first];
  std::vector<TensorBytes> parts;
  fused.name = std::move(name);
  fused.shape[0] = 0;
  fused.losses.clear();
  std::string own = tensors[first].name;
  size_t place = own.find(".q_proj");
  for (const char *part : {".q_proj", ".k_proj", ".v_proj"}) {
    own.replace(place, 7, part);
    for (const PlainTensor &tensor : tensors) {
      if (tensor.name != own)
        continue;
      if (tensor.dtype != fused.dtype)
        return invalidData("--to=original: expects q, k and v of one type but "
                           "got " +
                           own + " of another; --dtype sets it");
      fused.shape[0] += tensor.shape[0];
      parts.push_back(tensor.bytes);
      fused.losses.insert(fused.losses.end(), tensor.losses.begin(),
                          tensor.losses.end());
    }
  }
  fused.bytes = concatenate(std::move(parts));
  return fused;
}

Status planOriginal(const Checkpoint &checkpoint, const ConvertOptions &options,
                    ConversionPlan &plan) {
  GOSS_RETURN_IF_ERROR(checkExpressible(checkpoint.config()));
  std::vector<PlainTensor> tensors = listTensors(checkpoint, options);
  std::vector<PlainTensor> renamed;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const PlainTensor &tensor = tensors[i];
    auto [layer, rest] = splitHuggingFaceName(tensor.name);
    std::string prefix(originalNames.layerPrefix);
    prefix += layer;
    if (rest == "self_attn.q_proj.weight" || rest == "self_attn.q_proj.bias") {
      prefix += rest.ends_with("bias") ? "attn.qkv.bias" : "attn.qkv.weight";
      GOSS_ASSIGN_OR_RETURN(PlainTensor fused, fuseQkv(tensors, i, prefix));
      renamed.push_back(std::move(fused));
      continue;
    }
    if (rest.starts_with("self_attn.k_proj") ||
        rest.starts_with("self_attn.v_proj"))
      continue; // in the fused one.
    renamed.push_back(tensor);
    renamed.back().name = originalNames.fromHuggingFace(tensor.name);
  }
  GOSS_RETURN_IF_ERROR(addFiles(renamed, options.shardBytes, plan));
  addCompanions(checkpoint, plan);
  plan.texts.emplace_back("config.json",
                          originalConfigJson(checkpoint.config()));
  return Status::ok();
}

} // namespace gossamer
