//===- Warp.cpp - Operations of the threads of a warp ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Fragments of matrices are divided among lanes as in the PTX ISA, "Matrix
// Fragments for mma.m16n8k16 with floating point type" and "ldmatrix".
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Execution.h"
#include "tests/gpu-interpreter/Handlers.h"

#include "runtime/weights/FloatTypes.h"

#include <cmath>
#include <cstring>

namespace gossamer::cuda::testing {

/// Calls `body(first thread)` for the warps whose threads are active until it
/// is false. The warps must be whole.
template <typename Body>
static bool forActiveWarps(const Execution &x, Body body) {
  const Frame &frame = x.top();
  for (uint32_t t = frame.begin; t < frame.end; t += kWarpSize)
    if (frame.mask[t] && !body(t))
      return false;
  return true;
}

/// `source(lane, operand)` is the lane that a lane gets its number from.
template <typename Source>
static bool shuffle(Execution &x, const Instruction &i, Source source) {
  if (!x.expectWholeWarps(i))
    return false;
  const auto *from = x.plane<uint32_t>(i.operands[0]);
  const auto *operand = x.plane<uint32_t>(i.operands[1]);
  auto *to = x.plane<uint32_t>(i.result);
  return forActiveWarps(x, [&](uint32_t first) {
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      uint32_t other = source(lane, operand[first + lane]);
      if (other >= kWarpSize)
        return x.fail(i, first + lane, "takes from a lane that is not there");
      to[first + lane] = from[first + other];
    }
    return true;
  });
}

bool shuffleXor(Execution &x, const Instruction &i) {
  return shuffle(x, i,
                 [](uint32_t lane, uint32_t mask) { return lane ^ mask; });
}

bool shuffleIdx(Execution &x, const Instruction &i) {
  return shuffle(x, i, [](uint32_t, uint32_t index) { return index; });
}

//===----------------------------------------------------------------------===//
// Matrices
//===----------------------------------------------------------------------===//

static constexpr uint32_t kM = 16, kN = 8, kK = 16;

namespace {

/// The matrices of one warp.
struct Matrices {
  float a[kM][kK];
  float b[kK][kN];
  float c[kM][kN];

  void multiply() {
    for (uint32_t m = 0; m < kM; ++m)
      for (uint32_t k = 0; k < kK; ++k)
        for (uint32_t n = 0; n < kN; ++n)
          c[m][n] += a[m][k] * b[k][n];
  }
};

} // namespace

static float half(uint32_t pair, uint32_t which) {
  return bf16ToF32(static_cast<uint16_t>(pair >> (16 * which)));
}

bool multiplyMatrices(Execution &x, const Instruction &i) {
  if (!x.expectWholeWarps(i))
    return false;
  const uint32_t *list = x.list(i);
  const uint32_t *d = list, *a = list + 4, *b = list + 8, *c = list + 10;
  return forActiveWarps(x, [&](uint32_t first) {
    Matrices matrices;
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      uint32_t group = lane / 4, pair = lane % 4 * 2, t = first + lane;
      for (uint32_t r = 0; r < 4; ++r)
        for (uint32_t h = 0; h < 2; ++h)
          matrices.a[group + r % 2 * 8][pair + r / 2 * 8 + h] =
              half(x.plane<uint32_t>(a[r])[t], h);
      for (uint32_t r = 0; r < 2; ++r)
        for (uint32_t h = 0; h < 2; ++h)
          matrices.b[pair + r * 8 + h][group] =
              half(x.plane<uint32_t>(b[r])[t], h);
      for (uint32_t r = 0; r < 4; ++r)
        matrices.c[group + r / 2 * 8][pair + r % 2] = x.plane<float>(c[r])[t];
    }
    matrices.multiply();
    for (uint32_t t = first; t < first + kWarpSize; ++t)
      for (uint32_t r = 0; r < 4; ++r)
        x.plane<float>(d[r])[t] =
            matrices.c[(t - first) / 4 + r / 2 * 8][t % 4 * 2 + r % 2];
    return true;
  });
}

bool loadMatrices(Execution &x, const Instruction &i) {
  constexpr uint32_t kRows = 8, kRowBytes = 16;
  if (!x.expectWholeWarps(i))
    return false;
  const auto *offsets = x.plane<uint64_t>(i.operands[0]);
  const auto *regions = x.plane<uint32_t>(i.operands[1]);
  return forActiveWarps(x, [&](uint32_t first) {
    for (uint32_t matrix = 0; matrix < i.count; ++matrix) {
      uint16_t elements[kRows][kRows];
      // Lane 8m + r has the address of row r of matrix m.
      for (uint32_t row = 0; row < kRows; ++row) {
        uint32_t t = first + matrix * kRows + row;
        const std::byte *at =
            x.read(i, t, regions[t], offsets[t], kRowBytes, kRowBytes);
        if (!at)
          return false;
        std::memcpy(elements[row], at, kRowBytes);
      }
      auto *to = x.plane<uint32_t>(x.list(i)[matrix]) + first;
      for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
        uint32_t row = lane / 4, column = lane % 4 * 2;
        uint32_t low = elements[row][column], high = elements[row][column + 1];
        if (i.number) {
          low = elements[column][row];
          high = elements[column + 1][row];
        }
        to[lane] = low | high << 16;
      }
    }
    return true;
  });
}

} // namespace gossamer::cuda::testing
