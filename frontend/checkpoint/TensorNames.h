//===- TensorNames.h - Tensor names of other forms --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Names of OpenAI's and of GGUF's form that stand for one tensor of Hugging
// Face's. What is fused or split there is not in the tables: OpenAI's
// "attn.qkv", GGUF's experts.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_TENSORNAMES_H
#define GOSSAMER_FRONTEND_CHECKPOINT_TENSORNAMES_H

#include <span>
#include <string>
#include <string_view>

namespace gossamer {

/// The names of one form beside Hugging Face's.
struct TensorNames {
  struct Pair {
    std::string_view own, huggingFace;
  };
  std::string_view layerPrefix; ///< before the layer's number.
  std::span<const Pair> layerNames;
  std::span<const Pair> otherNames;

  /// The Hugging Face name of a tensor, or the reverse; empty where there is
  /// none.
  std::string toHuggingFace(std::string_view own) const;
  std::string fromHuggingFace(std::string_view name) const;

  /// A name taken apart: "block.3.attn.sinks" is "3." and "attn.sinks". Both
  /// are empty for a name without a layer.
  struct LayerName {
    std::string_view layer, rest;
  };
  LayerName split(std::string_view own) const;
};

/// "model.layers.", the prefix of Hugging Face's layers.
extern const std::string_view huggingFaceLayerPrefix;
/// A Hugging Face name taken apart likewise.
TensorNames::LayerName splitHuggingFaceName(std::string_view name);

extern const TensorNames originalNames;
extern const TensorNames ggufNames;

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_TENSORNAMES_H
