//===- Checkpoint.cpp - A Hugging Face checkpoint on disk -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Checkpoint.h"

#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>
#include <filesystem>
#include <unordered_set>

namespace gossamer {

namespace {

namespace fs = std::filesystem;

constexpr const char *singleFile = "model.safetensors";
constexpr const char *indexFile = "model.safetensors.index.json";
/// Config files are read whole; no real one comes near.
constexpr uint64_t configBytesLimit = 16 << 20;

std::string join(const std::string &directory, const char *name) {
  return (fs::path(directory) / name).string();
}

bool exists(const std::string &path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::optional<std::string> findFile(const std::string &directory,
                                    const char *name) {
  std::string path = join(directory, name);
  return exists(path) ? std::optional(path) : std::nullopt;
}

Expected<MappedFile> openConfigText(const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > configBytesLimit)
    return invalidData(path + ": expects at most " +
                       std::to_string(configBytesLimit) + " bytes but got " +
                       std::to_string(file.size()));
  return file;
}

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

Status tensorError(const SafetensorsFile &file, const TensorView &tensor,
                   const std::string &message) {
  return invalidData(file.path() + ": tensor " + quoteText(tensor.name) + ": " +
                     message);
}

/// Compares a tensor with its specification; takes over its float type.
Status checkTensor(const SafetensorsFile &file, const TensorView &tensor,
                   Parameter &parameter, const TensorSpec &spec) {
  if (tensor.shape != spec.shape)
    return tensorError(file, tensor,
                       "expects shape " + shapeText(spec.shape) + " but got " +
                           shapeText(tensor.shape));
  if (spec.dtype == DType::U8) {
    if (tensor.dtype == DType::U8)
      return Status::ok();
    return tensorError(file, tensor,
                       "expects dtype U8 but got " +
                           std::string(dtypeName(tensor.dtype)));
  }
  if (!isFloat(tensor.dtype))
    return tensorError(file, tensor,
                       "expects dtype BF16, F16 or F32 but got " +
                           std::string(dtypeName(tensor.dtype)));
  parameter.setFloatType(tensor.dtype);
  return Status::ok();
}

} // namespace

//===----------------------------------------------------------------------===//
// Configuration and companions
//===----------------------------------------------------------------------===//

Status Checkpoint::readConfigFile(const std::string &configPath) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, openConfigText(configPath));
  configSha256_ = sha256(file.bytes());
  GOSS_ASSIGN_OR_RETURN(config_, ModelConfig::parse(file.text(), configPath));
  return Status::ok();
}

Status Checkpoint::readGenerationConfig() {
  if (!generationConfig_)
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(MappedFile file, openConfigText(*generationConfig_));
  return config_.applyGenerationConfig(file.text(), *generationConfig_);
}

void Checkpoint::findCompanions() {
  tokenizer_ = findFile(path_, "tokenizer.json");
  tokenizerConfig_ = findFile(path_, "tokenizer_config.json");
  chatTemplate_ = findFile(path_, "chat_template.jinja");
  generationConfig_ = findFile(path_, "generation_config.json");
}

Expected<Checkpoint> Checkpoint::open(const std::string &path) {
  Checkpoint checkpoint;
  checkpoint.path_ = path;
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    return notFound(path + ": no such checkpoint directory or config.json");

  if (!fs::is_directory(status)) {
    GOSS_RETURN_IF_ERROR(checkpoint.readConfigFile(path));
    checkpoint.parameters_ = ParameterList::create(
        checkpoint.config_,
        checkpoint.config_.claimsMxfp4 ? ExpertForm::Mxfp4 : ExpertForm::Plain);
    return checkpoint;
  }
  GOSS_RETURN_IF_ERROR(checkpoint.readConfigFile(join(path, "config.json")));
  checkpoint.findCompanions();
  GOSS_RETURN_IF_ERROR(checkpoint.readGenerationConfig());
  GOSS_RETURN_IF_ERROR(checkpoint.openWeights());
  std::vector<std::string_view> names;
  for (const SafetensorsFile &file : checkpoint.files_)
    for (const TensorView &tensor : file.tensors())
      names.push_back(tensor.name);
  checkpoint.parameters_ =
      ParameterList::create(checkpoint.config_, checkpoint.detectForm(names));
  GOSS_RETURN_IF_ERROR(checkpoint.checkNames(names));
  GOSS_RETURN_IF_ERROR(checkpoint.locateTensors());
  return checkpoint;
}

