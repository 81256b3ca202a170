//===- ReportSummary.cpp - What a model is, in numbers --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ParameterList.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/Sha256.h"
#include "tools/report/ReportPieces.h"

#include <algorithm>

namespace gossamer::tools {

namespace {

/// As much of the configuration as decides the parameters.
ModelConfig toModelConfig(const proto::ModelConfig &entry) {
  ModelConfig config;
  config.numLayers = entry.num_layers();
  config.numExperts = entry.num_experts();
  config.expertsPerToken = entry.experts_per_token();
  config.hiddenSize = entry.hidden_size();
  config.intermediateSize = entry.intermediate_size();
  config.headDim = entry.head_dim();
  config.numHeads = entry.num_heads();
  config.numKvHeads = entry.num_kv_heads();
  config.vocabSize = entry.vocab_size();
  config.attentionBias = entry.attention_bias();
  config.tieWordEmbeddings = entry.tie_word_embeddings();
  return config;
}

std::optional<uint64_t> countElements(const Parameter &parameter) {
  std::optional<uint64_t> count = 1;
  for (int64_t extent : parameter.shape)
    if (count)
      count = checkedMul(*count, static_cast<uint64_t>(extent));
  return count;
}

/// Counted from the configuration: stored tensors may be padded.
Status countParameters(const proto::ModelConfig &entry,
                       proto::Summary &summary) {
  ModelConfig config = toModelConfig(entry);
  std::optional<uint64_t> total = 0;
  uint64_t active = 0;
  ParameterList list = ParameterList::create(config, ExpertForm::Plain);
  for (const Parameter &parameter : list.parameters()) {
    std::optional<uint64_t> count = countElements(parameter);
    total = count ? checkedAdd(*total, *count) : std::nullopt;
    if (!total)
      return invalidData("config: expects fewer than 2^64 parameters");
    bool isExpert = parameter.symbol.find(".experts.") != std::string::npos;
    if (isExpert)
      active += *count / entry.num_experts() * entry.experts_per_token();
    else if (parameter.kind == ParameterKind::Embedding &&
             !config.tieWordEmbeddings)
      active += entry.hidden_size(); // a token uses its row.
    else
      active += *count;
  }
  summary.set_parameters_total(*total);
  summary.set_parameters_active(active);
  return Status::ok();
}

/// By the shape of the steps: [panels, 1, 16] are those of rows.
std::string describeDense(const proto::Manifest &manifest) {
  std::string form = "published";
  for (int i = 1; i < manifest.tensors_size(); ++i) {
    const proto::Tensor &values = manifest.tensors(i - 1);
    const proto::Tensor &steps = manifest.tensors(i);
    if (steps.layout() != "row_panel" || steps.dtype() != "BF16" ||
        values.parameter() != steps.parameter() || steps.shape_size() < 2 ||
        values.shape_size() < 2)
      continue;
    if (steps.shape(1) == 1 && values.shape(1) > 1)
      return "int8-channel";
    form = "int8";
  }
  return form;
}

void fillWeights(const proto::Manifest &manifest, proto::Summary &summary) {
  uint64_t bytes = 0;
  int packed = 0;
  bool isMxfp4 = false;
  for (const proto::Tensor &tensor : manifest.tensors()) {
    bytes += tensor.size();
    packed += !tensor.layout().empty();
    isMxfp4 |= tensor.name().ends_with("_blocks");
  }
  summary.set_tensors(static_cast<uint64_t>(manifest.tensors_size()));
  summary.set_weight_bytes(bytes);
  *summary.mutable_weight_files() = manifest.weight_files();
  summary.set_weights_embedded(manifest.weights_embedded());
  summary.set_expert_form(isMxfp4 ? "mxfp4" : "plain");
  summary.set_dense_form(describeDense(manifest));
  summary.set_weight_layout(packed == 0                         ? "published"
                            : packed == manifest.tensors_size() ? "row_panel"
                                                                : "mixed");
}

void fillCode(const proto::Manifest &manifest, proto::Summary &summary) {
  summary.set_target(manifest.target());
  summary.set_triple(manifest.triple());
  summary.set_cpu(manifest.cpu());
  *summary.mutable_required_features() = manifest.required_features();
  summary.set_math_mode(manifest.math_mode());
  summary.set_opt_level(manifest.opt_level());
  summary.set_compiler_version(manifest.compiler_version());
  summary.set_flags(manifest.flags());
  proto::EntryPoint &entry = *summary.add_entry_points();
  entry.set_name("goss_step");
  entry.set_symbol("goss_step");
  entry.set_signature("int32_t goss_step(const goss_step_args *args, "
                      "const goss_device_table *device)");
}

} // namespace

Status fillSummary(const proto::Manifest &manifest, proto::Summary &summary) {
  *summary.mutable_model() = manifest.config();
  GOSS_RETURN_IF_ERROR(countParameters(manifest.config(), summary));
  fillWeights(manifest, summary);
  fillCode(manifest, summary);
  summary.set_max_context(manifest.max_context());
  summary.set_max_tokens_per_step(manifest.max_tokens_per_step());
  summary.set_arena_bytes(manifest.arena_bytes());
  summary.set_cache_dtype(manifest.cache().dtype());
  uint64_t perToken = 0;
  for (const proto::CacheGroup &group : manifest.cache().groups())
    perToken += group.page_bytes() / manifest.cache().page_tokens();
  summary.set_cache_bytes_per_token(perToken);
  summary.set_config_sha256(toHex(manifest.config_sha256()));
  summary.set_tokenizer_sha256(toHex(manifest.tokenizer_sha256()));
  return Status::ok();
}

} // namespace gossamer::tools
