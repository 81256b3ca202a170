//===- SynthShards.cpp - Files of a synthetic checkpoint ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/SynthShards.h"

#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/weights/Safetensors.h"

#include <algorithm>
#include <array>
#include <map>
#include <new>
#include <tbb/parallel_for.h>
#include <tbb/task_group.h>

namespace gossamer {

namespace {

/// Bytes made at once, and the part of them that one task makes.
constexpr uint64_t bufferBytes = 16 << 20;
constexpr uint64_t taskBytes = 1 << 20;

/// What the published files say of themselves.
std::vector<std::pair<std::string, std::string>> getMetadata() {
  return {{"format", "pt"}};
}

//===----------------------------------------------------------------------===//
// The stream of bytes of a shard
//===----------------------------------------------------------------------===//

/// Bytes of a file in memory that direct writes take: its place in a block of
/// memory is the one that it has in a block of the file.
class AlignedBuffer {
public:
  AlignedBuffer()
      : memory_(static_cast<std::byte *>(
            ::operator new(capacity, std::align_val_t(block)))) {}
  AlignedBuffer(const AlignedBuffer &) = delete;
  AlignedBuffer &operator=(const AlignedBuffer &) = delete;
  ~AlignedBuffer() { ::operator delete(memory_, std::align_val_t(block)); }

  /// Empties the buffer, whose bytes will stand at `offset` of the file;
  /// returns how many fit up to the end of a block.
  size_t reset(uint64_t offset) {
    begin_ = offset % block;
    size_ = 0;
    return bufferBytes - begin_;
  }
  /// Adds bytes, which may exceed what reset() returned by a word.
  std::byte *grow(size_t count) {
    size_ += count;
    return memory_ + begin_ + size_ - count;
  }
  std::span<const std::byte> bytes() const { return {memory_ + begin_, size_}; }

private:
  static constexpr size_t block = AtomicFile::directBlock;
  static constexpr size_t capacity = bufferBytes + block;

  std::byte *memory_;
  size_t begin_ = 0, size_ = 0;
};

/// Fills buffers with consecutive bytes of a shard. A buffer holds pieces of
/// one or several tensors, made by parallel tasks.
class ShardStream {
public:
  explicit ShardStream(const SynthShard &shard) : shard_(shard) {}

  /// Fills `buffer`, whose bytes will stand at `offset` of the file, up to its
  /// capacity; leaves it empty at the end of the shard.
  void fill(AlignedBuffer &buffer, uint64_t offset);

private:
  struct Piece {
    const RandomTensor *tensor;
    uint64_t begin;
    std::span<std::byte> out;
  };

  const SynthShard &shard_;
  size_t tensor_ = 0;
  uint64_t position_ = 0; ///< within the tensor.
};

void ShardStream::fill(AlignedBuffer &buffer, uint64_t offset) {
  std::vector<Piece> pieces;
  size_t room = buffer.reset(offset);
  while (tensor_ < shard_.sizes.size() && buffer.bytes().size() < room) {
    uint64_t left = room - buffer.bytes().size();
    uint64_t size =
        std::min({shard_.sizes[tensor_] - position_, taskBytes,
                  // A piece that ends within a tensor ends on a whole word.
                  std::max<uint64_t>(left & ~uint64_t(7), 8)});
    pieces.push_back(
        {&shard_.contents[tensor_], position_, {buffer.grow(size), size}});
    position_ += size;
    if (position_ == shard_.sizes[tensor_]) {
      ++tensor_;
      position_ = 0;
    }
  }
  tbb::parallel_for(size_t(0), pieces.size(), [&](size_t i) {
    pieces[i].tensor->fill(pieces[i].begin, pieces[i].out);
  });
}

} // namespace

std::vector<SynthShard> planSynthShards(const ParameterList &parameters,
                                        const SynthOptions &options) {
  std::vector<SynthShard> shards(1);
  for (const Parameter &parameter : parameters.parameters())
    for (const TensorSpec &tensor : parameter.tensors) {
      uint64_t size = tensor.byteSize();
      if (shards.back().size > 0 &&
          shards.back().size + size > options.shardBytes)
        shards.emplace_back();
      SynthShard &shard = shards.back();
      shard.tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
      shard.contents.emplace_back(parameter, tensor, options.seed);
      shard.sizes.push_back(size);
      shard.size += size;
    }
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].name = shardName(i, shards.size());
  return shards;
}

std::string synthIndexJson(const std::vector<SynthShard> &shards) {
  std::map<std::string, std::string> files;
  uint64_t total = 0;
  for (const SynthShard &shard : shards) {
    total += shard.size;
    for (const SafetensorsWriter::Tensor &tensor : shard.tensors)
      files.emplace(tensor.name, shard.name);
  }
  return weightIndexJson(total, files);
}

Status writeSynthShard(const SynthShard &shard, const std::string &path,
                       const ProgressFunction &progress) {
  GOSS_ASSIGN_OR_RETURN(
      SafetensorsWriter writer,
      SafetensorsWriter::create(path, shard.tensors, getMetadata()));
  writer.bypassCache();
  // One buffer is made while the other is written.
  ShardStream stream(shard);
  AlignedBuffer buffers[2];
  stream.fill(buffers[0], writer.position());
  Status status;
  for (size_t i = 0; status.isOk() && !buffers[i].bytes().empty(); i ^= 1) {
    uint64_t next = writer.position() + buffers[i].bytes().size();
    tbb::task_group group;
    group.run([&] { stream.fill(buffers[i ^ 1], next); });
    status = writer.append(buffers[i].bytes());
    group.wait();
    if (status.isOk() && progress && !progress(buffers[i].bytes().size()))
      status = {StatusCode::Interrupted,
                "writing the checkpoint was cancelled"};
  }
  GOSS_RETURN_IF_ERROR(status);
  return writer.commit();
}

/// Whether `bytes` begins and ends with what `content` makes.
static bool hasEndsOf(const RandomTensor &content,
                      std::span<const std::byte> bytes) {
  constexpr size_t sampleBytes = 64;
  std::array<std::byte, sampleBytes> sample;
  size_t count = std::min(bytes.size(), sampleBytes);
  for (size_t begin : {size_t(0), (bytes.size() - count) & ~size_t(7)}) {
    size_t part = std::min(bytes.size() - begin, sampleBytes);
    content.fill(begin, std::span(sample).first(part));
    if (!std::equal(sample.begin(), sample.begin() + part,
                    bytes.begin() + static_cast<ptrdiff_t>(begin)))
      return false;
  }
  return true;
}

Status verifySynthShard(const SynthShard &shard, const std::string &path) {
  GOSS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::open(path));
  bool same = file.tensors().size() == shard.tensors.size() &&
              std::ranges::equal(file.metadata(), getMetadata());
  for (size_t i = 0; same && i < shard.tensors.size(); ++i) {
    const TensorView &found = file.tensors()[i];
    const SafetensorsWriter::Tensor &wanted = shard.tensors[i];
    same = found.name == wanted.name && found.dtype == wanted.dtype &&
           found.shape == wanted.shape &&
           hasEndsOf(shard.contents[i], found.bytes());
  }
  if (!same)
    return usageError(path + ": expects the weights of this config and seed "
                             "but got others");
  return Status::ok();
}

} // namespace gossamer
