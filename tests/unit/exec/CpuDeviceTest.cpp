//===- CpuDeviceTest.cpp --------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Runs tiny_step.c, built as a shared object without sanitizers or libraries.
//
//===----------------------------------------------------------------------===//

#include "TinyStep.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <thread>

using namespace gossamer;
using gossamer::test::describe;
using gossamer::test::readTinyStep;
using gossamer::test::TinyStep;

namespace {

size_t threadsOfProcess() {
  std::filesystem::directory_iterator tasks("/proc/self/task"), end;
  return static_cast<size_t>(std::distance(tasks, end));
}

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

/// Keeps what each thread did, and checks the order in which it is told.
class WorkRecorder : public DispatchObserver {
public:
  void dispatched(const DispatchEvent &event) override {
    for (const goss_launch &launch : event.launches)
      items[launch.id] = launch.items;
    if (event.isWhole) {
      EXPECT_TRUE(notes);
      ASSERT_EQ(event.launches.size(), 1);
      const goss_launch &launch = event.launches.front();
      wholes.push_back({launch.id, launch.kernel, 0, 0, launch.items,
                        event.begin, event.end});
    }
    if (notes)
      return;
    // All that belongs to this dispatch is here, and nothing else.
    for (auto &worker : workers)
      for (size_t &i = worker.seen; i < worker.events.size(); ++i) {
        const WorkEvent &work = worker.events[i];
        EXPECT_TRUE(std::ranges::any_of(event.launches, [&](const auto &each) {
          return each.id == work.launch && each.kernel == work.kernel;
        }));
        EXPECT_LE(event.begin, work.begin);
        EXPECT_LE(work.end, event.end);
      }
  }
  bool wantsWork() const override { return wanted; }
  bool takesNotes() const override { return notes; }
  void worked(const WorkEvent &event) noexcept override {
    auto &events = workers.at(event.worker).events;
    EXPECT_LE(event.begin, event.end);
    if (!events.empty()) {
      EXPECT_LE(events.back().end, event.begin);
      // What a thread did without a pause comes as one piece.
      EXPECT_FALSE(workers[event.worker].seen < events.size() &&
                   events.back().launch == event.launch &&
                   events.back().endItem == event.beginItem);
    }
    events.push_back(event);
  }

  /// Whether the pieces of each launch are its items, each once.
  void checkItems() const {
    std::map<uint32_t, std::map<int64_t, int64_t>> pieces;
    auto add = [&](const WorkEvent &event) {
      EXPECT_TRUE(
          pieces[event.launch].emplace(event.beginItem, event.endItem).second);
    };
    std::ranges::for_each(wholes, add);
    for (const auto &worker : workers)
      std::ranges::for_each(worker.events, add);
    for (const auto &[launch, count] : items) {
      int64_t next = 0;
      for (const auto &[begin, end] : pieces[launch]) {
        EXPECT_EQ(begin, next) << "launch " << launch;
        EXPECT_LT(begin, end);
        next = end;
      }
      EXPECT_EQ(next, count) << "launch " << launch;
    }
  }

