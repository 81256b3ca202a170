//===- GgufReader.cpp - llama.cpp's form ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One GGUF file of architecture gpt-oss: config and tokenizer as metadata,
// gate and up apart, MXFP4 as blocks of 17 bytes in another order of nibbles.
// Experts and Q8_0 are made from the file; other tensors are mapped, but as
// an artifact cannot refer to a part of the weights, it stores them all.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/GgufMetadata.h"
#include "frontend/checkpoint/TensorNames.h"
#include "frontend/checkpoint/TensorProducers.h"
#include "frontend/checkpoint/TensorReader.h"
#include "frontend/checkpoint/WeightIndex.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

namespace gossamer {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view gateWeight = "ffn_gate_exps.weight";
constexpr std::string_view upWeight = "ffn_up_exps.weight";
constexpr std::string_view downWeight = "ffn_down_exps.weight";
constexpr std::string_view gateBias = "ffn_gate_exps.bias";
constexpr std::string_view upBias = "ffn_up_exps.bias";

/// Turns the tensors of a file into those of the Hugging Face form.
class TensorMaker {
public:
  TensorMaker(const GgufFile &file, std::vector<SourceTensor> &out)
      : file_(file), out_(out) {
    for (const GgufTensor &tensor : file.tensors())
      byName_.emplace(tensor.name, &tensor);
  }

  Status makeAll() {
    for (const GgufTensor &tensor : file_.tensors())
      GOSS_RETURN_IF_ERROR(makeOne(tensor));
    return Status::ok();
  }

private:
  std::string origin(const GgufTensor &tensor) const {
    return tensorOrigin(file_.path(), std::string(tensor.name));
  }
  Status makeOne(const GgufTensor &tensor);
  Status makeFloats(const GgufTensor &tensor, std::string name);
  Status makeGateUp(const GgufTensor &gate, std::string_view layer,
                    bool isBias);
  void makeMxfp4(const GgufTensor &tensor, const std::string &name,
                 std::vector<uint64_t> shape, const TensorBytes &blocks,
                 const TensorBytes &scales);
  Status checkMxfp4(const GgufTensor &tensor) const;
  void add(const GgufTensor &tensor, std::string name, DType dtype,
           std::vector<uint64_t> shape, TensorBytes bytes) {
    uint64_t size = bytes.size();
    uint64_t offset = bytes.isMapped() ? tensor.offset : 0;
    out_.push_back({std::move(name),
                    origin(tensor),
                    dtype,
                    std::move(shape),
                    {0, offset, size, std::move(bytes)}});
  }

