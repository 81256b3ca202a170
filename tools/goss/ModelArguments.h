//===- ModelArguments.h - Which model to run, and where ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_MODELARGUMENTS_H
#define GOSSAMER_TOOLS_GOSS_MODELARGUMENTS_H

#include "runtime/model/Model.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/weights/Safetensors.h"
#include "tools/support/CommandLine.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gossamer::tools {

/// A model that is ready, with its tokenizer where it has one.
struct LoadedModel {
  std::shared_ptr<const Model> model;
  std::optional<Tokenizer> tokenizer;
  double loadSeconds = 0;

  const std::string &path() const { return model->artifact().path(); }
  /// The tokenizer, or NotFound with a hint at ids.
  Expected<Tokenizer> requireTokenizer() const;
};

/// The options of all commands that run a model.
struct ModelArguments {
  std::string path; ///< empty: the embedded model.
  std::string weights;
  unsigned threads = 0;
  std::string device; ///< empty: the artifact's target.
  unsigned gpu = 0;   ///< which one, where the device is one.

  /// Must outlive the command line.
  void addTo(Command &command);
  /// `showProgress`: on a terminal, how far weights are on their way to a GPU.
  Expected<LoadedModel> load(bool showProgress = true) const;
};

/// Whether `path` is taken for a checkpoint (a directory, a config.json or a
/// GGUF file), not for an artifact.
bool isCheckpointPath(const std::string &path);

/// Reads "cpu", "cuda" or "cuda:1"; returns what is wrong, or nothing.
std::string parseDevice(const std::string &text, std::string &device,
                        unsigned &gpu);

/// `path`, or the embedded model's artifact where it is empty: NotFound when
/// this installation has none.
Expected<std::string> resolveArtifactPath(const std::string &path);

/// Where the weights of an artifact at `path` are looked for when the command
/// line does not say: beside it, then in the folder of its name.
std::string findWeightsDirectory(const std::string &path,
                                 const proto::Manifest &manifest);

/// The weight files that an artifact refers to: InvalidData when they are not
/// those that it was compiled for.
Expected<std::vector<SafetensorsFile>>
openWeightFiles(const Artifact &artifact, const std::string &directory);

/// The artifact's tokenizer, nothing when it has none.
Expected<std::optional<Tokenizer>> readTokenizer(const Artifact &artifact);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_MODELARGUMENTS_H
