//===- TinyStep.h - A device with the program of tiny_step.c ----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_EXEC_TINYSTEP_H
#define GOSSAMER_TESTS_UNIT_EXEC_TINYSTEP_H

#include "runtime/device/CpuDevice.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

namespace gossamer::test {

inline std::vector<char> readTinyStep() {
  std::ifstream file(GOSSAMER_TINY_STEP, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ProgramDescription describe(const std::vector<char> &code) {
  ProgramDescription description;
  description.code = std::as_bytes(std::span(code));
  description.kernels = {{"tiny_gather", 8, 2},
                         {"tiny_logits", 32, 8},
                         {"tiny_count", 4096, 1},
                         {"tiny_shift", 8, 1}};
  return description;
}

/// A device with the tiny program and the memory of one step.
struct TinyStep {
  static constexpr int64_t tokens = 4;
  // Values of dims.keys that make the step do more.
  static constexpr int64_t fails = 1000001;
  static constexpr int64_t launchesBadKernel = 1000002;
  static constexpr int64_t counts16384 = 1000003;
  static constexpr int64_t shifts1000Times = 1000004;

  explicit TinyStep(CpuDeviceOptions options = {}, int64_t keys = 40)
      : TinyStep(createCpuDevice(options).take(), keys) {}
  TinyStep(std::shared_ptr<Device> onDevice, int64_t keys)
      : device(std::move(onDevice)),
        program(device->load(describe(readTinyStep())).take()),
        arena(device->allocate(4096).take()) {
    args.dims = {tokens, 2, keys, 1};
    args.tokens = tokenIds.data();
    args.positions = positions.data();
    args.sequences = sequences.data();
    args.outputs = outputs.data();
    args.logits = logits.data();
    args.arena = arena.data();
    args.parameters = parameters.data();
  }

  Status run(DispatchObserver *observer = nullptr) {
    return program->run(args, observer);
  }

  void checkLogits() const {
    for (size_t r = 0; r < 2; ++r)
      for (size_t v = 0; v < 8; ++v) {
        auto i = static_cast<size_t>(outputs[r]);
        EXPECT_EQ(logits[r * 8 + v],
                  static_cast<float>(tokenIds[i] + 10 * positions[i]) +
                      static_cast<float>(v));
      }
  }

  /// Whether every item was counted `times` times.
  void checkCounts(int32_t times) const {
    for (int32_t count : counts)
      ASSERT_EQ(count, times);
  }

  void fillShifted() {
    for (int32_t i = 0; i < 100; ++i)
      counts[static_cast<size_t>(i)] = i;
  }
  /// After one step that began with fillShifted.
  void checkShifted() const {
    for (int32_t i = 0; i < 100; ++i)
      ASSERT_EQ(counts[static_cast<size_t>(i)], (i + 1000) % 100 + 1000);
  }

  std::shared_ptr<Device> device;
  std::shared_ptr<const Program> program;
  DeviceBuffer arena;
  std::array<int32_t, tokens> tokenIds{5, 6, 7, 1};
  std::array<int32_t, tokens> positions{0, 1, 2, 39};
  std::array<int32_t, tokens> sequences{};
  std::array<int32_t, 2> outputs{3, 1};
  std::array<float, 16> logits{};
  std::vector<int32_t> counts = std::vector<int32_t>(16384);
  std::array<const void *, 1> parameters{counts.data()};
  goss_step_args args{};
};

} // namespace gossamer::test

#endif // GOSSAMER_TESTS_UNIT_EXEC_TINYSTEP_H
