//===- Control.cpp - Loops, branches and barriers -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Execution.h"
#include "tests/gpu-interpreter/Handlers.h"

#include <algorithm>

namespace gossamer::cuda::testing {

template <typename T> static bool copy(Execution &x, const Instruction &i) {
  const T *from = x.plane<T>(i.operands[0]);
  T *to = x.plane<T>(i.result);
  const Frame &frame = x.top();
  if (frame.isDense()) {
    std::copy(from + frame.begin, from + frame.end, to + frame.begin);
    return true;
  }
  for (uint32_t t = frame.begin; t < frame.end; ++t)
    to[t] = frame.mask[t] ? from[t] : to[t];
  return true;
}

Handler copyHandler(uint32_t size) {
  switch (size) {
  case 1:
    return copy<uint8_t>;
  case 2:
    return copy<uint16_t>;
  case 4:
    return copy<uint32_t>;
  default:
    return copy<uint64_t>;
  }
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

bool beginLoop(Execution &x, const Instruction &i) {
  const auto *from = x.plane<int32_t>(i.operands[0]);
  const auto *step = x.plane<int32_t>(i.operands[2]);
  auto *counter = x.plane<int32_t>(i.result);
  bool isRight = forActive(x, [&](uint32_t t) {
    counter[t] = from[t];
    return step[t] > 0 || x.fail(i, t, "has a step that is not positive");
  });
  x.push();
  return isRight;
}

bool testLoop(Execution &x, const Instruction &i) {
  const auto *counter = x.plane<int32_t>(i.result);
  const auto *end = x.plane<int32_t>(i.operands[1]);
  Frame &frame = x.top();
  for (uint32_t t = frame.begin; t < frame.end; ++t)
    frame.mask[t] &= static_cast<uint8_t>(counter[t] < end[t]);
  frame.update();
  if (frame.active == 0) {
    x.pop();
    x.jump(i.target);
  }
  return true;
}

bool nextLoop(Execution &x, const Instruction &i) {
  const auto *step = x.plane<uint32_t>(i.operands[2]);
  auto *counter = x.plane<uint32_t>(i.result);
  x.jump(i.target);
  return forActive(x, [&](uint32_t t) {
    uint32_t next = counter[t] + step[t];
    bool isRight =
        static_cast<int32_t>(next) >= static_cast<int32_t>(counter[t]);
    counter[t] = next;
    return isRight || x.fail(i, t, "has a counter that overflows");
  });
}

//===----------------------------------------------------------------------===//
// Branches
//===----------------------------------------------------------------------===//

/// Enters a branch for the threads whose condition is `wanted`.
static void enterBranch(Execution &x, const Instruction &i, uint8_t wanted) {
  const auto *condition = x.plane<uint8_t>(i.operands[0]);
  const Frame &outer = x.below();
  Frame &frame = x.top();
  frame.begin = outer.begin;
  frame.end = outer.end;
  for (uint32_t t = frame.begin; t < frame.end; ++t)
    frame.mask[t] =
        outer.mask[t] & static_cast<uint8_t>(condition[t] == wanted);
  frame.update();
  if (frame.active == 0)
    x.jump(i.target);
}

bool beginIf(Execution &x, const Instruction &i) {
  x.push();
  enterBranch(x, i, 1);
  return true;
}

bool elseIf(Execution &x, const Instruction &i) {
  enterBranch(x, i, 0);
  return true;
}

bool endIf(Execution &x, const Instruction &) {
  x.pop();
  return true;
}

//===----------------------------------------------------------------------===//
// The block
//===----------------------------------------------------------------------===//

bool blockId(Execution &x, const Instruction &i) {
  std::fill_n(x.plane<uint64_t>(i.result), x.numThreads(),
              uint64_t{x.blockId(i.number)});
  return true;
}

bool barrier(Execution &x, const Instruction &i) {
  const Frame &frame = x.top();
  for (uint32_t t = 0; t < x.numThreads(); ++t)
    if (t < frame.begin || t >= frame.end || !frame.mask[t])
      return x.fail(i, t, "is not reached by all threads");
  x.memory().barrier();
  return true;
}

} // namespace gossamer::cuda::testing
