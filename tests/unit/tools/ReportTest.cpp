//===- ReportTest.cpp - Reports of small models, counted by hand ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/core/SampleManifest.h"
#include "tools/report/LaunchCost.h"
#include "tools/report/LayerName.h"
#include "tools/report/ReportBuilder.h"

#include <functional>
#include <gtest/gtest.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

proto::StepShape stepOf(uint64_t tokens, uint64_t depth, uint64_t sequences,
                        uint64_t outputs) {
  proto::StepShape step;
  step.set_tokens(tokens);
  step.set_depth(depth);
  step.set_sequences(sequences);
  step.set_outputs(outputs);
  return step;
}

/// A model of two layers (window 8, full) with a launch of every rule: hidden
/// 32, 4 experts of which a token chooses 2, 4 heads of 8, one key/value head.
class Model {
public:
  Model() {
    manifest = sampleManifest();
    manifest.clear_kernels();
    manifest.clear_launches();
    manifest.clear_tensors();
    manifest.set_max_context(2000);
    manifest.set_max_tokens_per_step(64);
    manifest.set_math_mode("int8");
    proto::ModelConfig &config = *manifest.mutable_config();
    config.set_num_heads(4);
    config.set_head_dim(8);
  }

  /// A launch of a kernel of its own.
  proto::Launch &launch(const char *name, const char *operation,
                        const char *kind, uint64_t bytesPerItem,
                        uint64_t flopsPerItem, proto::WorkBound work) {
    proto::Kernel &kernel = *manifest.add_kernels();
    kernel.set_symbol("k" + std::to_string(manifest.kernels_size()));
    kernel.set_operation(operation);
    kernel.set_kind(kind);
    kernel.set_bytes_per_item(bytesPerItem);
    kernel.set_flops_per_item(flopsPerItem);
    *kernel.add_work() = work;
    proto::Launch &result = *manifest.add_launches();
    result.set_name(name);
    result.set_kernel(static_cast<uint32_t>(manifest.kernels_size()) - 1);
    return result;
  }

  static proto::WorkBound work(uint64_t constant, uint64_t perToken) {
    proto::WorkBound bound;
    bound.set_constant(constant);
    bound.set_per_token(perToken);
    return bound;
  }

  void bindArena(proto::Launch &launch, uint64_t offset,
                 std::vector<uint64_t> shape, bool written,
                 const char *dtype = "F32") {
    proto::Binding &binding = *launch.add_bindings();
    binding.set_role(proto::Binding::ARENA);
    binding.set_dtype(dtype);
    for (uint64_t extent : shape)
      binding.add_shape(extent);
    binding.set_arena_offset(offset);
    binding.set_written(written);
  }

  void bindParameter(proto::Launch &launch, const char *dtype,
                     std::vector<uint64_t> shape, uint64_t size) {
    proto::Tensor &tensor = *manifest.add_tensors();
    tensor.set_dtype(dtype);
    for (uint64_t extent : shape)
      tensor.add_shape(extent);
    tensor.set_size(size);
    proto::Binding &binding = *launch.add_bindings();
    binding.set_role(proto::Binding::PARAMETER);
    binding.set_index(static_cast<uint32_t>(manifest.tensors_size()) - 1);
  }

  void bind(proto::Launch &launch, proto::Binding::Role role,
            uint32_t index = 0) {
    proto::Binding &binding = *launch.add_bindings();
    binding.set_role(role);
    binding.set_index(index);
  }

  ExpectedWork expected(int launch, const proto::StepShape &step) const {
    return LaunchCost(manifest, manifest.launches(launch)).expected(step);
  }

  proto::Manifest manifest;
};

//===----------------------------------------------------------------------===//
// Expected work
//===----------------------------------------------------------------------===//

TEST(ExpectedCost, MatrixCountsOnceForAllTokens) {
  Model model;
  // 48 outputs of 32 inputs in items of 16 rows.
  proto::Launch &linear = model.launch("layers.0.attention.q", "linear",
                                       "dense_rows", 1024, 1024, //
                                       Model::work(3, 0));
  model.bindArena(linear, 0, {64, 32}, false);
  model.bindParameter(linear, "BF16", {48, 32}, 3072);
  model.bindParameter(linear, "BF16", {48}, 96);
  model.bindArena(linear, 8192, {64, 48}, true);
  ExpectedWork work = model.expected(0, stepOf(5, 100, 2, 2));
  EXPECT_EQ(work.weightBytes, 48 * 32 * 2 + 48 * 2);
  EXPECT_EQ(work.flops, 2.0 * 48 * 32 * 10);
  EXPECT_EQ(work.cacheBytes, 0);
  EXPECT_EQ(work.activationBytes, 10 * (32 + 48) * 4);
}

