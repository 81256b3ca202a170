//===- Memory.h - Checked memory of a launch --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_MEMORY_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_MEMORY_H

#include "tests/gpu-interpreter/Program.h"

#include <cstdlib>

namespace gossamer::cuda::testing {

/// Who touched a granule last. Epochs count barriers and blocks over the whole
/// launch; 0 is never.
struct ShadowCell {
  uint32_t writeEpoch;
  uint32_t readEpoch;
  uint16_t writer; ///< thread, or several that added.
  uint16_t reader; ///< thread and flags.
};

/// Memory behind addresses: of an argument, a table or shared memory.
struct MemoryRegion {
  std::byte *begin = nullptr;
  size_t size = 0;
  bool isWritable = false;
  bool isShared = false;
  uint32_t granuleShift = 0;
  ShadowCell *shadow = nullptr; ///< null where nothing is ever written.
};

enum class Access { Read, Write, Add };

/// All regions of a launch, and what the threads did to them.
class Memory {
public:
  Memory(const Program &program, const LaunchShape &shape,
         llvm::ArrayRef<Region> arguments);

  void startBlock() { blockEpoch_ = ++epoch_; }
  void barrier() { ++epoch_; }

  /// Where to read or write `size` bytes, with the access noted; null if that
  /// must not be. `alignment` is a power of two.
  std::byte *read(uint32_t region, uint64_t offset, size_t size,
                  size_t alignment, uint32_t thread) {
    MemoryRegion &memory = regions_[region];
    std::byte *at = locate(memory, offset, size, alignment);
    if (at && memory.shadow && !noteRead(memory, offset, size, thread))
      return nullptr;
    return at;
  }
  std::byte *write(uint32_t region, uint64_t offset, size_t size,
                   size_t alignment, uint32_t thread) {
    MemoryRegion &memory = regions_[region];
    std::byte *at = locate(memory, offset, size, alignment);
    if (at && !(memory.isWritable && noteWrite(memory, offset, size, thread)))
      return nullptr;
    return at;
  }

  /// The same for an atomic addition.
  std::byte *add(uint32_t region, uint64_t offset, size_t size,
                 size_t alignment) {
    MemoryRegion &memory = regions_[region];
    std::byte *at = locate(memory, offset, size, alignment);
    if (at && !(memory.isShared && noteAddition(memory, offset, size)))
      return nullptr;
    return at;
  }

  /// Why the access that just failed did.
  std::string explain(uint32_t region, uint64_t offset, size_t size,
                      size_t alignment, uint32_t thread, Access access) const;

private:
  struct FreeCells {
    void operator()(ShadowCell *cells) const { std::free(cells); }
  };
  using Cells = std::unique_ptr<ShadowCell, FreeCells>;

  static constexpr uint16_t kThread = 0x3fff;
  static constexpr uint16_t kSeveral = 0x8000;    ///< threads read it.
  static constexpr uint16_t kOtherBlock = 0x4000; ///< read it before.
  static constexpr uint16_t kAdders = 0x8000;     ///< added to it.

  static std::byte *locate(const MemoryRegion &memory, uint64_t offset,
                           size_t size, size_t alignment) {
    if (offset > memory.size || size > memory.size - offset)
      return nullptr;
    std::byte *at = memory.begin + offset;
    return reinterpret_cast<uintptr_t>(at) & (alignment - 1) ? nullptr : at;
  }

  bool noteRead(const MemoryRegion &memory, uint64_t offset, size_t size,
                uint32_t thread) const {
    size_t last = (offset + size - 1) >> memory.granuleShift;
    for (size_t i = offset >> memory.granuleShift; i <= last; ++i)
      if (!noteRead(memory.shadow[i], memory.isShared, thread))
        return false;
    return true;
  }
  bool noteRead(ShadowCell &cell, bool isShared, uint32_t thread) const {
    if (cell.writeEpoch < blockEpoch_) {
      // Nobody of this block wrote it.
      if (isShared || cell.writeEpoch != 0)
        return false;
    } else if (cell.writeEpoch == epoch_ && cell.writer != thread) {
      return false;
    }
    if (cell.readEpoch == epoch_) {
      if ((cell.reader & kThread) != thread)
        cell.reader |= kSeveral;
      return true;
    }
    uint16_t flags = cell.readEpoch != 0 && cell.readEpoch < blockEpoch_
                         ? kOtherBlock
                         : cell.reader & kOtherBlock;
    cell.reader = static_cast<uint16_t>(thread | flags);
    cell.readEpoch = epoch_;
    return true;
  }

  bool noteWrite(const MemoryRegion &memory, uint64_t offset, size_t size,
                 uint32_t thread) const {
    size_t last = (offset + size - 1) >> memory.granuleShift;
    for (size_t i = offset >> memory.granuleShift; i <= last; ++i)
      if (!noteWrite(memory.shadow[i], memory.isShared, thread))
        return false;
    return true;
  }
  bool noteWrite(ShadowCell &cell, bool isShared, uint32_t thread) const {
    if (cell.writeEpoch == epoch_ && cell.writer != thread)
      return false;
    if (cell.readEpoch == epoch_ &&
        (cell.reader & ~kOtherBlock) != static_cast<uint16_t>(thread))
      return false;
    if (!isShared && isOtherBlocks(cell))
      return false;
    cell.writeEpoch = epoch_;
    cell.writer = static_cast<uint16_t>(thread);
    return true;
  }
  /// Between two barriers there are either additions or other accesses.
  bool noteAddition(const MemoryRegion &memory, uint64_t offset,
                    size_t size) const {
    size_t last = (offset + size - 1) >> memory.granuleShift;
    for (size_t i = offset >> memory.granuleShift; i <= last; ++i) {
      ShadowCell &cell = memory.shadow[i];
      if (cell.writeEpoch < blockEpoch_ || cell.readEpoch == epoch_ ||
          (cell.writeEpoch == epoch_ && cell.writer != kAdders))
        return false;
      cell.writeEpoch = epoch_;
      cell.writer = kAdders;
    }
    return true;
  }
  bool isOtherBlocks(const ShadowCell &cell) const {
    return (cell.writeEpoch != 0 && cell.writeEpoch < blockEpoch_) ||
           (cell.readEpoch != 0 &&
            (cell.readEpoch < blockEpoch_ || (cell.reader & kOtherBlock) != 0));
  }

  void addArguments(const Program &program, llvm::ArrayRef<Region> arguments);
  void addGlobals(const Program &program, const LaunchShape &shape);
  void trackSpan(llvm::ArrayRef<uint32_t> members, const Program &program);
  ShadowCell *makeCells(size_t count);
  std::string describe(uint32_t region) const;
  std::string explainAddition(const MemoryRegion &memory, uint64_t offset,
                              size_t size) const;
  std::string explainConflict(const MemoryRegion &memory, uint64_t offset,
                              size_t size, uint32_t thread, bool isWrite) const;

  const Program &program_;
  std::vector<MemoryRegion> regions_;
  std::vector<Cells> cells_;
  std::vector<std::unique_ptr<std::byte[]>> shared_;
  uint32_t epoch_ = 0, blockEpoch_ = 0;
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_MEMORY_H
