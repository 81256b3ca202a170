//===- MemoryAccess.cpp - Loads, stores and addresses ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/gpu-interpreter/Execution.h"
#include "tests/gpu-interpreter/Handlers.h"

#include <cassert>
#include <cstring>

namespace gossamer::cuda::testing {

/// Elements of a vector that one operation moves, at most.
static constexpr size_t kMaxElements = 16;

template <typename T> static bool move(Execution &x, const Instruction &i) {
  const auto *from = x.plane<uint64_t>(i.operands[0]);
  const T *index = x.plane<T>(i.operands[1]);
  auto *to = x.plane<uint64_t>(i.result);
  auto stride = static_cast<uint64_t>(i.number);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    to[t] = from[t] + static_cast<uint64_t>(int64_t{index[t]}) * stride;
  return true;
}

Handler moveHandler(uint32_t size) {
  return size == 8 ? move<int64_t> : size == 4 ? move<int32_t> : nullptr;
}

template <typename T> static bool load(Execution &x, const Instruction &i) {
  const auto *offsets = x.plane<uint64_t>(i.operands[0]);
  const auto *regions = x.plane<uint32_t>(i.operands[1]);
  auto alignment = static_cast<size_t>(i.number);
  std::array<T *, kMaxElements> to;
  for (uint32_t e = 0; e < i.count; ++e)
    to[e] = x.plane<T>(x.list(i)[e]);
  return forActive(x, [&](uint32_t t) {
    const std::byte *at =
        x.read(i, t, regions[t], offsets[t], i.count * sizeof(T), alignment);
    if (!at)
      return false;
    for (uint32_t e = 0; e < i.count; ++e)
      std::memcpy(to[e] + t, at + e * sizeof(T), sizeof(T));
    return true;
  });
}

template <typename T> static bool store(Execution &x, const Instruction &i) {
  const auto *offsets = x.plane<uint64_t>(i.operands[0]);
  const auto *regions = x.plane<uint32_t>(i.operands[1]);
  auto alignment = static_cast<size_t>(i.number);
  std::array<const T *, kMaxElements> from;
  for (uint32_t e = 0; e < i.count; ++e)
    from[e] = x.plane<T>(x.list(i)[e]);
  return forActive(x, [&](uint32_t t) {
    std::byte *at =
        x.write(i, t, regions[t], offsets[t], i.count * sizeof(T), alignment);
    if (!at)
      return false;
    for (uint32_t e = 0; e < i.count; ++e)
      std::memcpy(at + e * sizeof(T), from[e] + t, sizeof(T));
    return true;
  });
}

Handler loadHandler(uint32_t size) {
  switch (size) {
  case 1:
    return load<uint8_t>;
  case 2:
    return load<uint16_t>;
  case 4:
    return load<uint32_t>;
  default:
    return load<uint64_t>;
  }
}

Handler storeHandler(uint32_t size) {
  switch (size) {
  case 1:
    return store<uint8_t>;
  case 2:
    return store<uint16_t>;
  case 4:
    return store<uint32_t>;
  default:
    return store<uint64_t>;
  }
}

bool addAtomically(Execution &x, const Instruction &i) {
  const auto *offsets = x.plane<uint64_t>(i.operands[0]);
  const auto *regions = x.plane<uint32_t>(i.operands[1]);
  const auto *values = x.plane<uint32_t>(i.operands[2]);
  auto *results = x.plane<uint32_t>(i.result);
  return forActive(x, [&](uint32_t t) {
    std::byte *at = x.add(i, t, regions[t], offsets[t], sizeof(uint32_t));
    if (!at)
      return false;
    uint32_t value = values[t];
    std::memcpy(results + t, at, sizeof(uint32_t));
    value += results[t];
    std::memcpy(at, &value, sizeof(uint32_t));
    return true;
  });
}

//===----------------------------------------------------------------------===//
// Elements of another size
//===----------------------------------------------------------------------===//

template <typename From, typename To>
static bool narrow(Execution &x, const Instruction &i) {
  const From *from = x.plane<From>(i.operands[0]);
  To *to = x.plane<To>(i.result);
  for (uint32_t t = x.top().begin, end = x.top().end; t < end; ++t)
    to[t] = static_cast<To>(from[t] >> i.number);
  return true;
}

template <typename From, typename To>
static bool widen(Execution &x, const Instruction &i) {
  To *to = x.plane<To>(i.result);
  uint32_t begin = x.top().begin, end = x.top().end;
  std::fill(to + begin, to + end, To{0});
  for (uint32_t e = 0; e < i.count; ++e) {
    const From *from = x.plane<From>(x.list(i)[e]);
    for (uint32_t t = begin; t < end; ++t)
      to[t] |= static_cast<To>(To{from[t]} << (e * sizeof(From) * 8));
  }
  return true;
}

Handler narrowHandler(uint32_t from, uint32_t to) {
  switch (from * 10 + to) {
  case 21:
    return narrow<uint16_t, uint8_t>;
  case 41:
    return narrow<uint32_t, uint8_t>;
  case 42:
    return narrow<uint32_t, uint16_t>;
  case 81:
    return narrow<uint64_t, uint8_t>;
  case 82:
    return narrow<uint64_t, uint16_t>;
  default:
    return narrow<uint64_t, uint32_t>;
  }
}

Handler widenHandler(uint32_t from, uint32_t to) {
  switch (from * 10 + to) {
  case 12:
    return widen<uint8_t, uint16_t>;
  case 14:
    return widen<uint8_t, uint32_t>;
  case 18:
    return widen<uint8_t, uint64_t>;
  case 24:
    return widen<uint16_t, uint32_t>;
  case 28:
    return widen<uint16_t, uint64_t>;
  default:
    return widen<uint32_t, uint64_t>;
  }
}

} // namespace gossamer::cuda::testing
