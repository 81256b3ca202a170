//===- ManifestTest.cpp - Rules of a manifest -----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "SampleManifest.h"
#include "runtime/artifact/ManifestChecks.h"
#include "gtest/gtest.h"
#include <functional>
#include <limits>

using namespace gossamer;

namespace {

/// Applies `change` to the sample and returns what the check says.
std::string messageAfter(const std::function<void(proto::Manifest &)> &change,
                         std::optional<uint64_t> weightsBytes = std::nullopt) {
  proto::Manifest manifest =
      weightsBytes ? sampleEmbeddedManifest() : sampleManifest();
  change(manifest);
  Status status = checkManifest(manifest, weightsBytes);
  EXPECT_TRUE(status.isOk() || status.code() == StatusCode::InvalidData);
  return status.message();
}

proto::CacheGroup &group(proto::Manifest &m, int i) {
  return *m.mutable_cache()->mutable_groups(i);
}
proto::Binding &binding(proto::Manifest &m, int i) {
  return *m.mutable_launches(0)->mutable_bindings(i);
}

TEST(Manifest, SamplesAreValid) {
  auto nothing = [](proto::Manifest &) {};
  EXPECT_EQ(messageAfter(nothing), "");
  EXPECT_EQ(messageAfter(nothing, sampleWeightsBytes), "");
}

TEST(Manifest, RefusesOtherVersions) {
  EXPECT_EQ(messageAfter([](auto &m) { m.set_format_version(9); }),
            "format_version: expects 3 but got 9");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_step_abi_version(9); }),
            "step_abi_version: expects 1 but got 9: compile the model again "
            "with this release");
  EXPECT_EQ(messageAfter([](auto &m) { m.clear_target(); }),
            "target: expects a text but got none");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_config_sha256("x"); }),
            "config_sha256: bytes of a SHA-256: expects 32 but got 1");
  EXPECT_EQ(messageAfter([](auto &m) { m.clear_tokenizer_sha256(); }), "")
      << "a model may have no tokenizer";
}

TEST(Manifest, ChecksTheModelsSizes) {
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_config()->clear_vocab_size(); }),
      "config.vocab_size: expects a value in [1, 16777216] but got 0");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_config()->set_hidden_size(0xFFFFFFFF);
            }),
            "config.hidden_size: expects a value in [1, 1048576] but got "
            "4294967295");
  EXPECT_EQ(messageAfter(
                [](auto &m) { m.mutable_config()->set_experts_per_token(5); }),
            "config.experts_per_token: expects a value in [1, 4] but got 5");
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_config()->set_num_kv_heads(3); }),
      "config.num_kv_heads: expects a divisor of 4 but got 3");
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_config()->add_layer_windows(0); }),
      "config.layer_windows: entries: expects 3 but got 4");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_config()->set_rms_norm_eps(
                  std::numeric_limits<double>::quiet_NaN());
            }),
            "config.rms_norm_eps: expects a positive number but got nan");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_config()->mutable_rope()->set_scaling("linear");
            }),
            "config.rope.scaling: expects \"none\" or \"yarn\" but got "
            "\"linear\"");
}

TEST(Manifest, ChecksTheStep) {
  EXPECT_EQ(messageAfter([](auto &m) { m.set_max_context(0); }),
            "max_context: expects a value in [1, 268435456] but got 0");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_max_tokens_per_step(1 << 20); }),
            "max_tokens_per_step: expects a value in [1, 65536] but got "
            "1048576");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_arena_bytes(UINT64_MAX); }),
            "arena_bytes: expects a value in [0, 17592186044416] but got "
            "18446744073709551615");
  EXPECT_EQ(messageAfter([](auto &m) { m.add_stop_tokens(50); }),
            "stop_tokens: expects a value in [0, 49] but got 50");
  EXPECT_EQ(messageAfter([](auto &m) { m.add_pad_tokens(1); }),
            "pad_tokens: entries: expects a value in [0, 1] but got 2");
}

