//===- ModelTest.cpp ------------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Artifacts with the code of tiny_step.c and one weight file.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Model.h"

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/model/Scheduler.h"
#include "runtime/support/Sha256.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <unistd.h>

using namespace gossamer;
namespace fs = std::filesystem;

namespace {

constexpr uint64_t headerBytes = 64;
constexpr uint64_t weightBytes = headerBytes + 4 * 16384;

std::string readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct ModelTest : testing::Test {
  fs::path directory;
  std::string weights = std::string(weightBytes, '\0');

  void SetUp() override {
    directory = fs::path(testing::TempDir()) /
                ("gossamer-model-" + std::to_string(::getpid()));
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

  /// Writes the artifact and loads it.
  Expected<std::shared_ptr<const Model>>
  load(const std::function<void(proto::Manifest &)> &change = {},
       ModelOptions options = {}) {
    proto::Manifest contents = manifest();
    if (change)
      change(contents);
    std::string code = readFile(GOSSAMER_TINY_STEP);
    std::string path = directory / "model.goss";
    std::string embedded = weights.substr(headerBytes);
    bool embed = contents.weights_embedded();
    GOSS_ASSIGN_OR_RETURN(ArtifactWriter writer,
                          ArtifactWriter::create(path, contents,
                                                 {{SectionKind::Code, code}},
                                                 embed ? embedded.size() : 0));
    if (embed)
      GOSS_RETURN_IF_ERROR(writer.appendWeights(
          std::as_bytes(std::span(embedded.data(), embedded.size()))));
    GOSS_RETURN_IF_ERROR(writer.commit());
    if (options.weightsDirectory.empty() && !embed)
      options.weightsDirectory = directory / "checkpoint";
    options.threads = 1;
    return Model::load(path, options);
  }

  void expectRuns(const std::shared_ptr<const Model> &model) {
    auto scheduler = Scheduler::create(model).take();
    Session session = scheduler->newSession().take();
    ASSERT_TRUE(session.append(std::vector<int32_t>(20, 5)).isOk());
    auto logits = scheduler->drain(session);
    ASSERT_TRUE(logits.isOk()) << logits.status().message();
    EXPECT_EQ((*logits)[0], 195); // 5 + 10 * 19.
    EXPECT_EQ((*logits)[7], 202);
  }
};

TEST_F(ModelTest, RunsWithReferencedWeights) {
  auto model = load();
  ASSERT_TRUE(model.isOk()) << model.status().message();
  EXPECT_EQ((*model)->stopTokens(), std::vector<int32_t>{3});
  EXPECT_EQ((*model)->tensor(0).size(), 65536U);
  expectRuns(*model);
}

TEST_F(ModelTest, RunsWithEmbeddedWeights) {
  fs::remove_all(directory / "checkpoint");
  auto model = load([](proto::Manifest &contents) {
    contents.set_weights_embedded(true);
    contents.clear_weight_files();
    contents.mutable_tensors(0)->set_offset(0);
  });
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectRuns(*model);
}

TEST_F(ModelTest, LooksBesideTheArtifactByDefault) {
  write("w.bin", weights);
  ASSERT_TRUE(load().isOk());
  auto model = Model::load(directory / "model.goss", {"", 1, nullptr});
  ASSERT_TRUE(model.isOk()) << model.status().message();
  expectRuns(*model);
}

TEST_F(ModelTest, MissingWeightsAreNamed) {
  auto model = load({}, {directory / "nowhere", 1, nullptr});
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 66);
  fs::remove(directory / "checkpoint/w.bin");
  model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 66);
  EXPECT_EQ(model.status().message(),
            (directory / "checkpoint/w.bin").string() +
                ": no such file; the artifact needs the weights of its "
                "checkpoint (--weights=DIR names their folder)");
}

TEST_F(ModelTest, OtherWeightsAreRefused) {
  std::string path = directory / "checkpoint/w.bin";
  write("checkpoint/w.bin", weights.substr(1));
  auto model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
  EXPECT_EQ(model.status().message(),
            path + ": expects 65600 bytes but got 65599: not the weights that "
                   "the artifact was made from");

  std::string other = weights;
  other[10] = 'x';
  write("checkpoint/w.bin", other);
  model = load();
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
  EXPECT_EQ(model.status().message(),
            path + ": the SHA-256 of the header differs from the artifact's: "
                   "not the weights that it was made from");
}

TEST_F(ModelTest, WeightsStayBeneathTheirDirectory) {
  write("w.bin", weights);
  for (std::string name :
       {std::string("../w.bin"), std::string("a/../../w.bin"),
        (directory / "w.bin").string(), std::string("")}) {
    auto model = load([&](proto::Manifest &contents) {
      contents.mutable_weight_files(0)->set_name(name);
    });
    ASSERT_FALSE(model.isOk()) << name;
    EXPECT_EQ(model.status().exitCode(), 65) << name;
  }
}

TEST_F(ModelTest, OtherProcessorsAreRefused) {
  auto model = load([](proto::Manifest &contents) {
    contents.add_required_features("sse2");
    contents.add_required_features("flux-capacitor");
  });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 69);
  EXPECT_EQ(model.status().message(),
            (directory / "model.goss").string() +
                ": the artifact needs the CPU feature 'flux-capacitor', which "
                "this runtime does not know");
}

TEST_F(ModelTest, OtherTargetsAreRefused) {
  auto model =
      load([](proto::Manifest &contents) { contents.set_target("abacus"); });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 69);
  EXPECT_EQ(model.status().message(),
            (directory / "model.goss").string() +
                ": target: expects cpu, the device at hand, but got abacus");
}

TEST_F(ModelTest, CodeWithoutAKernelIsRefused) {
  auto model = load(
      [](proto::Manifest &contents) { addKernel(contents, "tiny_absent"); });
  ASSERT_FALSE(model.isOk());
  EXPECT_EQ(model.status().exitCode(), 65);
}

} // namespace
