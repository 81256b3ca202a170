//===- SynthTest.cpp - Tests of synthetic checkpoints ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

#include "frontend/checkpoint/RandomTensor.h"
#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"

#include <cmath>
#include <csignal>
#include <cstring>
#include <map>
#include <sys/resource.h>

using namespace gossamer;
using namespace gossamer::testing;

namespace {

namespace fs = std::filesystem;

Status synthesize(const std::string &directory,
                  const SynthOptions &options = {}) {
  return writeSyntheticCheckpoint(ConfigText().config(), directory, options)
      .status();
}

TEST(Synth, PresetsHaveThePublishedSizes) {
  auto small = synthConfig("20b");
  ASSERT_TRUE(small.isOk());
  EXPECT_EQ(syntheticCheckpointBytes(*small, {}), 13'761'264'768u);
  auto large = synthConfig("120b");
  ASSERT_TRUE(large.isOk());
  EXPECT_EQ(syntheticCheckpointBytes(*large, {}), 65'248'815'744u);
  for (const char *preset : synthPresets()) {
    auto config = synthConfig(preset);
    ASSERT_TRUE(config.isOk()) << preset;
    Status status = config->validate(preset);
    EXPECT_TRUE(status.isOk()) << status.message();
  }
  auto file = synthConfig(sourcePath("tests/data/configs/gpt-oss-20b.json"));
  ASSERT_TRUE(file.isOk()) << file.status().message();
  EXPECT_EQ(file->rope, small->rope);
  EXPECT_EQ(file->layerTypes, small->layerTypes);
  EXPECT_EQ(synthConfig("30b").status().code(), StatusCode::NotFound);
}

TEST(Synth, SeedDemoOpensAndVerifies) {
  TempDirectory directory;
  auto config = synthConfig("seed-demo");
  ASSERT_TRUE(config.isOk());
  std::atomic<uint64_t> written{0};
  SynthOptions options;
  options.progress = [&](uint64_t bytes) {
    written += bytes;
    return true;
  };
  std::string path = directory.file("demo");
  Status status = writeSyntheticCheckpoint(*config, path, options).status();
  ASSERT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(written, syntheticCheckpointBytes(*config, options));
  auto checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_TRUE(checkpoint->verifyValues().isOk());
  EXPECT_TRUE(checkpoint->notes().empty());
  EXPECT_EQ(checkpoint->config().numLayers, 4);
  EXPECT_EQ(checkpoint->config().vocabSize, 1000);
  EXPECT_EQ(checkpoint->config().maxContext, 4096);
}

TEST(Synth, SameSeedSameBytesInAnyFiles) {
  TempDirectory directory;
  SynthOptions options;
  options.seed = 7;
  ASSERT_TRUE(synthesize(directory.file("a"), options).isOk());
  ASSERT_TRUE(synthesize(directory.file("b"), options).isOk());
  options.shardBytes = 20'000;
  ASSERT_TRUE(synthesize(directory.file("c"), options).isOk());
  options.seed = 8;
  ASSERT_TRUE(synthesize(directory.file("d"), options).isOk());
  for (const char *name : {"/model.safetensors", "/config.json"})
    EXPECT_EQ(readText(directory.file("a") + name),
              readText(directory.file("b") + name));

  auto single = Checkpoint::open(directory.file("a"));
  auto sharded = Checkpoint::open(directory.file("c"));
  auto other = Checkpoint::open(directory.file("d"));
  ASSERT_TRUE(single.isOk() && sharded.isOk() && other.isOk());
  EXPECT_EQ(sharded->weightFiles()[0].name.rfind("model-00000-of-", 0), 0u);
  for (size_t i = 0; i < single->locations().size(); ++i) {
    auto a = single->locations()[i].bytes.mapped();
    auto c = sharded->locations()[i].bytes.mapped();
    auto d = other->locations()[i].bytes.mapped();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), c.begin(), c.end()));
    EXPECT_FALSE(std::equal(a.begin(), a.end(), d.begin(), d.end()));
  }
}

TEST(Synth, BytesAreFixedForAllMachines) {
  TempDirectory directory;
  ASSERT_TRUE(synthesize(directory.file("a")).isOk());
  auto checkpoint = Checkpoint::open(directory.file("a"));
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  Sha256 hash;
  for (const TensorLocation &location : checkpoint->locations())
    hash.update(location.bytes.mapped());
  EXPECT_EQ(toHex(hash.finish()),
            "d8d9f80ace1490b16e17e6974233087cd80caeca77c13001f41bea7b135f7a1f");
}

