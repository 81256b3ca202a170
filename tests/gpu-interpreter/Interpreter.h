//===- Interpreter.h - Runs device functions without a device ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Executes a gpu.func at the level of docs/nvidia-backend.md ("the level that
// kernels are written at"): block by block, all threads of a block in lockstep
// under masks, with every access to memory checked. What it accepts is the
// definition of the level.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_INTERPRETER_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_INTERPRETER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace gossamer::cuda::testing {

/// Memory that a kernel may touch through one argument, which points to its
/// begin. Regions of several arguments may overlap. Null is a null pointer.
struct Region {
  std::byte *begin = nullptr;
  size_t size = 0;
  bool isWritable = false;
};

struct LaunchShape {
  std::array<uint32_t, 3> grid = {1, 1, 1};
  uint32_t block = 32; ///< threads, 1 ... 1024.
  uint32_t dynamicSharedBytes = 0;
};

struct Program;

/// A gpu.func, decoded once for any number of runs. The function must outlive
/// it. Runs of one kernel may happen at the same time.
class Kernel {
public:
  /// Fails, with an error at the operation, for what is outside of the level.
  static mlir::FailureOr<Kernel> decode(mlir::gpu::GPUFuncOp function);

  /// Runs all blocks. Fails, with an error at the operation, for: an access
  /// outside of the region that its address was made from, or not aligned as
  /// the operation says; a write to a region that is not writable; a barrier
  /// that not all threads of the block reach, an operation of a warp that not
  /// all of its threads reach; a read of shared memory that nobody wrote; two
  /// threads of a block touching the same byte, one of them writing, without a
  /// barrier between, unless both add atomically; two blocks writing the same
  /// byte, or one reading what another writes; a division by zero, a shift by
  /// the width or more.
  mlir::LogicalResult run(const LaunchShape &shape,
                          llvm::ArrayRef<Region> arguments) const;

private:
  explicit Kernel(std::shared_ptr<const Program> program)
      : program_(std::move(program)) {}

  std::shared_ptr<const Program> program_;
};

/// Decodes and runs.
mlir::LogicalResult runKernel(mlir::gpu::GPUFuncOp function,
                              const LaunchShape &shape,
                              llvm::ArrayRef<Region> arguments);

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_INTERPRETER_H