bool Checkpoint::isIndexOnly(const std::string &path) {
  if (!exists(join(path, indexFile)) || exists(join(path, singleFile)))
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
  GOSS_RETURN_IF_ERROR(checkpoint.readConfigFile(join(path, "config.json")));
  checkpoint.findCompanions();
  GOSS_RETURN_IF_ERROR(checkpoint.readGenerationConfig());
  GOSS_ASSIGN_OR_RETURN(WeightIndex index,
                        WeightIndex::load(join(path, indexFile)));
  std::vector<std::string_view> names;
  for (const auto &[tensor, file] : index.fileOfTensor())
    names.push_back(tensor);
  checkpoint.parameters_ =
      ParameterList::create(checkpoint.config_, checkpoint.detectForm(names));
  GOSS_RETURN_IF_ERROR(checkpoint.checkNames(names));
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

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

Status Checkpoint::openFile(const std::string &name) {
  GOSS_ASSIGN_OR_RETURN(MappedFile mapped,
                        MappedFile::openBeneath(path_, name));
  GOSS_ASSIGN_OR_RETURN(SafetensorsFile file,
                        SafetensorsFile::read(std::move(mapped)));
  weightFiles_.push_back(
      {name, file.file().size(), file.headerSize(), file.headerSha256()});
  files_.push_back(std::move(file));
  return Status::ok();
}

Status Checkpoint::openShard(const std::string &name,
                             const std::string &indexPath) {
  return openFile(name).withContext(indexPath + ": file \"" + name +
                                    "\" of weight_map");
}

Status Checkpoint::openShards(const std::string &indexPath) {
  GOSS_ASSIGN_OR_RETURN(WeightIndex index, WeightIndex::load(indexPath));
  for (const std::string &name : index.fileNames())
    GOSS_RETURN_IF_ERROR(openShard(name, indexPath));
  return index.compare(files_);
}

Status Checkpoint::openWeights() {
  bool single = exists(join(path_, singleFile));
  std::string indexPath = join(path_, indexFile);
  if (!single && !exists(indexPath))
    return notFound(path_ + ": expects " + singleFile + " or " + indexFile +
                    " but found neither");
  if (!single)
    return openShards(indexPath);
  if (exists(indexPath))
    config_.notes.push_back(std::string(indexFile) + " is ignored, as " +
                            singleFile + " is present");
  return openFile(singleFile);
}

ExpertForm Checkpoint::detectForm(std::span<const std::string_view> names) {
  bool blocks = false, plain = false;
  for (std::string_view name : names) {
    blocks |= name.ends_with(".experts.gate_up_proj_blocks");
    plain |= name.ends_with(".experts.gate_up_proj");
  }
  if (blocks == plain)
    return config_.claimsMxfp4 ? ExpertForm::Mxfp4 : ExpertForm::Plain;
  if (blocks != config_.claimsMxfp4)
    config_.notes.push_back(
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
  for (Parameter &parameter : parameters_.parameters())
    for (const TensorSpec &spec : parameter.tensors)
      for (size_t i = 0; i < files_.size(); ++i)
        if (const TensorView *tensor = files_[i].find(spec.name)) {
          GOSS_RETURN_IF_ERROR(
              checkTensor(files_[i], *tensor, parameter, spec));
          locations_.push_back(
              {static_cast<uint32_t>(i), tensor->offset, tensor->size});
          break;
        }
  return Status::ok();
}

std::span<const std::byte>
Checkpoint::bytes(const TensorLocation &location) const {
  return files_[location.file].file().bytes().subspan(location.offset,
                                                      location.size);
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