TEST(Manifest, ChecksTheCache) {
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_cache()->set_max_pages(6); }),
            "cache.max_pages: expects 7 but got 6");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_cache()->set_head_dim(32); }),
            "cache.head_dim: expects 24 but got 32");
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_cache()->set_page_tokens(0); }),
      "cache.page_tokens: expects a value in [1, 4096] but got 0");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_cache()->set_dtype("F16"); }),
            "cache.dtype: expects \"F32\" or \"BF16\" but got \"F16\"");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_cache()->set_dtype("BF16"); }),
            "cache.groups[0]: page_bytes: expects 7168 but got 14336");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_cache()->set_dtype("BF16");
              group(m, 0).set_page_bytes(7168);
              group(m, 1).set_page_bytes(3584);
            }),
            "");
  EXPECT_EQ(messageAfter([](auto &m) { group(m, 1).set_page_bytes(7167); }),
            "cache.groups[1]: page_bytes: expects 7168 but got 7167");
  EXPECT_EQ(messageAfter([](auto &m) { group(m, 1).set_window(8); }),
            "cache.groups[1]: window of layer 1: expects 0 but got 8");
  EXPECT_EQ(messageAfter([](auto &m) { group(m, 1).set_layers(0, 3); }),
            "cache.groups[1]: layers: expects a value in [0, 2] but got 3");
  EXPECT_EQ(messageAfter([](auto &m) { group(m, 0).set_layers(1, 0); }),
            "cache.groups[0]: layers: expects a value in [1, 2] but got 0");
  EXPECT_EQ(messageAfter([](auto &m) {
              *m.mutable_cache()->add_groups() = m.cache().groups(0);
            }),
            "cache.groups[2]: expects each layer in one group but got layer 0 "
            "in two");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_cache()->mutable_groups()->RemoveLast();
            }),
            "cache.groups: expects every layer but got none with layer 1");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_cache()->add_groups(); }),
            "cache.groups[2]: expects at least one layer but got none");
}

TEST(Manifest, BoundsTheWholeCache) {
  // Each size is within its own bound, the cache of all of them is not.
  EXPECT_EQ(messageAfter([](auto &m) {
              m.set_max_context(1 << 28);
              m.mutable_config()->set_head_dim(1 << 19);
              m.mutable_cache()->set_head_dim(1 << 19);
              m.mutable_cache()->set_max_pages(1 << 24);
              group(m, 0).set_page_bytes(uint64_t(1) << 28);
            }),
            "cache.groups[0]: expects a cache of at most 1125899906842624 "
            "bytes but got 16777216 pages of 268435456");
}

TEST(Manifest, ChecksTensorsAgainstTheirFiles) {
  auto tensor = [](proto::Manifest &m) -> proto::Tensor & {
    return *m.mutable_tensors(1);
  };
  std::string where = "tensors[1] \"tensor.1\": ";
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_size(127); }),
            where + "size: expects 128 but got 127");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_dtype("BF17"); }),
            where + "expects a known dtype but got \"BF17\"");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_offset(99); }),
            where + "expects bytes in [100, 1000) but got 128 at offset 99");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_offset(873); }),
            where + "expects bytes in [100, 1000) but got 128 at offset 873");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_offset(UINT64_MAX); }),
            where + "expects bytes in [100, 1000) but got 128 at offset "
                    "18446744073709551615");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_shape(0, UINT64_MAX); }),
            where + "expects a size below 2^61 but got BF16 "
                    "[18446744073709551615, 16]");
  EXPECT_EQ(messageAfter([&](auto &m) {
              for (int i = 0; i < 7; ++i)
                tensor(m).add_shape(1);
            }),
            where + "expects at most 8 dimensions but got 9");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).set_file(1); }),
            where + "file: expects an index below 1 but got 1");
  EXPECT_EQ(messageAfter([&](auto &m) { tensor(m).clear_parameter(); }),
            where + "parameter: expects a text but got none");
  EXPECT_EQ(messageAfter([&](auto &m) { m.clear_tensors(); }),
            "tensors: entries: expects a value in [1, 1048576] but got 0");
}

