//===- SampleReport.h - A small report with all parts -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_TOOLS_SAMPLEREPORT_H
#define GOSSAMER_TESTS_UNIT_TOOLS_SAMPLEREPORT_H

#include "tools/report/report.pb.h"

#include <string>

namespace gossamer::tools {

/// An operation on the value before it, with a result of its own.
inline void addOperation(proto::Level &level, const std::string &name,
                         const std::string &op, int layer) {
  proto::Operation &operation = *level.add_operations();
  operation.set_name(name);
  operation.set_op(op);
  operation.set_layer(layer);
  operation.add_operands(static_cast<uint32_t>(level.values_size() - 1));
  operation.add_results(static_cast<uint32_t>(level.values_size()));
  operation.set_text("%7 = " + op + "(%6)");
  proto::Value &value = *level.add_values();
  value.set_name(name);
  value.set_type("tensor<?x8xf32>");
}

/// An argument, an embedding, four layers of one operation (equal two by two),
/// and a head.
inline void addLevel(proto::Report &report, const std::string &name,
                     const std::string &prefix) {
  proto::GraphLevel &graph = *report.add_graph();
  proto::Level &level = *graph.mutable_level();
  level.set_name(name);
  level.set_num_arguments(1);
  level.add_values()->set_name("tokens");
  addOperation(level, "embedding", prefix + "embedding", -1);
  for (int layer = 0; layer < 4; ++layer)
    addOperation(level, "layers." + std::to_string(layer) + ".norm",
                 prefix + (layer % 2 ? "rms_norm" : "attention"), layer);
  addOperation(level, "head", prefix + "linear", -1);
  graph.mutable_layers()->set_period(2);
  graph.mutable_layers()->set_count(2);
}

inline void addSampleLaunches(proto::Report &report) {
  for (const char *symbol : {"goss_a", "goss_b"}) {
    proto::KernelReport &kernel = *report.add_kernels();
    kernel.set_symbol(symbol);
    kernel.set_operation(symbol[5] == 'a' ? "linear" : "norm");
    kernel.set_kind("plain");
    kernel.set_reason("no other fits");
  }
  proto::Cost &cost = *report.add_costs();
  cost.mutable_step()->set_name("decode");
  cost.mutable_step()->set_tokens(1);
  cost.mutable_step()->set_depth(2048);
  cost.mutable_machine()->set_read_bytes_per_second(20e9);
  const proto::Level &level = report.graph(0).level();
  for (int i = 0; i < level.operations_size(); ++i) {
    report.mutable_graph(0)->add_lowerings()->add_targets(
        static_cast<uint32_t>(i));
    proto::LaunchReport &launch = *report.add_launches();
    launch.set_name(level.operations(i).name());
    launch.set_layer(level.operations(i).layer());
    launch.set_kernel(i % 2 ? 1 : 0);
    proto::LaunchCost &part = *cost.add_launches();
    part.set_flops(2e6);
    part.set_weight_bytes(1e6);
    part.set_seconds(50e-6);
    part.set_limit("memory");
    part.set_share(1.0 / 6);
  }
  cost.mutable_total()->set_flops(12e6);
  cost.mutable_total()->set_weight_bytes(6e6);
  cost.mutable_total()->set_seconds(300e-6);
  proto::KvCacheSize &size = *cost.add_kv_cache();
  size.set_context(2048);
  size.set_bytes(12345678);
}

inline void addSampleMemory(proto::Report &report) {
  proto::MemoryPlan &memory = *report.mutable_memory();
  memory.set_arena_bytes(2400);
  memory.set_peak_bytes(2000);
  memory.set_peak_launch(1);
  memory.set_unshared_bytes(4800);
  for (uint32_t i = 0; i < 6; ++i) {
    proto::Buffer &buffer = *memory.add_buffers();
    buffer.set_name("buffer." + std::to_string(i));
    buffer.set_offset(i % 2 ? 1200 : 0);
    buffer.set_size(1200);
    buffer.set_first_launch(i);
    buffer.set_last_launch(std::min(i + 1, 5U));
    buffer.set_dtype("F32");
    buffer.add_shape(300);
  }
}

inline void addSampleWeights(proto::Report &report) {
  proto::Weight &weight = *report.add_weights();
  weight.set_name("model.experts.down_proj_scales");
  weight.set_dtype("U8");
  weight.add_shape(4);
  weight.add_shape(16);
  weight.set_file("model.safetensors");
  weight.set_offset(4096);
  weight.set_size(64);
  weight.set_sha256(std::string(64, 'd'));
  proto::WeightStatistics &stats = *weight.mutable_stats();
  stats.set_max(0.25);
  stats.set_nans(3);
  for (int exponent : {-9, -2}) {
    proto::ScaleCount &scale = *stats.add_scales();
    scale.set_exponent(exponent);
    scale.set_count(exponent == -9 ? 21 : 40);
  }
}

inline void addSampleFusions(proto::Report &report) {
  for (int layer = 0; layer < 4; ++layer) {
    proto::FusionRecord &fusion = *report.add_fusions();
    fusion.set_pass("fuse-rope");
    fusion.set_place("layers." + std::to_string(layer) + ".attention.q");
    fusion.set_fused(layer != 3);
    fusion.set_message(layer != 3 ? "into the projection" : "has two users");
  }
}

inline proto::Report sampleReport() {
  proto::Report report;
  proto::Summary &summary = *report.mutable_summary();
  summary.set_source("model.goss");
  summary.set_kind("artifact");
  summary.mutable_model()->set_num_layers(4);
  summary.set_parameters_total(20914757184);
  summary.set_target("cpu");
  summary.set_math_mode("fast");
  summary.set_config_sha256(std::string(64, 'c'));
  addLevel(report, "fused", "gptoss.");
  addLevel(report, "plan", "gptoss.kernel.");
  addSampleLaunches(report);
  addSampleMemory(report);
  addSampleWeights(report);
  addSampleFusions(report);
  return report;
}

} // namespace gossamer::tools

#endif // GOSSAMER_TESTS_UNIT_TOOLS_SAMPLEREPORT_H
