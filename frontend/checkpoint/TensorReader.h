//===- TensorReader.h - The forms of a checkpoint ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// GPT-OSS weights come in several forms. Each is read by one TensorReader, a
// file of its own, which finds the config and gives every tensor the name, type
// and shape that it has in the Hugging Face form. Checkpoint compares those
// with what the config prescribes; nobody beyond it knows the form. See
// docs/checkpoint-forms.md.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_TENSORREADER_H
#define GOSSAMER_FRONTEND_CHECKPOINT_TENSORREADER_H

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/TensorBytes.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Sha256.h"
#include "runtime/weights/Safetensors.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// One file of weights.
struct WeightFile {
  std::string name;            ///< relative to the checkpoint directory.
  uint64_t size = 0;           ///< bytes of the file.
  uint64_t headerSize = 0;     ///< bytes before the first tensor.
  Sha256Digest headerSha256{}; ///< of those bytes.
};

/// Where a tensor's bytes are.
struct TensorLocation {
  uint32_t file = 0;   ///< index into the weight files.
  uint64_t offset = 0; ///< from the beginning of the file; 0 where made.
  uint64_t size = 0;   ///< bytes.
  TensorBytes bytes;   ///< mapped from there, or made from that file.
};

/// One tensor under its Hugging Face name.
struct SourceTensor {
  std::string name;
  std::string origin; ///< FILE: tensor "NAME", as the form calls it.
  DType dtype = DType::U8;
  std::vector<uint64_t> shape;
  TensorLocation location;
};

/// A text that goes with the weights.
struct Companion {
  std::string source; ///< the file, for messages.
  std::string text;
};

/// What a reader makes of a checkpoint.
struct CheckpointContents {
  std::string form; ///< of the reader that read it.
  ModelConfig config;
  Sha256Digest configSha256{};
  std::vector<WeightFile> files;
  std::vector<MappedFile> mappings; ///< parallel to `files`; keeps the bytes.
  /// Whether the runtime can read the tensors where they lie.
  bool canBeReferred = true;
  std::vector<SourceTensor> tensors;
  std::optional<Companion> tokenizer;        ///< a tokenizer.json.
  std::optional<Companion> tokenizerConfig;  ///< a tokenizer_config.json.
  std::optional<Companion> chatTemplate;     ///< a Jinja template.
  std::optional<Companion> generationConfig; ///< a generation_config.json.
};

/// How one form is recognised and read.
struct TensorReader {
  const char *form; ///< as in `goss convert --to=FORM`.
  /// Whether `path` looks like this form; reads no weight.
  bool (*recognises)(const std::string &path);
  Expected<CheckpointContents> (*read)(const std::string &path);
};

extern const TensorReader huggingFaceReader;
extern const TensorReader originalReader;
extern const TensorReader ggufReader;
extern const TensorReader numpyReader;

/// Reads the checkpoint at `path` with the first reader that recognises it.
/// Pickles and MessagePack files are refused by name; any other file is taken
/// for a config alone, and then there are no files of weights.
Expected<CheckpointContents> readCheckpoint(const std::string &path);

/// A config.json without weights: for what needs only the shape of a model.
Expected<CheckpointContents> readConfig(const std::string &path);

/// @name Shared by the readers.
/// @{
bool fileExists(const std::string &path);
std::string joinPath(const std::string &directory, const std::string &name);
/// A config file, whole; no real one is large.
Expected<std::string> readConfigText(const std::string &path);
/// The companions of a Hugging Face directory that are there.
Status findCompanions(const std::string &directory,
                      CheckpointContents &contents);
/// Adds the file and its tensors, with the file's names.
Status addSafetensors(const std::string &directory, const std::string &name,
                      CheckpointContents &contents);
/// Adds the file that model.safetensors.index.json names, or the single
/// model.safetensors.
Status addIndexedSafetensors(const std::string &directory,
                             CheckpointContents &contents);
/// FILE: tensor "NAME".
std::string tensorOrigin(const std::string &path, const std::string &tensor);
/// @}

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_TENSORREADER_H
