//===- OriginalReader.cpp - OpenAI's own form -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The folder `original/` of the published repositories: config.json with keys
// of its own, safetensors files with names of their own, and q, k and v as
// ranges of rows of one tensor. All bytes are those of the Hugging Face form,
// so that every tensor is mapped.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorNames.h"
#include "frontend/checkpoint/TensorReader.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/Json.h"

#include <algorithm>
#include <filesystem>

namespace gossamer {

namespace fs = std::filesystem;

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

namespace {

/// Members of the config, absent ones leaving the default as it is.
class OriginalConfig {
public:
  explicit OriginalConfig(JsonValue root) : root_(root) {}

  Status size(const char *name, int64_t limit, int64_t &value) const {
    GOSS_ASSIGN_OR_RETURN(value, root_.getIntegerOr(name, value, 1, limit));
    return Status::ok();
  }
  Status number(const char *name, double min, double &value) const {
    GOSS_ASSIGN_OR_RETURN(value, root_.getNumberOr(name, value, min, 1e15));
    return Status::ok();
  }

private:
  JsonValue root_;
};

Status readSizes(const OriginalConfig &fields, ModelConfig &config) {
  constexpr int64_t width = int64_t(1) << 17, count = 4096;
  struct Field {
    const char *name;
    int64_t limit;
    int64_t *value;
  };
  for (const Field &field : {
           Field{"num_hidden_layers", layerLimit, &config.numLayers},
           Field{"num_experts", count, &config.numExperts},
           Field{"experts_per_token", count, &config.expertsPerToken},
           Field{"vocab_size", int64_t(1) << 24, &config.vocabSize},
           Field{"hidden_size", width, &config.hiddenSize},
           Field{"intermediate_size", width, &config.intermediateSize},
           Field{"head_dim", 1024, &config.headDim},
           Field{"num_attention_heads", count, &config.numHeads},
           Field{"num_key_value_heads", count, &config.numKvHeads},
           Field{"sliding_window", int64_t(1) << 27, &config.slidingWindow},
           Field{"initial_context_length", int64_t(1) << 27,
                 &config.rope.originalContext},
       })
    GOSS_RETURN_IF_ERROR(fields.size(field.name, field.limit, *field.value));
  return Status::ok();
}

Expected<ModelConfig> parseConfig(const std::string &text,
                                  const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::parse(text, path));
  JsonValue root = document.root();
  GOSS_RETURN_IF_ERROR(root.asObject().status());
  ModelConfig config;
  OriginalConfig fields(root);
  GOSS_RETURN_IF_ERROR(readSizes(fields, config));
  RopeConfig &rope = config.rope;
  GOSS_RETURN_IF_ERROR(fields.number("swiglu_limit", 1e-6, config.swigluLimit));
  GOSS_RETURN_IF_ERROR(fields.number("rope_theta", 1.001, rope.theta));
  GOSS_RETURN_IF_ERROR(fields.number("rope_scaling_factor", 1.0, rope.factor));
  GOSS_RETURN_IF_ERROR(fields.number("rope_ntk_beta", 1e-6, rope.betaFast));
  GOSS_RETURN_IF_ERROR(fields.number("rope_ntk_alpha", 1e-6, rope.betaSlow));
  rope.attentionFactor = yarnAttentionFactor(rope.factor);
  // OpenAI's code scales nothing where the factor is one.
  if (rope.factor == 1.0)
    rope.scaling = RopeConfig::Scaling::None;
  config.maxContext = static_cast<int64_t>(
      std::min(static_cast<double>(rope.originalContext) * rope.factor,
               static_cast<double>(int64_t(1) << 27)));
  config.claimsMxfp4 = true;
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    config.layerTypes.push_back(layer % 2 == 0 ? AttentionKind::Sliding
                                               : AttentionKind::Full);
  GOSS_RETURN_IF_ERROR(config.validate(path));
  return config;
}

} // namespace

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// q, k and v of a fused tensor: ranges of its rows.
static Status splitQkv(const SourceTensor &fused, const std::string &prefix,
                       const std::string &suffix, const ModelConfig &config,
                       std::vector<SourceTensor> &tensors) {
  auto query = static_cast<uint64_t>(config.queryWidth());
  auto keyValue = static_cast<uint64_t>(config.keyValueWidth());
  uint64_t rows = query + 2 * keyValue;
  if (fused.shape.empty() || fused.shape.size() > 2 || fused.shape[0] != rows)
    return invalidData(fused.origin + ": expects " + std::to_string(rows) +
                       " rows but got shape " + shapeText(fused.shape));
  uint64_t rowBytes = fused.location.size / rows, row = 0;
  struct Part {
    const char *name;
    uint64_t rows;
  };
  for (const Part &part :
       {Part{"q", query}, Part{"k", keyValue}, Part{"v", keyValue}}) {
    SourceTensor tensor = fused;
    tensor.name = prefix;
    tensor.name.append(part.name).append(suffix);
    tensor.shape[0] = part.rows;
    TensorLocation &location = tensor.location;
    location.offset += row * rowBytes;
    location.size = part.rows * rowBytes;
    location.bytes = TensorBytes(
        fused.location.bytes.mapped().subspan(row * rowBytes, location.size));
    row += part.rows;
    tensors.push_back(std::move(tensor));
  }
  return Status::ok();
}