TEST(Manifest, ChecksWeightFiles) {
  auto file = [](proto::Manifest &m) -> proto::WeightFile & {
    return *m.mutable_weight_files(0);
  };
  for (const char *name : {"/a", "../a", ""})
    EXPECT_TRUE(messageAfter([&](auto &m) {
                  file(m).set_name(name);
                }).starts_with("weight_files: expects a"))
        << name;
  EXPECT_EQ(messageAfter([&](auto &m) { file(m).set_header_size(1001); }),
            "weight_files: \"model.safetensors\": expects a header within "
            "1000 bytes but got 1001");
  EXPECT_EQ(messageAfter([&](auto &m) { *m.add_weight_files() = file(m); }),
            "weight_files: \"model.safetensors\": appears twice");
  EXPECT_EQ(messageAfter([&](auto &m) { file(m).clear_header_sha256(); }),
            "weight_files: \"model.safetensors\": header_sha256: bytes of a "
            "SHA-256: expects 32 but got 0");
}

TEST(Manifest, ChecksEmbeddedTensors) {
  EXPECT_EQ(messageAfter([](auto &) {}, 383),
            "tensors[1] \"tensor.1\": expects bytes in [0, 383) but got 128 at "
            "offset 256");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_tensors(0)->set_offset(32); },
                         sampleWeightsBytes),
            "tensors[0] \"tensor.0\": offset: expects a multiple of 64 but got "
            "32");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_tensors(0)->set_file(1); },
                         sampleWeightsBytes),
            "tensors[0] \"tensor.0\": file: expects 0 but got 1");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_weights_embedded(false); },
                         sampleWeightsBytes),
            "weights_embedded: expects true with a section weights but got the "
            "contrary");
  EXPECT_EQ(messageAfter([](auto &m) { m.set_weights_embedded(true); }),
            "weights_embedded: expects false without a section weights but got "
            "the contrary");
}

TEST(Manifest, ChecksKernelsAndLaunches) {
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_launches(0)->set_kernel(1); }),
            "launches[0] \"layers.0.attention.q\": kernel: expects an index "
            "below 1 but got 1");
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_launches(0)->add_bindings(); }),
      "launches[0] \"layers.0.attention.q\": bindings: entries: expects "
      "4 but got 5");
  EXPECT_EQ(
      messageAfter([](auto &m) { m.mutable_kernels(0)->set_num_bindings(65); }),
      "kernels: \"goss_kernel_0\": num_bindings: expects a value in [1, 64] "
      "but got 65");
  EXPECT_EQ(messageAfter([](auto &m) { m.mutable_kernels(0)->clear_work(); }),
            "kernels: \"goss_kernel_0\": work: entries: expects a value in "
            "[1, 8] but got 0");
  EXPECT_EQ(messageAfter([](auto &m) {
              m.mutable_kernels(0)->add_work()->set_per_token(UINT64_MAX);
            }),
            "kernels: \"goss_kernel_0\": work.per_token: expects a value in "
            "[0, 4294967296] but got 18446744073709551615");
  EXPECT_EQ(messageAfter([](auto &m) { *m.add_kernels() = m.kernels(0); }),
            "kernels: \"goss_kernel_0\": appears twice");
  EXPECT_EQ(messageAfter([](auto &m) { m.clear_launches(); }),
            "launches: entries: expects a value in [1, 1048576] but got 0");
}

TEST(Manifest, ChecksBindings) {
  std::string where = "launches[0] \"layers.0.attention.q\": bindings";
  EXPECT_EQ(messageAfter([](auto &m) { binding(m, 0).set_arena_offset(192); }),
            where + "[0]: expects bytes within the arena of 256 but got 128 at "
                    "offset 192");
  EXPECT_EQ(messageAfter([](auto &m) { binding(m, 0).set_arena_offset(4); }),
            where + "[0]: arena_offset: expects a multiple of 64 but got 4");
  EXPECT_EQ(messageAfter([](auto &m) { binding(m, 1).set_index(2); }),
            where + "[1]: index: expects a value below 2 but got 2");
  EXPECT_EQ(messageAfter([](auto &m) { binding(m, 2).set_index(2); }),
            where + "[2]: index: expects a value below 2 but got 2");
  EXPECT_EQ(messageAfter([](auto &m) { binding(m, 3).clear_role(); }),
            where + "[3]: role: expects a known role but got 0");
  EXPECT_EQ(messageAfter([](auto &m) {
              binding(m, 3).set_role(static_cast<proto::Binding::Role>(77));
            }),
            where + "[3]: role: expects a known role but got 77");
}

} // namespace
