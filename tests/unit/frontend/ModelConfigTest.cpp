//===- ModelConfigTest.cpp - Tests of reading config.json -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

#include <cmath>

using namespace gossamer;
using namespace gossamer::testing;

namespace {

void expectError(const ConfigText &config, const std::string &message) {
  Expected<ModelConfig> result = config.parse();
  ASSERT_FALSE(result.isOk()) << "accepted, expected: " << message;
  EXPECT_EQ(result.status().code(), StatusCode::InvalidData);
  EXPECT_EQ(result.status().message(), message);
}

bool hasNote(const ModelConfig &config, const std::string &part) {
  for (const std::string &note : config.notes)
    if (note.find(part) != std::string::npos)
      return true;
  return false;
}

TEST(ModelConfig, ReadsThePublished20b) {
  std::string path = sourcePath("tests/data/configs/gpt-oss-20b.json");
  Expected<ModelConfig> parsed = ModelConfig::parse(readText(path), path);
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  const ModelConfig &config = *parsed;
  EXPECT_EQ(config.numLayers, 24);
  EXPECT_EQ(config.numExperts, 32);
  EXPECT_EQ(config.expertsPerToken, 4);
  EXPECT_EQ(config.hiddenSize, 2880);
  EXPECT_EQ(config.intermediateSize, 2880);
  EXPECT_EQ(config.headDim, 64);
  EXPECT_EQ(config.numHeads, 64);
  EXPECT_EQ(config.numKvHeads, 8);
  EXPECT_EQ(config.queryWidth(), 4096);
  EXPECT_EQ(config.keyValueWidth(), 512);
  EXPECT_EQ(config.vocabSize, 201088);
  EXPECT_EQ(config.maxContext, 131072);
  EXPECT_EQ(config.windowOf(0), 128);
  EXPECT_EQ(config.windowOf(23), 0);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.swigluAlpha, 1.702);
  EXPECT_EQ(config.swigluLimit, 7.0);
  EXPECT_TRUE(config.attentionBias);
  EXPECT_FALSE(config.tieWordEmbeddings);
  EXPECT_EQ(config.rope.scaling, RopeConfig::Scaling::Yarn);
  EXPECT_EQ(config.rope.theta, 150000.0);
  EXPECT_EQ(config.rope.factor, 32.0);
  EXPECT_EQ(config.rope.betaFast, 32.0);
  EXPECT_EQ(config.rope.betaSlow, 1.0);
  EXPECT_EQ(config.rope.originalContext, 4096);
  EXPECT_FALSE(config.rope.truncate);
  EXPECT_EQ(config.rope.attentionFactor, 1.3465735902799727);
  EXPECT_EQ(config.eosTokens, std::vector<int64_t>{200002});
  EXPECT_EQ(config.padToken, 199999);
  EXPECT_EQ(config.bosToken, std::nullopt);
  EXPECT_TRUE(config.claimsMxfp4);
  EXPECT_TRUE(config.notes.empty());
}

TEST(ModelConfig, MissingFieldsHaveTheDefaultsOfTransformers) {
  auto parsed = ModelConfig::parse(R"({"model_type":"gpt_oss"})", "c");
  ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
  EXPECT_EQ(parsed->numLayers, 36);
  EXPECT_EQ(parsed->numExperts, 128);
  EXPECT_EQ(parsed->expertsPerToken, 4);
  EXPECT_EQ(parsed->headDim, 64);
  EXPECT_EQ(parsed->numKvHeads, 8);
  EXPECT_EQ(parsed->vocabSize, 201088);
  EXPECT_EQ(parsed->slidingWindow, 128);
  EXPECT_EQ(parsed->windowOf(0), 128);
  EXPECT_EQ(parsed->windowOf(35), 0);
  EXPECT_TRUE(parsed->attentionBias);
  EXPECT_FALSE(parsed->claimsMxfp4);
  EXPECT_TRUE(parsed->eosTokens.empty());
  EXPECT_EQ(parsed->rope, RopeConfig());
  EXPECT_TRUE(hasNote(*parsed, "layer_types is missing"));
  EXPECT_TRUE(hasNote(*parsed, "rope_scaling is missing"));
}

