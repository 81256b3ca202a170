//===- TensorReader.cpp - The forms of a checkpoint -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorReader.h"

#include "runtime/support/JsonWriter.h"

#include <algorithm>
#include <filesystem>

namespace gossamer {

namespace fs = std::filesystem;

/// Config files are read whole; no real one comes near.
static constexpr uint64_t configBytesLimit = 16 << 20;
/// A tokenizer.json of the family has some 30 MB.
static constexpr uint64_t tokenizerBytesLimit = 256 << 20;

bool fileExists(const std::string &path) {
  std::error_code error;
  return fs::exists(path, error);
}

std::string joinPath(const std::string &directory, const std::string &name) {
  return (fs::path(directory) / name).string();
}

std::string tensorOrigin(const std::string &path, const std::string &tensor) {
  return path + ": tensor " + quoteText(tensor);
}

static Expected<std::string> readText(const std::string &path, uint64_t limit) {
  GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > limit)
    return invalidData(path + ": expects at most " + std::to_string(limit) +
                       " bytes but got " + std::to_string(file.size()));
  return std::string(file.text());
}

Expected<std::string> readConfigText(const std::string &path) {
  return readText(path, configBytesLimit);
}

static Status readCompanion(const std::string &directory, const char *name,
                            std::optional<Companion> &companion) {
  std::string path = joinPath(directory, name);
  if (!fileExists(path))
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(std::string text, readText(path, tokenizerBytesLimit));
  companion = Companion{path, std::move(text)};
  return Status::ok();
}

Status findCompanions(const std::string &directory,
                      CheckpointContents &contents) {
  GOSS_RETURN_IF_ERROR(
      readCompanion(directory, "tokenizer.json", contents.tokenizer));
  GOSS_RETURN_IF_ERROR(readCompanion(directory, "tokenizer_config.json",
                                     contents.tokenizerConfig));
  GOSS_RETURN_IF_ERROR(
      readCompanion(directory, "chat_template.jinja", contents.chatTemplate));
  return readCompanion(directory, "generation_config.json",
                       contents.generationConfig);
}

/// Pickles run code when they are read, and MessagePack holds a number a
/// number: neither is weights to map.
static Status refuseUnsafe(const std::string &path) {
  auto refuse = [](const std::string &file, const char *what) {
    return invalidData(file +
                       ": expects safetensors, GGUF or .npy files but "
                       "got " +
                       what);
  };
  auto check = [&](const std::string &file) {
    std::string extension = fs::path(file).extension().string();
    if (extension == ".msgpack")
      return refuse(file, "MessagePack, which is not read");
    for (const char *name : {".pkl", ".pickle", ".pt", ".pth", ".bin"})
      if (extension == name)
        return refuse(file, "a pickle, which is never read as it can run code");
    return Status::ok();
  };
  std::error_code error;
  if (!fs::is_directory(path, error))
    return check(path);
  std::vector<std::string> names;
  fs::directory_iterator entries(path, error);
  for (; !error && entries != fs::directory_iterator();
       entries.increment(error))
    names.push_back(entries->path().string());
  std::ranges::sort(names);
  for (const std::string &name : names)
    GOSS_RETURN_IF_ERROR(check(name));
  return Status::ok();
}

Expected<CheckpointContents> readConfig(const std::string &path) {
  CheckpointContents contents;
  contents.form = huggingFaceReader.form;
  GOSS_ASSIGN_OR_RETURN(std::string text, readConfigText(path));
  contents.configSha256 = sha256(text);
  GOSS_ASSIGN_OR_RETURN(contents.config, ModelConfig::parse(text, path));
  return contents;
}

Expected<CheckpointContents> readCheckpoint(const std::string &path) {
  // The forms whose marks are certain come first; the published form is also
  // what a directory without any mark is taken for.
  for (const TensorReader *reader :
       {&ggufReader, &numpyReader, &originalReader, &huggingFaceReader})
    if (reader->recognises(path)) {
      GOSS_ASSIGN_OR_RETURN(CheckpointContents contents, reader->read(path));
      contents.form = reader->form;
      return contents;
    }
  GOSS_RETURN_IF_ERROR(refuseUnsafe(path));
  std::error_code error;
  return fs::is_directory(path, error) ? huggingFaceReader.read(path)
                                       : readConfig(path);
}

} // namespace gossamer
