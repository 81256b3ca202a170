//===- KernelProfileTest.cpp - Accounting of goss bench -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/KernelProfile.h"
#include "tools/goss/MachineLoops.h"
#include "tools/goss/ProcessMemory.h"
#include "tools/goss/Roofline.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

using Seconds = std::chrono::duration<double>;

/// A manifest of 4 experts (2 a token), 4 heads of 8, 2 key/value heads, and
/// the launches that a test adds.
class Sample {
public:
  Sample() {
    manifest.set_math_mode("exact");
    proto::ModelConfig &config = *manifest.mutable_config();
    config.set_num_experts(4);
    config.set_experts_per_token(2);
    config.set_num_heads(4);
    config.set_num_kv_heads(2);
    config.set_head_dim(8);
    manifest.mutable_cache()->set_page_tokens(16);
    addGroup(/*window=*/0, /*layers=*/1, 16 * 96);
    addGroup(/*window=*/10, /*layers=*/2, 2 * 16 * 96);
  }

  void addGroup(uint32_t window, uint32_t layers, uint64_t pageBytes) {
    proto::CacheGroup &group = *manifest.mutable_cache()->add_groups();
    group.set_window(window);
    group.set_page_bytes(pageBytes);
    for (uint32_t layer = 0; layer < layers; ++layer)
      group.add_layers(layer);
  }

  /// Adds a kernel with a launch; bindings are added by the calls that follow.
  Sample &launch(const char *operation, const char *kind, uint64_t bytesPerItem,
                 uint64_t flopsPerItem) {
    proto::Kernel &kernel = *manifest.add_kernels();
    kernel.set_operation(operation);
    kernel.set_kind(kind);
    kernel.set_bytes_per_item(bytesPerItem);
    kernel.set_flops_per_item(flopsPerItem);
    manifest.add_launches()->set_kernel(
        static_cast<uint32_t>(manifest.kernels_size()) - 1);
    pointers.emplace_back();
    return *this;
  }

  Sample &bind(proto::Binding::Role role, const void *pointer = nullptr,
               uint32_t index = 0) {
    proto::Binding &binding =
        *manifest.mutable_launches(manifest.launches_size() - 1)
             ->add_bindings();
    binding.set_role(role);
    binding.set_index(index);
    pointers.back().push_back(pointer);
    return *this;
  }

  Sample &list(uint64_t size, const int32_t *values) {
    bind(proto::Binding::ARENA, values);
    proto::Launch &launch =
        *manifest.mutable_launches(manifest.launches_size() - 1);
    proto::Binding &binding =
        *launch.mutable_bindings(launch.bindings_size() - 1);
    binding.set_dtype("I32");
    binding.add_shape(size);
    return *this;
  }

  Sample &parameter(const char *dtype, std::vector<uint64_t> shape,
                    uint64_t size) {
    proto::Tensor &tensor = *manifest.add_tensors();
    tensor.set_dtype(dtype);
    for (uint64_t extent : shape)
      tensor.add_shape(extent);
    tensor.set_size(size);
    return bind(proto::Binding::PARAMETER, nullptr,
                static_cast<uint32_t>(manifest.tensors_size()) - 1);
  }

  goss_launch get(uint32_t id, int64_t items) const {
    return {id, id, items, pointers[id].data()};
  }

  Work work(uint32_t id, int64_t items, const goss_dims &dims) const {
    return LaunchCost(manifest, manifest.launches(static_cast<int>(id)))
        .of(get(id, items), dims);
  }

  proto::Manifest manifest;
  std::vector<std::vector<const void *>> pointers;
};

TEST(LaunchCost, MatrixCountsOnceWithItsBias) {
  Sample sample;
  sample.launch("linear", "plain", 1000, 2000)
      .parameter("BF16", {32, 16}, 1024)
      .parameter("BF16", {32}, 64);
  Work work = sample.work(0, 2, {5, 1, 5, 1});
  EXPECT_EQ(work.bytes, 2 * 1000 + 64);
  EXPECT_EQ(work.flops, 2 * 2000 * 5);
}

TEST(LaunchCost, LogitsAreRowsOfOutputs) {
  Sample sample;
  sample.launch("linear", "plain", 1000, 2000).bind(proto::Binding::LOGITS);
  EXPECT_EQ(sample.work(0, 3, {5, 2, 5, 1}).flops, 3 * 2000 * 2);
  Work none = sample.work(0, 3, {5, 0, 5, 1});
  EXPECT_EQ(none.bytes, 0);
  EXPECT_EQ(none.flops, 0);
}

TEST(LaunchCost, RowsOfATable) {
  Sample sample;
  sample.launch("embedding", "plain", 100, 0).parameter("BF16", {50, 50}, 5000);
  EXPECT_EQ(sample.work(0, 3, {3, 1, 3, 1}).bytes, 300);
  sample.launch("rms_norm", "plain", 64, 128).parameter("BF16", {32}, 64);
  Work norm = sample.work(1, 3, {3, 1, 3, 1});
  EXPECT_EQ(norm.bytes, 64); // once, not once a token
  EXPECT_EQ(norm.flops, 3 * 128);
}