TEST(ModelConfig, AcceptsTheNamesOfTransformers5) {
  ModelConfig config =
      ConfigText()
          .remove("rope_scaling")
          .remove("rope_theta")
          .remove("num_local_experts")
          .set("num_experts", "7")
          .set("dtype", "\"bfloat16\"")
          .set("swiglu_alpha", "1.5")
          .set("swiglu_limit", "6")
          .set("rope_parameters",
               R"({"rope_type":"yarn","rope_theta":5000,"factor":2,)"
               R"("original_max_position_embeddings":128,"truncate":false})")
          .config();
  EXPECT_EQ(config.numExperts, 7);
  EXPECT_EQ(config.swigluAlpha, 1.5);
  EXPECT_EQ(config.swigluLimit, 6.0);
  EXPECT_EQ(config.rope.theta, 5000.0);
  EXPECT_EQ(config.rope.factor, 2.0);
  EXPECT_EQ(config.rope.betaFast, 32.0);
  EXPECT_EQ(config.rope.originalContext, 128);
}

TEST(ModelConfig, FindsRopeThetaInThreePlaces) {
  EXPECT_EQ(ConfigText().set("rope_theta", "150000").config().rope.theta, 15e4);
  EXPECT_EQ(ConfigText().set("rope_theta", "1.5e5").config().rope.theta, 15e4);
  EXPECT_EQ(ConfigText().remove("rope_theta").config().rope.theta, 15e4);
  EXPECT_EQ(ConfigText()
                .set("rope_parameters",
                     R"({"rope_type":"default","rope_theta":77.5})")
                .config()
                .rope.theta,
            77.5);
}

TEST(ModelConfig, ReadsPlainRotation) {
  for (const char *type : {"default", "none"}) {
    ModelConfig config =
        ConfigText()
            .set("rope_scaling",
                 std::string(R"({"rope_type":")") + type + "\"}")
            .config();
    EXPECT_EQ(config.rope.scaling, RopeConfig::Scaling::None);
    EXPECT_TRUE(config.notes.empty());
  }
  ModelConfig config = ConfigText().set("rope_scaling", "null").config();
  EXPECT_EQ(config.rope.scaling, RopeConfig::Scaling::None);
  EXPECT_TRUE(hasNote(config, "rope_scaling is null"));
}

TEST(ModelConfig, YarnDefaults) {
  ModelConfig config =
      ConfigText()
          .set("rope_scaling", R"({"type":"yarn","factor":8,)"
                               R"("beta_fast":null,"attention_factor":null})")
          .config();
  EXPECT_EQ(config.rope.scaling, RopeConfig::Scaling::Yarn);
  EXPECT_TRUE(config.rope.truncate);
  EXPECT_TRUE(hasNote(config, "truncate is missing"));
  EXPECT_EQ(config.rope.betaFast, 32.0);
  EXPECT_EQ(config.rope.betaSlow, 1.0);
  EXPECT_EQ(config.rope.originalContext, 256);
  EXPECT_TRUE(hasNote(config, "original_max_position_embeddings is missing"));
  EXPECT_EQ(config.rope.attentionFactor, 0.1 * std::log(8.0) + 1.0);

  config = ConfigText()
               .set("initial_context_length", "32")
               .set("rope_scaling", R"({"rope_type":"yarn","factor":1})")
               .config();
  EXPECT_EQ(config.rope.originalContext, 32);
  EXPECT_EQ(config.rope.attentionFactor, 1.0);
}

