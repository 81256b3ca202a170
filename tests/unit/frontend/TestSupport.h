//===- TestSupport.h - Files and configs for the frontend's tests -*- C++ -*-=//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_FRONTEND_TESTSUPPORT_H
#define GOSSAMER_TESTS_UNIT_FRONTEND_TESTSUPPORT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "frontend/checkpoint/Synth.h"
#include "tests/TestPaths.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace gossamer::testing {

inline std::string sourcePath(const std::string &name) {
  return std::string(GOSSAMER_SOURCE_DIR) + "/" + name;
}

inline std::string readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void writeText(const std::string &path, const std::string &text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// A directory of its own that disappears with the test.
class TempDirectory {
public:
  TempDirectory() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "gossamer-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TempDirectory(const TempDirectory &) = delete;
  TempDirectory &operator=(const TempDirectory &) = delete;
  ~TempDirectory() { std::filesystem::remove_all(path_); }

  const std::string &path() const { return path_; }
  std::string file(const std::string &name) const { return path_ + "/" + name; }
  /// Names of all entries, sorted.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(path_))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

private:
  std::string path_;
};

/// The members of a config.json as JSON texts, to change one by one.
class ConfigText {
public:
  /// A small valid model with odd sizes: 3 layers, 6 heads of 10, 3 kv heads.
  ConfigText()
      : members_{{"model_type", "\"gpt_oss\""},
                 {"num_hidden_layers", "3"},
                 {"hidden_size", "64"},
                 {"intermediate_size", "32"},
                 {"vocab_size", "50"},
                 {"num_attention_heads", "6"},
                 {"num_key_value_heads", "3"},
                 {"head_dim", "10"},
                 {"num_local_experts", "5"},
                 {"num_experts_per_tok", "2"},
                 {"max_position_embeddings", "256"},
                 {"sliding_window", "16"},
                 {"rope_theta", "10000"},
                 {"rope_scaling",
                  R"({"rope_type":"yarn","factor":4.0,"beta_fast":32.0,)"
                  R"("beta_slow":1.0,"original_max_position_embeddings":64,)"
                  R"("truncate":false})"},
                 {"layer_types", R"(["sliding_attention","full_attention",)"
                                 R"("sliding_attention"])"},
                 {"quantization_config", R"({"quant_method":"mxfp4"})"}} {}

  ConfigText &set(const std::string &name, const std::string &json) {
    members_[name] = json;
    return *this;
  }
  ConfigText &remove(const std::string &name) {
    members_.erase(name);
    return *this;
  }

  std::string text() const {
    std::string result;
    for (const auto &[name, json] : members_) {
      result += result.empty() ? "{\"" : ",\"";
      result += name;
      result += "\":";
      result += json;
    }
    return result + "}";
  }
  Expected<ModelConfig> parse() const {
    return ModelConfig::parse(text(), "config.json");
  }
  /// The config, which must be valid.
  ModelConfig config() const {
    Expected<ModelConfig> result = parse();
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return result ? *result : ModelConfig();
  }

private:
  std::map<std::string, std::string> members_;
};

/// A weight file taken apart, to be changed and written again.
struct EditableWeights {
  std::vector<SafetensorsWriter::Tensor> tensors;
  std::vector<std::string> bytes;

  static EditableWeights load(const std::string &path) {
    EditableWeights weights;
    Expected<SafetensorsFile> file = SafetensorsFile::open(path);
    EXPECT_TRUE(file.isOk()) << file.status().message();
    for (const TensorView &tensor : file->tensors())
      weights.add(tensor.name, tensor.dtype, tensor.shape,
                  {reinterpret_cast<const char *>(tensor.data), tensor.size});
    return weights;
  }

  void add(const std::string &name, DType dtype, std::vector<uint64_t> shape,
           std::string content) {
    tensors.push_back({name, dtype, std::move(shape)});
    bytes.push_back(std::move(content));
  }
  size_t indexOf(const std::string &name) const {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].name == name)
        return i;
    ADD_FAILURE() << "no tensor " << name;
    return 0;
  }
  void remove(const std::string &name) {
    auto i = static_cast<ptrdiff_t>(indexOf(name));
    tensors.erase(tensors.begin() + i);
    bytes.erase(bytes.begin() + i);
  }

  void write(const std::string &path) const {
    auto writer = SafetensorsWriter::create(path, tensors);
    ASSERT_TRUE(writer.isOk()) << writer.status().message();
    for (const std::string &content : bytes)
      ASSERT_TRUE(writer->append(std::as_bytes(std::span(content))).isOk());
    Status status = writer->commit();
    ASSERT_TRUE(status.isOk()) << status.message();
  }
};

} // namespace gossamer::testing

#endif // GOSSAMER_TESTS_UNIT_FRONTEND_TESTSUPPORT_H
