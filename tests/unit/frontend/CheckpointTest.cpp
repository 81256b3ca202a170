//===- CheckpointTest.cpp - Tests of opening checkpoints ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"

#include <cstring>

using namespace gossamer;
using namespace gossamer::testing;

namespace {

namespace fs = std::filesystem;

TEST(Checkpoint, OpensTinyStories) {
  std::string path = sourcePath("models/tiny-stories");
  auto checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_TRUE(checkpoint->hasWeights());
  EXPECT_EQ(checkpoint->parameters().tensorCount(), 117u);
  EXPECT_EQ(checkpoint->parameters().form(), ExpertForm::Mxfp4);
  EXPECT_EQ(checkpoint->parameters().byteSize(), 7729056u);
  EXPECT_EQ(checkpoint->locations().size(), 117u);
  // generation_config.json's list replaces the single one of config.json.
  EXPECT_EQ(checkpoint->config().eosTokens,
            (std::vector<int64_t>{3044, 3041, 3054}));
  EXPECT_EQ(checkpoint->config().bosToken, 3040);
  ASSERT_EQ(checkpoint->weightFiles().size(), 1u);
  const WeightFile &file = checkpoint->weightFiles()[0];
  EXPECT_EQ(file.name, "model.safetensors");
  EXPECT_EQ(file.size, fs::file_size(path + "/model.safetensors"));
  EXPECT_EQ(file.size, file.headerSize + 7729056);
  EXPECT_EQ(checkpoint->configSha256(),
            sha256(std::string_view(readText(path + "/config.json"))));
  ASSERT_TRUE(checkpoint->tokenizer());
  EXPECT_EQ(checkpoint->tokenizer()->source, path + "/tokenizer.json");
  ASSERT_TRUE(checkpoint->chatTemplate());
  EXPECT_EQ(checkpoint->chatTemplate()->text,
            readText(path + "/chat_template.jinja"));
  EXPECT_TRUE(checkpoint->notes().empty());

  std::atomic<uint64_t> bytes{0};
  Status status = checkpoint->verifyValues([&](uint64_t n) {
    bytes += n;
    return true;
  });
  EXPECT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(bytes, checkpoint->verificationBytes());
  EXPECT_EQ(checkpoint->verifyValues([](uint64_t) { return false; }).code(),
            StatusCode::Interrupted);
}

TEST(Checkpoint, ShardsHoldTheSameBytes) {
  std::string path = sourcePath("../shared/models/tiny-stories-sharded");
  if (!fs::exists(path))
    GTEST_SKIP() << path << " is not there";
  auto sharded = Checkpoint::open(path);
  ASSERT_TRUE(sharded.isOk()) << sharded.status().message();
  auto single = Checkpoint::open(sourcePath("models/tiny-stories"));
  ASSERT_TRUE(single.isOk()) << single.status().message();
  EXPECT_EQ(sharded->weightFiles().size(), 2u);
  ASSERT_EQ(sharded->locations().size(), single->locations().size());
  for (size_t i = 0; i < single->locations().size(); ++i) {
    auto a = sharded->locations()[i].bytes.mapped();
    auto b = single->locations()[i].bytes.mapped();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << i;
  }
}

TEST(Checkpoint, OpensAConfigAlone) {
  auto checkpoint =
      Checkpoint::open(sourcePath("tests/data/configs/gpt-oss-20b.json"));
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_FALSE(checkpoint->hasWeights());
  EXPECT_TRUE(checkpoint->locations().empty());
  EXPECT_EQ(checkpoint->parameters().tensorCount(), 459u);
  EXPECT_TRUE(checkpoint->verifyValues().isOk());
  EXPECT_EQ(checkpoint->find("lm_head.weight"), nullptr);
}

/// [experts, out, in] as bf16 [experts, in, out], from blocks and scales.
std::string dequantizeTransposed(const std::string &blocks,
                                 const std::string &scales, uint64_t experts,
                                 uint64_t out, uint64_t in) {
  std::string result(experts * out * in * 2, '\0');
  std::vector<float> row(in);
  uint64_t perRow = in / mxfp4BlockElements;
  for (uint64_t e = 0; e < experts; ++e)
    for (uint64_t o = 0; o < out; ++o) {
      uint64_t first = (e * out + o) * perRow;
      dequantizeMxfp4Row(
          {reinterpret_cast<const uint8_t *>(blocks.data()) +
               first * mxfp4BlockBytes,
           perRow * mxfp4BlockBytes},
          {reinterpret_cast<const uint8_t *>(scales.data()) + first, perRow},
          row);
      for (uint64_t i = 0; i < in; ++i) {
        uint16_t bits = f32ToBf16(row[i]);
        std::memcpy(&result[((e * in + i) * out + o) * 2], &bits, 2);
      }
    }
  return result;
}

TEST(Checkpoint, OpensTheBf16Form) {
  std::string source = sourcePath("models/tiny-stories");
  auto weights = EditableWeights::load(source + "/model.safetensors");
  EditableWeights plain;
  for (size_t i = 0; i < weights.tensors.size(); ++i) {
    const auto &tensor = weights.tensors[i];
    std::string base = tensor.name.substr(0, tensor.name.rfind('_'));
    if (tensor.name.ends_with("_scales"))
      continue;
    if (!tensor.name.ends_with("_blocks")) {
      plain.add(tensor.name, tensor.dtype, tensor.shape, weights.bytes[i]);
      continue;
    }
    uint64_t experts = tensor.shape[0], out = tensor.shape[1];
    uint64_t in = tensor.shape[2] * mxfp4BlockElements;
    const std::string &scales =
        weights.bytes[weights.indexOf(base + "_scales")];
    plain.add(base, DType::BF16, {experts, in, out},
              dequantizeTransposed(weights.bytes[i], scales, experts, out, in));
  }
  TempDirectory directory;
  plain.write(directory.file("model.safetensors"));
  writeText(directory.file("config.json"), readText(source + "/config.json"));

  auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->parameters().form(), ExpertForm::Plain);
  EXPECT_EQ(checkpoint->parameters().tensorCount(), 117u - 12u);
  EXPECT_FALSE(checkpoint->tokenizer());
  EXPECT_TRUE(checkpoint->verifyValues().isOk());
  // Its config still says mxfp4: the tensors decide.
  ASSERT_EQ(checkpoint->notes().size(), 1u);
  EXPECT_EQ(checkpoint->notes()[0],
            "quantization_config says mxfp4, but the tensors are not");
  const Parameter *down =
      checkpoint->parameters().find("layers.0.mlp.experts.down");
  ASSERT_TRUE(down);
  EXPECT_EQ(down->shape, (std::vector<int64_t>{16, 192, 128}));
  EXPECT_EQ(down->tensors[0].shape, (std::vector<uint64_t>{16, 128, 192}));
}

} // namespace
