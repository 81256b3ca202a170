//===- ModelConfig.h - What a GPT-OSS config.json says ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The architecture of a GPT-OSS model, read from a Hugging Face `config.json`
// (transformers 4 and 5 spellings) and checked as a whole. A ModelConfig that
// parse() or validate() accepted has sizes whose products all fit int64_t, so
// later stages multiply without checking.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_MODELCONFIG_H
#define GOSSAMER_FRONTEND_CHECKPOINT_MODELCONFIG_H

#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// More layers than any model has.
inline constexpr int64_t layerLimit = 1024;

/// Which keys a layer's queries may see.
enum class AttentionKind : uint8_t {
  Full,    ///< every earlier position and its own.
  Sliding, ///< the last `slidingWindow` positions, its own included.
};

/// Rotary position embedding. Frequencies are computed from it in the
/// compiler (the dialect's rope attribute), never stored.
struct RopeConfig {
  enum class Scaling : uint8_t { None, Yarn };

  Scaling scaling = Scaling::Yarn;
  double theta = 150000.0;
  /// The rest matters for Yarn only.
  double factor = 32.0;
  double betaFast = 32.0;
  double betaSlow = 1.0;
  int64_t originalContext = 4096;
  /// Whether the ramp's bounds are rounded to whole dimensions.
  bool truncate = false;
  /// Factor on cosine and sine: 0.1 ln(factor) + 1 unless the file says else.
  double attentionFactor = 1.3465735902799727;

  bool operator==(const RopeConfig &) const = default;
};

/// A whole model's architecture. Defaults are those of the Hugging Face
/// configuration class, which are the sizes of gpt-oss-120b.
struct ModelConfig {
  int64_t numLayers = 36;
  int64_t numExperts = 128;
  int64_t expertsPerToken = 4;
  int64_t hiddenSize = 2880;
  int64_t intermediateSize = 2880; ///< width of one expert.
  int64_t headDim = 64;
  int64_t numHeads = 64;  ///< query heads.
  int64_t numKvHeads = 8; ///< key and value heads; divides numHeads.
  int64_t vocabSize = 201088;
  int64_t maxContext = 131072; ///< max_position_embeddings.
  /// Keys a sliding layer sees, the query's own included; 0 when none slides.
  int64_t slidingWindow = 128;
  std::vector<AttentionKind> layerTypes; ///< one a layer.
  double rmsNormEps = 1e-5;
  double swigluAlpha = 1.702;
  double swigluLimit = 7.0;
  bool attentionBias = true;      ///< q, k, v and o have a bias.
  bool tieWordEmbeddings = false; ///< lm_head is the embedding table.
  RopeConfig rope;
  /// Tokens that end a generation, without repetition, in file order.
  std::vector<int64_t> eosTokens;
  std::optional<int64_t> bosToken;
  std::optional<int64_t> padToken;
  /// What quantization_config claims; the tensors' names decide.
  bool claimsMxfp4 = false;
  /// Choices made where the file is silent and a reader should know.
  std::vector<std::string> notes;

  /// Width of all query heads together.
  int64_t queryWidth() const { return numHeads * headDim; }
  /// Width of all key (or value) heads together.
  int64_t keyValueWidth() const { return numKvHeads * headDim; }
  /// Window of a layer in keys; 0 sees all.
  int64_t windowOf(int64_t layer) const {
    return layerTypes[static_cast<size_t>(layer)] == AttentionKind::Sliding
               ? slidingWindow
               : 0;
  }

  /// Reads the text of a config.json. `fileName` only serves messages. Fails
  /// with InvalidData on text that is not JSON, a field of the wrong type or
  /// range, or fields that contradict each other.
  static Expected<ModelConfig> parse(std::string_view text,
                                     const std::string &fileName);

  /// Takes the end, begin and padding tokens of a generation_config.json:
  /// its list of end tokens replaces config.json's single one.
  Status applyGenerationConfig(std::string_view text,
                               const std::string &fileName);

  /// All checks between fields. parse() has run it; call it for configs that
  /// were built or changed in memory.
  Status validate(const std::string &fileName) const;

  /// Changes the number of layers; new layers continue the attention pattern
  /// (its shortest period). `layers` must be positive.
  void setNumLayers(int64_t layers);

  /// The config as a Hugging Face config.json: parse(toJson()) gives an equal
  /// config. `mxfp4` adds the quantization_config.
  std::string toJson(bool mxfp4) const;
};

/// The concentration that YaRN prescribes for a context extended `factor`
/// times.
double yarnAttentionFactor(double factor);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_MODELCONFIG_H