TEST(ExpectedCost, ExpertsThatAreLikelyChosen) {
  Model model;
  proto::Launch &down = model.launch("layers.0.mlp.residual", "expert_down",
                                     "rows_int8", 100, 200, Model::work(6, 0));
  model.bindArena(down, 0, {5}, false, "I32");
  model.bindParameter(down, "BF16", {4, 8}, 64);
  // One token chooses two of four; for eight, 4 (1 - 2^-8) of them.
  ExpectedWork one = model.expected(0, stepOf(1, 0, 1, 1));
  EXPECT_DOUBLE_EQ(one.weightBytes, 2 * (6 * 100 + 16));
  EXPECT_DOUBLE_EQ(one.flops, 2.0 * 6 * 200);
  ExpectedWork eight = model.expected(0, stepOf(4, 0, 2, 2));
  EXPECT_DOUBLE_EQ(eight.weightBytes, 4 * (1 - 1.0 / 256) * (6 * 100 + 16));
  EXPECT_DOUBLE_EQ(eight.flops, 16.0 * 6 * 200);
  EXPECT_EQ(eight.activationBytes, 20); // A list of experts is what it is.
}

TEST(ExpectedCost, AttentionSeesItsWindow) {
  Model model;
  uint64_t keyBytes = 4 * 2 * (24 + 32); // As the sample's pages are.
  for (uint32_t group : {0U, 1U}) {
    proto::Launch &launch =
        model.launch("layers.0.attention.values", "attention", "pages16", 0, 0,
                     Model::work(0, 1));
    model.bind(launch, proto::Binding::CACHE_PAGES, group);
    model.bind(launch, proto::Binding::POSITIONS);
    model.bind(launch, proto::Binding::SEQUENCES);
  }
  // Tokens at 5 ... 14 of each of two sequences; counted one by one.
  proto::StepShape step = stepOf(10, 5, 2, 2);
  double windowed = 0, all = 0;
  for (int position = 5; position < 15; ++position) {
    windowed += std::min(position + 1, 8);
    all += position + 1;
  }
  ExpectedWork window = model.expected(0, step);
  EXPECT_EQ(window.flops, 2 * windowed * 4 * 4 * 8);
  EXPECT_EQ(window.cacheBytes, 2.0 * 15 * keyBytes);
  ExpectedWork full = model.expected(1, step);
  EXPECT_EQ(full.flops, 2 * all * 4 * 4 * 8);
  // Deep in the sequence the window is full for all of them.
  ExpectedWork deep = model.expected(0, stepOf(10, 100, 1, 1));
  EXPECT_EQ(deep.flops, 10.0 * 8 * 4 * 4 * 8);
  EXPECT_EQ(deep.cacheBytes, 17.0 * keyBytes);
}

TEST(ExpectedCost, ExpectedIsWhatARunCounts) {
  Model model;
  proto::Launch &launch = model.launch("layers.1.attention.values", "attention",
                                       "pages16", 0, 0, Model::work(0, 2));
  model.bind(launch, proto::Binding::CACHE_PAGES, 0);
  model.bind(launch, proto::Binding::POSITIONS);
  model.bind(launch, proto::Binding::SEQUENCES);
  std::vector<int32_t> positions = {20, 21, 22, 20, 21, 22};
  std::vector<int32_t> sequences = {0, 0, 0, 1, 1, 1};
  const void *pointers[] = {nullptr, positions.data(), sequences.data()};
  Work run = LaunchCost(model.manifest, launch)
                 .of({0, 0, 12, pointers}, {6, 2, 23, 2});
  ExpectedWork expected = model.expected(0, stepOf(3, 20, 2, 2));
  EXPECT_EQ(run.bytes, expected.weightBytes + expected.cacheBytes);
  EXPECT_EQ(run.flops, expected.flops);
}

