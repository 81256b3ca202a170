//===- StepRunner.h - What scheduling needs of a model ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The narrow interface between compiled models and everything that drives
// them: schedulers, sessions and generators know a model only as a StepRunner,
// so tests can put a few lines of arithmetic in its place.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_STEPRUNNER_H
#define GOSSAMER_RUNTIME_MODEL_STEPRUNNER_H

#include "runtime/device/Device.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace gossamer {

/// Layout of the paged KV cache, fixed when the model was compiled.
struct KvCacheLayout {
  /// Layers that keep the same keys share pages.
  struct Group {
    uint32_t window = 0;    ///< keys a token sees, itself included; 0 = all.
    uint64_t pageBytes = 0; ///< one page, all layers of the group.
  };

  uint32_t pageTokens = 0; ///< positions a page holds.
  uint32_t maxContext = 0; ///< largest number of positions of a sequence.
  std::vector<Group> groups;

  /// Entries of a sequence's page table.
  uint32_t maxPages() const {
    return maxContext / pageTokens + (maxContext % pageTokens != 0);
  }
};

/// Sizes that a step is compiled for.
struct StepShape {
  uint32_t vocabularySize = 0;
  uint32_t maxTokensPerStep = 0;
  uint64_t arenaBytes = 0;
  KvCacheLayout cache;
};

/// Something that computes steps. Immutable and thread-safe.
class StepRunner {
public:
  virtual ~StepRunner() = default;

  virtual const StepShape &shape() const = 0;
  /// Where the memory of arguments must lie.
  virtual Device &device() const = 0;
  /// Runs one step. `args.parameters` is ignored: the runner has its own.
  /// Concurrent calls need separate arenas, logits and cache pages.
  virtual Status run(const goss_step_args &args,
                     DispatchObserver *observer = nullptr) const = 0;
  /// The same as Program::runAndChoose.
  virtual Status
  runAndChoose(const goss_step_args &args,
               [[maybe_unused]] std::span<const TokenChoice> wanted,
               std::span<int32_t> chosen,
               DispatchObserver *observer = nullptr) const {
    std::ranges::fill(chosen, wholeRow);
    return run(args, observer);
  }
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_STEPRUNNER_H
