//===- Checkpoint.cpp - A checkpoint on disk ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Checkpoint.h"

#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/JsonWriter.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

namespace gossamer {

namespace {

namespace fs = std::filesystem;

/// "3 are missing ("a", "b", "c")", with at most five names.
std::string countNames(const std::vector<std::string_view> &names,
                       const char *one, const char *many) {
  constexpr size_t shownNames = 5;
  std::string text = std::to_string(names.size());
  text += names.size() == 1 ? one : many;
  text += " (";
  for (size_t i = 0; i < std::min(names.size(), shownNames); ++i) {
    text += i == 0 ? "" : ", ";
    text += quoteText(names[i]);
  }
  if (names.size() > shownNames)
    text += " and " + std::to_string(names.size() - shownNames) + " more";
  return text += ")";
}

bool isFloat(DType dtype) {
  return dtype == DType::BF16 || dtype == DType::F16 || dtype == DType::F32;
}

/// Compares a tensor with its specification; takes over its float type.
Status checkTensor(const SourceTensor &tensor, Parameter &parameter,
                   const TensorSpec &spec) {
  if (tensor.shape != spec.shape)
    return invalidData(tensor.origin + ": expects shape " +
                       shapeText(spec.shape) + " but got " +
                       shapeText(tensor.shape));
  bool isRight = spec.dtype == DType::U8 ? tensor.dtype == DType::U8
                                         : isFloat(tensor.dtype);
  if (!isRight)
    return invalidData(tensor.origin + ": expects dtype " +
                       (spec.dtype == DType::U8 ? "U8" : "BF16, F16 or F32") +
                       " but got " + std::string(dtypeName(tensor.dtype)));
  if (spec.dtype != DType::U8)
    parameter.setFloatType(tensor.dtype);
  return Status::ok();
}

} // namespace

Expected<Checkpoint> Checkpoint::open(const std::string &path) {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  CheckpointContents &contents = checkpoint.contents_;
  std::error_code error;
  if (!fs::exists(fs::status(path, error)))
    return notFound(path + ": no such checkpoint directory, GGUF file or "
                           "config.json");
  GOSS_ASSIGN_OR_RETURN(contents, readCheckpoint(path));
  if (contents.files.empty()) {
    checkpoint.parameters_ = ParameterList::create(
        contents.config,
        contents.config.claimsMxfp4 ? ExpertForm::Mxfp4 : ExpertForm::Plain);
    return checkpoint;
  }
  GOSS_RETURN_IF_ERROR(checkpoint.applyGenerationConfig());
  std::vector<std::string_view> names;
  std::unordered_set<std::string_view> seen;
  for (const SourceTensor &tensor : contents.tensors) {
    if (!seen.insert(tensor.name).second)
      return invalidData(tensor.origin + ": is there more than once");
    names.push_back(tensor.name);
  }
  GOSS_RETURN_IF_ERROR(checkpoint.prescribe(names));
  GOSS_RETURN_IF_ERROR(checkpoint.locateTensors());
  return checkpoint;
}

Status Checkpoint::applyGenerationConfig() {
  const std::optional<Companion> &text = contents_.generationConfig;
  return text ? contents_.config.applyGenerationConfig(text->text, text->source)
              : Status::ok();
}

Status Checkpoint::prescribe(std::span<const std::string_view> names) {
  parameters_ = ParameterList::create(contents_.config, detectForm(names));
  return checkNames(names);
}

bool Checkpoint::isIndexOnly(const std::string &path) {
  if (!fileExists(joinPath(path, weightIndexFile)) ||
      fileExists(joinPath(path, singleWeightFile)))
    return false;
  std::error_code error;
  for (const fs::directory_entry &entry : fs::directory_iterator(path, error))
    if (entry.path().extension() == ".safetensors")
      return false;
  return true;
}

Expected<Checkpoint> Checkpoint::openIndex(const std::string &path) {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  CheckpointContents &contents = checkpoint.contents_;
  GOSS_ASSIGN_OR_RETURN(contents, readConfig(joinPath(path, "config.json")));
  GOSS_RETURN_IF_ERROR(findCompanions(path, contents));
  GOSS_RETURN_IF_ERROR(checkpoint.applyGenerationConfig());
  GOSS_ASSIGN_OR_RETURN(WeightIndex index,
                        WeightIndex::load(joinPath(path, weightIndexFile)));
  std::vector<std::string_view> names;
  for (const auto &[tensor, file] : index.fileOfTensor())
    names.push_back(tensor);
  GOSS_RETURN_IF_ERROR(checkpoint.prescribe(names));
  GOSS_RETURN_IF_ERROR(checkpoint.checkTotalSize(index));
  checkpoint.indexedFiles_ = index.fileOfTensor();
  return checkpoint;
}

Status Checkpoint::checkTotalSize(const WeightIndex &index) const {
  uint64_t expected = parameters_.byteSize();
  if (!index.totalSize() || *index.totalSize() == expected)
    return Status::ok();
  return invalidData(
      index.path() + ": field \"metadata.total_size\": expects the " +
      std::to_string(expected) + " bytes that config.json implies but got " +
      std::to_string(*index.totalSize()));
}

std::string_view Checkpoint::indexedFile(std::string_view tensorName) const {
  auto found = indexedFiles_.find(tensorName);
  return found == indexedFiles_.end() ? std::string_view() : found->second;
}

ExpertForm Checkpoint::detectForm(std::span<const std::string_view> names) {
  bool blocks = false, plain = false;
  for (std::string_view name : names) {
    blocks |= name.ends_with(".experts.gate_up_proj_blocks");
    plain |= name.ends_with(".experts.gate_up_proj");
  }
  if (blocks == plain)
    return contents_.config.claimsMxfp4 ? ExpertForm::Mxfp4 : ExpertForm::Plain;
  if (blocks != contents_.config.claimsMxfp4)
    contents_.config.notes.push_back(
        blocks ? "the tensors are MXFP4, which quantization_config does not say"
               : "quantization_config says mxfp4, but the tensors are not");
  return blocks ? ExpertForm::Mxfp4 : ExpertForm::Plain;
}

Status Checkpoint::checkNames(std::span<const std::string_view> names) const {
  std::unordered_set<std::string_view> present(names.begin(), names.end());
  std::unordered_set<std::string_view> expected;
  std::vector<std::string_view> missing, unexpected;
  for (const Parameter &parameter : parameters_.parameters())
    for (const TensorSpec &tensor : parameter.tensors) {
      expected.insert(tensor.name);
      if (!present.contains(tensor.name))
        missing.push_back(tensor.name);
    }
  for (std::string_view name : names)
    if (!expected.contains(name))
      unexpected.push_back(name);
  if (missing.empty() && unexpected.empty())
    return Status::ok();

  std::string message = path_ + ": expects the " +
                        std::to_string(parameters_.tensorCount()) +
                        " tensors that config.json implies but ";
  if (!missing.empty())
    message += countNames(missing, " is missing", " are missing");
  if (!missing.empty() && !unexpected.empty())
    message += " and ";
  if (!unexpected.empty())
    message += countNames(unexpected, " is unknown", " are unknown");
  return invalidData(message);
}

Status Checkpoint::locateTensors() {
  std::unordered_map<std::string_view, const SourceTensor *> byName;
  for (const SourceTensor &tensor : contents_.tensors)
    byName.emplace(tensor.name, &tensor);
  for (Parameter &parameter : parameters_.parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      const SourceTensor &tensor = *byName.at(spec.name);
      GOSS_RETURN_IF_ERROR(checkTensor(tensor, parameter, spec));
      locations_.push_back(tensor.location);
      origins_.push_back(tensor.origin);
    }
  return Status::ok();
}

const TensorLocation *Checkpoint::find(std::string_view tensorName) const {
  size_t next = 0;
  for (const Parameter &parameter : parameters_.parameters())
    for (const TensorSpec &tensor : parameter.tensors) {
      if (next < locations_.size() && tensor.name == tensorName)
        return &locations_[next];
      ++next;
    }
  return nullptr;
}

} // namespace gossamer
