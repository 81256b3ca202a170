//===- ParameterListTest.cpp - What a config implies ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace gossamer;
using namespace gossamer::testing;

namespace {

ModelConfig publishedConfig(const std::string &name) {
  std::string path = sourcePath("tests/data/configs/" + name);
  auto config = ModelConfig::parse(readText(path), path);
  EXPECT_TRUE(config.isOk()) << config.status().message();
  return *config;
}

TEST(ParameterList, CountsThePublishedModels) {
  ParameterList small = ParameterList::create(
      publishedConfig("gpt-oss-20b.json"), ExpertForm::Mxfp4);
  EXPECT_EQ(small.tensorCount(), 459u);
  EXPECT_EQ(small.elementCount(), 20'914'757'184);
  EXPECT_EQ(small.byteSize(), 13'761'264'768u);

  ParameterList large = ParameterList::create(
      publishedConfig("gpt-oss-120b.json"), ExpertForm::Mxfp4);
  EXPECT_EQ(large.tensorCount(), 687u);
  EXPECT_EQ(large.elementCount(), 116'829'156'672);
  EXPECT_EQ(large.byteSize(), 65'248'815'744u);
  EXPECT_EQ(ParameterList::create(publishedConfig("gpt-oss-20b.json"),
                                  ExpertForm::Plain)
                .byteSize(),
            41'829'514'368u);
}

TEST(ParameterList, NamesAndShapes) {
  ParameterList list =
      ParameterList::create(ConfigText().config(), ExpertForm::Mxfp4);
  const Parameter *query = list.find("layers.1.attention.q.weight");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->shape, (std::vector<int64_t>{60, 64}));
  EXPECT_EQ(query->tensors[0].name, "model.layers.1.self_attn.q_proj.weight");
  const Parameter *output = list.find("layers.0.attention.o.weight");
  ASSERT_TRUE(output);
  EXPECT_EQ(output->shape, (std::vector<int64_t>{64, 60}));

  const Parameter *gateUp = list.find("layers.2.mlp.experts.gate_up");
  ASSERT_TRUE(gateUp);
  EXPECT_EQ(gateUp->shape, (std::vector<int64_t>{5, 64, 64}));
  EXPECT_EQ(gateUp->layout, StorageLayout::Published);
  ASSERT_EQ(gateUp->tensors.size(), 2u);
  EXPECT_EQ(gateUp->tensors[0].name,
            "model.layers.2.mlp.experts.gate_up_proj_blocks");
  EXPECT_EQ(gateUp->tensors[0].shape, (std::vector<uint64_t>{5, 64, 2, 16}));
  EXPECT_EQ(gateUp->tensors[1].shape, (std::vector<uint64_t>{5, 64, 2}));
  const Parameter *down = list.find("layers.2.mlp.experts.down");
  ASSERT_TRUE(down);
  EXPECT_EQ(down->shape, (std::vector<int64_t>{5, 64, 32}));
  EXPECT_EQ(down->tensors[0].shape, (std::vector<uint64_t>{5, 64, 1, 16}));
  EXPECT_EQ(list.find("layers.3.mlp.experts.down"), nullptr);
  EXPECT_EQ(list.parameters().front().symbol, "embed_tokens");
  EXPECT_EQ(list.parameters().back().symbol, "lm_head");
}

TEST(ParameterList, FollowsBiasTyingAndForm) {
  ModelConfig config = ConfigText()
                           .set("attention_bias", "false")
                           .set("tie_word_embeddings", "true")
                           .config();
  ParameterList list = ParameterList::create(config, ExpertForm::Plain);
  EXPECT_EQ(list.find("layers.0.attention.q.bias"), nullptr);
  EXPECT_EQ(list.find("lm_head"), nullptr);
  EXPECT_TRUE(list.find("layers.0.mlp.router.bias"));
  const Parameter *down = list.find("layers.0.mlp.experts.down");
  ASSERT_TRUE(down);
  EXPECT_EQ(down->layout, StorageLayout::Transposed);
  EXPECT_EQ(down->shape, (std::vector<int64_t>{5, 64, 32}));
  EXPECT_EQ(down->tensors[0].shape, (std::vector<uint64_t>{5, 32, 64}));
}

} // namespace
