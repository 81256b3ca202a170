//===- CheckpointReport.cpp - The report of a checkpoint ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/CheckpointReport.h"

namespace gossamer::tools {

static void fillRope(const RopeConfig &rope, proto::Rope &entry) {
  bool yarn = rope.scaling == RopeConfig::Scaling::Yarn;
  entry.set_scaling(yarn ? "yarn" : "none");
  entry.set_theta(rope.theta);
  if (!yarn)
    return;
  entry.set_factor(rope.factor);
  entry.set_beta_fast(rope.betaFast);
  entry.set_beta_slow(rope.betaSlow);
  entry.set_original_context(static_cast<uint32_t>(rope.originalContext));
  entry.set_truncate(rope.truncate);
  entry.set_attention_factor(rope.attentionFactor);
}

proto::ModelConfig describeConfig(const ModelConfig &config) {
  // The sizes of a valid config fit 32 bits.
  auto size = [](int64_t number) { return static_cast<uint32_t>(number); };
  proto::ModelConfig entry;
  entry.set_model_type("gpt_oss");
  entry.set_num_layers(size(config.numLayers));
  entry.set_num_experts(size(config.numExperts));
  entry.set_experts_per_token(size(config.expertsPerToken));
  entry.set_hidden_size(size(config.hiddenSize));
  entry.set_intermediate_size(size(config.intermediateSize));
  entry.set_head_dim(size(config.headDim));
  entry.set_num_heads(size(config.numHeads));
  entry.set_num_kv_heads(size(config.numKvHeads));
  entry.set_vocab_size(size(config.vocabSize));
  entry.set_max_position_embeddings(size(config.maxContext));
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    entry.add_layer_windows(size(config.windowOf(layer)));
  entry.set_rms_norm_eps(config.rmsNormEps);
  entry.set_swiglu_alpha(config.swigluAlpha);
  entry.set_swiglu_limit(config.swigluLimit);
  entry.set_attention_bias(config.attentionBias);
  entry.set_tie_word_embeddings(config.tieWordEmbeddings);
  fillRope(config.rope, *entry.mutable_rope());
  return entry;
}

/// Parameters that one token uses: of the experts those that it chooses, of
/// the embedding, unless it is also the head, its row.
static uint64_t countActive(const Checkpoint &checkpoint) {
  const ModelConfig &config = checkpoint.config();
  int64_t active = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters()) {
    int64_t count = parameter.elementCount();
    bool isOfExperts = parameter.symbol.find(".experts.") != std::string::npos;
    if (isOfExperts)
      count = count / config.numExperts * config.expertsPerToken;
    else if (parameter.kind == ParameterKind::Embedding &&
             !config.tieWordEmbeddings)
      count = config.hiddenSize;
    active += count;
  }
  return static_cast<uint64_t>(active);
}

static void fillSummary(const Checkpoint &checkpoint, proto::Summary &summary) {
  const ParameterList &parameters = checkpoint.parameters();
  summary.set_source(checkpoint.path());
  summary.set_kind("checkpoint");
  *summary.mutable_model() = describeConfig(checkpoint.config());
  summary.set_parameters_total(
      static_cast<uint64_t>(parameters.elementCount()));
  summary.set_parameters_active(countActive(checkpoint));
  summary.set_tensors(parameters.tensorCount());
  summary.set_weight_bytes(parameters.byteSize());
  summary.set_expert_form(parameters.form() == ExpertForm::Mxfp4 ? "mxfp4"
                                                                 : "plain");
  summary.set_dense_form("published");
  summary.set_weight_layout("published");
  summary.set_config_sha256(toHex(checkpoint.configSha256()));
  for (const WeightFile &file : checkpoint.weightFiles()) {
    proto::WeightFile &entry = *summary.add_weight_files();
    entry.set_name(file.name);
    entry.set_size(file.size);
    entry.set_header_size(file.headerSize);
    entry.set_header_sha256(std::string(toBytes(file.headerSha256)));
  }
}

static void fillWeights(const Checkpoint &checkpoint, proto::Report &report) {
  size_t next = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      proto::Weight &weight = *report.add_weights();
      weight.set_name(spec.name);
      weight.set_parameter(parameter.symbol);
      weight.set_dtype(std::string(dtypeName(spec.dtype)));
      for (uint64_t extent : spec.shape)
        weight.add_shape(extent);
      weight.set_layout("published");
      weight.set_size(spec.byteSize());
      weight.set_file(std::string(checkpoint.indexedFile(spec.name)));
      if (!checkpoint.hasWeights())
        continue;
      const TensorLocation &location = checkpoint.locations()[next++];
      weight.set_file(checkpoint.weightFiles()[location.file].name);
      weight.set_offset(location.offset);
    }
}

proto::Report buildReport(const Checkpoint &checkpoint,
                          const ReportParts &parts) {
  proto::Report report;
  if (parts.summary)
    fillSummary(checkpoint, *report.mutable_summary());
  if (parts.weights)
    fillWeights(checkpoint, report);
  return report;
}

} // namespace gossamer::tools
