//===- TinyModel.h - Artifacts of tiny_step.c -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Writes artifacts with the code of tiny_step.c and one weight file. Their
// vocabulary is "a" ... "h", and greedy generation always says "h".
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_EXEC_TINYMODEL_H
#define GOSSAMER_TESTS_UNIT_EXEC_TINYMODEL_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/support/Sha256.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <unistd.h>

namespace gossamer::test {

namespace fs = std::filesystem;

inline constexpr uint64_t headerBytes = 64;
inline constexpr uint64_t weightBytes = headerBytes + 4 * 16384;

inline std::string readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct TinyModel : testing::Test {
  fs::path directory;
  std::string weights = std::string(weightBytes, '\0');

  void SetUp() override {
    directory = fs::path(testing::TempDir()) /
                ("gossamer-tiny-" + std::to_string(::getpid()));
    fs::create_directories(directory / "checkpoint");
    std::fill_n(weights.begin(), headerBytes, 'h');
    write("checkpoint/w.bin", weights);
  }
  void TearDown() override { fs::remove_all(directory); }

  void write(const std::string &name, const std::string &bytes) {
    std::ofstream(directory / name, std::ios::binary) << bytes;
  }

  proto::Manifest manifest() const {
    proto::Manifest result;
    result.set_compiler_version("test");
    result.set_step_abi_version(GOSS_STEP_ABI_VERSION);
    result.set_target("cpu");
    result.set_math_mode("exact");
    result.set_config_sha256(std::string(32, 'c'));
    result.set_max_context(100);
    result.set_max_tokens_per_step(8);
    result.set_arena_bytes(64);
    result.add_stop_tokens(3);
    addConfig(*result.mutable_config());
    proto::CacheLayout &cache = *result.mutable_cache();
    cache.set_page_tokens(16);
    cache.set_kv_heads(1);
    cache.set_head_dim(16);
    cache.set_max_pages(7);
    cache.set_dtype("F32");
    cache.add_groups()->add_layers(0);
    cache.mutable_groups(0)->set_page_bytes(4ULL * 16 * 32);
    proto::WeightFile &file = *result.add_weight_files();
    file.set_name("w.bin");
    file.set_size(weightBytes);
    file.set_header_size(headerBytes);
    Sha256Digest digest =
        sha256(std::string_view(weights).substr(0, headerBytes));
    file.set_header_sha256(std::string(toBytes(digest)));
    proto::Tensor &tensor = *result.add_tensors();
    tensor.set_name("counts");
    tensor.set_parameter("counts");
    tensor.set_dtype("I32");
    tensor.add_shape(16384);
    tensor.set_offset(headerBytes);
    tensor.set_size(weightBytes - headerBytes);
    for (const char *symbol : {"tiny_gather", "tiny_logits", "tiny_count"})
      addKernel(result, symbol);
    return result;
  }

  static void addKernel(proto::Manifest &manifest, const char *symbol) {
    proto::Kernel &kernel = *manifest.add_kernels();
    kernel.set_symbol(symbol);
    kernel.set_operation("test");
    kernel.set_kind("tiny");
    kernel.set_num_bindings(1);
    kernel.add_work()->set_per_token(1);
    proto::Launch &launch = *manifest.add_launches();
    launch.set_name(symbol);
    launch.set_kernel(static_cast<uint32_t>(manifest.kernels_size()) - 1);
    launch.add_bindings()->set_role(proto::Binding::TOKENS);
  }

  static void addConfig(proto::ModelConfig &config) {
    config.set_model_type("gpt_oss");
    config.set_num_layers(1);
    config.set_num_experts(1);
    config.set_experts_per_token(1);
    config.set_hidden_size(16);
    config.set_intermediate_size(16);
    config.set_head_dim(16);
    config.set_num_heads(1);
    config.set_num_kv_heads(1);
    config.set_vocab_size(8);
    config.set_max_position_embeddings(100);
    config.add_layer_windows(0);
    config.set_rms_norm_eps(1e-5);
    config.mutable_rope()->set_scaling("none");
    config.mutable_rope()->set_theta(10000);
  }

  std::string artifactPath() const { return directory / "model.goss"; }

  /// Writes the artifact with a changed manifest and perhaps a tokenizer.
  Status writeArtifact(const std::function<void(proto::Manifest &)> &change,
                       const std::string &tokenizerImage = {}) {
    proto::Manifest contents = manifest();
    if (change)
      change(contents);
    std::string code = readFile(GOSSAMER_TINY_STEP);
    std::vector<ArtifactWriter::Section> sections = {{SectionKind::Code, code}};
    if (!tokenizerImage.empty()) {
      sections.push_back({SectionKind::Tokenizer, tokenizerImage});
      contents.set_tokenizer_sha256(std::string(32, 't'));
    }
    std::string embedded = weights.substr(headerBytes);
    bool embed = contents.weights_embedded();
    GOSS_ASSIGN_OR_RETURN(ArtifactWriter writer,
                          ArtifactWriter::create(artifactPath(), contents,
                                                 sections,
                                                 embed ? embedded.size() : 0));
    if (embed)
      GOSS_RETURN_IF_ERROR(writer.appendWeights(
          std::as_bytes(std::span(embedded.data(), embedded.size()))));
    return writer.commit();
  }
};

} // namespace gossamer::test

#endif // GOSSAMER_TESTS_UNIT_EXEC_TINYMODEL_H
