//===- BrokenCheckpointTest.cpp - What is refused, and how ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TestSupport.h"

using namespace gossamer;
using namespace gossamer::testing;

namespace {

namespace fs = std::filesystem;

/// A small valid checkpoint in one or more files, to break.
class BrokenCheckpoint : public ::testing::Test {
protected:
  void SetUp() override { make(publishedShardBytes); }

  void make(uint64_t shardBytes) {
    config_ = ConfigText().config();
    SynthOptions options;
    options.shardBytes = shardBytes;
    Status status =
        writeSyntheticCheckpoint(config_, directory_.file("model"), options)
            .status();
    ASSERT_TRUE(status.isOk()) << status.message();
    path_ = directory_.file("model");
    weightsPath_ = path_ + "/model.safetensors";
  }

  /// Makes the checkpoint again in several files.
  void makeSharded() {
    fs::remove_all(path_);
    make(20'000);
    indexPath_ = path_ + "/model.safetensors.index.json";
    index_ = readText(indexPath_);
  }

  void replaceInIndex(const std::string &from, const std::string &to) {
    size_t place = index_.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    writeText(indexPath_, std::string(index_).replace(place, from.size(), to));
  }

  void expectError(const std::string &message,
                   StatusCode code = StatusCode::InvalidData) {
    auto result = Checkpoint::open(path_);
    ASSERT_FALSE(result.isOk()) << "accepted, expected: " << message;
    EXPECT_EQ(result.status().code(), code);
    EXPECT_EQ(result.status().message(), message);
  }

  TempDirectory directory_;
  ModelConfig config_;
  std::string path_, weightsPath_, indexPath_, index_;
};

TEST_F(BrokenCheckpoint, IsValidBefore) {
  auto checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_TRUE(checkpoint->verifyValues().isOk());
}

TEST_F(BrokenCheckpoint, MissingFiles) {
  fs::remove(weightsPath_);
  expectError(path_ + ": expects model.safetensors or "
                      "model.safetensors.index.json but found neither",
              StatusCode::NotFound);
  fs::remove(path_ + "/config.json");
  auto result = Checkpoint::open(path_);
  EXPECT_EQ(result.status().code(), StatusCode::NotFound);
  EXPECT_NE(result.status().message().find(path_ + "/config.json"),
            std::string::npos);
  fs::remove_all(path_);
  expectError(path_ + ": no such checkpoint directory, GGUF file or "
                      "config.json",
              StatusCode::NotFound);
}

TEST_F(BrokenCheckpoint, MissingExtraAndMisnamedTensors) {
  auto weights = EditableWeights::load(weightsPath_);
  std::string expects =
      path_ + ": expects the 60 tensors that config.json implies but ";
  auto renamed = weights;
  renamed.tensors[renamed.indexOf("model.norm.weight")].name = "model.norm";
  renamed.write(weightsPath_);
  expectError(expects + "1 is missing (\"model.norm.weight\") and 1 is "
                        "unknown (\"model.norm\")");

  auto extra = weights;
  extra.add("rotary.inv_freq", DType::F32, {2}, std::string(8, '\0'));
  extra.write(weightsPath_);
  expectError(expects + "1 is unknown (\"rotary.inv_freq\")");

  // One layer fewer than the config says.
  auto shorter = weights;
  for (const auto &tensor : weights.tensors)
    if (tensor.name.starts_with("model.layers.2."))
      shorter.remove(tensor.name);
  shorter.write(weightsPath_);
  expectError(expects +
              "19 are missing (\"model.layers.2.input_layernorm.weight\", "
              "\"model.layers.2.self_attn.q_proj.weight\", "
              "\"model.layers.2.self_attn.q_proj.bias\", "
              "\"model.layers.2.self_attn.k_proj.weight\", "
              "\"model.layers.2.self_attn.k_proj.bias\" and 14 more)");
}

TEST_F(BrokenCheckpoint, WrongShapesAndTypes) {
  auto weights = EditableWeights::load(weightsPath_);
  auto changed = weights;
  changed.tensors[changed.indexOf("model.layers.0.self_attn.o_proj.weight")]
      .shape = {60, 64};
  changed.write(weightsPath_);
  std::string tensor = weightsPath_ + ": tensor \"model.layers.0.";
  expectError(tensor + "self_attn.o_proj.weight\": expects shape [64, 60] but "
                       "got [60, 64]");

  changed = weights;
  changed.tensors[changed.indexOf("model.layers.0.self_attn.sinks")].dtype =
      DType::I16;
  changed.write(weightsPath_);
  expectError(tensor + "self_attn.sinks\": expects dtype BF16, F16 or F32 but "
                       "got I16");

  changed = weights;
  changed
      .tensors[changed.indexOf("model.layers.0.mlp.experts.down_proj_scales")]
      .dtype = DType::F8E8M0;
  changed.write(weightsPath_);
  expectError(tensor + "mlp.experts.down_proj_scales\": expects dtype U8 but "
                       "got F8_E8M0");
}

TEST_F(BrokenCheckpoint, TakesOverFloatTypes) {
  auto weights = EditableWeights::load(weightsPath_);
  size_t i = weights.indexOf("model.norm.weight");
  weights.tensors[i].dtype = DType::F32;
  weights.bytes[i] = std::string(64 * 4, '\0');
  weights.tensors[weights.indexOf("lm_head.weight")].dtype = DType::F16;
  weights.write(weightsPath_);
  auto checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->parameters().find("final_norm")->element,
            ElementType::F32);
  EXPECT_EQ(checkpoint->parameters().find("lm_head")->element,
            ElementType::F16);
  EXPECT_EQ(checkpoint->find("model.norm.weight")->size, 256u);
}

TEST_F(BrokenCheckpoint, TruncatedAndGarbledWeights) {
  std::string content = readText(weightsPath_);
  for (size_t size : {size_t(0), size_t(4), size_t(100), content.size() - 1}) {
    writeText(weightsPath_, content.substr(0, size));
    auto result = Checkpoint::open(path_);
    ASSERT_FALSE(result.isOk()) << size;
    EXPECT_EQ(result.status().code(), StatusCode::InvalidData);
    EXPECT_EQ(result.status().message().rfind(weightsPath_, 0), 0u)
        << result.status().message();
  }
}

TEST_F(BrokenCheckpoint, BadGenerationConfig) {
  std::string path = path_ + "/generation_config.json";
  writeText(path, R"({"eos_token_id": [1, "x"]})");
  expectError(path + ": field \"eos_token_id[1]\": expects an integer but got "
                     "\"x\"");
  writeText(path, "not json");
  EXPECT_EQ(Checkpoint::open(path_).status().code(), StatusCode::InvalidData);
}

TEST_F(BrokenCheckpoint, IndexIsValidBefore) {
  makeSharded();
  auto checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_GT(checkpoint->weightFiles().size(), 3u);
  EXPECT_TRUE(checkpoint->verifyValues().isOk());
}

TEST_F(BrokenCheckpoint, IndexNamesThatLeaveTheFolder) {
  makeSharded();
  for (const char *name :
       {"../x.safetensors", "/etc/passwd", "a/../../b", "", "a\\u0000b"}) {
    size_t begin = index_.find(": \"model-") + 3;
    size_t end = index_.find('"', begin);
    std::string changed = index_;
    changed.replace(begin, end - begin, name);
    writeText(indexPath_, changed);
    auto result = Checkpoint::open(path_);
    ASSERT_FALSE(result.isOk()) << name;
    EXPECT_EQ(result.status().code(), StatusCode::InvalidData) << name;
    EXPECT_EQ(
        result.status().message().rfind(indexPath_ + ": field \"weight_map", 0),
        0u)
        << result.status().message();
  }
}

TEST_F(BrokenCheckpoint, IndexAndFilesDisagree) {
  makeSharded();
  std::string name = index_.substr(index_.find("model-00000-of-"),
                                   std::string("model-00000-of-00000"
                                               ".safetensors")
                                       .size());
  // A tensor that the index does not list, then one that no file holds.
  std::string entry = "\"model.norm.weight\": ";
  size_t begin = index_.find(entry);
  ASSERT_NE(begin, std::string::npos);
  size_t value = begin + entry.size() + 1;
  std::string file = index_.substr(value, index_.find('"', value) - value);
  replaceInIndex("\"model.norm.weight\"", "\"model.norm2.weight\"");
  expectError(path_ + "/" + file + ": tensor \"model.norm.weight\" is not " +
              "listed in " + indexPath_);
  replaceInIndex(entry, "\"ghost\": \"" + file + "\", " + entry);
  expectError(path_ + "/" + file + ": has no tensor \"ghost\", which " +
              indexPath_ + " places there");
  // A tensor listed in the wrong file.
  ASSERT_NE(file, name);
  replaceInIndex(entry + "\"" + file, entry + "\"" + name);
  expectError(path_ + "/" + file + ": tensor \"model.norm.weight\" should be " +
              "in \"" + name + "\" by " + indexPath_);
  // A file that is not there.
  writeText(indexPath_, index_);
  fs::remove(path_ + "/" + file);
  auto result = Checkpoint::open(path_);
  ASSERT_FALSE(result.isOk());
  EXPECT_EQ(result.status().code(), StatusCode::NotFound);
  EXPECT_EQ(result.status().message().rfind(
                indexPath_ + ": file \"" + file + "\" of weight_map: ", 0),
            0u)
      << result.status().message();
}

TEST_F(BrokenCheckpoint, IndexWithWrongTotalOrStructure) {
  makeSharded();
  std::string total = std::to_string(
      ParameterList::create(config_, ExpertForm::Mxfp4).byteSize());
  replaceInIndex("\"total_size\": " + total, "\"total_size\": 12");
  expectError(indexPath_ + ": field \"metadata.total_size\": expects the " +
              total + " bytes that the files hold but got 12");
  for (const char *text :
       {"", "[]", "{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}",
        "{\"weight_map\":{\"a\":3}}"}) {
    writeText(indexPath_, text);
    auto result = Checkpoint::open(path_);
    ASSERT_FALSE(result.isOk()) << text;
    EXPECT_EQ(result.status().code(), StatusCode::InvalidData);
  }
}

TEST_F(BrokenCheckpoint, VerifyFindsBadValues) {
  auto weights = EditableWeights::load(weightsPath_);
  auto changed = weights;
  // Element [1, 2] of the router: row 1 of 64 columns, two bytes each.
  std::string &router =
      changed.bytes[changed.indexOf("model.layers.1.mlp.router.weight")];
  router[(64 + 2) * 2] = '\x01';
  router[(64 + 2) * 2 + 1] = '\x7f';
  router.replace(router.size() - 4, 4, "\x80\xff\x80\xff", 4);
  changed.write(weightsPath_);
  auto checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  // 0x7f01 is a large number; the infinities at the end are found.
  EXPECT_EQ(checkpoint->verifyValues().message(),
            weightsPath_ +
                ": tensor \"model.layers.1.mlp.router.weight\": element [4, "
                "62] expects a finite number but got NaN or infinity");

  changed = weights;
  std::string &scales = changed.bytes[changed.indexOf(
      "model.layers.0.mlp.experts.gate_up_proj_scales")];
  scales[(3 * 64 + 5) * 2 + 1] = '\xff';
  changed.write(weightsPath_);
  checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  Status status = checkpoint->verifyValues();
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_EQ(status.message(),
            weightsPath_ +
                ": tensor \"model.layers.0.mlp.experts.gate_up_proj_scales\": "
                "element [3, 5, 1] expects an E8M0 scale of at most 252 but "
                "got 255");
}

TEST_F(BrokenCheckpoint, TiedEmbeddingsNeedNoHead) {
  writeText(path_ + "/config.json",
            ConfigText().set("tie_word_embeddings", "true").text());
  auto weights = EditableWeights::load(weightsPath_);
  weights.remove("lm_head.weight");
  weights.write(weightsPath_);
  auto checkpoint = Checkpoint::open(path_);
  ASSERT_TRUE(checkpoint.isOk()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->parameters().tensorCount(), 59u);
}

} // namespace