TEST(Synth, BytesDoNotDependOnVectorInstructions) {
  Parameter parameter;
  parameter.shape = {7, 2880};
  parameter.tensors = {{"blocks", DType::U8, {1}}, {"scales", DType::U8, {1}}};
  struct Case {
    ParameterKind kind;
    size_t tensor;
  };
  for (Case test : {Case{ParameterKind::Linear, 0},
                    {ParameterKind::Norm, 0},
                    {ParameterKind::Expert, 0},
                    {ParameterKind::Expert, 1}}) {
    parameter.kind = test.kind;
    RandomTensor content(parameter, parameter.tensors[test.tensor], 3);
    std::vector<std::byte> whole(100'001);
    content.fill(0, whole, VectorIsa::Baseline);
    for (VectorIsa isa :
         {VectorIsa::Baseline, VectorIsa::Avx2, VectorIsa::Avx512})
      for (size_t begin : {0, 8, 4096, 65'000}) {
        if (isa > bestVectorIsa())
          continue;
        // An odd place in memory, as behind a tensor of odd size.
        std::vector<std::byte> part(whole.size() - begin + 1);
        content.fill(begin, std::span(part).subspan(1), isa);
        EXPECT_TRUE(std::equal(part.begin() + 1, part.end(),
                               whole.begin() + static_cast<long>(begin)));
      }
  }
}

/// Mean and root mean square of a bf16 tensor.
std::pair<double, double> moments(std::span<const std::byte> bytes) {
  double sum = 0, squares = 0;
  size_t count = bytes.size() / 2;
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    double value = bf16ToF32(bits);
    sum += value;
    squares += value * value;
  }
  double n = static_cast<double>(count);
  return {sum / n, std::sqrt(squares / n)};
}

TEST(Synth, WeightsKeepActivationsNearOne) {
  TempDirectory directory;
  auto config = synthConfig("seed-demo");
  ASSERT_TRUE(config.isOk());
  ASSERT_TRUE(
      writeSyntheticCheckpoint(*config, directory.file("m"), {}).isOk());
  auto checkpoint = Checkpoint::open(directory.file("m"));
  ASSERT_TRUE(checkpoint.isOk());
  auto [mean, rms] =
      moments(checkpoint->find("model.embed_tokens.weight")->bytes.mapped());
  EXPECT_NEAR(mean, 0.0, 0.02);
  EXPECT_NEAR(rms, 1.0, 0.02);
  std::tie(mean, rms) =
      moments(checkpoint->find("model.layers.0.self_attn.q_proj.weight")
                  ->bytes.mapped());
  EXPECT_NEAR(rms * std::sqrt(256.0), 2.0, 0.05);
  std::tie(mean, rms) =
      moments(checkpoint->find("model.norm.weight")->bytes.mapped());
  EXPECT_NEAR(mean, 1.0, 0.05);

  std::string base = "model.layers.3.mlp.experts.down_proj_";
  auto blocks = checkpoint->find(base + "blocks")->bytes.mapped();
  auto scales = checkpoint->find(base + "scales")->bytes.mapped();
  std::vector<float> values(scales.size() * mxfp4BlockElements);
  dequantizeMxfp4Row(
      {reinterpret_cast<const uint8_t *>(blocks.data()), blocks.size()},
      {reinterpret_cast<const uint8_t *>(scales.data()), scales.size()},
      values);
  double squares = 0;
  for (float value : values)
    squares += static_cast<double>(value) * value;
  double norm = std::sqrt(256.0 * squares / static_cast<double>(values.size()));
  EXPECT_GT(norm, 0.5);
  EXPECT_LT(norm, 2.0);
}

TEST(Synth, ChangesTheNumberOfLayers) {
  TempDirectory directory;
  SynthOptions options;
  options.layers = 5;
  ASSERT_TRUE(synthesize(directory.file("m"), options).isOk());
  auto checkpoint = Checkpoint::open(directory.file("m"));
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->config().numLayers, 5);
  EXPECT_EQ(checkpoint->config().windowOf(4), 16);
  options.layers = -1;
  EXPECT_EQ(synthesize(directory.file("n"), options).code(), StatusCode::Usage);
  options.layers = layerLimit + 1;
  EXPECT_EQ(synthesize(directory.file("n"), options).code(), StatusCode::Usage);
}

TEST(Synth, LeavesNothingBehindOnFailure) {
  TempDirectory directory;
  SynthOptions options;
  options.shardBytes = 20'000;
  int calls = 0;
  options.progress = [&](uint64_t) { return ++calls < 3; };
  Status status = synthesize(directory.file("m"), options);
  EXPECT_EQ(status.code(), StatusCode::Interrupted);
  EXPECT_TRUE(directory.entries().empty());

  // A directory that was there stays, empty.
  fs::create_directory(directory.file("m"));
  calls = 0;
  EXPECT_EQ(synthesize(directory.file("m"), options).code(),
            StatusCode::Interrupted);
  EXPECT_TRUE(fs::is_empty(directory.file("m")));
}

