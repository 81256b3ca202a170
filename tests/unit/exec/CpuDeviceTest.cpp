//===- CpuDeviceTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Runs tiny_step.c, built as a shared object without sanitizers or libraries.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CpuDevice.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

using namespace gossamer;

namespace {

std::vector<char> readTinyStep() {
  std::ifstream file(GOSSAMER_TINY_STEP, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

ProgramDescription describe(const std::vector<char> &code) {
  ProgramDescription description;
  description.code = std::as_bytes(std::span(code));
  description.kernels = {
      {"tiny_gather", 8, 2}, {"tiny_logits", 32, 8}, {"tiny_count", 4096, 1}};
  return description;
}

/// A device with the tiny program and the memory of one step.
struct Fixture {
  static constexpr int64_t tokens = 4;

  explicit Fixture(CpuDeviceOptions options = {})
      : device(createCpuDevice(options).take()),
        program(device->load(describe(readTinyStep())).take()),
        arena(device->allocate(4096).take()) {
    args.dims = {tokens, 2, 40, 1};
    args.tokens = tokenIds.data();
    args.positions = positions.data();
    args.sequences = sequences.data();
    args.outputs = outputs.data();
    args.logits = logits.data();
    args.arena = arena.data();
    args.parameters = parameters.data();
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

class Recorder : public DispatchObserver {
public:
  void dispatched(const DispatchEvent &event) override {
    ids.emplace_back();
    for (const goss_launch &launch : event.launches)
      ids.back().push_back(launch.id);
    EXPECT_EQ(event.dims.tokens, 4);
    EXPECT_LE(event.begin, event.end);
  }
  std::vector<std::vector<uint32_t>> ids;
};

TEST(CpuDevice, RunsAStep) {
  for (unsigned threads : {1U, 2U, 4U}) {
    Fixture fixture({threads});
    EXPECT_EQ(fixture.device->threadCount(), threads);
    ASSERT_TRUE(fixture.program->run(fixture.args).isOk());
    fixture.checkLogits();
  }
}

TEST(CpuDevice, RunsEveryItemOfADispatchOnce) {
  for (unsigned threads : {1U, 2U, 3U})
    for (uint64_t inlineNanoseconds : {uint64_t{0}, uint64_t{1} << 40}) {
      Fixture fixture({threads, inlineNanoseconds});
      fixture.args.dims.keys = 1000003;
      ASSERT_TRUE(fixture.program->run(fixture.args).isOk());
      EXPECT_EQ(
          std::multiset<int32_t>(fixture.counts.begin(), fixture.counts.end())
              .count(1),
          fixture.counts.size());
    }
}

TEST(CpuDevice, ObserverSeesLaunchesInOrder) {
  Fixture fixture({2});
  fixture.args.dims.keys = 1000003;
  Recorder recorder;
  ASSERT_TRUE(fixture.program->run(fixture.args, &recorder).isOk());
  EXPECT_EQ(recorder.ids,
            (std::vector<std::vector<uint32_t>>{{0}, {1}, {2, 3, 4, 5}}));
}

TEST(CpuDevice, ReportsFailingSteps) {
  Fixture fixture({1});
  fixture.args.dims.keys = 1000001;
  Status status = fixture.program->run(fixture.args);
  EXPECT_EQ(status.code(), StatusCode::Internal);
  EXPECT_EQ(status.message(), "the compiled step returned code 42");
  fixture.args.dims.keys = 1000002; // launches a kernel that does not exist.
  EXPECT_EQ(fixture.program->run(fixture.args).message(),
            "the compiled step returned code 70");
}

TEST(CpuDevice, StepsRunConcurrently) {
  Fixture first({2, 0});
  Fixture second({2, 0});
  second.program = first.program;
  for (Fixture *fixture : {&first, &second})
    fixture->args.dims.keys = 1000003;
  std::thread other([&] {
    for (int i = 0; i < 50; ++i)
      EXPECT_TRUE(second.program->run(second.args).isOk());
  });
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(first.program->run(first.args).isOk());
  other.join();
  for (Fixture *fixture : {&first, &second}) {
    fixture->checkLogits();
    for (int32_t count : fixture->counts)
      ASSERT_EQ(count, 50);
  }
}

// The dynamic loader recognises objects by path: two loaded at once, and one
// after another under the same descriptor number, must stay apart.
TEST(CpuDevice, LoadsSeveralPrograms) {
  Fixture first({1});
  {
    Fixture second({1});
    ASSERT_TRUE(second.program->run(second.args).isOk());
  }
  Fixture third({1});
  ASSERT_TRUE(third.program->run(third.args).isOk());
  ASSERT_TRUE(first.program->run(first.args).isOk());
  first.checkLogits();
  third.checkLogits();
}

TEST(CpuDevice, RefusesCodeForOtherProcessors) {
  std::vector<char> code = readTinyStep();
  ProgramDescription description = describe(code);
  description.requiredFeatures = {"flux-capacitor"};
  auto loaded = createCpuDevice({1}).take()->load(description);
  ASSERT_FALSE(loaded.isOk());
  EXPECT_EQ(loaded.status().exitCode(), 69);
}

TEST(CpuDevice, RefusesBrokenCode) {
  std::vector<char> code = readTinyStep();
  std::shared_ptr<Device> device = createCpuDevice({1}).take();

  ProgramDescription missing = describe(code);
  missing.kernels.push_back({"tiny_absent", 0, 0});
  auto loaded = device->load(missing);
  ASSERT_FALSE(loaded.isOk());
  EXPECT_EQ(loaded.status().code(), StatusCode::InvalidData);
  EXPECT_EQ(loaded.status().message(),
            "code section: exports no symbol tiny_absent, which the manifest "
            "names");

  std::vector<char> text(1000, 'x');
  for (const std::vector<char> &bytes : {text, std::vector<char>()}) {
    loaded = device->load(describe(bytes));
    ASSERT_FALSE(loaded.isOk());
    EXPECT_EQ(loaded.status().code(), StatusCode::InvalidData);
    EXPECT_TRUE(loaded.status().message().starts_with(
        "code section: cannot be loaded: "));
  }
}

TEST(CpuDevice, MemoryIsZeroedAlignedAndLimited) {
  std::shared_ptr<Device> device = createCpuDevice({1}).take();
  DeviceBuffer buffer = device->allocate(1000).take();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0U);
  for (size_t i = 0; i < 1000; ++i)
    ASSERT_EQ(buffer.data()[i], 0);
  EXPECT_TRUE(device->allocate(0).isOk());
  auto huge = device->allocate(size_t{1} << 62);
  ASSERT_FALSE(huge.isOk());
  EXPECT_EQ(huge.status().exitCode(), 71);
}

TEST(CpuDevice, RefusesTooManyThreads) {
  auto device = createCpuDevice({5000});
  ASSERT_FALSE(device.isOk());
  EXPECT_EQ(device.status().message(),
            "threads: expects at most 1024 but got 5000");
}

} // namespace
