//===- Execution.cpp - The threads of a block -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Execution.h"

#include <algorithm>
#include <cstring>
#include <numeric>

using namespace mlir;

namespace gossamer::cuda::testing {

void Frame::update() {
  active = 0;
  for (uint32_t t = begin; t < end; ++t)
    active += mask[t];
  while (begin < end && !mask[begin])
    ++begin;
  while (begin < end && !mask[end - 1])
    --end;
}

Execution::Execution(const Program &program, const LaunchShape &shape,
                     llvm::ArrayRef<Region> arguments)
    : program_(program), shape_(shape), memory_(program, shape, arguments) {
  size_t block = shape.block;
  // Not zeroed: each element is computed before it is used.
  storage_ = std::make_unique_for_overwrite<std::byte[]>(
      program.bytesPerThread * block);
  for (const Plane &plane : program.planes)
    planes_.push_back(storage_.get() + plane.offset * block);
  for (const Constant &constant : program.constants)
    fillPlane(constant.plane, constant.bits);
  for (uint32_t number : program.threadIds)
    std::iota(plane<uint64_t>(number), plane<uint64_t>(number) + block, 0);
  masks_.resize(program.depth * block);
  frames_.resize(program.depth);
  for (uint32_t i = 0; i < program.depth; ++i)
    frames_[i].mask = masks_.data() + i * block;
  frames_[0].begin = 0;
  frames_[0].end = frames_[0].active = shape.block;
  std::fill_n(frames_[0].mask, block, 1);
}

void Execution::fillPlane(uint32_t number, uint64_t bits) {
  uint32_t size = program_.planes[number].size;
  for (uint32_t t = 0; t < shape_.block; ++t)
    std::memcpy(planes_[number] + size_t{t} * size, &bits, size);
}

bool Execution::runBlock(uint32_t x, uint32_t y, uint32_t z) {
  block_ = {x, y, z};
  depth_ = 0;
  memory_.startBlock();
  auto end = static_cast<uint32_t>(program_.code.size());
  for (uint32_t at = 0; at < end; at = next_) {
    const Instruction &instruction = program_.code[at];
    next_ = at + 1;
    if (!instruction.handler(*this, instruction))
      return false;
  }
  return true;
}

void Execution::push() {
  const Frame &from = frames_[depth_];
  Frame &to = frames_[++depth_];
  to.begin = from.begin;
  to.end = from.end;
  to.active = from.active;
  std::copy(from.mask + from.begin, from.mask + from.end, to.mask + from.begin);
}

bool Execution::fail(const Instruction &instruction, uint32_t thread,
                     const llvm::Twine &message) const {
  instruction.op->emitOpError()
      << message.str() << " (block " << block_[0] << ", " << block_[1] << ", "
      << block_[2] << ", thread " << thread << ")";
  return false;
}

bool Execution::expectWholeWarps(const Instruction &instruction) {
  const Frame &frame = top();
  if (frame.active == numThreads() && numThreads() % kWarpSize == 0)
    return true;
  for (uint32_t t = frame.begin; t < frame.end; ++t) {
    if (!frame.mask[t])
      continue;
    uint32_t first = t / kWarpSize * kWarpSize, last = first + kWarpSize;
    for (uint32_t other = first; other < last; ++other)
      if (other < frame.begin || other >= frame.end || !frame.mask[other])
        return fail(instruction, t,
                    "is not reached by thread " + llvm::Twine(other) +
                        " of the same warp");
    t = last - 1;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Kernel
//===----------------------------------------------------------------------===//

static LogicalResult checkLaunch(const Program &program,
                                 const LaunchShape &shape,
                                 llvm::ArrayRef<Region> arguments) {
  gpu::GPUFuncOp function = program.function;
  if (arguments.size() != program.numArguments)
    return function.emitOpError("expects ")
           << program.numArguments << " arguments, found " << arguments.size();
  if (shape.block == 0 || shape.block > 1024)
    return function.emitOpError("expects a block of 1 to 1024 threads, found ")
           << shape.block;
  if (program.knownBlock != 0 && program.knownBlock != shape.block)
    return function.emitOpError("expects a block of ")
           << program.knownBlock << " threads, found " << shape.block;
  return success();
}

LogicalResult Kernel::run(const LaunchShape &shape,
                          llvm::ArrayRef<Region> arguments) const {
  if (failed(checkLaunch(*program_, shape, arguments)))
    return failure();
  Execution execution(*program_, shape, arguments);
  for (uint32_t z = 0; z < shape.grid[2]; ++z)
    for (uint32_t y = 0; y < shape.grid[1]; ++y)
      for (uint32_t x = 0; x < shape.grid[0]; ++x)
        if (!execution.runBlock(x, y, z))
          return failure();
  return success();
}

LogicalResult runKernel(gpu::GPUFuncOp function, const LaunchShape &shape,
                        llvm::ArrayRef<Region> arguments) {
  FailureOr<Kernel> kernel = Kernel::decode(function);
  return failed(kernel) ? failure() : kernel->run(shape, arguments);
}

} // namespace gossamer::cuda::testing
