//===- Synth.cpp - Checkpoints with random weights ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Synth.h"

#include "frontend/checkpoint/RandomTensor.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/SystemError.h"
#include "runtime/weights/Safetensors.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

namespace gossamer {

namespace {

namespace fs = std::filesystem;

constexpr const char *indexFile = "model.safetensors.index.json";
constexpr const char *presets[] = {"20b", "120b", "seed-demo"};

/// Bytes made at once, and the part of them that one task makes.
constexpr uint64_t bufferBytes = 32 << 20;
constexpr uint64_t taskBytes = 1 << 20;

ModelConfig published(int64_t layers, int64_t experts) {
  ModelConfig config; // its defaults are the published sizes.
  config.numLayers = layers;
  config.numExperts = experts;
  config.layerTypes = {AttentionKind::Sliding, AttentionKind::Full};
  config.setNumLayers(layers);
  config.eosTokens = {200002, 199999, 200012};
  config.padToken = 199999;
  return config;
}

/// The small model that earlier systems published decoding rates for.
ModelConfig seedDemo() {
  ModelConfig config;
  config.numLayers = 4;
  config.hiddenSize = config.intermediateSize = 256;
  config.numHeads = config.numKvHeads = 8;
  config.headDim = 32;
  config.vocabSize = 1000;
  config.numExperts = 4;
  config.expertsPerToken = 2;
  config.maxContext = 4096;
  config.layerTypes = {AttentionKind::Sliding, AttentionKind::Full};
  config.setNumLayers(4);
  config.rope.factor = 4.0;
  config.rope.originalContext = 1024;
  config.rope.attentionFactor = yarnAttentionFactor(4.0);
  return config;
}

/// One file to be written: tensors with their generators, in order.
struct Shard {
  std::string name;
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::vector<RandomTensor> contents;
  std::vector<uint64_t> sizes;
  uint64_t size = 0;
};

std::string shardName(size_t index, size_t count) {
  if (count == 1)
    return "model.safetensors";
  // As published: counted from zero, with the last index as the total.
  char name[64];
  std::snprintf(name, sizeof(name), "model-%05zu-of-%05zu.safetensors", index,
                count - 1);
  return name;
}

std::vector<Shard> planShards(const ParameterList &parameters,
                              const SynthOptions &options) {
  std::vector<Shard> shards(1);
  for (const Parameter &parameter : parameters.parameters())
    for (const TensorSpec &tensor : parameter.tensors) {
      uint64_t size = tensor.byteSize();
      if (shards.back().size > 0 &&
          shards.back().size + size > options.shardBytes)
        shards.emplace_back();
      Shard &shard = shards.back();
      shard.tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
      shard.contents.emplace_back(parameter, tensor, options.seed);
      shard.sizes.push_back(size);
      shard.size += size;
    }
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].name = shardName(i, shards.size());
  return shards;
}

std::string indexJson(const std::vector<Shard> &shards) {
  std::map<std::string, std::string> files;
  uint64_t total = 0;
  for (const Shard &shard : shards) {
    total += shard.size;
    for (const SafetensorsWriter::Tensor &tensor : shard.tensors)
      files.emplace(tensor.name, shard.name);
  }
  JsonWriter json(2);
  json.beginObject();
  json.key("metadata").beginObject().member("total_size", total).endObject();
  json.key("weight_map").beginObject();
  for (const auto &[tensor, file] : files)
    json.member(tensor, file);
  return json.endObject().endObject().take() + "\n";
}

//===----------------------------------------------------------------------===//
// The stream of bytes of a shard
//===----------------------------------------------------------------------===//

/// Fills buffers with consecutive bytes of a shard. A buffer holds pieces of
/// one or several tensors, made by parallel tasks.
class ShardStream {
public:
  explicit ShardStream(const Shard &shard) : shard_(shard) {}

  /// Fills `buffer` up to its capacity; empties it at the end of the shard.
  void fill(std::vector<std::byte> &buffer);

private:
  struct Piece {
    const RandomTensor *tensor;
    uint64_t begin;
    size_t place, size;
  };

