//===- Checkpoint.h - A checkpoint on disk ----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A checkpoint of any form that a TensorReader reads. Opening maps the weight
// files and compares every tensor's name, type and shape with what the config
// prescribes; no weight is copied or read. Tensors are called as by Hugging
// Face whatever the form.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/Progress.h"
#include "frontend/checkpoint/TensorReader.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

class WeightIndex;

/// An open checkpoint, or a config alone. Movable; immutable, so thread-safe
/// to read. Byte ranges it hands out live as long as it does.
class Checkpoint {
public:
  /// Opens a directory or a GGUF file, or a config.json alone (then
  /// hasWeights() is false and quantization_config tells the storage form).
  /// Fails with NotFound where a file is missing and with InvalidData where
  /// contents are wrong or disagree.
  static Expected<Checkpoint> open(const std::string &path);

  /// Whether a directory holds an index but not one of the weight files.
  static bool isIndexOnly(const std::string &path);
  /// Opens such a directory for what config and index tell (hasWeights() is
  /// false). The index must name the tensors that the config implies, and the
  /// bytes that they have.
  static Expected<Checkpoint> openIndex(const std::string &path);

  /// The directory or file, as it was given.
  const std::string &path() const { return path_; }
  /// The form's name, as in `goss convert --to`: "hf", "gguf".
  const std::string &form() const { return contents_.form; }
  const ModelConfig &config() const { return contents_.config; }
  const ParameterList &parameters() const { return parameters_; }
  /// Digest of the bytes that hold the config.
  const Sha256Digest &configSha256() const { return contents_.configSha256; }

  bool hasWeights() const { return !contents_.files.empty(); }
  std::span<const WeightFile> weightFiles() const { return contents_.files; }
  /// Whether every tensor lies in a file as it is, so that an artifact can
  /// refer to it.
  bool canBeReferred() const { return contents_.canBeReferred; }
  /// One an entry of parameters().tensors, parameter after parameter; empty
  /// without weights.
  std::span<const TensorLocation> locations() const { return locations_; }
  /// The place of the tensor of that name, or null.
  const TensorLocation *find(std::string_view tensorName) const;

  /// The file that the index of openIndex() names for a tensor; else empty.
  std::string_view indexedFile(std::string_view tensorName) const;

  /// @name Companions, where there are any.
  /// @{
  const std::optional<Companion> &tokenizer() const {
    return contents_.tokenizer;
  }
  const std::optional<Companion> &tokenizerConfig() const {
    return contents_.tokenizerConfig;
  }
  const std::optional<Companion> &chatTemplate() const {
    return contents_.chatTemplate;
  }
  const std::optional<Companion> &generationConfig() const {
    return contents_.generationConfig;
  }
  /// @}

  /// Choices that a reader should know, e.g. a default that changes results.
  const std::vector<std::string> &notes() const {
    return contents_.config.notes;
  }

  /// Reads every weight: fails on the first (in parameter order) that is NaN
  /// or infinite, or an MXFP4 scale that is NaN (255) or too large for float32.
  Status verifyValues(const ProgressFunction &progress = {}) const;
  /// Bytes that verifyValues reads (MXFP4 codes are all valid, so not those).
  uint64_t verificationBytes() const;

private:
  Checkpoint() = default;
  Status applyGenerationConfig();
  /// Makes the parameters that the config and the form of these tensors imply,
  /// and checks that they are these.
  Status prescribe(std::span<const std::string_view> names);
  ExpertForm detectForm(std::span<const std::string_view> names);
  Status checkNames(std::span<const std::string_view> names) const;
  Status checkTotalSize(const WeightIndex &index) const;
  Status locateTensors();

  std::string path_;
  CheckpointContents contents_;
  ParameterList parameters_;
  std::vector<TensorLocation> locations_;
  std::vector<std::string> origins_; ///< parallel to locations_.
  std::map<std::string, std::string, std::less<>> indexedFiles_;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H