TEST(Costs, LongPromptsAreSeveralSteps) {
  Model model;
  proto::Launch &linear =
      model.launch("layers.0.attention.q", "linear", "rows_int8", 1000, 2000,
                   Model::work(1, 0));
  model.bindParameter(linear, "BF16", {8}, 0);
  ReportOptions options;
  options.machine = defaultMachine();
  options.parts = {};
  options.parts.costs = true;
  options.steps = {stepOf(100, 0, 1, 1)};
  Expected<proto::Report> report =
      buildReport(model.manifest, proto::CompileRecord(), options);
  ASSERT_TRUE(report) << report.status().message();
  const proto::Cost &cost = report->costs(0);
  // At most 64 tokens at once: the weights are read twice.
  EXPECT_EQ(cost.total().weight_bytes(), 2000);
  EXPECT_EQ(cost.total().flops(), 100 * 2000);
  EXPECT_EQ(cost.total().limit(), "int8");
  EXPECT_DOUBLE_EQ(cost.total().seconds(), 100 * 2000 / 800e9);
  EXPECT_EQ(cost.launches(0).share(), 1);
  EXPECT_EQ(cost.total().intensity(), 100);
  // The window's group keeps what the next token can see.
  ASSERT_EQ(cost.kv_cache_size(), 2);
  EXPECT_EQ(cost.kv_cache(0).context(), 1024U);
  uint64_t layer = 4 * 2 * 16 * (24 + 32);
  // Keys 1017 ... 1023 lie in one page; 64 pages of the other layer.
  EXPECT_EQ(cost.kv_cache(0).bytes(), 2 * layer + 64 * layer);
  EXPECT_EQ(cost.kv_cache(1).context(), 2000U);

  for (const proto::StepShape &bad :
       {stepOf(0, 0, 1, 1), stepOf(1, 0, 0, 1), stepOf(1, 2000, 1, 1),
        stepOf(2000, 1, 1, 1), stepOf(1, 0, 65, 1),
        stepOf(UINT64_MAX, UINT64_MAX, 1, 1)}) {
    options.steps = {bad};
    EXPECT_EQ(buildReport(model.manifest, proto::CompileRecord(), options)
                  .status()
                  .code(),
              StatusCode::Usage);
  }
}

