//===- Model.h - An artifact ready to run -----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_MODEL_H
#define GOSSAMER_RUNTIME_MODEL_MODEL_H

#include "runtime/artifact/Artifact.h"
#include "runtime/model/StepRunner.h"
#include "runtime/support/MappedFile.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

struct ModelOptions {
  /// Directory of the checkpoint whose weights the artifact refers to; empty:
  /// the artifact's own directory. Unused by embedded weights.
  std::string weightsDirectory;
  /// Threads of the device made here, where it is the host; 0 = all cores.
  unsigned threads = 0;
  /// Which of the machine's GPUs the device made here is, where it is one.
  unsigned gpu = 0;
  /// On a terminal, how far the weights are on their way to the device.
  bool showProgress = false;
  /// A device to use in place of one made here, for the artifact's target.
  std::shared_ptr<Device> device;
};

/// A verified artifact, its weights mapped where they lie, its code loaded.
/// Immutable and thread-safe; shared by schedulers and sessions.
class Model final : public StepRunner {
public:
  /// Opens and checks the artifact at `path`, then loads it.
  static Expected<std::shared_ptr<const Model>>
  load(const std::string &path, const ModelOptions &options = {});

  /// Loads a checked artifact. Fails with Unavailable when this machine cannot
  /// run its code or has no device for its target, NotFound or InvalidData for
  /// weight files that are missing or are not those that the artifact was made
  /// from.
  static Expected<std::shared_ptr<const Model>>
  load(Artifact artifact, const ModelOptions &options = {});

  const Artifact &artifact() const { return artifact_; }
  const proto::Manifest &manifest() const { return artifact_.manifest(); }
  /// Tokens that end a generation, by the checkpoint.
  const std::vector<int32_t> &stopTokens() const { return stopTokens_; }
  /// Bytes of tensor `index` of the manifest, in mapped memory.
  std::span<const std::byte> tensor(size_t index) const {
    return tensors_[index];
  }

  const StepShape &shape() const override { return shape_; }
  Device &device() const override { return *device_; }
  Status run(const goss_step_args &args,
             DispatchObserver *observer = nullptr) const override;
  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *observer = nullptr) const override;

private:
  explicit Model(Artifact artifact) : artifact_(std::move(artifact)) {}
  void readShape();
  Status openDevice(const ModelOptions &options);
  Status openWeights(const std::string &directory);
  Status mapTensors();
  Status loadCode();
  /// The step's arguments with the model's parameters.
  goss_step_args bind(const goss_step_args &args) const;

  // Members are destroyed from the last to the first: the program before the
  // device that made it, both before the memory that they refer to.
  Artifact artifact_;
  std::vector<MappedFile> files_;
  std::vector<std::span<const std::byte>> tensors_;
  StepShape shape_;
  std::vector<int32_t> stopTokens_;
  std::shared_ptr<Device> device_;
  MappedTensors parameters_;
  std::shared_ptr<const Program> program_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_MODEL_H
