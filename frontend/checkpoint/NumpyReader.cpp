//===- NumpyReader.cpp - TensorPort's numpy-direct form -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One .npy file a tensor in folders shard_NNN, and a manifest.json that names
// them and holds the config. Files may come without the manifest, as the form's
// own readers ignore it. Bytes are mapped, but an artifact stores them: there
// is a file for each tensor, and elements begin at odd offsets.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/TensorReader.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/weights/Npy.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

namespace gossamer {

namespace fs = std::filesystem;

namespace {

constexpr const char *manifestName = "manifest.json";
constexpr const char *formatName = "numpy_direct";

struct NamedFile {
  std::string tensor, file;
};

/// Files "shard_NNN/NAME.npy" beneath the directory, sorted.
std::vector<std::string> listFiles(const std::string &directory) {
  std::vector<std::string> files;
  std::error_code error;
  fs::directory_iterator shards(directory, error);
  for (; !error && shards != fs::directory_iterator();
       shards.increment(error)) {
    std::string shard = shards->path().filename().string();
    if (!shard.starts_with("shard_"))
      continue;
    std::error_code inner;
    fs::directory_iterator entries(shards->path(), inner);
    for (; !inner && entries != fs::directory_iterator();
         entries.increment(inner))
      if (entries->path().extension() == ".npy")
        files.push_back(shard + "/" + entries->path().filename().string());
  }
  std::ranges::sort(files);
  return files;
}

Expected<DType> toDType(const NpyFile &file) {
  switch (file.type()) {
  case NpyType::F32:
    return DType::F32;
  case NpyType::F16:
    return DType::F16;
  case NpyType::U8:
    return DType::U8;
  case NpyType::I64:
    return DType::I64;
  case NpyType::I32:
    return DType::I32;
  }
  return internalError(file.path() + ": unknown type");
}

Status addFile(const std::string &directory, const NamedFile &named,
               CheckpointContents &contents) {
  GOSS_ASSIGN_OR_RETURN(MappedFile mapped,
                        MappedFile::openBeneath(directory, named.file));
  GOSS_ASSIGN_OR_RETURN(NpyFile file, NpyFile::read(std::move(mapped)));
  GOSS_ASSIGN_OR_RETURN(DType dtype, toDType(file));
  uint64_t header = file.headerSize();
  auto number = static_cast<uint32_t>(contents.files.size());
  contents.tensors.push_back(
      {named.tensor,
       tensorOrigin(file.path(), named.tensor),
       dtype,
       {file.shape().begin(), file.shape().end()},
       {number, header, file.bytes().size(), TensorBytes(file.bytes())}});
  MappedFile whole = std::move(file).takeFile();
  contents.files.push_back(
      {named.file, whole.size(), header, sha256(whole.bytes().first(header))});
  contents.mappings.push_back(std::move(whole));
  return Status::ok();
}

/// The names that the manifest gives the files.
Expected<std::vector<NamedFile>> readManifest(JsonValue root) {
  GOSS_ASSIGN_OR_RETURN(JsonValue tensors, root.getArray("tensors"));
  std::vector<NamedFile> named;
  for (JsonValue tensor : tensors) {
    GOSS_ASSIGN_OR_RETURN(std::string name, tensor.getString("name"));
    GOSS_ASSIGN_OR_RETURN(std::string file, tensor.getString("file"));
    if (Status status = checkRelativeName(file); !status.isOk())
      return tensor.find("file").error(status.message());
    named.push_back({std::move(name), std::move(file)});
  }
  return named;
}

/// "a.b/c" is stored as "a_b_c.npy".
std::string mangle(std::string name) {
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '/'; }, '_');
  return name;
}

/// The names that files without a manifest must have. Only the names that the
/// config implies can be told; others keep their own and are reported.
std::vector<NamedFile> guessNames(const std::vector<std::string> &files,
                                  const ModelConfig &config) {
  std::unordered_map<std::string, std::string> names;
  for (ExpertForm form : {ExpertForm::Mxfp4, ExpertForm::Plain}) {
    ParameterList list = ParameterList::create(config, form);
    for (const Parameter &parameter : list.parameters())
      for (const TensorSpec &tensor : parameter.tensors)
        names.emplace(mangle(tensor.name), tensor.name);
  }
  std::vector<NamedFile> named;
  for (const std::string &file : files) {
    std::string stem = fs::path(file).stem().string();
    auto found = names.find(stem);
    named.push_back({found == names.end() ? stem : found->second, file});
  }
  return named;
}

bool hasManifest(const std::string &path) {
  std::string name = joinPath(path, manifestName);
  if (!fileExists(name))
    return false;
  Expected<JsonDocument> manifest = JsonDocument::load(name);
  return manifest && manifest->root().find("format").text() == formatName;
}

bool recognises(const std::string &path) {
  return hasManifest(path) || !listFiles(path).empty();
}

/// The config: a file of its own, or the manifest's copy.
Status readConfig(const std::string &path, JsonValue manifest,
                  CheckpointContents &contents) {
  std::string source = joinPath(path, "config.json");
  std::string text;
  if (fileExists(source)) {
    GOSS_ASSIGN_OR_RETURN(text, readConfigText(source));
  } else if (manifest.find("config").isObject()) {
    source = joinPath(path, manifestName) + ": config";
    text = JsonWriter().value(manifest.find("config")).take();
  } else {
    return notFound(path + ": expects a config.json, or a manifest.json with "
                           "the config, but found neither");
  }
  contents.configSha256 = sha256(text);
  GOSS_ASSIGN_OR_RETURN(contents.config, ModelConfig::parse(text, source));
  return Status::ok();
}

Expected<CheckpointContents> readNumpy(const std::string &path) {
  CheckpointContents contents;
  contents.canBeReferred = false;
  std::optional<JsonDocument> manifest;
  if (hasManifest(path)) {
    GOSS_ASSIGN_OR_RETURN(manifest,
                          JsonDocument::load(joinPath(path, manifestName)));
  }
  JsonValue root = manifest ? manifest->root() : JsonValue();
  GOSS_RETURN_IF_ERROR(readConfig(path, root, contents));
  std::vector<NamedFile> files;
  if (manifest) {
    GOSS_ASSIGN_OR_RETURN(files, readManifest(root));
  } else {
    files = guessNames(listFiles(path), contents.config);
    contents.config.notes.push_back(
        "manifest.json is missing: the files in shard_* are taken");
  }
  for (const NamedFile &file : files)
    GOSS_RETURN_IF_ERROR(addFile(path, file, contents));
  GOSS_RETURN_IF_ERROR(findCompanions(path, contents));
  return contents;
}

} // namespace

const TensorReader numpyReader = {"numpy", recognises, readNumpy};

} // namespace gossamer
