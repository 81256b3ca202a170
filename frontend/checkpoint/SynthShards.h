//===- SynthShards.h - Files of a synthetic checkpoint ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to the making of synthetic checkpoints: which tensors go into which
// file, writing a file, and recognising one that an earlier run finished.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_SYNTHSHARDS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_SYNTHSHARDS_H

#include "frontend/checkpoint/RandomTensor.h"
#include "frontend/checkpoint/Synth.h"

#include <string>
#include <vector>

namespace gossamer {

/// One file to be written: tensors with their generators, in order.
struct SynthShard {
  std::string name;
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::vector<RandomTensor> contents;
  std::vector<uint64_t> sizes;
  uint64_t size = 0; ///< bytes of all tensors.
};

/// Divides the tensors among files.
std::vector<SynthShard> planSynthShards(const ParameterList &parameters,
                                        const SynthOptions &options);

/// Text of the index file of several shards.
std::string synthIndexJson(const std::vector<SynthShard> &shards);

/// Writes a shard to `path`, where it appears when it is whole.
Status writeSynthShard(const SynthShard &shard, const std::string &path,
                       const ProgressFunction &progress);

/// Ok when the file at `path` is this shard, by its size, its header and the
/// ends of every tensor, which differ from seed to seed.
Status verifySynthShard(const SynthShard &shard, const std::string &path);

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_SYNTHSHARDS_H
