//===- ModelReport.cpp - The report of whatever MODEL names ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ModelReport.h"

#include "runtime/support/ProgressBar.h"
#include "tools/goss/ModelArguments.h"
#include "tools/report/CheckpointReport.h"
#include "tools/report/WeightReport.h"
#include "tools/support/Terminal.h"

namespace gossamer::tools {

Expected<InspectedModel> InspectedModel::open(const std::string &path) {
  InspectedModel model;
  model.path_ = path;
  if (isCheckpointPath(path)) {
    GOSS_ASSIGN_OR_RETURN(model.checkpoint_, Checkpoint::isIndexOnly(path)
                                                 ? Checkpoint::openIndex(path)
                                                 : Checkpoint::open(path));
  } else {
    GOSS_ASSIGN_OR_RETURN(model.path_, resolveArtifactPath(path));
    GOSS_ASSIGN_OR_RETURN(model.artifact_, Artifact::open(model.path_));
  }
  return model;
}

std::string InspectedModel::describeKind() const {
  if (isArtifact())
    return "an artifact";
  if (checkpoint_->hasWeights())
    return "a checkpoint";
  return path_.ends_with(".json") ? "a config.json" : "an index of weights";
}

Expected<proto::Report>
InspectedModel::report(const ReportOptions &options) const {
  if (isArtifact())
    return buildReport(*artifact_, path_, options);
  return buildReport(*checkpoint_, options.parts);
}

/// Hashes and counts under a progress bar.
static Status readWeights(const std::vector<StoredTensor> &tensors,
                          bool withStatistics, proto::Report &report) {
  uint64_t bytes = 0;
  for (const StoredTensor &tensor : tensors)
    bytes += tensor.bytes.size();
  ProgressBar progress("reading weights", bytes, ProgressBar::Unit::Bytes);
  return addWeightContents(tensors, withStatistics, report,
                           [&](uint64_t count) {
                             progress.add(count);
                             return !interruptFlag();
                           });
}

Status InspectedModel::addWeights(const std::string &directory,
                                  bool withStatistics,
                                  proto::Report &report) const {
  if (isArtifact())
    return addArtifactWeights(directory, withStatistics, report);
  if (!checkpoint_->hasWeights())
    return usageError(path_ + ": expects weights to read but got " +
                      describeKind());
  return readWeights(storedTensors(*checkpoint_), withStatistics, report);
}

Status InspectedModel::addArtifactWeights(const std::string &directory,
                                          bool withStatistics,
                                          proto::Report &report) const {
  const proto::Manifest &manifest = artifact_->manifest();
  std::vector<SafetensorsFile> files;
  std::vector<std::span<const std::byte>> bytes;
  if (!manifest.weights_embedded()) {
    GOSS_ASSIGN_OR_RETURN(
        files,
        openWeightFiles(*artifact_, directory.empty()
                                        ? findWeightsDirectory(path_, manifest)
                                        : directory));
    for (const SafetensorsFile &file : files)
      bytes.push_back(file.file().bytes());
  }
  return readWeights(
      storedTensors(manifest, artifact_->weightsSection(), bytes),
      withStatistics, report);
}

} // namespace gossamer::tools
