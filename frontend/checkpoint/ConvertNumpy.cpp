//===- ConvertNumpy.cpp - TensorPort's numpy-direct form ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Unlike TensorPort's, elements begin at a multiple of 64, and a tensor is F32
// unless F16 was asked for.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ConvertForms.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/weights/Npy.h"

#include <algorithm>
#include <cstdio>

namespace gossamer {

/// Files are spread over folders of about this size.
static constexpr uint64_t folderBytes = uint64_t(18) << 27; // 2.25 GiB

static std::string fileName(size_t folder, std::string tensor) {
  std::ranges::replace_if(
      tensor, [](char c) { return c == '.' || c == '/'; }, '_');
  char name[32];
  std::snprintf(name, sizeof(name), "shard_%03zu/", folder);
  return name + tensor + ".npy";
}

static NpyType toNpyType(DType dtype) {
  return dtype == DType::U8    ? NpyType::U8
         : dtype == DType::F16 ? NpyType::F16
                               : NpyType::F32;
}

static Expected<std::string> manifestJson(const std::string &config,
                                          size_t folders, int64_t parameters,
                                          const ConversionPlan &plan) {
  GOSS_ASSIGN_OR_RETURN(JsonDocument copy,
                        JsonDocument::parse(config, "config.json"));
  JsonWriter json(1);
  json.beginObject().member("format", "numpy_direct");
  json.member("total_shards", folders).member("total_parameters", parameters);
  json.key("tensors").beginArray();
  for (const OutputFile &file : plan.files) {
    const OutputTensor &tensor = file.tensors.front();
    json.beginObject().member("name", tensor.name).member("file", file.name);
    json.key("shape").beginArray();
    for (uint64_t extent : tensor.shape)
      json.value(extent);
    json.endArray().member("dtype", tensor.type);
    json.member("size_mb",
                static_cast<double>(tensor.bytes.size()) / (1 << 20));
    json.endObject();
  }
  json.endArray().key("config").value(copy.root());
  return json.endObject().take() + "\n";
}

Status planNumpy(const Checkpoint &checkpoint, const ConvertOptions &options,
                 ConversionPlan &plan) {
  if (options.floats == DType::BF16)
    return usageError("--to=numpy expects --dtype=auto, f32 or f16 but got "
                      "bf16, which NumPy lacks");
  size_t folder = 0;
  uint64_t size = 0;
  for (const PlainTensor &tensor : listTensors(checkpoint, options)) {
    OutputFile file;
    NpyType type = toNpyType(tensor.dtype);
    if (size > 0 && size + tensor.bytes.size() > folderBytes) {
      ++folder;
      size = 0;
    }
    size += tensor.bytes.size();
    file.name = fileName(folder, tensor.name);
    GOSS_ASSIGN_OR_RETURN(file.header,
                          makeNpyHeader(file.name, type, tensor.shape));
    uint64_t offset = file.header.size();
    file.size = offset + tensor.bytes.size();
    file.tensors.push_back({tensor.name, std::string(npyTypeName(type)),
                            tensor.shape, tensor.bytes, offset, tensor.losses});
    plan.files.push_back(std::move(file));
  }
  addCompanions(checkpoint, plan);
  bool isMxfp4 = checkpoint.parameters().form() == ExpertForm::Mxfp4;
  std::string config = checkpoint.config().toJson(isMxfp4);
  GOSS_ASSIGN_OR_RETURN(std::string manifest,
                        manifestJson(config, folder + 1,
                                     checkpoint.parameters().elementCount(),
                                     plan));
  plan.texts.emplace_back("manifest.json", std::move(manifest));
  plan.texts.emplace_back("config.json", std::move(config));
  return Status::ok();
}

} // namespace gossamer
