//===- SampleManifest.h - A small valid manifest ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CORE_SAMPLEMANIFEST_H
#define GOSSAMER_TESTS_UNIT_CORE_SAMPLEMANIFEST_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Format.h"
#include "runtime/artifact/manifest.pb.h"
#include <string>

namespace gossamer {

/// Three layers (two windowed, one full), two tensors, one kernel, one launch
/// with a binding of every role that has an index.
inline proto::Manifest sampleManifest() {
  proto::Manifest m;
  m.set_format_version(artifactFormatVersion);
  m.set_compiler_version("0.1.0");
  m.set_step_abi_version(GOSS_STEP_ABI_VERSION);
  m.set_target("cpu");
  m.set_triple("x86_64-unknown-linux-gnu");
  m.set_cpu("x86-64-v3");
  m.add_required_features("avx2");
  m.set_math_mode("exact");
  m.set_max_context(100);
  m.set_max_tokens_per_step(8);
  m.set_arena_bytes(256);
  m.add_stop_tokens(49);
  m.add_pad_tokens(48);
  m.set_config_sha256(std::string(32, 'c'));
  m.set_tokenizer_sha256(std::string(32, 't'));

  proto::ModelConfig &c = *m.mutable_config();
  c.set_model_type("gpt_oss");
  c.set_num_layers(3);
  c.set_num_experts(4);
  c.set_experts_per_token(2);
  c.set_hidden_size(32);
  c.set_intermediate_size(64);
  c.set_head_dim(24);
  c.set_num_heads(4);
  c.set_num_kv_heads(2);
  c.set_vocab_size(50);
  c.set_max_position_embeddings(128);
  c.add_layer_windows(8);
  c.add_layer_windows(0);
  c.add_layer_windows(8);
  c.set_rms_norm_eps(1e-5);
  c.set_swiglu_alpha(1.702);
  c.set_swiglu_limit(7);
  c.mutable_rope()->set_scaling("none");
  c.mutable_rope()->set_theta(150000);

  proto::CacheLayout &cache = *m.mutable_cache();
  cache.set_page_tokens(16);
  cache.set_kv_heads(2);
  cache.set_head_dim(24);
  cache.set_max_pages(7);
  cache.set_dtype("F32");
  uint64_t layerBytes = 4 * 2 * 16 * (24 + 32);
  proto::CacheGroup &windowed = *cache.add_groups();
  windowed.set_window(8);
  windowed.add_layers(0);
  windowed.add_layers(2);
  windowed.set_page_bytes(2 * layerBytes);
  proto::CacheGroup &full = *cache.add_groups();
  full.add_layers(1);
  full.set_page_bytes(layerBytes);

  proto::WeightFile &file = *m.add_weight_files();
  file.set_name("model.safetensors");
  file.set_size(1000);
  file.set_header_size(100);
  file.set_header_sha256(std::string(32, 'h'));
  for (int i = 0; i < 2; ++i) {
    proto::Tensor &t = *m.add_tensors();
    t.set_name("tensor." + std::to_string(i));
    t.set_parameter("parameter." + std::to_string(i));
    t.set_dtype("BF16");
    t.add_shape(4);
    t.add_shape(16);
    t.set_offset(static_cast<uint64_t>(128 + 128 * i));
    t.set_size(128);
  }

  proto::Kernel &k = *m.add_kernels();
  k.set_symbol("goss_kernel_0");
  k.set_operation("linear");
  k.set_kind("plain");
  k.set_num_bindings(4);
  k.add_work()->set_constant(1);
  proto::Launch &l = *m.add_launches();
  l.set_name("layers.0.attention.q");
  proto::Binding &x = *l.add_bindings();
  x.set_role(proto::Binding::ARENA);
  x.set_dtype("F32");
  x.add_shape(8);
  x.add_shape(4);
  x.set_arena_offset(128);
  proto::Binding &w = *l.add_bindings();
  w.set_role(proto::Binding::PARAMETER);
  w.set_index(1);
  proto::Binding &pages = *l.add_bindings();
  pages.set_role(proto::Binding::CACHE_PAGES);
  pages.set_index(1);
  l.add_bindings()->set_role(proto::Binding::LOGITS);
  return m;
}

/// The same with its tensors in the section `weights` of 384 bytes.
inline proto::Manifest sampleEmbeddedManifest() {
  proto::Manifest m = sampleManifest();
  m.set_weights_embedded(true);
  return m;
}
inline constexpr uint64_t sampleWeightsBytes = 384;

} // namespace gossamer

#endif // GOSSAMER_TESTS_UNIT_CORE_SAMPLEMANIFEST_H