/// Files of a directory with their content.
std::map<std::string, std::string> readAll(const std::string &directory) {
  std::map<std::string, std::string> files;
  for (const auto &entry : fs::directory_iterator(directory))
    files[entry.path().filename()] = readText(entry.path());
  return files;
}

/// Options of small files; `calls` reports of progress end the run.
SynthOptions resumable(int calls = -1) {
  SynthOptions options;
  options.shardBytes = 20'000;
  options.resume = true;
  options.progress = [calls](uint64_t) mutable { return --calls != 0; };
  return options;
}

TEST(Synth, ResumesWhatWasStopped) {
  TempDirectory directory;
  SynthOptions options = resumable();
  options.resume = false;
  std::string whole = directory.file("whole");
  ASSERT_TRUE(synthesize(whole, options).isOk());

  std::string path = directory.file("m");
  for (int run = 0; run < 2; ++run)
    EXPECT_EQ(synthesize(path, resumable(3 + run)).code(),
              StatusCode::Interrupted);
  std::map<std::string, std::string> finished = readAll(path);
  EXPECT_GE(finished.size(), 2u);
  EXPECT_FALSE(finished.contains("config.json"));
  EXPECT_FALSE(Checkpoint::open(path).isOk());
  // What a killed process leaves.
  writeText(path + "/" + finished.begin()->first + ".17.0.part", "half");
  auto report =
      writeSyntheticCheckpoint(ConfigText().config(), path, resumable());
  ASSERT_TRUE(report.isOk()) << report.status().message();
  EXPECT_GT(report->keptBytes, 0u);
  EXPECT_GT(report->writtenBytes, 0u);
  EXPECT_TRUE(readAll(path) == readAll(whole));

  // All of it is there already.
  report = writeSyntheticCheckpoint(ConfigText().config(), path, resumable());
  ASSERT_TRUE(report.isOk()) << report.status().message();
  EXPECT_EQ(report->writtenBytes, 0u);
  EXPECT_TRUE(readAll(path) == readAll(whole));
}

TEST(Synth, ResumesOnlyTheSameRun) {
  TempDirectory directory;
  std::string path = directory.file("m");
  EXPECT_EQ(synthesize(path, resumable(3)).code(), StatusCode::Interrupted);
  std::map<std::string, std::string> before = readAll(path);
  std::string first = path + "/" + before.begin()->first;
  auto refuses = [&](const SynthOptions &options, StatusCode code,
                     const std::string &message) {
    std::map<std::string, std::string> files = readAll(path);
    Status status = synthesize(path, options);
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_TRUE(status.message().starts_with(message)) << status.message();
    EXPECT_TRUE(readAll(path) == files) << message;
  };
  SynthOptions other = resumable();
  other.seed = 1;
  refuses(other, StatusCode::Usage,
          first + ": expects the weights of this config and seed");
  other = resumable();
  other.shardBytes = 30'000;
  refuses(other, StatusCode::Usage, path + ": expects files of a stopped run");
  other = resumable();
  other.resume = false;
  refuses(other, StatusCode::Usage, path + ": expects an empty directory");
  writeText(path + "/precious", "x");
  writeText(first + ".17.0.part", "half");
  refuses(resumable(), StatusCode::Usage,
          path + ": expects files of a stopped "
                 "run with the same options "
                 "but got 'precious'");
  fs::remove(path + "/precious");
  writeText(first, before.begin()->second.substr(0, 10'000));
  refuses(resumable(), StatusCode::InvalidData, first);
}

TEST(Synth, LeavesNothingBehindOnAFullDisk) {
  // A limit on file sizes fails writes as a full disk does.
  struct rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 30'000;
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  TempDirectory directory;
  Status status = synthesize(directory.file("m"));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::IoError) << status.message();
  EXPECT_TRUE(directory.entries().empty());
}

TEST(Synth, RefusesToMixWithOtherFiles) {
  TempDirectory directory;
  writeText(directory.file("precious"), "x");
  Status status = synthesize(directory.path());
  EXPECT_EQ(status.code(), StatusCode::Usage);
  EXPECT_EQ(status.message(), directory.path() +
                                  ": expects an empty directory but got one "
                                  "with files");
  EXPECT_EQ(directory.entries(), std::vector<std::string>{"precious"});
  status = synthesize(directory.file("precious"));
  EXPECT_FALSE(status.isOk());
  EXPECT_EQ(readText(directory.file("precious")), "x");
}

} // namespace
