//===- CudaDeviceTest.cpp -------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Runs tiny_cuda_step.c on the GPU of tests/fake-cuda, whose memory the host
// cannot touch and whose work is done as late as the driver's rules allow.
//
//===----------------------------------------------------------------------===//

#include "TinyCuda.h"

#include "runtime/device/CudaDriver.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

using namespace gossamer;
using namespace gossamer::test;

namespace {

/// Drains a session and checks what comes out.
void run(const TinyCudaModel &model, Scheduler &scheduler, Session &session,
         std::span<const int32_t> tokens,
         DispatchObserver *observer = nullptr) {
  ASSERT_TRUE(session.append(tokens).isOk());
  auto logits = scheduler.drain(session, observer);
  ASSERT_TRUE(logits.isOk()) << logits.status().message();
  expectLogits(model, session, *logits);
}

TEST_F(CudaDevice, RunsPromptsAndDecoding) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  run(*model, *scheduler, session, sequence(1, 40));
  for (int32_t i = 0; i < 30; ++i)
    run(*model, *scheduler, session, sequence(i % 8, 1));
  EXPECT_EQ(count(fake.takeLog(), "not memory of the GPU"), 0U);
}

TEST_F(CudaDevice, LaunchesWhatTheTableSays) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  std::string log = fake.takeLog();
  // Machine code that the driver does not take gives way to PTX.
  EXPECT_EQ(count(log, "loaded cubin"), 0U);
  EXPECT_EQ(count(log, "loaded PTX"), 1U);
  EXPECT_EQ(count(log, "allow tiny_append_1_1 65536"), 1U);

  run(*model, *scheduler, session, sequence(1, 4));
  log = fake.takeLog();
  EXPECT_EQ(count(log, "launch tiny_append grid 4 1 1 block 32\n"), 1U);
  EXPECT_EQ(count(log, "launch tiny_attend grid 1 1 1 block 1024\n"), 1U);
  run(*model, *scheduler, session, sequence(1, 5));
  log = fake.takeLog();
  EXPECT_EQ(count(log, "launch tiny_append_1_0 grid 5 1 1 block 64\n"), 1U);
  EXPECT_EQ(count(log, "launch tiny_append_1_1 grid 4 3 1 block 128\n"), 1U);

  // Without outputs nothing is launched for their rows.
  ASSERT_TRUE(session.append(sequence(2, 2)).isOk());
  StepEntry entry{&session, LogitsOf::None};
  ASSERT_TRUE(scheduler->step({&entry, 1}).isOk());
  EXPECT_EQ(count(fake.takeLog(), "tiny_attend"), 0U);
}

TEST_F(CudaDevice, ReplaysStepsOfAKindThatCameBefore) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  // Keys, positions, tokens and pages change; T, R and addresses do not.
  for (int32_t i = 0; i < 40; ++i)
    run(*model, *scheduler, session, sequence(i % 8, 1));
  Session other = scheduler->newSession().take();
  for (int32_t i = 0; i < 20; ++i)
    run(*model, *scheduler, other, sequence(i % 5, 1));
  std::string log = fake.takeLog();
  EXPECT_EQ(count(log, "graph made"), 1U);
  EXPECT_EQ(count(log, "graph launched"), 59U);
  EXPECT_EQ(count(log, "graph dropped"), 0U);
}

TEST_F(CudaDevice, WithoutGraphsTheSame) {
  CudaDeviceOptions options;
  options.usesGraphs = false;
  auto model = std::make_shared<TinyCudaModel>(options);
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  for (int32_t i = 0; i < 20; ++i)
    run(*model, *scheduler, session, sequence(i % 8, 1 + i % 3));
  EXPECT_EQ(count(fake.takeLog(), "graph"), 0U);
}

TEST_F(CudaDevice, GrowingDropsGraphs) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  for (int32_t i = 0; i < 3; ++i)
    run(*model, *scheduler, session, sequence(i, 1));
  run(*model, *scheduler, session, sequence(1, 40));
  EXPECT_EQ(count(fake.takeLog(), "graph dropped"), 1U);
  for (int32_t i = 0; i < 3; ++i)
    run(*model, *scheduler, session, sequence(i, 1));
  EXPECT_EQ(count(fake.takeLog(), "graph made"), 1U);
}

TEST_F(CudaDevice, KindsThatComeOnceDropTheOldest) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  auto runKind = [&](size_t tokens) {
    Session session = scheduler->newSession().take();
    run(*model, *scheduler, session, sequence(1, tokens));
  };
  runKind(64); // Makes room for all others.
  for (size_t tokens = 1; tokens <= 17; ++tokens) {
    runKind(tokens);
    runKind(tokens);
  }
  std::string log = fake.takeLog();
  EXPECT_EQ(count(log, "graph made"), 17U);
  EXPECT_EQ(count(log, "graph dropped"), 1U);
}

