//===- Memory.cpp - Checked memory of a launch ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Memory.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

namespace gossamer::cuda::testing {

/// Addresses of shared memory and tables are multiples of this.
static constexpr size_t kAlignment = 128;

Memory::Memory(const Program &program, const LaunchShape &shape,
               llvm::ArrayRef<Region> arguments)
    : program_(program) {
  addArguments(program, arguments);
  addGlobals(program, shape);
}

ShadowCell *Memory::makeCells(size_t count) {
  // Pages of large arrays that are never touched cost nothing.
  cells_.emplace_back(static_cast<ShadowCell *>(
      std::calloc(std::max<size_t>(count, 1), sizeof(ShadowCell))));
  if (!cells_.back())
    llvm::report_bad_alloc_error("shadow memory");
  return cells_.back().get();
}

/// Gives all regions of an unbroken span of memory one shadow, if one of them
/// is written.
void Memory::trackSpan(llvm::ArrayRef<uint32_t> members,
                       const Program &program) {
  if (llvm::none_of(members,
                    [&](uint32_t i) { return regions_[i].isWritable; }))
    return;
  std::byte *begin = regions_[members.front()].begin, *end = begin;
  uintptr_t granule = 16;
  for (uint32_t i : members) {
    end = std::max(end, regions_[i].begin + regions_[i].size);
    granule = std::min<uintptr_t>(granule, program.argumentGranules[i]);
    // Granules are counted from the begin of each region.
    auto distance = static_cast<uintptr_t>(regions_[i].begin - begin);
    granule = distance ? std::min(granule, distance & -distance) : granule;
    auto address = reinterpret_cast<uintptr_t>(regions_[i].begin);
    granule = std::min(granule, address & -address);
  }
  uint32_t shift = llvm::Log2_64(granule);
  ShadowCell *cells =
      makeCells((static_cast<size_t>(end - begin) >> shift) + 1);
  for (uint32_t i : members) {
    regions_[i].granuleShift = shift;
    regions_[i].shadow = cells + ((regions_[i].begin - begin) >> shift);
  }
}

void Memory::addArguments(const Program &program,
                          llvm::ArrayRef<Region> arguments) {
  for (const Region &region : arguments)
    regions_.push_back(
        {region.begin, region.begin ? region.size : 0, region.isWritable});
  std::vector<uint32_t> order(arguments.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::erase_if(order, [&](uint32_t i) { return regions_[i].size == 0; });
  llvm::sort(order, [&](uint32_t l, uint32_t r) {
    return regions_[l].begin < regions_[r].begin;
  });
  for (size_t first = 0; first < order.size();) {
    std::byte *end = regions_[order[first]].begin;
    size_t next = first;
    do {
      const MemoryRegion &region = regions_[order[next++]];
      end = std::max(end, region.begin + region.size);
    } while (next < order.size() && regions_[order[next]].begin < end);
    trackSpan(llvm::ArrayRef(order).slice(first, next - first), program);
    first = next;
  }
}

void Memory::addGlobals(const Program &program, const LaunchShape &shape) {
  for (const GlobalMemory &global : program.globals) {
    MemoryRegion region;
    region.size = global.isDynamic ? shape.dynamicSharedBytes : global.size;
    region.isShared = region.isWritable = global.isShared;
    shared_.push_back(std::make_unique<std::byte[]>(region.size + kAlignment));
    auto address = reinterpret_cast<uintptr_t>(shared_.back().get());
    region.begin =
        shared_.back().get() + (llvm::alignTo(address, kAlignment) - address);
    if (global.isShared) {
      region.granuleShift = llvm::Log2_32(global.granule);
      region.shadow = makeCells((region.size >> region.granuleShift) + 1);
    } else {
      std::copy(global.data.begin(), global.data.end(), region.begin);
    }
    regions_.push_back(region);
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

std::string Memory::describe(uint32_t region) const {
  if (region < program_.numArguments)
    return "argument " + std::to_string(region);
  return "@" + program_.globals[region - program_.numArguments].name;
}

std::string Memory::explainConflict(const MemoryRegion &memory, uint64_t offset,
                                    size_t size, uint32_t thread,
                                    bool isWrite) const {
  size_t last = (offset + size - 1) >> memory.granuleShift;
  for (size_t i = offset >> memory.granuleShift; i <= last; ++i) {
    const ShadowCell &cell = memory.shadow[i];
    if (cell.writeEpoch == epoch_ && cell.writer == kAdders)
      return "which threads added to with no barrier between";
    if (cell.writeEpoch == epoch_ && cell.writer != thread)
      return "which thread " + std::to_string(cell.writer) +
             " wrote with no barrier between";
    if (!isWrite && memory.isShared && cell.writeEpoch < blockEpoch_)
      return "which nobody wrote";
    if (!memory.isShared && cell.writeEpoch != 0 &&
        cell.writeEpoch < blockEpoch_)
      return "which another block wrote";
    if (!isWrite)
      continue;
    if (cell.readEpoch == epoch_ &&
        (cell.reader & ~kOtherBlock) != static_cast<uint16_t>(thread))
      return "which other threads, like " +
             std::to_string(cell.reader & kThread) +
             ", read with no barrier between";
    if (!memory.isShared && isOtherBlocks(cell))
      return "which another block read";
  }
  return "which is not allowed";
}

std::string Memory::explainAddition(const MemoryRegion &memory, uint64_t offset,
                                    size_t size) const {
  if (!memory.isShared)
    return "which is not shared memory";
  size_t last = (offset + size - 1) >> memory.granuleShift;
  for (size_t i = offset >> memory.granuleShift; i <= last; ++i)
    if (memory.shadow[i].writeEpoch < blockEpoch_)
      return "which nobody wrote";
  return "which threads read or wrote with no barrier between";
}

std::string Memory::explain(uint32_t region, uint64_t offset, size_t size,
                            size_t alignment, uint32_t thread,
                            Access access) const {
  const MemoryRegion &memory = regions_[region];
  bool isWrite = access == Access::Write;
  const char *verb = isWrite                 ? "writes "
                     : access == Access::Add ? "adds to "
                                             : "reads ";
  std::string text = verb + std::to_string(size) + " bytes at " +
                     std::to_string(static_cast<int64_t>(offset)) + " of " +
                     describe(region) + ", ";
  if (!memory.begin)
    return text + "which is null";
  if (offset > memory.size || size > memory.size - offset)
    return text + "which has " + std::to_string(memory.size);
  if ((reinterpret_cast<uintptr_t>(memory.begin) + offset) & (alignment - 1))
    return text + "which is not a multiple of " + std::to_string(alignment);
  if (access == Access::Add)
    return text + explainAddition(memory, offset, size);
  if (isWrite && !memory.isWritable)
    return text + "which is not to be written";
  return text + explainConflict(memory, offset, size, thread, isWrite);
}

} // namespace gossamer::cuda::testing
