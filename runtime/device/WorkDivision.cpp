//===- WorkDivision.cpp - A dispatch cut for threads ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/WorkDivision.h"

#include <algorithm>

using namespace gossamer;

namespace {

/// A thread's share costs at least this part of the smallest dispatch that is
/// divided, a few times what it takes to tell the thread.
constexpr uint64_t sharesOfSmallest = 3;

/// So does a grain where items allow: an imbalance that is not worth another
/// call of a kernel.
constexpr uint64_t grainsOfSmallest = 6;

/// Grains of a thread's share of large dispatches.
constexpr uint64_t grainsPerShare = 48;

/// Of all threads together. Rounding can double it and add one a launch.
constexpr uint64_t mostGrains = WorkBoard::maxGrains / 2 - 64;

/// How often an item of a step does what `kernel` states.
uint64_t repeatsOf(const ProgramKernel &kernel, const goss_dims &dims) {
  int64_t repeats = 1;
  if (kernel.repeats == ProgramKernel::Repeats::EachToken)
    repeats = dims.tokens;
  else if (kernel.repeats == ProgramKernel::Repeats::EachKey)
    repeats =
        kernel.window ? std::min<int64_t>(dims.keys, kernel.window) : dims.keys;
  return static_cast<uint64_t>(std::max<int64_t>(repeats, 1));
}

/// Time of one item by rough figures of one core whose caches hold the weights:
/// 32 bytes and 32 operations a nanosecond. Only the division of work depends
/// on it, never a result. Items of unknown cost count as a microsecond.
uint64_t estimatePicoseconds(const ProgramKernel &kernel,
                             const goss_dims &dims) {
  constexpr uint64_t limit = uint64_t{1} << 28; // keeps products from wrapping.
  uint64_t flops =
      std::min(kernel.flopsPerItem, limit) * repeatsOf(kernel, dims);
  uint64_t cost =
      std::max(std::min(kernel.bytesPerItem, limit), flops) * 1000 / 32;
  return cost ? cost : 1'000'000;
}

} // namespace

WorkDivision::WorkDivision(std::span<const goss_launch> launches,
                           const goss_dims &dims,
                           std::span<const LoadedKernel> kernels) {
  for (const goss_launch &launch : launches) {
    if (launch.items <= 0)
      continue;
    const LoadedKernel &kernel = kernels[launch.kernel];
    uint64_t itemCost = estimatePicoseconds(kernel.info, dims);
    picoseconds_ += static_cast<uint64_t>(launch.items) * itemCost;
    itemPicoseconds_[count_] = itemCost;
    parts_[count_++] = {
        kernel.function, launch.bindings, &dims,  launch.items, 0, 0,
        launch.id,       launch.kernel,   nullptr};
  }
}

void WorkDivision::cut(unsigned threads, uint64_t smallest) {
  uint64_t minShare = std::max<uint64_t>(smallest / sharesOfSmallest, 1);
  uint64_t shares = std::clamp<uint64_t>(picoseconds_ / minShare, 1, threads);
  uint64_t most = std::min(shares * grainsPerShare, mostGrains);
  uint64_t grainCost =
      std::max(smallest / grainsOfSmallest, picoseconds_ / most);
  uint64_t grains = 0;
  for (uint32_t i = 0; i < count_; ++i) {
    Part &part = parts_[i];
    part.grainItems = static_cast<int64_t>(
        std::max<uint64_t>(1, grainCost / itemPicoseconds_[i]));
    grains += static_cast<uint64_t>((part.items - 1) / part.grainItems + 1);
    part.endGrain = static_cast<uint32_t>(grains);
  }
  // Estimates that wrap around, of numbers no model has, can yield too many.
  if (grains > WorkBoard::maxGrains)
    return;
  grains_ = static_cast<uint32_t>(grains);
  shares_ = static_cast<unsigned>(std::min(shares, grains));
}

void WorkDivision::observe(DispatchObserver &observer,
                           FastClock::time_point begin, bool mayBeLate) {
  for (uint32_t i = 0; i < count_; ++i)
    parts_[i].observer = &observer;
  begin_ = begin;
  function_ = mayBeLate ? &runObserved<true> : &runObserved<false>;
}

/// Calls `doPiece` with the items of each launch that the grains hold.
template <typename Do>
void WorkDivision::forEachPiece(uint32_t begin, uint32_t end,
                                Do doPiece) const {
  uint32_t firstGrain = 0;
  for (const Part *part = parts_.data(); begin < end; ++part) {
    if (begin < part->endGrain) {
      uint32_t last = std::min(end, part->endGrain);
      int64_t first = (begin - firstGrain) * part->grainItems;
      int64_t limit = (last - firstGrain) * part->grainItems;
      doPiece(*part, first, std::min(limit, part->items));
      begin = last;
    }
    firstGrain = part->endGrain;
  }
}

void WorkDivision::runGrains(const void *division, WorkBoard::Taker &taker) {
  const auto &self = *static_cast<const WorkDivision *>(division);
  for (auto range = taker.next(); !range.isEmpty(); range = taker.next())
    self.forEachPiece(range.begin, range.end, runPiece);
}

/// A thread takes its share in ever smaller pieces, one right after another:
/// the clock is only read where the next one is of other items. The last
/// reading delays nobody if it may be late: others have been told by then, and
/// the poster either waits for them or reads the end of the dispatch.
template <bool mayBeLate>
void WorkDivision::runObserved(const void *division, WorkBoard::Taker &taker) {
  const auto &self = *static_cast<const WorkDivision *>(division);
  WorkEvent event{};
  event.worker = taker.seat();
  const Part *at = nullptr;
  DispatchObserver *observer = nullptr;
  auto tell = [&] {
    event.end = FastClock::now();
    observer->worked(event);
  };
  for (auto range = taker.next(); !range.isEmpty(); range = taker.next())
    self.forEachPiece(range.begin, range.end,
                      [&](const Part &part, int64_t first, int64_t last) {
                        if (at != &part || event.endItem != first) {
                          if (at)
                            tell();
                          event.begin = at                  ? event.end
                                        : taker.seat() == 0 ? self.begin_
                                                            : FastClock::now();
                          event.launch = part.launch;
                          event.kernel = part.kernel;
                          observer = part.observer;
                          event.beginItem = first;
                          at = &part;
                        }
                        runPiece(part, first, last);
                        event.endItem = last;
                      });
  if (!at)
    return;
  bool isDone = mayBeLate && taker.endPart();
  tell();
  if (isDone)
    self.end_ = event.end;
}