TEST_F(CudaDevice, SeveralSequencesInOneStep) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  std::vector<Session> sessions;
  for (int32_t i = 0; i < 20; ++i) {
    sessions.push_back(scheduler->newSession().take());
    ASSERT_TRUE(sessions.back()
                    .append(sequence(i % 8, 1 + static_cast<size_t>(i) % 6))
                    .isOk());
  }
  for (int round = 0; round < 40; ++round) {
    std::vector<StepEntry> entries;
    for (Session &session : sessions)
      entries.push_back({&session, LogitsOf::LastToken});
    auto rows = scheduler->step(entries);
    ASSERT_TRUE(rows.isOk()) << rows.status().message();
    for (const LogitsRow &row : *rows) {
      expectLogits(*model, *row.session, row.values);
      ASSERT_TRUE(row.session->append(sequence(round % 8, 1)).isOk());
    }
  }
}

TEST_F(CudaDevice, ForksCopyPages) {
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  run(*model, *scheduler, session, sequence(1, 20));
  Session fork = session.fork().take();
  run(*model, *scheduler, fork, sequence(7, 3));
  run(*model, *scheduler, session, sequence(2, 3));
  // Pages that are used again begin empty.
  ASSERT_TRUE(fork.truncate(0).isOk());
  run(*model, *scheduler, fork, sequence(3, 30));
}

TEST_F(CudaDevice, ObserverSeesDispatchesWithTheirTimes) {
  struct Recorder : DispatchObserver {
    explicit Recorder(Device &device) : device(device) {}
    void dispatched(const DispatchEvent &event) override {
      sizes.push_back(event.launches.size());
      // What the fake says of every pair of events, as far as a clock can say.
      EXPECT_NEAR((event.end - event.begin).count(), 250'000, 10);
      int64_t keys = 0;
      if (event.launches.size() == 2) {
        EXPECT_TRUE(
            device.read(&keys, event.launches[1].bindings[0], sizeof(keys))
                .isOk());
        EXPECT_EQ(keys, event.dims.keys);
      }
    }
    Device &device;
    std::vector<size_t> sizes;
  };
  auto model = std::make_shared<TinyCudaModel>();
  auto scheduler = Scheduler::create(model).take();
  Session session = scheduler->newSession().take();
  for (int i = 0; i < 3; ++i) {
    Recorder recorder(model->device());
    run(*model, *scheduler, session, sequence(1, 6), &recorder);
    EXPECT_EQ(recorder.sizes, (std::vector<size_t>{2, 1}));
  }
  EXPECT_EQ(count(fake.takeLog(), "graph"), 0U);
}

TEST_F(CudaDevice, StepsRunConcurrently) {
  auto model = std::make_shared<TinyCudaModel>();
  auto runOften = [&] {
    auto scheduler = Scheduler::create(model).take();
    Session session = scheduler->newSession().take();
    for (int32_t i = 0; i < 40; ++i)
      run(*model, *scheduler, session, sequence(i % 8, 1 + i % 2));
  };
  std::thread other(runOften);
  runOften();
  other.join();
}

TEST_F(CudaDevice, ReportsFailingSteps) {
  TinyCudaModel model;
  Device &device = model.device();
  DeviceBuffer arena = device.allocate(64).take();
  std::vector<int32_t> zeros(128 * cudaMaxPages);
  std::vector<float> logits(cudaVocabulary);
  goss_cache_group cache{nullptr, zeros.data()};
  goss_step_args args{};
  args.dims = {99, 1, 1, 1};
  args.tokens = args.positions = args.sequences = args.outputs = zeros.data();
  args.logits = logits.data();
  args.arena = arena.data();
  args.caches = &cache;
  EXPECT_EQ(model.run(args).message(), "the compiled step returned code 42");
  args.dims.tokens = 98;
  EXPECT_EQ(model.run(args).message(),
            "the compiled step launches kernel 7 of 3");
}

TEST_F(CudaDevice, MemoryIsGivenBack) {
  size_t before = fake.usedMemory();
  {
    auto model = std::make_shared<TinyCudaModel>();
    auto scheduler = Scheduler::create(model).take();
    Session session = scheduler->newSession().take();
    run(*model, *scheduler, session, sequence(1, 90));
    EXPECT_GT(fake.usedMemory(), before);
  }
  EXPECT_EQ(fake.usedMemory(), before);
}

TEST_F(CudaDevice, WeightsLieAlignedAndUnchanged) {
  auto device = createCudaDevice().take();
  std::vector<std::byte> large((size_t{40} << 20) + 5);
  for (size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<std::byte>(i * 2654435761U >> 13);
  std::array<std::span<const std::byte>, 3> tensors = {
      std::span(large).first(7), std::span(large),
      std::span(large).subspan(1000, 300)};
  MappedTensors mapped = device->mapTensors(tensors).take();
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(mapped.addresses[i]) % 256, 0U);
    std::vector<std::byte> back(tensors[i].size());
    ASSERT_TRUE(
        device->read(back.data(), mapped.addresses[i], back.size()).isOk());
    EXPECT_TRUE(std::ranges::equal(back, tensors[i]));
  }
}

