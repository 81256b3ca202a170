//===- Synth.cpp - Checkpoints with random weights ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Synth.h"

#include "frontend/checkpoint/OutputDirectory.h"
#include "frontend/checkpoint/SynthShards.h"
#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/MappedFile.h"

#include <algorithm>

namespace gossamer {

namespace {

constexpr const char *configFile = "config.json";
constexpr const char *presets[] = {"20b", "120b", "seed-demo"};

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

/// Ok unless there is a config that says that all is finished and is wrong: a
/// directory that opens as a checkpoint is never changed.
static Status checkFinishedConfig(const OutputDirectory &output,
                                  const std::string &configText,
                                  const std::vector<bool> &kept) {
  if (!output.has(configFile))
    return Status::ok();
  std::string path = output.file(configFile);
  GOSS_ASSIGN_OR_RETURN(MappedFile config, MappedFile::open(path));
  if (config.text() != configText)
    return usageError(path + ": expects this config but got another");
  if (std::ranges::find(kept, false) != kept.end())
    return usageError(path + ": expects all weights beside a finished config "
                             "but some are missing");
  return Status::ok();
}

/// Finds what an earlier run finished, a flag a shard, and removes what it did
/// not finish. Nothing is removed where anything is not of this run.
static Expected<std::vector<bool>>
findFinished(const OutputDirectory &output,
             const std::vector<SynthShard> &shards,
             const std::string &configText) {
  std::vector<std::string> names = {configFile, weightIndexFile};
  for (const SynthShard &shard : shards)
    names.push_back(shard.name);
  GOSS_ASSIGN_OR_RETURN(std::vector<std::string> unfinished,
                        output.findUnfinished(names));
  std::vector<bool> kept;
  for (const SynthShard &shard : shards) {
    kept.push_back(output.has(shard.name));
    if (kept.back())
      GOSS_RETURN_IF_ERROR(verifySynthShard(shard, output.file(shard.name)));
  }
  GOSS_RETURN_IF_ERROR(checkFinishedConfig(output, configText, kept));
  GOSS_RETURN_IF_ERROR(output.remove(unfinished));
  return kept;
}

Expected<SynthReport> writeSyntheticCheckpoint(const ModelConfig &config,
                                               const std::string &directory,
                                               const SynthOptions &options) {
  GOSS_ASSIGN_OR_RETURN(ModelConfig changed,
                        withLayers(config, options.layers));
  ParameterList parameters = ParameterList::create(changed, ExpertForm::Mxfp4);
  std::vector<SynthShard> shards = planSynthShards(parameters, options);
  std::string configText = changed.toJson(/*mxfp4=*/true);
  OutputDirectory output(directory, options.resume);
  GOSS_RETURN_IF_ERROR(output.create());
  std::vector<bool> kept(shards.size());
  if (options.resume) {
    GOSS_ASSIGN_OR_RETURN(kept, findFinished(output, shards, configText));
  } else {
    GOSS_RETURN_IF_ERROR(output.checkEmpty());
  }

  SynthReport report;
  for (size_t i = 0; i < shards.size(); ++i)
    (kept[i] ? report.keptBytes : report.writtenBytes) += shards[i].size;
  GOSS_RETURN_IF_ERROR(output.checkSpace(report.writtenBytes));
  for (size_t i = 0; i < shards.size(); ++i) {
    const SynthShard &shard = shards[i];
    if (kept[i]) {
      if (options.progress)
        options.progress(shard.size);
      continue;
    }
    GOSS_RETURN_IF_ERROR(
        writeSynthShard(shard, output.file(shard.name), options.progress));
    output.noteFile(shard.name);
  }
  if (shards.size() > 1 && !output.has(weightIndexFile)) {
    GOSS_RETURN_IF_ERROR(
        writeFile(output.file(weightIndexFile), synthIndexJson(shards)));
    output.noteFile(weightIndexFile);
  }
  // Without its config the directory is no checkpoint, so this comes last.
  if (!output.has(configFile))
    GOSS_RETURN_IF_ERROR(writeFile(output.file(configFile), configText));
  output.keepFiles();
  return report;
}

} // namespace gossamer