TEST(ModelConfig, YarnFactorAndConcentration) {
  auto rope = [](const std::string &rest) {
    return ConfigText()
        .set("rope_scaling", R"({"rope_type":"yarn","truncate":true,)"
                             R"("original_max_position_embeddings":64)" +
                                 rest + "}")
        .config()
        .rope;
  };
  EXPECT_EQ(rope("").factor, 4.0);
  EXPECT_EQ(rope(R"(,"factor":3,"attention_factor":1.25)").attentionFactor,
            1.25);
  EXPECT_DOUBLE_EQ(
      rope(R"(,"factor":10,"mscale":2,"mscale_all_dim":1)").attentionFactor,
      (0.2 * std::log(10.0) + 1) / (0.1 * std::log(10.0) + 1));
}

TEST(ModelConfig, NullsFallBack) {
  EXPECT_EQ(ConfigText().set("num_key_value_heads", "null").config().numKvHeads,
            6);
  EXPECT_EQ(ConfigText()
                .set("head_dim", "null")
                .set("num_attention_heads", "4")
                .set("num_key_value_heads", "2")
                .config()
                .headDim,
            16);
  ModelConfig config = ConfigText()
                           .set("sliding_window", "null")
                           .set("layer_types", "null")
                           .config();
  EXPECT_EQ(config.slidingWindow, 0);
  EXPECT_EQ(config.layerTypes,
            std::vector<AttentionKind>(3, AttentionKind::Full));
  EXPECT_TRUE(ConfigText()
                  .set("sliding_window", "null")
                  .set("layer_types", R"(["full_attention","full_attention",)"
                                      R"("full_attention"])")
                  .parse()
                  .isOk());
}

TEST(ModelConfig, DuplicateKeysMustAgree) {
  EXPECT_EQ(ConfigText().set("experts_per_token", "2").config().expertsPerToken,
            2);
  EXPECT_EQ(ConfigText()
                .remove("num_experts_per_tok")
                .set("experts_per_token", "3")
                .config()
                .expertsPerToken,
            3);
  expectError(ConfigText().set("experts_per_token", "4"),
              "config.json: field \"experts_per_token\": expects the same as "
              "\"num_experts_per_tok\" (2) but got 4");
  expectError(ConfigText().set("num_experts", "4"),
              "config.json: field \"num_experts\": expects the same as "
              "\"num_local_experts\" (5) but got 4");
}