TEST_F(CudaDevice, TooLittleMemoryIsSaidBeforeItIsTaken) {
  auto device = createCudaDevice().take();
  fake.setMemory(10'000'000);
  std::vector<std::byte> large(6'000'000);
  std::array<std::span<const std::byte>, 2> tensors = {large, large};
  size_t before = fake.usedMemory();
  auto mapped = device->mapTensors(tensors);
  ASSERT_FALSE(mapped.isOk());
  EXPECT_EQ(mapped.status().message(),
            "cuda:0: weights: needs 13 MB of GPU memory but 10 of 10 MB are "
            "free");
  EXPECT_EQ(mapped.status().exitCode(), 71);
  EXPECT_EQ(fake.usedMemory(), before);
  EXPECT_EQ(device->allocate(size_t{1} << 40).status().code(),
            StatusCode::OutOfMemory);
}

TEST_F(CudaDevice, ReservedMemoryIsTakenWhenItIsUsed) {
  auto device = createCudaDevice().take();
  fake.setMemory(size_t{4} << 20);
  DeviceBuffer buffer = device->reserve(size_t{1} << 30).take();
  size_t before = fake.usedMemory();
  EXPECT_EQ(before, 0U);
  ASSERT_TRUE(device->commit(buffer, 100).isOk());
  EXPECT_LE(fake.usedMemory(), size_t{64} << 10);
  ASSERT_TRUE(device->commit(buffer, size_t{3} << 20).isOk());
  ASSERT_TRUE(device->commit(buffer, 50).isOk());
  Status status = device->commit(buffer, size_t{5} << 20);
  EXPECT_EQ(status.code(), StatusCode::OutOfMemory);
  EXPECT_TRUE(status.message().starts_with("cuda:0: KV cache: needs 3 MB"))
      << status.message();
  // What there was is still there.
  std::vector<uint8_t> bytes(size_t{3} << 20, 1);
  ASSERT_TRUE(device->read(bytes.data(), buffer.data(), bytes.size()).isOk());
  EXPECT_EQ(std::ranges::count(bytes, 0), int64_t{3} << 20);
  EXPECT_EQ(device->commit(buffer, size_t{2} << 30).code(),
            StatusCode::Internal);
}

TEST_F(CudaDevice, RefusesCodeThatIsNotForIt) {
  auto device = createCudaDevice().take();
  auto load = [&](std::string_view from, std::string_view to) {
    std::string code = readTinyCuda();
    size_t at = code.find(from);
    EXPECT_NE(at, code.npos);
    code.replace(at, from.size(), to);
    return device->load(describeCuda(code)).status();
  };
  std::string chip("sm_90\0", 6);
  Status status = load(chip, std::string("sm_99\0", 6));
  EXPECT_EQ(status.code(), StatusCode::Unavailable);
  EXPECT_EQ(status.message(), "code for sm_99 does not run on Fake GPU (sm_90):"
                              " compile with --chip=sm_90");
  EXPECT_EQ(load(chip, std::string("tpu_4\0", 6)).code(),
            StatusCode::InvalidData);
  EXPECT_EQ(load(".entry tiny_mark", ".entry tiny_bark").message(),
            "code section: the module has no function tiny_mark");
  EXPECT_EQ(load("7.8\n.target", "nonsense   ").message(),
            "code section: the driver refuses the PTX: ptxas fatal : nonsense "
            "in line 3");
}

TEST_F(CudaDevice, RefusesBrokenTables) {
  auto device = createCudaDevice().take();
  std::string code = readTinyCuda();
  ProgramDescription description = describeCuda(code);
  description.kernels.pop_back();
  EXPECT_EQ(device->load(description).status().message(),
            "code section: goss_cuda: expects code and 2 kernels, as the "
            "manifest says, but got 3 kernels");
  // The step of the CPU has no such table.
  std::ifstream file(GOSSAMER_TINY_STEP, std::ios::binary);
  std::string other{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(device->load(describeCuda(other)).status().message(),
            "code section: exports no symbol goss_cuda");
}

TEST_F(CudaDevice, NamesGpusThatAreNotThere) {
  CudaDeviceOptions options;
  options.ordinal = 3;
  auto device = createCudaDevice(options);
  ASSERT_FALSE(device.isOk());
  EXPECT_EQ(device.status().exitCode(), 69);
  EXPECT_EQ(device.status().message(),
            "cuda:3: no such GPU; this machine has cuda:0 only");
}

TEST(CudaDriver, KnowsWhatVersionsOfPtxNeed) {
  EXPECT_EQ(cuda::driverForPtx(78), 11080);
  EXPECT_EQ(cuda::driverForPtx(80), 12000);
  EXPECT_EQ(cuda::driverForPtx(86), 12070);
  EXPECT_EQ(cuda::driverForPtx(87), 12080);
  EXPECT_EQ(cuda::formatVersion(12080), "12.8");
}

} // namespace