TEST(LaunchCost, OnlyChosenExpertsCount) {
  // Three tokens choose six experts, of which three differ.
  std::array<int32_t, 4> experts = {0, 2, 3, -1};
  std::array<int32_t, 5> offsets = {0, 1, 3, 6, 99};
  int32_t active = 3;
  std::array<int32_t, 6> slots = {};
  Sample sample;
  for (const char *operation : {"expert_gate_up", "expert_down"})
    sample.launch(operation, "plain", 10, 20)
        .list(4, experts.data())
        .list(5, offsets.data())
        .list(1, &active)
        .list(6, slots.data())
        .parameter("U8", {4, 32, 1, 16}, 2048)
        .parameter("U8", {4, 32, 1}, 128)
        .parameter("BF16", {4, 32}, 256);
  goss_dims dims = {3, 1, 3, 1};
  // The launch has items for 4 experts, 5 each.
  Work gateUp = sample.work(0, 20, dims);
  EXPECT_EQ(gateUp.bytes, 3 * (5 * 10 + 64));
  EXPECT_EQ(gateUp.flops, 6 * 5 * 20);
  // Each item works for all experts.
  Work down = sample.work(1, 5, dims);
  EXPECT_EQ(down.bytes, 3 * (5 * 10 + 64));
  EXPECT_EQ(down.flops, 6 * 5 * 20);
}

TEST(LaunchCost, OneExpertIsNotTakenForTheirNumber) {
  std::array<int32_t, 1> experts = {7};
  std::array<int32_t, 2> offsets = {0, 2};
  int32_t active = 1;
  Sample sample;
  sample.manifest.mutable_config()->set_num_experts(1);
  sample.manifest.mutable_config()->set_experts_per_token(1);
  sample.launch("expert_down", "plain", 10, 20)
      .list(1, experts.data())
      .list(2, offsets.data())
      .list(1, &active);
  Work work = sample.work(0, 5, {2, 1, 2, 1});
  EXPECT_EQ(work.bytes, 50);
  EXPECT_EQ(work.flops, 2 * 5 * 20);
}

TEST(LaunchCost, TokensWithTheirOwnExperts) {
  Sample sample;
  sample.launch("expert_linear", "plain", 200, 400);
  EXPECT_EQ(sample.work(0, 1, {1, 1, 1, 1}).bytes, 200);
  Work work = sample.work(0, 3, {3, 1, 3, 1});
  EXPECT_EQ(work.bytes, 400); // there are no more than four
  EXPECT_EQ(work.flops, 1200);
}

TEST(LaunchCost, AttentionReadsWhatIsVisible) {
  // A token of one sequence at 20, three of another at 14 ... 16.
  std::array<int32_t, 4> positions = {20, 14, 15, 16};
  std::array<int32_t, 4> sequences = {1, 0, 0, 0};
  Sample sample;
  for (uint32_t group : {0U, 1U})
    sample.launch("attention", "plain", 16, 1)
        .bind(proto::Binding::CACHE_PAGES, nullptr, group)
        .bind(proto::Binding::PAGE_TABLE, nullptr, group)
        .parameter("BF16", {4}, 8)
        .bind(proto::Binding::POSITIONS, positions.data())
        .bind(proto::Binding::SEQUENCES, sequences.data());
  goss_dims dims = {4, 1, 21, 2};
  Work all = sample.work(0, 8, dims);
  EXPECT_EQ(all.bytes, 96 * (21 + 17) + 8);
  EXPECT_EQ(all.flops, 4 * 4 * 8 * (21 + 15 + 16 + 17));
  // With a window of 10 the second sequence's tokens see 5 ... 16.
  Work window = sample.work(1, 8, dims);
  EXPECT_EQ(window.bytes, 96 * (10 + 12) + 8);
  EXPECT_EQ(window.flops, 4 * 4 * 8 * 40);
}

TEST(LaunchCost, CacheElementsMayBeSmaller) {
  std::array<int32_t, 1> positions = {9};
  Sample sample;
  sample.addGroup(0, 1, 16 * 48); // half the bytes
  sample.launch("attention", "plain", 0, 0)
      .bind(proto::Binding::CACHE_PAGES, nullptr, 2)
      .bind(proto::Binding::POSITIONS, positions.data());
  EXPECT_EQ(sample.work(0, 2, {1, 1, 10, 1}).bytes, 48 * 10);
}

TEST(LaunchCost, UnfusedAttentionVisitsAllKeysOfTheStep) {
  Sample sample;
  sample.launch("attention_scores", "plain", 0, 0)
      .bind(proto::Binding::CACHE_PAGES, nullptr, 1);
  Work work = sample.work(0, 2, {2, 1, 30, 1});
  EXPECT_EQ(work.bytes, 48 * 30);
  EXPECT_EQ(work.flops, 2 * 4 * 8 * 60);
}

