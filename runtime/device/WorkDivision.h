//===- WorkDivision.h - A dispatch cut for threads --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Launches that do not depend on each other form one index space, cut into
// grains of about equal cost, which a team of threads takes (WorkerTeam.h).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_WORKDIVISION_H
#define GOSSAMER_RUNTIME_DEVICE_WORKDIVISION_H

#include "runtime/device/Device.h"
#include "runtime/device/WorkBoard.h"

#include <array>
#include <optional>

namespace gossamer {

struct LoadedKernel {
  goss_kernel_fn function;
  ProgramKernel info;
};

/// Launches of one round, cut into grains numbered through all of them.
class WorkDivision {
public:
  /// Launches that form one index space; more of them run in several rounds.
  static constexpr uint32_t maxRoundLaunches = 64;

  WorkDivision(std::span<const goss_launch> launches, const goss_dims &dims,
               std::span<const LoadedKernel> kernels);

  /// By the estimate, of all launches.
  uint64_t picoseconds() const { return picoseconds_; }
  /// Cuts the launches for up to `threads` threads; `smallest` is what a
  /// dispatch costs that is just worth it.
  void cut(unsigned threads, uint64_t smallest);
  uint32_t grains() const { return grains_; }
  /// Threads that should take part.
  unsigned shares() const { return shares_; }

  /// `begin`: when the dispatch began on the thread that runs the step.
  /// `mayBeLate`: the observer may be told of the work after all of it is done.
  void observe(DispatchObserver &observer, FastClock::time_point begin,
               bool mayBeLate);
  /// When all of the work was done, if the clock was read then.
  std::optional<FastClock::time_point> end() const { return end_; }
  /// For a team of threads: what a division is done with.
  WorkBoard::Function function() const { return function_; }

private:
  /// All that a thread needs to know of a launch, in one place: other cores
  /// fetch it from the one that wrote it.
  struct alignas(64) Part {
    goss_kernel_fn function;
    const void *const *bindings;
    const goss_dims *dims;
    int64_t items;
    int64_t grainItems;         ///< items of each grain, the last one excepted.
    uint32_t endGrain;          ///< its grains follow those of the part before.
    uint32_t launch;            ///< of the manifest.
    uint32_t kernel;            ///< of the manifest.
    DispatchObserver *observer; ///< that wants to see the work.
  };
  static_assert(sizeof(Part) == 64);

  static void runPiece(const Part &part, int64_t first, int64_t last) {
    part.function(part.bindings, part.dims, first, last);
  }
  static void runGrains(const void *division, WorkBoard::Taker &taker);
  template <bool mayBeLate>
  static void runObserved(const void *division, WorkBoard::Taker &taker);
  template <typename Do>
  void forEachPiece(uint32_t begin, uint32_t end, Do doPiece) const;

  std::array<Part, maxRoundLaunches> parts_; ///< the first count_ are in use.
  std::array<uint64_t, maxRoundLaunches> itemPicoseconds_;
  uint32_t count_ = 0;
  uint32_t grains_ = 0;
  unsigned shares_ = 1;
  uint64_t picoseconds_ = 0;
  WorkBoard::Function function_ = &runGrains;
  // Only the poster reads and writes these.
  FastClock::time_point begin_{};
  mutable std::optional<FastClock::time_point> end_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_WORKDIVISION_H
