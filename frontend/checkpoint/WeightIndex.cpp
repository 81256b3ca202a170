//===- WeightIndex.cpp - model.safetensors.index.json ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/WeightIndex.h"

#include "runtime/support/Json.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/MappedFile.h"

#include <cstdio>
#include <limits>
#include <set>

namespace gossamer {

Expected<WeightIndex> WeightIndex::load(const std::string &path) {
  JsonLimits limits;
  limits.maxBytes = size_t(64) << 20;
  GOSS_ASSIGN_OR_RETURN(JsonDocument document,
                        JsonDocument::load(path, limits));
  JsonValue root = document.root();
  WeightIndex index;
  index.path_ = path;

  JsonValue metadata = root.find("metadata");
  if (metadata.isPresent() && !metadata.isNull())
    GOSS_RETURN_IF_ERROR(metadata.asObject().status());
  if (JsonValue size = metadata.find("total_size"); size.isPresent()) {
    GOSS_ASSIGN_OR_RETURN(int64_t total, size.asInteger(0));
    index.totalSize_ = static_cast<uint64_t>(total);
  }
  GOSS_ASSIGN_OR_RETURN(JsonValue map, root.getObject("weight_map"));
  std::set<std::string> names;
  for (JsonValue entry : map) {
    GOSS_ASSIGN_OR_RETURN(std::string file, entry.asString());
    if (Status status = checkRelativeName(file); !status.isOk())
      return entry.error(status.message());
    names.insert(file);
    index.fileOfTensor_.emplace(std::string(entry.name()), std::move(file));
  }
  if (names.empty())
    return map.error("expects at least one tensor but got none");
  index.fileNames_.assign(names.begin(), names.end());
  return index;
}

Status WeightIndex::compareFile(const SafetensorsFile &file,
                                const std::string &name) const {
  for (const TensorView &tensor : file.tensors()) {
    auto it = fileOfTensor_.find(tensor.name);
    if (it == fileOfTensor_.end())
      return invalidData(file.path() + ": tensor " + quoteText(tensor.name) +
                         " is not listed in " + path_);
    if (it->second != name)
      return invalidData(file.path() + ": tensor " + quoteText(tensor.name) +
                         " should be in " + quoteText(it->second) + " by " +
                         path_);
  }
  return Status::ok();
}

Status WeightIndex::compare(std::span<const SafetensorsFile> files) const {
  uint64_t total = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    GOSS_RETURN_IF_ERROR(compareFile(files[i], fileNames_[i]));
    for (const TensorView &tensor : files[i].tensors())
      total += tensor.size;
  }
  for (size_t i = 0; i < files.size(); ++i)
    for (const auto &[tensor, file] : fileOfTensor_)
      if (file == fileNames_[i] && !files[i].find(tensor))
        return invalidData(files[i].path() + ": has no tensor " +
                           quoteText(tensor) + ", which " + path_ +
                           " places there");
  if (totalSize_ && *totalSize_ != total)
    return invalidData(path_ + ": field \"metadata.total_size\": expects the " +
                       std::to_string(total) +
                       " bytes that the files hold but got " +
                       std::to_string(*totalSize_));
  return Status::ok();
}

std::string weightIndexJson(uint64_t totalSize,
                            const std::map<std::string, std::string> &files) {
  JsonWriter json(2);
  json.beginObject().key("metadata").beginObject();
  json.member("total_size", totalSize).endObject();
  json.key("weight_map").beginObject();
  for (const auto &[tensor, file] : files)
    json.member(tensor, file);
  return json.endObject().endObject().take() + "\n";
}

std::string shardName(size_t index, size_t count) {
  if (count == 1)
    return singleWeightFile;
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index,
                count - 1);
  return name;
}

} // namespace gossamer
