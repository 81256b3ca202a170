//===- ParameterList.cpp - The parameters of a model ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ParameterList.h"

#include "runtime/weights/Mxfp4.h"

#include <utility>

namespace gossamer {

namespace {

std::vector<uint64_t> toTensorShape(const std::vector<int64_t> &shape) {
  return {shape.begin(), shape.end()};
}

} // namespace

uint64_t TensorSpec::byteSize() const {
  uint64_t bytes = dtypeBits(dtype) / 8;
  for (uint64_t size : shape)
    bytes *= size;
  return bytes;
}

int64_t Parameter::elementCount() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

void Parameter::setFloatType(DType dtype) {
  element = dtype == DType::F32   ? ElementType::F32
            : dtype == DType::F16 ? ElementType::F16
                                  : ElementType::BF16;
  tensors.front().dtype = dtype;
}

void ParameterList::add(std::string symbol, ParameterKind kind,
                        std::vector<int64_t> shape, std::string tensor) {
  Parameter parameter;
  parameter.symbol = std::move(symbol);
  parameter.kind = kind;
  parameter.tensors = {{std::move(tensor), DType::BF16, toTensorShape(shape)}};
  parameter.shape = std::move(shape);
  bySymbol_.emplace(parameter.symbol, parameters_.size());
  parameters_.push_back(std::move(parameter));
}

void ParameterList::addExpert(std::string symbol, std::vector<int64_t> shape,
                              const std::string &tensor) {
  auto experts = static_cast<uint64_t>(shape[0]);
  auto out = static_cast<uint64_t>(shape[1]);
  auto in = static_cast<uint64_t>(shape[2]);
  add(std::move(symbol), ParameterKind::Expert, std::move(shape), tensor);
  Parameter &parameter = parameters_.back();
  if (form_ == ExpertForm::Plain) {
    parameter.layout = StorageLayout::Transposed;
    parameter.tensors.front().shape = {experts, in, out};
    return;
  }
  uint64_t blocks = in / mxfp4BlockElements;
  parameter.element = ElementType::F4E2M1;
  parameter.layout = StorageLayout::Published;
  parameter.tensors = {
      {tensor + "_blocks", DType::U8, {experts, out, blocks, mxfp4BlockBytes}},
      {tensor + "_scales", DType::U8, {experts, out, blocks}}};
}

void ParameterList::addLinear(const std::string &symbol,
                              const std::string &tensor, int64_t out,
                              int64_t in, bool hasBias) {
  add(symbol + ".weight", ParameterKind::Linear, {out, in}, tensor + ".weight");
  if (hasBias)
    add(symbol + ".bias", ParameterKind::Bias, {out}, tensor + ".bias");
}

void ParameterList::addLayer(const ModelConfig &config, int64_t layer) {
  std::string symbol = "layers." + std::to_string(layer) + ".";
  std::string tensor = "model." + symbol;
  int64_t hidden = config.hiddenSize;
  bool bias = config.attentionBias;

  add(symbol + "input_norm", ParameterKind::Norm, {hidden},
      tensor + "input_layernorm.weight");
  addLinear(symbol + "attention.q", tensor + "self_attn.q_proj",
            config.queryWidth(), hidden, bias);
  addLinear(symbol + "attention.k", tensor + "self_attn.k_proj",
            config.keyValueWidth(), hidden, bias);
  addLinear(symbol + "attention.v", tensor + "self_attn.v_proj",
            config.keyValueWidth(), hidden, bias);
  addLinear(symbol + "attention.o", tensor + "self_attn.o_proj", hidden,
            config.queryWidth(), bias);
  add(symbol + "attention.sinks", ParameterKind::Sinks, {config.numHeads},
      tensor + "self_attn.sinks");
  add(symbol + "post_attention_norm", ParameterKind::Norm, {hidden},
      tensor + "post_attention_layernorm.weight");
  addLinear(symbol + "mlp.router", tensor + "mlp.router", config.numExperts,
            hidden, /*hasBias=*/true);

  int64_t experts = config.numExperts;
  int64_t gateUp = 2 * config.intermediateSize;
  std::string expertTensor = tensor + "mlp.experts.";
  addExpert(symbol + "mlp.experts.gate_up", {experts, gateUp, hidden},
            expertTensor + "gate_up_proj");
  // Unlike other biases these are joined to the name by an underscore.
  add(symbol + "mlp.experts.gate_up_bias", ParameterKind::Bias,
      {experts, gateUp}, expertTensor + "gate_up_proj_bias");
  addExpert(symbol + "mlp.experts.down",
            {experts, hidden, config.intermediateSize},
            expertTensor + "down_proj");
  add(symbol + "mlp.experts.down_bias", ParameterKind::Bias, {experts, hidden},
      expertTensor + "down_proj_bias");
}

ParameterList ParameterList::create(const ModelConfig &config,
                                    ExpertForm form) {
  ParameterList list;
  list.form_ = form;
  list.add("embed_tokens", ParameterKind::Embedding,
           {config.vocabSize, config.hiddenSize}, "model.embed_tokens.weight");
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    list.addLayer(config, layer);
  list.add("final_norm", ParameterKind::Norm, {config.hiddenSize},
           "model.norm.weight");
  // A tied head is the embedding table: one parameter with two uses.
  if (!config.tieWordEmbeddings)
    list.add("lm_head", ParameterKind::Linear,
             {config.vocabSize, config.hiddenSize}, "lm_head.weight");
  return list;
}

const Parameter *ParameterList::find(std::string_view symbol) const {
  auto it = bySymbol_.find(std::string(symbol));
  return it == bySymbol_.end() ? nullptr : &parameters_[it->second];
}

size_t ParameterList::tensorCount() const {
  size_t count = 0;
  for (const Parameter &parameter : parameters_)
    count += parameter.tensors.size();
  return count;
}

int64_t ParameterList::elementCount() const {
  int64_t count = 0;
  for (const Parameter &parameter : parameters_)
    count += parameter.elementCount();
  return count;
}

uint64_t ParameterList::byteSize() const {
  uint64_t size = 0;
  for (const Parameter &parameter : parameters_)
    for (const TensorSpec &tensor : parameter.tensors)
      size += tensor.byteSize();
  return size;
}

} // namespace gossamer