TEST(Costs, DefaultStepsKeepToTheLimits) {
  Model model;
  model.manifest.set_max_context(10);
  model.manifest.set_max_tokens_per_step(4);
  for (const proto::StepShape &step : defaultSteps(model.manifest)) {
    EXPECT_LE(step.depth() + step.tokens(), 10U);
    EXPECT_LE(step.sequences(), 4U);
  }
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

TEST(MemoryPlan, BuffersLiveFromTheirWriterToTheLastReader) {
  Model model;
  model.manifest.set_arena_bytes(512);
  proto::WorkBound work = Model::work(0, 1);
  proto::Launch &a = model.launch("a", "add", "plain", 0, 0, work);
  model.bindArena(a, 0, {64}, true);
  proto::Launch &b = model.launch("b", "add", "plain", 0, 0, work);
  model.bindArena(b, 0, {64}, false);
  model.bindArena(b, 256, {32}, true);
  model.bindArena(b, 384, {32}, true);
  proto::Launch &c = model.launch("c", "add", "plain", 0, 0, work);
  model.bindArena(c, 256, {8, 4}, false); // Another view of the same bytes.
  model.bindArena(c, 64, {16}, true);
  ReportOptions options;
  options.parts = {};
  options.parts.memory = true;
  Expected<proto::Report> report =
      buildReport(model.manifest, proto::CompileRecord(), options);
  ASSERT_TRUE(report) << report.status().message();
  const proto::MemoryPlan &plan = report->memory();
  ASSERT_EQ(plan.buffers_size(), 4);
  auto text = [&](int i) {
    const proto::Buffer &buffer = plan.buffers(i);
    return buffer.name() + " " + std::to_string(buffer.offset()) + "+" +
           std::to_string(buffer.size()) + " " +
           std::to_string(buffer.first_launch()) + "-" +
           std::to_string(buffer.last_launch()) + " " +
           std::to_string(buffer.shares_bytes_with());
  };
  EXPECT_EQ(text(0), "a 0+256 0-1 1");
  EXPECT_EQ(text(1), "b 256+128 1-2 0");
  EXPECT_EQ(text(2), "b#1 384+128 1-1 0");
  EXPECT_EQ(text(3), "c 64+64 2-2 1");
  EXPECT_EQ(plan.peak_bytes(), 512U);
  EXPECT_EQ(plan.peak_launch(), 1U);
  EXPECT_EQ(plan.unshared_bytes(), 576U);
}

//===----------------------------------------------------------------------===//
// Graph
//===----------------------------------------------------------------------===//

/// Adds an operation with one result; operands are indices of values.
void addOperation(proto::Level &level, const char *name, const char *op,
                  std::vector<uint32_t> operands) {
  proto::Operation &operation = *level.add_operations();
  operation.set_name(name);
  operation.set_op(op);
  operation.set_layer(layerOfName(name));
  for (uint32_t operand : operands)
    operation.add_operands(operand);
  operation.add_results(static_cast<uint32_t>(level.values_size()));
  level.add_values()->set_name(name);
  operation.set_text("%" + std::string(name) + " = " + op);
}

proto::Level &addLevel(proto::CompileRecord &record, const char *name) {
  proto::Level &level = *record.add_levels();
  level.set_name(name);
  level.set_num_arguments(1);
  level.add_values()->set_name("tokens");
  return level;
}

/// x = norm(tokens); top = top_k(x); y = sum(top) fused to moe "layers.0.sum",
/// which two launches compute.
struct Levels {
  Model model;
  proto::CompileRecord record;

  Levels() {
    proto::Level &graph = addLevel(record, "graph");
    addOperation(graph, "layers.0.norm", "gptoss.rms_norm", {0});
    addOperation(graph, "layers.0.top", "gptoss.top_k", {1});
    addOperation(graph, "layers.0.sum", "gptoss.weighted_sum", {2, 1});
    proto::Level &fused = addLevel(record, "fused");
    addOperation(fused, "layers.0.norm", "gptoss.rms_norm", {0});
    addOperation(fused, "layers.0.view", "gptoss.split_heads", {1});
    addOperation(fused, "layers.0.sum", "gptoss.moe", {2});
    proto::Level &plan = addLevel(record, "plan");
    addOperation(plan, "layers.0.norm", "rms_norm", {0});
    addOperation(plan, "layers.0.route", "route", {1});
    addOperation(plan, "layers.0.sum", "expert_down", {2});
    for (const char *name : {"layers.0.norm", "layers.0.route", "layers.0.sum"})
      model.launch(name, "op", "plain", 0, 0, Model::work(1, 0));
  }

  Expected<proto::Report> report() const {
    ReportOptions options;
    options.parts = {};
    options.parts.graph = true;
    options.parts.kernels = true;
    return buildReport(model.manifest, record, options);
  }
};

std::string targetsOf(const proto::GraphLevel &level) {
  std::string text;
  for (const proto::Lowering &lowering : level.lowerings()) {
    text += "[";
    for (uint32_t target : lowering.targets())
      text += std::to_string(target);
    text += "]";
  }
  return text;
}

TEST(Graph, OperationsFollowTheirResultsDown) {
  Expected<proto::Report> report = Levels().report();
  ASSERT_TRUE(report) << report.status().message();
  ASSERT_EQ(report->graph_size(), 3);
  EXPECT_EQ(targetsOf(report->graph(0)), "[0][2][2]");
  EXPECT_EQ(targetsOf(report->graph(1)), "[0][][12]");
  EXPECT_EQ(report->graph(2).lowerings_size(), 0);
  EXPECT_EQ(report->launches(1).layer(), 0);
  EXPECT_EQ(report->launches(1).work(), "1");
}

TEST(Graph, FoldsRepeatedLayers) {
  Levels levels;
  levels.model.manifest.mutable_config()->set_num_layers(7);
  // Layer 0 has no operation; then a b a b a b.
  levels.record.clear_levels();
  proto::Level &graph = addLevel(levels.record, "graph");
  for (int layer = 1; layer < 7; ++layer) {
    std::string name = "layers." + std::to_string(layer) + ".x";
    addOperation(graph, name.c_str(), layer % 2 ? "a" : "b",
                 {static_cast<uint32_t>(layer - 1)});
  }
  Expected<proto::Report> report = levels.report();
  ASSERT_TRUE(report) << report.status().message();
  const proto::LayerPattern &pattern = report->graph(0).layers();
  EXPECT_EQ(pattern.first_layer(), 1U);
  EXPECT_EQ(pattern.period(), 2U);
  EXPECT_EQ(pattern.count(), 3U);
}

TEST(Graph, LayersHaveNames) {
  EXPECT_EQ(layerOfName("layers.3.attention.q"), 3);
  for (const char *name : {"", "embedding", "layers.", "layers.x.y", "layers.3",
                           "layers.-1.x", "layers.99999999999.x"})
    EXPECT_EQ(layerOfName(name), -1) << name;
}

TEST(Graph, RefusesRecordsThatContradict) {
  auto message = [](const std::function<void(proto::CompileRecord &)> &change) {
    Levels levels;
    change(levels.record);
    Status status = levels.report().status();
    EXPECT_EQ(status.code(), StatusCode::InvalidData);
    return status.message();
  };
  using Record = proto::CompileRecord;
  auto operation = [](Record &record) -> proto::Operation & {
    return *record.mutable_levels(1)->mutable_operations(1);
  };
  EXPECT_EQ(message([&](Record &r) { operation(r).set_operands(0, 4); }),
            "record: levels[1]: operations[1]: operands: expects a value "
            "defined before but got 4");
  EXPECT_EQ(message([&](Record &r) { operation(r).set_operands(0, 3); }),
            "record: levels[1]: operations[1]: operands: expects a value "
            "defined before but got 3");
  EXPECT_EQ(message([&](Record &r) { operation(r).add_results(UINT32_MAX); }),
            "record: levels[1]: operations[1]: results: expects a value "
            "without a definition but got 4294967295");
  EXPECT_EQ(message([&](Record &r) { operation(r).set_results(0, 1); }),
            "record: levels[1]: operations[1]: results: expects a value "
            "without a definition but got 1");
  EXPECT_EQ(message([&](Record &r) { operation(r).set_layer(3); }),
            "record: levels[1]: operations[1]: layer: expects a value in "
            "[-1, 2] but got 3");
  EXPECT_EQ(message([&](Record &r) { operation(r).set_layer(-2); }),
            "record: levels[1]: operations[1]: layer: expects a value in "
            "[-1, 2] but got -2");
  EXPECT_EQ(message([](Record &r) {
              r.mutable_levels(0)->set_num_arguments(UINT32_MAX);
            }),
            "record: levels[0]: num_arguments: expects at most 4 but got "
            "4294967295");
  EXPECT_EQ(message([](Record &r) { r.mutable_levels(0)->set_name("plan"); }),
            "record: levels[0]: expects the name \"graph\" but got \"plan\"");
  EXPECT_EQ(message([](Record &r) { r.add_levels(); }),
            "record: levels: expects at most 3 but got 4");
  EXPECT_EQ(message([](Record &r) {
              r.mutable_levels(2)->mutable_operations()->RemoveLast();
            }),
            "record: levels[2]: operations: expects 3, one a launch, but got "
            "2");
  EXPECT_EQ(message([](Record &r) { r.add_kernel_reasons("why"); }),
            "record: kernel_reasons: expects 3, one a kernel, but got 1");
}

//===----------------------------------------------------------------------===//
// Summary
//===----------------------------------------------------------------------===//

TEST(Summary, CountsParametersFromTheConfiguration) {
  ReportOptions options;
  options.parts = {};
  options.parts.summary = true;
  Expected<proto::Report> report =
      buildReport(sampleManifest(), proto::CompileRecord(), options);
  ASSERT_TRUE(report) << report.status().message();
  // Hidden 32, 4 heads and 2 key/value heads of 24, 4 experts of 64, no bias
  // of attention, vocabulary 50.
  uint64_t attention = 2 * 32 * 96 + 2 * 32 * 48 + 4;
  uint64_t layer = attention + 2 * 32 + 4 * 32 + 4;
  uint64_t expert = 128 * 32 + 128 + 32 * 64 + 32;
  uint64_t outside = 2 * 50 * 32 + 32;
  const proto::Summary &summary = report->summary();
  EXPECT_EQ(summary.parameters_total(), 3 * (layer + 4 * expert) + outside);
  // A token uses one row of the embedding.
  EXPECT_EQ(summary.parameters_active(),
            3 * (layer + 2 * expert) + outside - 49 * 32);
  EXPECT_EQ(summary.weight_bytes(), 256U);
  EXPECT_EQ(summary.config_sha256().substr(0, 6), "636363");
}

TEST(Summary, RefusesMoreParametersThanCanBeCounted) {
  proto::Manifest manifest = sampleManifest();
  manifest.mutable_config()->set_num_experts(1 << 20);
  manifest.mutable_config()->set_hidden_size(1 << 20);
  manifest.mutable_config()->set_intermediate_size(1 << 20);
  manifest.mutable_config()->set_num_layers(1 << 10);
  ReportOptions options;
  options.parts = {};
  options.parts.summary = true;
  EXPECT_EQ(
      buildReport(manifest, proto::CompileRecord(), options).status().code(),
      StatusCode::InvalidData);
}

} // namespace
