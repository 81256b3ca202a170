//===- ConvertGguf.cpp - llama.cpp's form ---------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// As llama.cpp's own converter writes it: experts as MXFP4 with gate and up
// apart, norms, biases, sinks and the router as F32, other matrices as the
// options ask.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertForms.h"
#include "frontend/checkpoint/GgufMetadata.h"
#include "frontend/checkpoint/TensorNames.h"

namespace gossamer {

namespace {

constexpr const char *fileName = "model.gguf";

/// Collects the tensors of the one file.
class GgufPlanner {
public:
  explicit GgufPlanner(GgufHeader &header) : header_(header) {}

  void add(std::string name, std::vector<uint64_t> shape, GgmlType type,
           TensorBytes bytes,
           std::vector<std::shared_ptr<ConversionLoss>> losses) {
    uint64_t offset = header_.addTensor(name, shape, type, bytes.size());
    file_.tensors.push_back({std::move(name), ggmlTypeName(type),
                             std::move(shape), std::move(bytes), offset,
                             std::move(losses)});
  }
  void addFloats(const PlainTensor &tensor);
  void addExperts(const PlainTensor &blocks, const PlainTensor &scales);
  void addGateUpBias(const PlainTensor &tensor);

  OutputFile take() {
    file_.name = fileName;
    file_.header = header_.take();
    for (OutputTensor &tensor : file_.tensors)
      tensor.offset += file_.header.size();
    file_.size = file_.header.size() + header_.dataSize();
    return std::move(file_);
  }

private:
  GgufHeader &header_;
  OutputFile file_;
};

GgmlType toGgmlType(DType dtype) {
  return dtype == DType::F32   ? GgmlType::F32
         : dtype == DType::F16 ? GgmlType::F16
                               : GgmlType::BF16;
}

/// "blk.N." of a tensor of a layer.
std::string layerPrefix(const PlainTensor &tensor) {
  return std::string(ggufNames.layerPrefix)
      .append(splitHuggingFaceName(tensor.name).layer);
}

void GgufPlanner::addFloats(const PlainTensor &tensor) {
  add(ggufNames.fromHuggingFace(tensor.name), tensor.shape,
      toGgmlType(tensor.dtype), tensor.bytes, tensor.losses);
}

void GgufPlanner::addExperts(const PlainTensor &blocks,
                             const PlainTensor &scales) {
  std::string prefix = layerPrefix(blocks);
  std::vector<uint64_t> shape = scales.shape;
  uint64_t perRow = shape[2];
  shape[2] *= 32;
  if (blocks.name.find("gate_up") == std::string::npos) {
    add(prefix + "ffn_down_exps.weight", shape, GgmlType::Mxfp4,
        ggmlMxfp4(blocks.bytes, scales.bytes), {});
    return;
  }
  shape[1] /= 2;
  uint64_t first = 0;
  for (const char *half : {"ffn_gate_exps.weight", "ffn_up_exps.weight"}) {
    add(prefix + half, shape, GgmlType::Mxfp4,
        ggmlMxfp4(takeAlternateRows(blocks.bytes, perRow * 16, first),
                  takeAlternateRows(scales.bytes, perRow, first)),
        {});
    ++first;
  }
}

void GgufPlanner::addGateUpBias(const PlainTensor &tensor) {
  std::vector<uint64_t> shape = tensor.shape;
  shape[1] /= 2;
  uint64_t first = 0;
  for (const char *half : {"ffn_gate_exps.bias", "ffn_up_exps.bias"})
    add(layerPrefix(tensor) + half, shape, toGgmlType(tensor.dtype),
        takeAlternateRows(tensor.bytes, dtypeBits(tensor.dtype) / 8, first++),
        tensor.losses);
}

} // namespace

Status planGguf(const Checkpoint &checkpoint, const ConvertOptions &options,
                ConversionPlan &plan) {
  GgufHeader header;
  GOSS_RETURN_IF_ERROR(writeGgufMetadata(checkpoint.config(),
                                         checkpoint.tokenizer(),
                                         checkpoint.chatTemplate(), header));
  if (checkpoint.tokenizerConfig())
    plan.notes.push_back("tokenizer_config.json has no place in GGUF");
  GgufPlanner planner(header);
  std::vector<PlainTensor> tensors = listTensors(checkpoint, options);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const PlainTensor &tensor = tensors[i];
    if (tensor.dtype == DType::U8) {
      planner.addExperts(tensor, tensors[++i]); // the scales come next.
      continue;
    }
    if (tensor.name.ends_with("gate_up_proj_bias"))
      planner.addGateUpBias(tensor);
    else
      planner.addFloats(tensor);
  }
  plan.files.push_back(planner.take());
  return Status::ok();
}

} // namespace gossamer