/// Gives the file's tensors their Hugging Face names; unknown ones keep theirs
/// and are reported as such.
static Status renameTensors(CheckpointContents &contents) {
  std::vector<SourceTensor> renamed;
  for (SourceTensor &tensor : contents.tensors) {
    auto [layer, rest] = originalNames.split(tensor.name);
    if (rest == "attn.qkv.weight" || rest == "attn.qkv.bias") {
      std::string prefix =
          std::string(huggingFaceLayerPrefix).append(layer) + "self_attn.";
      std::string suffix = rest.ends_with("bias") ? ".bias" : ".weight";
      GOSS_RETURN_IF_ERROR(
          splitQkv(tensor, prefix, "_proj" + suffix, contents.config, renamed));
      continue;
    }
    if (std::string name = originalNames.toHuggingFace(tensor.name);
        !name.empty())
      tensor.name = std::move(name);
    renamed.push_back(std::move(tensor));
  }
  contents.tensors = std::move(renamed);
  return Status::ok();
}

/// The safetensors files of the directory in the order of their names.
static std::vector<std::string> listFiles(const std::string &directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator();
       entries.increment(error))
    if (entries->path().extension() == ".safetensors")
      names.push_back(entries->path().filename().string());
  std::ranges::sort(names);
  return names;
}

static bool recognisesOriginal(const std::string &path) {
  std::string configPath = joinPath(path, "config.json");
  if (!fileExists(configPath) || listFiles(path).empty())
    return false;
  Expected<std::string> text = readConfigText(configPath);
  if (!text)
    return false;
  Expected<JsonDocument> config = JsonDocument::parse(*text, configPath);
  if (!config || config->root().find("model_type").isPresent())
    return false;
  return config->root().find("rope_ntk_beta").isPresent() ||
         config->root().find("rope_scaling_factor").isPresent();
}

static Expected<CheckpointContents> readOriginal(const std::string &path) {
  CheckpointContents contents;
  std::string configPath = joinPath(path, "config.json");
  GOSS_ASSIGN_OR_RETURN(std::string text, readConfigText(configPath));
  contents.configSha256 = sha256(text);
  GOSS_ASSIGN_OR_RETURN(contents.config, parseConfig(text, configPath));
  GOSS_RETURN_IF_ERROR(findCompanions(path, contents));
  // As published, the tokenizer lies in the repository around original/.
  fs::path around = fs::weakly_canonical(fs::path(path)).parent_path();
  if (!contents.tokenizer &&
      fs::weakly_canonical(fs::path(path)).filename() == "original") {
    GOSS_RETURN_IF_ERROR(findCompanions(around.string(), contents));
    if (contents.tokenizer)
      contents.config.notes.push_back("the tokenizer is that of the directory "
                                      "around " +
                                      path);
  }
  if (fileExists(joinPath(path, weightIndexFile))) {
    GOSS_RETURN_IF_ERROR(addIndexedSafetensors(path, contents));
  } else {
    for (const std::string &name : listFiles(path))
      GOSS_RETURN_IF_ERROR(addSafetensors(path, name, contents));
  }
  GOSS_RETURN_IF_ERROR(renameTensors(contents));
  return contents;
}

const TensorReader originalReader = {"original", recognisesOriginal,
                                     readOriginal};

} // namespace gossamer
