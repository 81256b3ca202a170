//===- Execution.h - The threads of a block ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_EXECUTION_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_EXECUTION_H

#include "tests/gpu-interpreter/Memory.h"

#include "llvm/ADT/Twine.h"

namespace gossamer::cuda::testing {

inline constexpr uint32_t kWarpSize = 32;

/// The threads that a region of the function is executed for.
struct Frame {
  uint8_t *mask = nullptr; ///< a thread: 0 or 1.
  /// All active threads are in [begin, end).
  uint32_t begin = 0, end = 0;
  uint32_t active = 0;

  bool isDense() const { return active == end - begin; }
  /// Finds the other members again after the mask has changed within
  /// [begin, end).
  void update();
};

/// State of one block of a launch. Handlers of instructions work on it.
///
/// What an operation computes for threads that are not active does not matter,
/// for nobody sees it: operations without effects compute all of [begin, end).
class Execution {
public:
  Execution(const Program &program, const LaunchShape &shape,
            llvm::ArrayRef<Region> arguments);

  /// Runs block (x, y, z).
  bool runBlock(uint32_t x, uint32_t y, uint32_t z);

  // For handlers. -------------------------------------------------------------
  const Frame &top() const { return frames_[depth_]; }
  Frame &top() { return frames_[depth_]; }
  const Frame &below() const { return frames_[depth_ - 1]; }
  /// Begins with the threads that are active now.
  void push();
  void pop() { --depth_; }
  void jump(uint32_t target) { next_ = target; }

  template <typename T> T *plane(uint32_t number) const {
    return reinterpret_cast<T *>(planes_[number]);
  }
  const uint32_t *list(const Instruction &instruction) const {
    return program_.lists.data() + instruction.list;
  }
  uint32_t numThreads() const { return shape_.block; }
  uint32_t blockId(int64_t dimension) const { return block_[dimension]; }
  Memory &memory() { return memory_; }

  /// Whether all or none of the threads of each warp are active; emits an
  /// error otherwise.
  bool expectWholeWarps(const Instruction &instruction);
  /// Emits an error about a thread; false.
  bool fail(const Instruction &instruction, uint32_t thread,
            const llvm::Twine &message) const;

  /// Checked access for the thread; null after an error.
  std::byte *read(const Instruction &instruction, uint32_t thread,
                  uint32_t region, uint64_t offset, size_t size,
                  size_t alignment) {
    std::byte *at = memory_.read(region, offset, size, alignment, thread);
    if (!at)
      fail(instruction, thread,
           memory_.explain(region, offset, size, alignment, thread,
                           Access::Read));
    return at;
  }
  std::byte *write(const Instruction &instruction, uint32_t thread,
                   uint32_t region, uint64_t offset, size_t size,
                   size_t alignment) {
    std::byte *at = memory_.write(region, offset, size, alignment, thread);
    if (!at)
      fail(instruction, thread,
           memory_.explain(region, offset, size, alignment, thread,
                           Access::Write));
    return at;
  }
  std::byte *add(const Instruction &instruction, uint32_t thread,
                 uint32_t region, uint64_t offset, size_t size) {
    std::byte *at = memory_.add(region, offset, size, size);
    if (!at)
      fail(instruction, thread,
           memory_.explain(region, offset, size, size, thread, Access::Add));
    return at;
  }

private:
  void fillPlane(uint32_t number, uint64_t bits);

  const Program &program_;
  LaunchShape shape_;
  Memory memory_;
  std::unique_ptr<std::byte[]> storage_;
  std::vector<std::byte *> planes_;
  std::vector<uint8_t> masks_;
  std::vector<Frame> frames_;
  uint32_t depth_ = 0;
  uint32_t next_ = 0;
  std::array<uint32_t, 3> block_{};
};

/// Calls `body(thread)` for the active threads until it is false.
template <typename Body> bool forActive(const Execution &x, Body body) {
  const Frame &frame = x.top();
  for (uint32_t t = frame.begin; t < frame.end; ++t)
    if (frame.mask[t] && !body(t))
      return false;
  return true;
}

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_EXECUTION_H