TEST(KernelProfile, SharesTheTimeOfADispatch) {
  Sample sample;
  sample.launch("linear", "rows", 3000, 0)
      .launch("linear", "rows", 1000, 0)
      .launch("rope", "plain", 0, 0);
  KernelProfile profile(sample.manifest);
  goss_dims dims = {1, 1, 1, 1};
  FastClock::time_point begin = FastClock::now();
  auto after = [&](double seconds) {
    return begin +
           std::chrono::duration_cast<FastClock::duration>(Seconds(seconds));
  };
  std::array<goss_launch, 2> both = {sample.get(0, 8), sample.get(1, 8)};
  profile.dispatched({both, dims, begin, after(0.25)});
  // 3000 bytes are 375 ns by the rough figures, nothing counts as 1 ns.
  std::array<goss_launch, 2> unequal = {sample.get(0, 1), sample.get(2, 1)};
  profile.dispatched({unequal, dims, begin, after(0.376)});
  std::array<goss_launch, 1> stranger = {goss_launch{7, 7, 1, nullptr}};
  profile.dispatched({stranger, dims, begin, after(1)});

  std::vector<KernelRow> rows = profile.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].operation, "linear");
  EXPECT_EQ(rows[0].launches, 3U);
  EXPECT_NEAR(rows[0].seconds, 0.25 + 0.375, 1e-6);
  EXPECT_EQ(rows[0].work.bytes, 8 * 4000 + 3000);
  EXPECT_EQ(rows[1].operation, "rope");
  EXPECT_NEAR(rows[1].seconds, 0.001, 1e-6);
  EXPECT_NEAR(totalSeconds(rows), 0.626, 1e-6);
  EXPECT_EQ(totalWork(rows).bytes, 35000);

  std::vector<LaunchRow> launches = profile.launchRows();
  ASSERT_EQ(launches.size(), 3U);
  EXPECT_EQ(launches[1].launch, 1U);
  EXPECT_EQ(launches[0].row.launches, 2U);
  EXPECT_EQ(launches[0].row.work.bytes, 8 * 3000 + 3000);
  EXPECT_EQ(launches[1].row.work.bytes, 8 * 1000);
  EXPECT_NEAR(launches[1].row.seconds, 0.0625, 1e-6);
  EXPECT_EQ(launches[2].row.operation, "rope");
}

TEST(KernelProfile, NamesTellTheUnits) {
  EXPECT_EQ(arithmeticOf("mxfp4_table", "exact"), Arithmetic::Float32);
  EXPECT_EQ(arithmeticOf("mxfp4_integer", "fast"), Arithmetic::Float32);
  EXPECT_EQ(arithmeticOf("panel_int8", "fast"), Arithmetic::Int8TwoParts);
  EXPECT_EQ(arithmeticOf("rows_int8", "int8"), Arithmetic::Int8);
  EXPECT_EQ(arithmeticOf("mxfp4_vnni", "int8"), Arithmetic::Int8);
}

TEST(Roofline, TheLongerLimitBinds) {
  MachineLimits limits;
  limits.read.best = 10;
  limits.float32.best = 100;
  limits.int8.best = 800;
  KernelRow row;
  row.work = {50, 400};
  EXPECT_EQ(roofOf(row, limits).limit(), "memory");
  EXPECT_EQ(roofOf(row, limits).seconds(), 5);
  row.work.flops = 800;
  EXPECT_EQ(roofOf(row, limits).limit(), "compute");
  EXPECT_EQ(roofOf(row, limits).seconds(), 8);
  row.arithmetic = Arithmetic::Int8TwoParts;
  EXPECT_EQ(roofOf(row, limits).computeSeconds, 2);
  row.arithmetic = Arithmetic::Int8;
  EXPECT_EQ(roofOf(row, limits).computeSeconds, 1);

  std::vector<KernelRow> rows = {row, row};
  EXPECT_EQ(roofOf(rows, limits).memorySeconds, 10);
  limits.readAfter = Rate{20, 20}; // The best that was seen is the limit.
  EXPECT_EQ(roofOf(rows, limits).memorySeconds, 5);
}

TEST(MachineLoops, RunOnThisMachine) {
  for (const VectorLoop &loop : {chooseInt8Loop(), chooseFloat32Loop()}) {
    EXPECT_FALSE(loop.instruction.empty());
    EXPECT_GT(loop.operations, 0);
    loop.run(0);
    loop.run(7);
  }
  size_t bytes = 3 * readGranule;
  auto *data = static_cast<std::byte *>(std::aligned_alloc(64, bytes));
  std::fill(data, data + bytes, std::byte{1});
  chooseReadLoop()(data, bytes);
  std::free(data);
}

TEST(ProcessMemory, ReadsTheKernelsFields) {
  ProcessMemory memory =
      parseProcessMemory("Name:\tgoss\nVmHWM:\t    2048 kB\n"
                         "VmRSS:\t 1024 kB\nRssAnon:\t 24 kB\n"
                         "RssFile:\t1000 kB\n");
  EXPECT_EQ(memory.peak, 2048U * 1024);
  EXPECT_EQ(memory.resident, 1024U * 1024);
  EXPECT_EQ(memory.anonymous, 24U * 1024);
  EXPECT_EQ(memory.file, 1000U * 1024);
  EXPECT_EQ(parseProcessMemory("").peak, 0U);
}

} // namespace