TEST(ModelConfig, SpecialTokens) {
  ModelConfig config = ConfigText()
                           .set("eos_token_id", "[3, 4, 3]")
                           .set("bos_token_id", "1")
                           .set("pad_token_id", "null")
                           .config();
  EXPECT_EQ(config.eosTokens, (std::vector<int64_t>{3, 4}));
  EXPECT_EQ(config.bosToken, 1);
  EXPECT_EQ(config.padToken, std::nullopt);

  Status status = config.applyGenerationConfig(
      R"({"eos_token_id":[7,8],"pad_token_id":9,"do_sample":true})", "g.json");
  EXPECT_TRUE(status.isOk()) << status.message();
  EXPECT_EQ(config.eosTokens, (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(config.bosToken, 1);
  EXPECT_EQ(config.padToken, 9);
  EXPECT_TRUE(config.applyGenerationConfig("{}", "g.json").isOk());
  EXPECT_EQ(config.eosTokens, (std::vector<int64_t>{7, 8}));

  status = config.applyGenerationConfig(R"({"eos_token_id":[7,50]})", "g.json");
  EXPECT_EQ(status.message(),
            "g.json: field \"eos_token_id\": expects a token id from 0 to 49 "
            "(vocab_size) but got 50");
}

struct BadField {
  const char *field;
  const char *json;
  const char *message; ///< what follows `field "NAME": `.
};

TEST(ModelConfig, RefusesBadFields) {
  const BadField cases[] = {
      {"model_type", "\"llama\"", "expects \"gpt_oss\" but got \"llama\""},
      {"hidden_act", "\"gelu\"", "expects \"silu\" but got \"gelu\""},
      {"hidden_size", "48",
       "expects a multiple of 32 (blocks of the MXFP4 format) but got 48"},
      {"intermediate_size", "40",
       "expects a multiple of 32 (blocks of the MXFP4 format) but got 40"},
      {"head_dim", "5",
       "expects a multiple of 2 (rotated in halves) but got 5"},
      {"head_dim", "null",
       "expects a number, as hidden_size 64 does not divide into 6 heads of at "
       "most 1024, but got null"},
      {"num_attention_heads", "7",
       "expects a multiple of 3 (num_key_value_heads) but got 7"},
      {"num_experts_per_tok", "6",
       "expects at most 5 (num_local_experts) but got 6"},
      {"sliding_window", "null",
       "expects a number of keys, as layer_types names sliding_attention, but "
       "got null"},
      {"eos_token_id", "50",
       "expects a token id from 0 to 49 (vocab_size) but got 50"},
      {"bos_token_id", "-1",
       "expects a token id from 0 to 49 (vocab_size) but got -1"},
      {"pad_token_id", "1000",
       "expects a token id from 0 to 49 (vocab_size) but got 1000"},
  };
  for (const BadField &bad : cases)
    expectError(ConfigText().set(bad.field, bad.json),
                std::string("config.json: field \"") + bad.field +
                    "\": " + bad.message);
}

TEST(ModelConfig, RefusesBadLayerTypes) {
  expectError(ConfigText().set("num_hidden_layers", "4"),
              "config.json: field \"layer_types\": expects 4 entries "
              "(num_hidden_layers) but got 3");
  expectError(
      ConfigText().set("layer_types", R"(["full_attention","chunked"])"),
      "config.json: field \"layer_types[1]\": expects "
      "\"sliding_attention\" or \"full_attention\" but got "
      "\"chunked\"");
}

TEST(ModelConfig, RefusesOtherRotationsAndQuantizations) {
  expectError(
      ConfigText().set("rope_scaling", R"({"rope_type":"llama3","factor":2})"),
      "config.json: field \"rope_scaling.rope_type\": expects \"yarn\" or "
      "\"default\" but got \"llama3\"");
  expectError(
      ConfigText().set("quantization_config", R"({"quant_method":"gptq"})"),
      "config.json: field \"quantization_config.quant_method\": expects "
      "\"mxfp4\" but got \"gptq\"");
  EXPECT_FALSE(ConfigText().set("quantization_config", "{}").parse());
  EXPECT_FALSE(ConfigText().set("partial_rotary_factor", "0.5").parse());
  EXPECT_FALSE(ConfigText().set("rope_scaling", "3").parse());
  EXPECT_FALSE(ConfigText()
                   .set("rope_scaling", R"({"rope_type":"yarn","factor":0.5})")
                   .parse());
  EXPECT_FALSE(ConfigText()
                   .set("rope_scaling",
                        R"({"rope_type":"yarn","factor":2,"beta_fast":0.5})")
                   .parse());
  EXPECT_FALSE(ConfigText()
                   .set("rope_parameters",
                        R"({"full_attention":{"rope_type":"default"}})")
                   .parse());
  EXPECT_FALSE(ConfigText().set("rope_theta", "1").parse());
  // Without the original context the factor cannot be derived.
  EXPECT_FALSE(
      ConfigText().set("rope_scaling", R"({"rope_type":"yarn"})").parse());
}

TEST(ModelConfig, RefusesSizesOutOfRangeOrType) {
  for (const char *field :
       {"num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size",
        "num_attention_heads", "num_key_value_heads", "head_dim",
        "num_local_experts", "num_experts_per_tok", "max_position_embeddings",
        "sliding_window"})
    for (const char *json : {"0", "-1", "9223372036854775807", "1e30", "2.5",
                             "\"8\"", "true", "[8]", "{}"}) {
      auto result = ConfigText().set(field, json).parse();
      ASSERT_FALSE(result.isOk()) << field << " = " << json;
      std::string place = "config.json: field \"" + std::string(field) + "\": ";
      EXPECT_EQ(result.status().message().rfind(place, 0), 0u)
          << result.status().message();
    }
  for (const char *field : {"rms_norm_eps", "swiglu_limit", "swiglu_alpha"})
    for (const char *json : {"0", "-1.0", "1e300", "null", "\"x\""})
      EXPECT_FALSE(ConfigText().set(field, json).parse())
          << field << " = " << json;
  for (const char *field : {"attention_bias", "tie_word_embeddings"})
    EXPECT_FALSE(ConfigText().set(field, "1").parse()) << field;
}

TEST(ModelConfig, LargestSizesDoNotOverflow) {
  ModelConfig config = ConfigText()
                           .set("num_hidden_layers", "1024")
                           .set("layer_types", "null")
                           .set("hidden_size", "131072")
                           .set("intermediate_size", "131072")
                           .set("num_local_experts", "4096")
                           .set("num_attention_heads", "4096")
                           .set("head_dim", "1024")
                           .set("num_key_value_heads", "4096")
                           .set("vocab_size", "16777216")
                           .config();
  ParameterList list = ParameterList::create(config, ExpertForm::Plain);
  int64_t experts = int64_t(1024) * 4096 * 3 * 131072 * 131072;
  EXPECT_GT(list.elementCount(), experts);
  EXPECT_GT(list.byteSize(), uint64_t(2) * static_cast<uint64_t>(experts));
}

TEST(ModelConfig, RefusesWhatIsNoConfig) {
  for (const char *text : {"", "{", "[]", "null", "{\"a\":1,\"a\":2}"})
    EXPECT_FALSE(ModelConfig::parse(text, "config.json").isOk()) << text;
  auto original = ModelConfig::parse(
      R"({"num_hidden_layers":24,"num_experts":32,"rope_ntk_beta":32.0})", "c");
  ASSERT_FALSE(original.isOk());
  EXPECT_NE(original.status().message().find("original OpenAI config"),
            std::string::npos);
  auto untyped = ModelConfig::parse("{}", "c");
  ASSERT_FALSE(untyped.isOk());
  EXPECT_NE(untyped.status().message().find("model_type"), std::string::npos);
}

TEST(ModelConfig, JsonRoundTrip) {
  for (const ConfigText &text :
       {ConfigText(), ConfigText().set("eos_token_id", "[1,2]"),
        ConfigText().set("rope_scaling", R"({"rope_type":"default"})"),
        ConfigText().set("rope_scaling",
                         R"({"rope_type":"yarn","factor":4,"truncate":true,)"
                         R"("attention_factor":1.1})"),
        ConfigText()
            .set("sliding_window", "null")
            .set("layer_types", "null")
            .set("attention_bias", "false")
            .set("tie_word_embeddings", "true")}) {
    ModelConfig config = text.config();
    std::string json = config.toJson(config.claimsMxfp4);
    auto again = ModelConfig::parse(json, "again");
    ASSERT_TRUE(again.isOk()) << again.status().message();
    EXPECT_EQ(again->toJson(again->claimsMxfp4), json);
    EXPECT_EQ(again->rope, config.rope);
    EXPECT_EQ(again->layerTypes, config.layerTypes);
  }
}

TEST(ModelConfig, SetNumLayersContinuesThePattern) {
  ModelConfig config = ConfigText().config();
  config.setNumLayers(6);
  EXPECT_EQ(config.numLayers, 6);
  for (int64_t layer = 0; layer < 6; ++layer)
    EXPECT_EQ(config.windowOf(layer), layer % 2 == 0 ? 16 : 0);
  config.setNumLayers(1);
  EXPECT_EQ(config.layerTypes.size(), 1u);
  EXPECT_TRUE(config.validate("config.json").isOk());
}

} // namespace
