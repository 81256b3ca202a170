//===- Checkpoint.h - A Hugging Face checkpoint on disk ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A checkpoint directory: config.json, the weights as model.safetensors or as
// shards that model.safetensors.index.json names, and companions. Opening maps
// the weight files and compares every tensor's name, type and shape with what
// the config prescribes; no weight is copied or read.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H
#define GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/Progress.h"
#include "runtime/support/Sha256.h"
#include "runtime/weights/Safetensors.h"

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

/// One file of weights.
struct WeightFile {
  std::string name;            ///< relative to the checkpoint directory.
  uint64_t size = 0;           ///< bytes of the file.
  uint64_t headerSize = 0;     ///< bytes before the first tensor.
  Sha256Digest headerSha256{}; ///< of those bytes.
};

/// Where a tensor's bytes are.
struct TensorLocation {
  uint32_t file = 0;   ///< index into Checkpoint::weightFiles().
  uint64_t offset = 0; ///< from the beginning of the file.
  uint64_t size = 0;   ///< bytes.
};

/// An open checkpoint, or a config alone. Movable; immutable, so thread-safe
/// to read. Byte ranges it hands out live as long as it does.
class Checkpoint {
public:
  /// Opens a directory, or a config.json alone (then hasWeights() is false and
  /// quantization_config tells the storage form). Fails with NotFound where a
  /// file is missing and with InvalidData where contents are wrong or disagree.
  static Expected<Checkpoint> open(const std::string &path);

  /// Whether a directory holds an index but not one of the weight files.
  static bool isIndexOnly(const std::string &path);
  /// Opens such a directory for what config and index tell (hasWeights() is
  /// false). The index must name the tensors that the config implies, and the
  /// bytes that they have.
  static Expected<Checkpoint> openIndex(const std::string &path);

  /// The directory, or the path of the config alone.
  const std::string &path() const { return path_; }
  const ModelConfig &config() const { return config_; }
  const ParameterList &parameters() const { return parameters_; }
  /// Digest of config.json's bytes.
  const Sha256Digest &configSha256() const { return configSha256_; }

  bool hasWeights() const { return !files_.empty(); }
  /// In lexicographic order of their names.
  std::span<const WeightFile> weightFiles() const { return weightFiles_; }
  /// One an entry of parameters().tensors, parameter after parameter; empty
  /// without weights.
  std::span<const TensorLocation> locations() const { return locations_; }
  /// The mapped bytes of a location.
  std::span<const std::byte> bytes(const TensorLocation &location) const;
  /// The place of the tensor of that checkpoint name, or null.
  const TensorLocation *find(std::string_view tensorName) const;

  /// The file that the index of openIndex() names for a tensor; else empty.
  std::string_view indexedFile(std::string_view tensorName) const;

  /// @name Paths of companions, where they exist.
  /// @{
  const std::optional<std::string> &tokenizerPath() const { return tokenizer_; }
  const std::optional<std::string> &tokenizerConfigPath() const {
    return tokenizerConfig_;
  }
  const std::optional<std::string> &chatTemplatePath() const {
    return chatTemplate_;
  }
  const std::optional<std::string> &generationConfigPath() const {
    return generationConfig_;
  }
  /// @}

  /// Choices that a reader should know, e.g. a default that changes results.
  const std::vector<std::string> &notes() const { return config_.notes; }

  /// Reads every weight: fails on the first (in parameter order) that is NaN
  /// or infinite, or an MXFP4 scale that is NaN (255) or too large for float32.
  Status verifyValues(const ProgressFunction &progress = {}) const;
  /// Bytes that verifyValues reads (MXFP4 codes are all valid, so not those).
  uint64_t verificationBytes() const;

private:
  Checkpoint() = default;
  Status readConfigFile(const std::string &configPath);
  Status readGenerationConfig();
  void findCompanions();
  Status openWeights();
  Status openShards(const std::string &indexPath);
  Status openShard(const std::string &name, const std::string &indexPath);
  Status openFile(const std::string &name);
  ExpertForm detectForm(std::span<const std::string_view> names);
  Status checkNames(std::span<const std::string_view> names) const;
  Status checkTotalSize(const WeightIndex &index) const;
  Status locateTensors();

  std::string path_;
  ModelConfig config_;
  ParameterList parameters_;
  Sha256Digest configSha256_{};
  std::vector<SafetensorsFile> files_;
  std::vector<WeightFile> weightFiles_; ///< parallel to files_.
  std::vector<TensorLocation> locations_;
  std::map<std::string, std::string, std::less<>> indexedFiles_;
  std::optional<std::string> tokenizer_, tokenizerConfig_, chatTemplate_,
      generationConfig_;
};

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_CHECKPOINT_H