  const GgufFile &file_;
  std::vector<SourceTensor> &out_;
  std::map<std::string_view, const GgufTensor *> byName_;
};

bool isMxfp4(GgmlType type) {
  return type == GgmlType::Mxfp4 || type == GgmlType::OldMxfp4;
}

std::optional<DType> floatType(GgmlType type) {
  return type == GgmlType::F32    ? std::optional(DType::F32)
         : type == GgmlType::F16  ? std::optional(DType::F16)
         : type == GgmlType::BF16 ? std::optional(DType::BF16)
                                  : std::nullopt;
}

Status TensorMaker::makeFloats(const GgufTensor &tensor, std::string name) {
  if (std::optional<DType> dtype = floatType(tensor.type)) {
    add(tensor, std::move(name), *dtype, tensor.shape, tensor.bytes);
    return Status::ok();
  }
  if (tensor.type != GgmlType::Q8_0)
    return invalidData(origin(tensor) +
                       ": expects F32, F16, BF16 or Q8_0 but got " +
                       ggmlTypeName(tensor.type));
  add(tensor, std::move(name), DType::F32, tensor.shape,
      dequantizeQ8(TensorBytes(tensor.bytes)));
  return Status::ok();
}

Status TensorMaker::checkMxfp4(const GgufTensor &tensor) const {
  if (!isMxfp4(tensor.type))
    return invalidData(origin(tensor) + ": expects MXFP4 but got " +
                       ggmlTypeName(tensor.type));
  if (tensor.shape.size() != 3)
    return invalidData(origin(tensor) +
                       ": expects experts, rows and columns but got shape " +
                       shapeText(tensor.shape));
  return Status::ok();
}

void TensorMaker::makeMxfp4(const GgufTensor &tensor, const std::string &name,
                            std::vector<uint64_t> shape,
                            const TensorBytes &blocks,
                            const TensorBytes &scales) {
  shape.back() /= 32;
  add(tensor, name + "_scales", DType::U8, shape, scales);
  shape.push_back(16);
  add(tensor, name + "_blocks", DType::U8, std::move(shape), blocks);
}

/// Gate and up interleaved: their rows, or for biases their elements.
Status TensorMaker::makeGateUp(const GgufTensor &gate, std::string_view layer,
                               bool isBias) {
  std::string upName = std::string(ggufNames.layerPrefix)
                           .append(layer)
                           .append(isBias ? upBias : upWeight);
  auto found = byName_.find(upName);
  if (found == byName_.end())
    return invalidData(origin(gate) + ": expects \"" + upName +
                       "\" beside it but it is missing");
  const GgufTensor &up = *found->second;
  if (up.shape != gate.shape || up.type != gate.type)
    return invalidData(origin(up) + ": expects the shape and type of gate, " +
                       shapeText(gate.shape) + " " + ggmlTypeName(gate.type) +
                       ", but got " + shapeText(up.shape) + " " +
                       ggmlTypeName(up.type));
  std::string name = std::string(huggingFaceLayerPrefix)
                         .append(layer)
                         .append("mlp.experts.gate_up_proj");
  TensorBytes gateBytes(gate.bytes), upBytes(up.bytes);
  std::vector<uint64_t> shape = gate.shape;
  if (isBias) {
    std::optional<DType> dtype = floatType(gate.type);
    if (!dtype || shape.size() != 2)
      return invalidData(origin(gate) +
                         ": expects experts and rows of F32, F16 or BF16 but "
                         "got shape " +
                         shapeText(shape) + " " + ggmlTypeName(gate.type));
    shape[1] *= 2;
    add(gate, name + "_bias", *dtype, shape,
        interleaveRows(gateBytes, upBytes, dtypeBits(*dtype) / 8));
    return Status::ok();
  }
  GOSS_RETURN_IF_ERROR(checkMxfp4(gate));
  uint64_t blocks = shape[2] / 32;
  shape[1] *= 2;
  makeMxfp4(gate, name, shape,
            interleaveRows(publishedBlocks(gateBytes), publishedBlocks(upBytes),
                           blocks * 16),
            interleaveRows(publishedScales(gateBytes), publishedScales(upBytes),
                           blocks));
  return Status::ok();
}

Status TensorMaker::makeOne(const GgufTensor &tensor) {
  auto [layer, rest] = ggufNames.split(tensor.name);
  if (rest == gateWeight || rest == gateBias)
    return makeGateUp(tensor, layer, rest == gateBias);
  if (rest == upWeight || rest == upBias) {
    std::string gate = std::string(ggufNames.layerPrefix)
                           .append(layer)
                           .append(rest == upBias ? gateBias : gateWeight);
    if (byName_.contains(gate))
      return Status::ok(); // made with gate.
  }
  if (rest == downWeight) {
    GOSS_RETURN_IF_ERROR(checkMxfp4(tensor));
    makeMxfp4(tensor,
              std::string(huggingFaceLayerPrefix)
                  .append(layer)
                  .append("mlp.experts.down_proj"),
              tensor.shape, publishedBlocks(TensorBytes(tensor.bytes)),
              publishedScales(TensorBytes(tensor.bytes)));
    return Status::ok();
  }
  std::string name = ggufNames.toHuggingFace(tensor.name);
  // Unknown tensors keep their name and are reported as such.
  return makeFloats(tensor,
                    name.empty() ? std::string(tensor.name) : std::move(name));
}

bool startsAsGguf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  char start[4] = {};
  file.read(start, sizeof(start));
  return GgufFile::hasMagic({start, sizeof(start)});
}

/// The .gguf files of a directory, sorted.
std::vector<std::string> listFiles(const std::string &directory) {
  std::vector<std::string> names;
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator();
       entries.increment(error))
    if (entries->path().extension() == ".gguf")
      names.push_back(entries->path().filename().string());
  std::ranges::sort(names);
  return names;
}

bool recognises(const std::string &path) {
  std::error_code error;
  if (!fs::is_directory(path, error))
    return path.ends_with(".gguf") || startsAsGguf(path);
  return !listFiles(path).empty() &&
         !fileExists(joinPath(path, singleWeightFile)) &&
         !fileExists(joinPath(path, weightIndexFile));
}

Expected<MappedFile> openFile(const std::string &path, std::string &name) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    name = fs::path(path).filename().string();
    return MappedFile::open(path);
  }
  std::vector<std::string> names = listFiles(path);
  if (names.size() != 1)
    return usageError(path + ": expects one .gguf file but got " +
                      std::to_string(names.size()) + "; name the one to read");
  name = names.front();
  return MappedFile::openBeneath(path, name);
}

Expected<CheckpointContents> readGguf(const std::string &path) {
  CheckpointContents contents;
  std::string name;
  GOSS_ASSIGN_OR_RETURN(MappedFile mapped, openFile(path, name));
  GOSS_ASSIGN_OR_RETURN(GgufFile file, GgufFile::read(std::move(mapped)));
  GOSS_RETURN_IF_ERROR(readGgufMetadata(file, contents));
  GOSS_RETURN_IF_ERROR(TensorMaker(file, contents.tensors).makeAll());
  auto header = file.file().bytes().first(file.headerSize());
  Sha256Digest digest = sha256(header);
  contents.configSha256 = digest;
  contents.canBeReferred = false;
  contents.files.push_back(
      {name, file.file().size(), file.headerSize(), digest});
  contents.mappings.push_back(std::move(file).takeFile());
  return contents;
}

} // namespace

const TensorReader ggufReader = {"gguf", recognises, readGguf};

} // namespace gossamer
