//===- FakeRunner.h - A model of a few lines --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A StepRunner without compiled code whose logits depend on every key that a
// token may see and on nothing else. It stores token ids as "keys" in the
// pages that it is given, so wrong page tables, evictions or copies change the
// result or make it fail.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_EXEC_FAKERUNNER_H
#define GOSSAMER_TESTS_UNIT_EXEC_FAKERUNNER_H

#include "runtime/device/CpuDevice.h"
#include "runtime/model/StepRunner.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

namespace gossamer::test {

class FakeRunner : public StepRunner {
public:
  struct Sizes {
    uint32_t vocabulary = 50;
    uint32_t maxTokens = 16;
    uint32_t maxContext = 200;
    uint32_t pageTokens = 16;
    std::vector<uint32_t> windows = {0, 24};
  };

  static std::shared_ptr<const FakeRunner> make() { return make(Sizes()); }
  static std::shared_ptr<const FakeRunner> make(Sizes sizes) {
    return std::make_shared<const FakeRunner>(std::move(sizes));
  }

  explicit FakeRunner(Sizes sizes) : device_(createCpuDevice({1}).take()) {
    shape_.vocabularySize = sizes.vocabulary;
    shape_.maxTokensPerStep = sizes.maxTokens;
    shape_.arenaBytes = 64;
    shape_.cache.pageTokens = sizes.pageTokens;
    shape_.cache.maxContext = sizes.maxContext;
    for (uint32_t window : sizes.windows)
      shape_.cache.groups.push_back({window, pageBytes()});
  }

  uint64_t pageBytes() const {
    return shape_.cache.pageTokens * sizeof(int32_t);
  }

  const StepShape &shape() const override { return shape_; }
  Device &device() const override { return *device_; }

  /// What the logits after `tokens` are.
  std::vector<float> logitsAfter(std::span<const int32_t> tokens) const {
    uint64_t hash = 1;
    for (const KvCacheLayout::Group &group : shape_.cache.groups) {
      size_t begin = 0;
      if (group.window && tokens.size() > group.window)
        begin = tokens.size() - group.window;
      for (int32_t token : tokens.subspan(begin))
        hash = mix(hash, static_cast<uint64_t>(token));
    }
    std::vector<float> logits(shape_.vocabularySize);
    for (size_t v = 0; v < logits.size(); ++v)
      logits[v] = static_cast<float>(mix(hash, v) % 1000) / 200.0F;
    return logits;
  }

  Status run(const goss_step_args &args,
             DispatchObserver *observer = nullptr) const override {
    ++steps;
    largestStep = std::max(largestStep, args.dims.tokens);
    if (args.dims.tokens > shape_.maxTokensPerStep)
      return internalError("too many tokens");
    for (int64_t i = 0; i < args.dims.tokens; ++i) {
      if (args.positions[i] >= args.dims.keys ||
          args.sequences[i] >= args.dims.sequences)
        return internalError("position or sequence out of range");
      for (size_t group = 0; group < shape_.cache.groups.size(); ++group) {
        int32_t *key = keyAt(args, group, i, args.positions[i]);
        if (!key)
          return internalError("no page to write");
        *key = args.tokens[i];
      }
    }
    for (int64_t r = 0; r < args.dims.outputs; ++r)
      if (Status status = attend(args, r); !status.isOk())
        return status;
    return failure;
  }

  mutable int64_t steps = 0;
  mutable int64_t largestStep = 0;
  mutable Status failure; ///< what steps return.

private:
  static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ULL;
    return hash ^ (hash >> 29);
  }

  int32_t *keyAt(const goss_step_args &args, size_t group, int64_t token,
                 int32_t position) const {
    const KvCacheLayout &cache = shape_.cache;
    int64_t entry = args.sequences[token] * int64_t{cache.maxPages()} +
                    position / static_cast<int32_t>(cache.pageTokens);
    int32_t page = args.caches[group].page_table[entry];
    if (page < 0)
      return nullptr;
    uint8_t *data =
        args.caches[group].pages + static_cast<uint64_t>(page) * pageBytes();
    return reinterpret_cast<int32_t *>(data) +
           position % static_cast<int32_t>(cache.pageTokens);
  }

  Status attend(const goss_step_args &args, int64_t row) const {
    int32_t token = args.outputs[row];
    int32_t position = args.positions[token];
    uint64_t hash = 1;
    for (size_t group = 0; group < shape_.cache.groups.size(); ++group) {
      auto window = static_cast<int32_t>(shape_.cache.groups[group].window);
      int32_t begin = window ? std::max(0, position - window + 1) : 0;
      for (int32_t key = begin; key <= position; ++key) {
        const int32_t *value = keyAt(args, group, token, key);
        if (!value)
          return internalError("a visible key was evicted");
        hash = mix(hash, static_cast<uint64_t>(*value));
      }
    }
    float *logits = args.logits + row * shape_.vocabularySize;
    for (size_t v = 0; v < shape_.vocabularySize; ++v)
      logits[v] = static_cast<float>(mix(hash, v) % 1000) / 200.0F;
    return Status::ok();
  }

  std::shared_ptr<Device> device_;
  StepShape shape_;
};

} // namespace gossamer::test

#endif // GOSSAMER_TESTS_UNIT_EXEC_FAKERUNNER_H
