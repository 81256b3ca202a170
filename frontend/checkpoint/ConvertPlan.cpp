//===- ConvertPlan.cpp - What a conversion will write ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertForms.h"
#include "runtime/support/JsonWriter.h"

#include <algorithm>

namespace gossamer {

static constexpr const char *forms[] = {"hf", "hf-bf16", "original", "gguf",
                                        "numpy"};

std::span<const char *const> conversionForms() { return forms; }

uint64_t ConversionPlan::byteSize() const {
  uint64_t size = 0;
  for (const OutputFile &file : files)
    size += file.size;
  return size;
}

PlainTensor PlainTensor::as(DType type) const {
  PlainTensor result = *this;
  if (type == dtype)
    return result;
  std::shared_ptr<ConversionLoss> loss;
  if (type != DType::F32) {
    loss = std::make_shared<ConversionLoss>();
    result.losses.push_back(loss);
  }
  result.bytes = convertFloats(bytes, dtype, type, loss);
  result.dtype = type;
  return result;
}

/// What llama.cpp computes with in float32.
static bool isSmallInGguf(const PlainTensor &tensor) {
  return tensor.kind == ParameterKind::Norm ||
         tensor.kind == ParameterKind::Bias ||
         tensor.kind == ParameterKind::Sinks ||
         tensor.name.ends_with("mlp.router.weight");
}

/// The floating-point type that the options ask for.
static DType chooseType(const PlainTensor &tensor,
                        const ConvertOptions &options) {
  if (options.to == "gguf" && isSmallInGguf(tensor))
    return DType::F32;
  if (options.floats)
    return *options.floats;
  if (options.to == "numpy")
    return DType::F32;
  return isExactInBf16(tensor.bytes, tensor.dtype) ? DType::BF16 : tensor.dtype;
}

/// Plain experts as blocks and scales.
static void addQuantized(const PlainTensor &tensor,
                         std::vector<PlainTensor> &tensors) {
  MatrixShape shape{tensor.shape[0], tensor.shape[2], tensor.shape[1]};
  auto loss = std::make_shared<ConversionLoss>();
  Mxfp4Tensors made =
      quantizeTransposed(tensor.bytes, tensor.dtype, shape, loss);
  uint64_t blocks = shape.columns / 32;
  tensors.push_back({tensor.name + "_blocks",
                     tensor.kind,
                     DType::U8,
                     {shape.matrices, shape.rows, blocks, 16},
                     made.blocks,
                     {loss}});
  tensors.push_back({tensor.name + "_scales",
                     tensor.kind,
                     DType::U8,
                     {shape.matrices, shape.rows, blocks},
                     made.scales,
                     {}});
}

std::vector<PlainTensor> listTensors(const Checkpoint &checkpoint,
                                     const ConvertOptions &options) {
  std::vector<PlainTensor> tensors;
  size_t next = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      PlainTensor tensor{spec.name,
                         parameter.kind,
                         spec.dtype,
                         spec.shape,
                         checkpoint.locations()[next++].bytes,
                         {}};
      bool isPlainExpert =
          tensor.kind == ParameterKind::Expert && tensor.dtype != DType::U8;
      if (isPlainExpert && options.quantizeExperts) {
        addQuantized(tensor, tensors);
        continue;
      }
      if (tensor.dtype != DType::U8)
        tensor = tensor.as(chooseType(tensor, options));
      tensors.push_back(std::move(tensor));
    }
  return tensors;
}

/// A generation_config.json with the special tokens: what other forms keep in
/// places of their own.
static std::string generationConfigJson(const ModelConfig &config) {
  JsonWriter json(2);
  json.beginObject();
  if (config.bosToken)
    json.member("bos_token_id", *config.bosToken);
  json.member("do_sample", true).key("eos_token_id").beginArray();
  for (int64_t token : config.eosTokens)
    json.value(token);
  json.endArray();
  if (config.padToken)
    json.member("pad_token_id", *config.padToken);
  return json.endObject().take() + "\n";
}

void addCompanions(const Checkpoint &checkpoint, ConversionPlan &plan) {
  auto add = [&](const char *name, const std::optional<Companion> &companion) {
    if (companion)
      plan.texts.emplace_back(name, companion->text);
  };
  add("tokenizer.json", checkpoint.tokenizer());
  add("tokenizer_config.json", checkpoint.tokenizerConfig());
  add("chat_template.jinja", checkpoint.chatTemplate());
  add("generation_config.json", checkpoint.generationConfig());
  if (!checkpoint.generationConfig() && !checkpoint.config().eosTokens.empty())
    plan.texts.emplace_back("generation_config.json",
                            generationConfigJson(checkpoint.config()));
}

Expected<ConversionPlan> planConversion(const Checkpoint &checkpoint,
                                        const ConvertOptions &options) {
  if (!checkpoint.hasWeights())
    return usageError(checkpoint.path() +
                      ": expects a checkpoint but got a config alone");
  ConversionPlan plan;
  plan.form = options.to;
  plan.sourceForm = checkpoint.form();
  plan.sourceFiles.assign(checkpoint.weightFiles().begin(),
                          checkpoint.weightFiles().end());
  using Planner =
      Status (*)(const Checkpoint &, const ConvertOptions &, ConversionPlan &);
  static constexpr std::pair<const char *, Planner> planners[] = {
      {"hf", planHuggingFace},
      {"hf-bf16", planHuggingFace},
      {"original", planOriginal},
      {"gguf", planGguf},
      {"numpy", planNumpy}};
  for (const auto &[form, planner] : planners)
    if (options.to == form) {
      bool isPlain = checkpoint.parameters().form() == ExpertForm::Plain;
      bool wantsMxfp4 = options.to != "hf-bf16" && options.to != "numpy";
      if (isPlain && wantsMxfp4 && !options.quantizeExperts)
        return usageError("--to=" + options.to +
                          " expects experts in MXFP4 but got plain ones; "
                          "--to=hf --quantize-experts makes MXFP4 of them");
      if (!isPlain && options.quantizeExperts)
        return usageError("--quantize-experts expects plain experts but got "
                          "MXFP4");
      // GGUF's halves of a matrix would each be made of a whole one.
      if (options.quantizeExperts && options.to != "hf" &&
          options.to != "original")
        return usageError("--quantize-experts expects --to=hf or original but "
                          "got " +
                          options.to + "; that can then be converted");
      GOSS_RETURN_IF_ERROR(planner(checkpoint, options, plan));
      return plan;
    }
  return usageError(
      "--to expects hf, hf-bf16, original, gguf or numpy but got " +
      options.to);
}

} // namespace gossamer
