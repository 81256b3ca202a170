//===- Synth.h - Checkpoints with random weights ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes a checkpoint of the right shape with random weights, in the published
// Hugging Face layout: for measuring and testing at full size where the
// trained model is not at hand. Weights are scaled so that activations stay
// near one and the router spreads over the experts.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_SYNTH_H
#define GOSSAMER_FRONTEND_CHECKPOINT_SYNTH_H

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/ParameterList.h"
#include "frontend/checkpoint/Progress.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gossamer {

/// Where published checkpoints are cut into files.
inline constexpr uint64_t publishedShardBytes = 4'800'000'000;

struct SynthOptions {
  /// Number of layers instead of the config's; 0 keeps it.
  int64_t layers = 0;
  /// The same config and seed give the same bytes, on every machine.
  uint64_t seed = 0;
  /// A new file begins when the current one would exceed this.
  uint64_t shardBytes = publishedShardBytes;
  /// Goes on where a run with the same options was stopped: its finished files
  /// are kept, and those of this run are when it fails.
  bool resume = false;
  ProgressFunction progress;
};

/// What a run did, in bytes of tensors.
struct SynthReport {
  uint64_t writtenBytes = 0;
  uint64_t keptBytes = 0; ///< of files that an earlier run finished.
};

/// Names that synthConfig() knows: "20b", "120b", "seed-demo".
std::span<const char *const> synthPresets();

/// The config of a preset, or of the config.json at that path.
Expected<ModelConfig> synthConfig(const std::string &presetOrFile);

/// Bytes of the tensors that writeSyntheticCheckpoint would write: the total
/// of its progress.
uint64_t syntheticCheckpointBytes(const ModelConfig &config,
                                  const SynthOptions &options);

/// Writes the weights and then config.json into `directory`, which is created
/// and must be empty unless a run is resumed. Each file appears when it is
/// whole, config.json last: whenever the process ends, what is there is no
/// checkpoint or a complete one. After a failure nothing is left behind, again
/// unless a run is resumed.
Expected<SynthReport>
writeSyntheticCheckpoint(const ModelConfig &config,
                         const std::string &directory,
                         const SynthOptions &options = {});

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_SYNTH_H
