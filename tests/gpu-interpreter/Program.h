//===- Program.h - A device function in flat form ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What the decoder makes of a gpu.func: a list of instructions with jumps. An
// instruction is executed for all threads of a block at once.
//
// A value is a list of *planes*, each an array with an element a thread: one
// for a scalar, one an element for a vector or struct, two for an address (its
// offset in a region, and the number of the region). Taking vectors apart or
// making them is only a matter of lists.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_GPU_INTERPRETER_PROGRAM_H
#define GOSSAMER_TESTS_GPU_INTERPRETER_PROGRAM_H

#include "tests/gpu-interpreter/Interpreter.h"

#include <string>
#include <vector>

namespace gossamer::cuda::testing {

class Execution;
struct Instruction;

/// Executes an instruction; false after an error, which it has emitted.
using Handler = bool (*)(Execution &, const Instruction &);

struct Instruction {
  Handler handler = nullptr;
  mlir::Operation *op = nullptr;
  uint32_t target = 0; ///< instruction to go on at.
  uint32_t result = 0; ///< plane.
  std::array<uint32_t, 3> operands{};
  /// More planes: a range of Program::lists.
  uint32_t list = 0, count = 0;
  /// A number that the handler knows the meaning of.
  int64_t number = 0;
};

struct Plane {
  size_t offset; ///< in bytes a thread.
  uint32_t size; ///< of an element: 1, 2, 4 or 8.
};

/// A plane that is the same in all threads and never written.
struct Constant {
  uint32_t plane;
  uint64_t bits;
};

/// Memory of an llvm.mlir.global.
struct GlobalMemory {
  std::string name;
  size_t size = 0;
  bool isShared = false;
  bool isDynamic = false;      ///< as large as the launch says.
  std::vector<std::byte> data; ///< of a table.
  /// Bytes that are always touched together: a power of two.
  uint32_t granule = 16;
};

struct Program {
  mlir::gpu::GPUFuncOp function;
  uint32_t knownBlock = 0; ///< 0: any.
  std::vector<Instruction> code;
  std::vector<uint32_t> lists;
  std::vector<Plane> planes;
  size_t bytesPerThread = 0;
  std::vector<Constant> constants;
  std::vector<uint32_t> threadIds; ///< planes.
  uint32_t depth = 1;              ///< of nested masks.
  /// Regions: the arguments, then these.
  uint32_t numArguments = 0;
  std::vector<uint32_t> argumentGranules;
  std::vector<GlobalMemory> globals;
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_GPU_INTERPRETER_PROGRAM_H