  struct Worker {
    std::vector<WorkEvent> events;
    size_t seen = 0;
  };
  bool wanted = true;
  bool notes = false;
  std::vector<WorkEvent> wholes; ///< of dispatches that were one piece.
  std::array<Worker, 8> workers;
  std::map<uint32_t, int64_t> items; ///< of each launch.
};

TEST(CpuDevice, RunsAStep) {
  for (unsigned threads : {1U, 2U, 4U}) {
    TinyStep step({threads});
    EXPECT_EQ(step.device->threadCount(), threads);
    ASSERT_TRUE(step.run().isOk());
    step.checkLogits();
  }
}

TEST(CpuDevice, RunsEveryItemOfADispatchOnce) {
  for (unsigned threads : {1U, 2U, 3U, 8U})
    for (uint64_t inlineNanoseconds :
         {uint64_t{0}, uint64_t{3000}, uint64_t{1} << 40}) {
      TinyStep step({threads, inlineNanoseconds}, TinyStep::counts16384);
      for (int32_t i = 1; i <= 20; ++i) {
        ASSERT_TRUE(step.run().isOk());
        step.checkCounts(i);
      }
    }
}

// Small dispatches, each of which reads all that the one before has written.
// With more threads than cores some are always late.
TEST(CpuDevice, DispatchesEndBeforeTheNext) {
  for (unsigned threads : {1U, 2U, 3U, 8U}) {
    TinyStep step({threads, 0}, TinyStep::shifts1000Times);
    for (int i = 0; i < 5; ++i) {
      step.fillShifted();
      ASSERT_TRUE(step.run().isOk());
      step.checkShifted();
    }
  }
}

TEST(CpuDevice, OneThreadStartsNone) {
  size_t before = threadsOfProcess();
  TinyStep step({1, 0}, TinyStep::counts16384);
  ASSERT_TRUE(step.run().isOk());
  EXPECT_EQ(threadsOfProcess(), before);
}

TEST(CpuDevice, ObserverSeesLaunchesInOrder) {
  for (unsigned threads : {1U, 2U, 8U}) {
    TinyStep step({threads, 0}, TinyStep::counts16384);
    Recorder recorder;
    ASSERT_TRUE(step.run(&recorder).isOk());
    EXPECT_EQ(recorder.ids,
              (std::vector<std::vector<uint32_t>>{{0}, {1}, {2, 3, 4, 5}}));
  }
}

// Divided among threads, and whole on the calling one.
TEST(CpuDevice, ObserverSeesTheWorkOfEachThread) {
  for (unsigned threads : {1U, 2U, 8U})
    for (uint64_t inlineNanoseconds : {uint64_t{0}, uint64_t{1} << 40}) {
      TinyStep step({threads, inlineNanoseconds}, TinyStep::counts16384);
      for (int i = 0; i < 20; ++i) {
        WorkRecorder recorder;
        ASSERT_TRUE(step.run(&recorder).isOk());
        EXPECT_EQ(recorder.items.size(), 6);
        recorder.checkItems();
        for (size_t worker = threads; worker < 8; ++worker)
          EXPECT_TRUE(recorder.workers[worker].events.empty());
      }
    }
}

// Who takes notes hears of a lone launch once, and of a thread's last piece
// when others go on already, but of all before the step returns.
TEST(CpuDevice, NotesAreCompleteAfterTheStep) {
  for (unsigned threads : {1U, 2U, 8U})
    for (uint64_t inlineNanoseconds : {uint64_t{0}, uint64_t{1} << 40}) {
      TinyStep step({threads, inlineNanoseconds}, TinyStep::counts16384);
      for (int i = 0; i < 200; ++i) {
        WorkRecorder recorder;
        recorder.notes = true;
        ASSERT_TRUE(step.run(&recorder).isOk());
        EXPECT_EQ(recorder.items.size(), 6);
        recorder.checkItems();
        if (threads == 1 || inlineNanoseconds != 0)
          EXPECT_EQ(recorder.wholes.size(), 2);
      }
    }
}

TEST(CpuDevice, WorkIsToldToThoseWhoWantIt) {
  TinyStep step({2, 0}, TinyStep::counts16384);
  WorkRecorder recorder;
  recorder.wanted = false;
  ASSERT_TRUE(step.run(&recorder).isOk());
  for (const auto &worker : recorder.workers)
    EXPECT_TRUE(worker.events.empty());
  EXPECT_EQ(recorder.items.size(), 6);
}

TEST(CpuDevice, ReportsFailingSteps) {
  for (unsigned threads : {1U, 2U}) {
    TinyStep step({threads, 0}, TinyStep::fails);
    Status status = step.run();
    EXPECT_EQ(status.code(), StatusCode::Internal);
    EXPECT_EQ(status.message(), "the compiled step returned code 42");
    step.args.dims.keys = TinyStep::launchesBadKernel;
    EXPECT_EQ(step.run().message(), "the compiled step returned code 70");
    step.args.dims.keys = TinyStep::counts16384;
    ASSERT_TRUE(step.run().isOk());
    step.checkCounts(1);
  }
}

TEST(CpuDevice, StepsRunConcurrently) {
  for (int64_t keys : {TinyStep::counts16384, TinyStep::shifts1000Times}) {
    TinyStep first({2, 0}, keys);
    TinyStep second(first.device, keys);
    second.program = first.program;
    auto runOften = [keys](TinyStep &step) {
      for (int32_t i = 1; i <= 50; ++i) {
        if (keys == TinyStep::shifts1000Times)
          step.fillShifted();
        EXPECT_TRUE(step.run().isOk());
        if (keys == TinyStep::shifts1000Times)
          step.checkShifted();
        else
          step.checkCounts(i);
        step.checkLogits();
      }
    };
    std::thread other([&] { runOften(second); });
    runOften(first);
    other.join();
  }
}

TEST(CpuDevice, DevicesComeAndGo) {
  for (unsigned i = 0; i < 50; ++i) {
    TinyStep step({2 + i % 3, 0}, TinyStep::counts16384);
    ASSERT_TRUE(step.run().isOk());
    step.checkCounts(1);
  }
}

// The dynamic loader recognises objects by path: two loaded at once, and one
// after another under the same descriptor number, must stay apart.
TEST(CpuDevice, LoadsSeveralPrograms) {
  TinyStep first({1});
  {
    TinyStep second({1});
    ASSERT_TRUE(second.run().isOk());
  }
  TinyStep third({1});
  ASSERT_TRUE(third.run().isOk());
  ASSERT_TRUE(first.run().isOk());
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
  for (size_t size : {size_t{1000}, size_t{5} << 20, (size_t{2} << 20) + 1}) {
    DeviceBuffer buffer = device->allocate(size).take();
    EXPECT_GE(buffer.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0U);
    for (size_t i = 0; i < size; ++i)
      ASSERT_EQ(buffer.data()[i], 0);
    buffer.data()[0] = buffer.data()[size - 1] = 1;
  }
  EXPECT_TRUE(device->allocate(0).isOk());
  for (size_t size : {size_t{1} << 62, SIZE_MAX}) {
    auto huge = device->allocate(size);
    ASSERT_FALSE(huge.isOk());
    EXPECT_EQ(huge.status().exitCode(), 71);
  }
}

// Large buffers can consist of huge pages from their first byte on.
TEST(CpuDevice, LargeMemoryBeginsAtHugePages) {
  std::shared_ptr<Device> device = createCpuDevice({1}).take();
  std::vector<DeviceBuffer> buffers;
  for (int i = 0; i < 4; ++i) {
    buffers.push_back(device->allocate((size_t{3} << 20) + 4096).take());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffers.back().data()) % (2U << 20),
              0U);
  }
}

TEST(CpuDevice, RefusesTooManyThreads) {
  auto device = createCpuDevice({5000});
  ASSERT_FALSE(device.isOk());
  EXPECT_EQ(device.status().message(),
            "threads: expects at most 1024 but got 5000");
}

} // namespace