  const Shard &shard_;
  size_t tensor_ = 0;
  uint64_t position_ = 0; ///< within the tensor.
};

void ShardStream::fill(std::vector<std::byte> &buffer) {
  std::vector<Piece> pieces;
  size_t used = 0;
  while (tensor_ < shard_.sizes.size() && used < bufferBytes) {
    uint64_t size =
        std::min({shard_.sizes[tensor_] - position_, taskBytes,
                  // A piece that ends within a tensor ends on a whole word.
                  std::max<uint64_t>((bufferBytes - used) & ~uint64_t(7), 8)});
    pieces.push_back({&shard_.contents[tensor_], position_, used, size});
    used += size;
    position_ += size;
    if (position_ == shard_.sizes[tensor_]) {
      ++tensor_;
      position_ = 0;
    }
  }
  buffer.resize(used);
  tbb::parallel_for(size_t(0), pieces.size(), [&](size_t i) {
    const Piece &piece = pieces[i];
    piece.tensor->fill(piece.begin, {buffer.data() + piece.place, piece.size});
  });
}

/// Appends a shard's bytes to its file: one buffer is made while the other is
/// written.
Status writeShard(const Shard &shard, SafetensorsWriter &writer,
                  const ProgressFunction &progress) {
  ShardStream stream(shard);
  std::vector<std::byte> current, next;
  stream.fill(current);
  Status status;
  while (!current.empty() && status.isOk()) {
    tbb::task_group group;
    group.run([&] { stream.fill(next); });
    status = writer.append(current);
    group.wait();
    if (status.isOk() && progress && !progress(current.size()))
      status = {StatusCode::Interrupted,
                "writing the checkpoint was cancelled"};
    current.swap(next);
  }
  return status;
}

//===----------------------------------------------------------------------===//
// The directory
//===----------------------------------------------------------------------===//

/// Creates the directory, or accepts an empty one; removes it and the files
/// that were noted, unless keep() was called.
class OutputDirectory {
public:
  explicit OutputDirectory(std::string path) : path_(std::move(path)) {}
  OutputDirectory(const OutputDirectory &) = delete;
  OutputDirectory &operator=(const OutputDirectory &) = delete;
  ~OutputDirectory() {
    std::error_code ignored;
    for (const std::string &name : committed_)
      fs::remove(file(name), ignored);
    if (created_)
      fs::remove(path_, ignored);
  }

  Status prepare(uint64_t bytes) {
    std::error_code error;
    created_ = fs::create_directories(path_, error);
    if (error)
      return systemError(path_, "cannot create the directory", error.value());
    if (!fs::is_empty(path_, error) || error)
      return usageError(path_ + ": expects an empty directory but got one "
                                "with files");
    fs::space_info space = fs::space(path_, error);
    if (!error && space.available < bytes)
      return ioError(path_ + ": expects " + std::to_string(bytes) +
                     " bytes of free space but got " +
                     std::to_string(space.available));
    return Status::ok();
  }

  void noteFile(std::string name) { committed_.push_back(std::move(name)); }
  void keep() {
    created_ = false;
    committed_.clear();
  }
  std::string file(const std::string &name) const {
    return (fs::path(path_) / name).string();
  }

private:
  std::string path_;
  std::vector<std::string> committed_;
  bool created_ = false;
};

Expected<ModelConfig> withLayers(const ModelConfig &config, int64_t layers) {
  ModelConfig changed = config;
  if (layers < 0 || layers > layerLimit)
    return usageError("number of layers expects 1 to " +
                      std::to_string(layerLimit) + " but got " +
                      std::to_string(layers));
  if (layers != 0)
    changed.setNumLayers(layers);
  return changed;
}

} // namespace

std::span<const char *const> synthPresets() { return presets; }

Expected<ModelConfig> synthConfig(const std::string &presetOrFile) {
  if (presetOrFile == "20b")
    return published(24, 32);
  if (presetOrFile == "120b")
    return published(36, 128);
  if (presetOrFile == "seed-demo")
    return seedDemo();
  Expected<MappedFile> file = MappedFile::open(presetOrFile);
  if (!file) {
    Status status = file.status();
    return Status(status.code(),
                  status.message() +
                      " (the presets are 20b, 120b and seed-demo)");
  }
  return ModelConfig::parse(file->text(), presetOrFile);
}

uint64_t syntheticCheckpointBytes(const ModelConfig &config,
                                  const SynthOptions &options) {
  Expected<ModelConfig> changed = withLayers(config, options.layers);
  return changed ? ParameterList::create(*changed, ExpertForm::Mxfp4).byteSize()
                 : 0;
}

Status writeSyntheticCheckpoint(const ModelConfig &config,
                                const std::string &directory,
                                const SynthOptions &options) {
  GOSS_ASSIGN_OR_RETURN(ModelConfig changed,
                        withLayers(config, options.layers));
  ParameterList parameters = ParameterList::create(changed, ExpertForm::Mxfp4);
  std::vector<Shard> shards = planShards(parameters, options);
  OutputDirectory output(directory);
  GOSS_RETURN_IF_ERROR(output.prepare(parameters.byteSize()));

  // Committed together at the end; until then each removes itself on failure.
  std::vector<SafetensorsWriter> writers;
  for (const Shard &shard : shards) {
    GOSS_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                          SafetensorsWriter::create(output.file(shard.name),
                                                    shard.tensors,
                                                    {{"format", "pt"}}));
    GOSS_RETURN_IF_ERROR(writeShard(shard, writer, options.progress));
    writers.push_back(std::move(writer));
  }
  for (size_t i = 0; i < writers.size(); ++i) {
    GOSS_RETURN_IF_ERROR(writers[i].commit());
    output.noteFile(shards[i].name);
  }
  if (shards.size() > 1) {
    GOSS_RETURN_IF_ERROR(writeFile(output.file(indexFile), indexJson(shards)));
    output.noteFile(indexFile);
  }
  // Without its config the directory is no checkpoint, so this comes last.
  GOSS_RETURN_IF_ERROR(
      writeFile(output.file("config.json"), changed.toJson(/*mxfp4=*/true)));
  output.keep();
  return Status::ok();
}

} // namespace gossamer
