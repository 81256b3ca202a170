//===- CApiTest.cpp -------------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The objects of libgossamer.so are linked into this program, which has to
// write artifacts; the example program, which is run here, uses the library.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/gossamer.h"

#include "runtime/text/Tokenizer.h"

#include "TinyModel.h"
#include "tests/TestPaths.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <vector>

using namespace gossamer;

namespace {

/// A tokenizer of single bytes, "a" ... "h" first.
std::string tokenizerJson() {
  std::vector<unsigned> bytes;
  for (unsigned byte = 'a'; byte <= 'h'; ++byte)
    bytes.push_back(byte);
  for (unsigned byte = 0; byte < 256; ++byte)
    if (byte < 'a' || byte > 'h')
      bytes.push_back(byte);
  // The byte-level alphabet: bytes without a visible character of their own
  // are written as those from U+0100 on, in order.
  std::array<unsigned, 256> characters;
  unsigned next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bool visible =
        (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
    characters[byte] = visible ? byte : next++;
  }
  std::string vocabulary;
  for (size_t id = 0; id < bytes.size(); ++id) {
    char entry[32];
    std::snprintf(entry, sizeof entry, "%s\"\\u%04x\": %zu", id ? ", " : "",
                  characters[bytes[id]], id);
    vocabulary += entry;
  }
  return R"({
  "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
  "added_tokens": [],
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "."}, "behavior": "Isolated",
     "invert": false},
    {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
     "use_regex": false}]},
  "post_processor": null,
  "decoder": {"type": "ByteLevel", "add_prefix_space": true,
              "trim_offsets": true, "use_regex": true},
  "model": {"type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
            "merges": [], "vocab": {)" +
         vocabulary + "}}}";
}

/// Frees what it holds with `Free`.
template <typename T, void (*Free)(T *)> struct Owner {
  T *value = nullptr;
  ~Owner() { Free(value); }
  operator T *() const { return value; }
  T **operator&() { return &value; }
};
using Error = Owner<goss_api_error, goss_api_error_free>;
using ModelHandle = Owner<goss_api_model, goss_api_model_free>;
using SessionHandle = Owner<goss_api_session, goss_api_session_free>;
using TokenizerHandle = Owner<goss_api_tokenizer, goss_api_tokenizer_free>;
using ResultHandle = Owner<goss_api_result, goss_api_result_free>;

struct CApi : test::TinyModel {
  std::string checkpoint;

  void SetUp() override {
    TinyModel::SetUp();
    checkpoint = directory / "checkpoint";
    auto tokenizer = Tokenizer::fromJson(tokenizerJson(), "test");
    ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
    // Stops at "d" (3), which it never says.
    Status written = writeArtifact({}, tokenizer->serialize());
    ASSERT_TRUE(written.isOk()) << written.message();
  }

  void load(ModelHandle &model) {
    Error error;
    ASSERT_EQ(goss_api_model_load(artifactPath().c_str(), checkpoint.c_str(), 1,
                                  &model, &error),
              GOSS_API_OK)
        << goss_api_error_message(error);
  }
};

TEST_F(CApi, Version) { EXPECT_STRNE(goss_api_version(), ""); }

TEST_F(CApi, ArtifactInfo) {
  goss_api_artifact *artifact = nullptr;
  ASSERT_EQ(goss_api_artifact_open(artifactPath().c_str(), &artifact, nullptr),
            GOSS_API_OK);
  goss_api_info info;
  goss_api_artifact_info(artifact, &info);
  EXPECT_EQ(info.vocabulary_size, 8U);
  EXPECT_EQ(info.max_context, 100U);
  EXPECT_EQ(info.max_tokens_per_step, 8U);
  EXPECT_EQ(info.layers, 1U);
  EXPECT_TRUE(info.has_tokenizer);
  EXPECT_FALSE(info.weights_embedded);
  EXPECT_STREQ(info.target, "cpu");
  EXPECT_EQ(goss_api_artifact_verify(artifact, nullptr), GOSS_API_OK);
  goss_api_artifact_free(artifact);
}

TEST_F(CApi, ErrorsHaveCodeAndMessage) {
  Error error;
  ModelHandle model;
  EXPECT_EQ(goss_api_model_load((directory / "absent.goss").c_str(), nullptr, 1,
                                &model, &error),
            GOSS_API_NOT_FOUND);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(goss_api_error_code(error), GOSS_API_NOT_FOUND);
  EXPECT_NE(std::string(goss_api_error_message(error)).find("absent.goss"),
            std::string::npos);
  EXPECT_EQ(model, nullptr);
  // Nobody has to take the error.
  EXPECT_EQ(goss_api_model_load("absent", nullptr, 1, &model, nullptr),
            GOSS_API_NOT_FOUND);
}

TEST_F(CApi, NullArgumentsAreUsageErrors) {
  Error error;
  EXPECT_EQ(goss_api_model_load(nullptr, nullptr, 1, nullptr, &error),
            GOSS_API_USAGE);
  EXPECT_STREQ(goss_api_error_message(error),
               "path: expects a pointer but got null");
  EXPECT_EQ(goss_api_session_create(nullptr, 0, nullptr, nullptr),
            GOSS_API_USAGE);
  EXPECT_EQ(goss_api_generate(nullptr, nullptr, 0, nullptr, nullptr, nullptr),
            GOSS_API_USAGE);
  EXPECT_EQ(goss_api_conversation_create(nullptr, nullptr), GOSS_API_USAGE);
  goss_api_session_free(nullptr);
  goss_api_session_cancel(nullptr);
  goss_api_error_free(nullptr);
  goss_api_free(nullptr);
}

TEST_F(CApi, EncodesAndDecodes) {
  ModelHandle model;
  load(model);
  TokenizerHandle tokenizer;
  ASSERT_EQ(goss_api_tokenizer_of_model(model, &tokenizer, nullptr),
            GOSS_API_OK);
  int32_t *tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(goss_api_tokenizer_encode(tokenizer, "cab", 3, false, &tokens,
                                      &count, nullptr),
            GOSS_API_OK);
  EXPECT_EQ(std::vector<int32_t>(tokens, tokens + count),
            (std::vector<int32_t>{2, 0, 1}));
  char *text = nullptr;
  size_t length = 0;
  ASSERT_EQ(goss_api_tokenizer_decode(tokenizer, tokens, count, false, &text,
                                      &length, nullptr),
            GOSS_API_OK);
  EXPECT_EQ(std::string(text, length), "cab");
  EXPECT_EQ(text[length], '\0');
  goss_api_free(tokens);
  goss_api_free(text);
}

TEST_F(CApi, SessionsGiveLogits) {
  ModelHandle model;
  load(model);
  SessionHandle session;
  ASSERT_EQ(goss_api_session_create(model, 0, &session, nullptr), GOSS_API_OK);
  Error error;
  const float *logits = nullptr;
  size_t count = 0;
  EXPECT_EQ(goss_api_session_logits(session, &logits, &count, &error),
            GOSS_API_USAGE);
  std::vector<int32_t> tokens(20, 5);
  ASSERT_EQ(
      goss_api_session_append(session, tokens.data(), tokens.size(), nullptr),
      GOSS_API_OK);
  ASSERT_EQ(goss_api_session_logits(session, &logits, &count, nullptr),
            GOSS_API_OK);
  ASSERT_EQ(count, 8U);
  EXPECT_EQ(logits[3], 198); // 5 + 10 * 19 + 3.

  SessionHandle fork;
  ASSERT_EQ(goss_api_session_fork(session, &fork, nullptr), GOSS_API_OK);
  int32_t wrong = 8;
  EXPECT_EQ(goss_api_session_append(fork, &wrong, 1, nullptr),
            GOSS_API_INVALID_DATA);
  ASSERT_EQ(goss_api_session_truncate(fork, 3, nullptr), GOSS_API_OK);
  EXPECT_EQ(goss_api_session_truncate(fork, 4, nullptr), GOSS_API_INVALID_DATA);
  const int32_t *all = nullptr;
  EXPECT_EQ(goss_api_session_tokens(fork, &all), 3U);
  EXPECT_EQ(goss_api_session_tokens(session, &all), 20U);
  EXPECT_EQ(all[19], 5);
}

TEST_F(CApi, GeneratesAfterTheModelHandleIsGone) {
  SessionHandle session;
  TokenizerHandle tokenizer;
  {
    ModelHandle model;
    load(model);
    const int32_t *stops = nullptr;
    ASSERT_EQ(goss_api_model_stop_tokens(model, &stops), 1U);
    EXPECT_EQ(stops[0], 3);
    ASSERT_EQ(goss_api_session_create(model, 0, &session, nullptr),
              GOSS_API_OK);
    ASSERT_EQ(goss_api_tokenizer_of_model(model, &tokenizer, nullptr),
              GOSS_API_OK);
  }
  goss_api_generate_options options;
  goss_api_generate_options_init(&options);
  options.greedy = true;
  options.max_new_tokens = 5;
  options.tokenizer = tokenizer;
  std::string streamed;
  options.user_data = &streamed;
  options.callback = [](void *data, int32_t, const char *text, size_t length) {
    static_cast<std::string *>(data)->append(text, length);
    return true;
  };
  const int32_t prompt[] = {0, 1};
  ResultHandle result;
  ASSERT_EQ(goss_api_generate(session, prompt, 2, &options, &result, nullptr),
            GOSS_API_OK);
  const int32_t *tokens = nullptr;
  EXPECT_EQ(goss_api_result_tokens(result, &tokens), 5U);
  EXPECT_EQ(tokens[0], 7);
  const char *text = nullptr;
  EXPECT_EQ(goss_api_result_text(result, &text), 5U);
  EXPECT_STREQ(text, "hhhhh");
  EXPECT_EQ(streamed, "hhhhh");
  EXPECT_EQ(goss_api_result_finish(result), GOSS_API_FINISH_LENGTH);
}

TEST_F(CApi, GenerateChecksItsOptions) {
  ModelHandle model;
  load(model);
  SessionHandle session;
  ASSERT_EQ(goss_api_session_create(model, 0, &session, nullptr), GOSS_API_OK);
  const int32_t prompt[] = {0, 1};
  auto messageOf = [&](auto change) {
    goss_api_generate_options options;
    goss_api_generate_options_init(&options);
    change(options);
    ResultHandle result;
    Error error;
    EXPECT_EQ(goss_api_generate(session, prompt, 2, &options, &result, &error),
              GOSS_API_USAGE);
    return std::string(goss_api_error_message(error));
  };
  EXPECT_EQ(messageOf([](goss_api_generate_options &o) { o.top_p = 3; }),
            "top-p: expects a number in [0, 1] but got 3");
  EXPECT_EQ(messageOf([](goss_api_generate_options &o) { o.size = 8; }),
            "options: size: expects " +
                std::to_string(sizeof(goss_api_generate_options)) +
                " but got 8");
  EXPECT_EQ(
      messageOf([](goss_api_generate_options &o) { o.stop_string_count = 1; }),
      "stop_strings: expects a pointer but got null");
}

TEST_F(CApi, Cancellation) {
  ModelHandle model;
  load(model);
  SessionHandle session;
  ASSERT_EQ(goss_api_session_create(model, 0, &session, nullptr), GOSS_API_OK);
  goss_api_generate_options options;
  goss_api_generate_options_init(&options);
  const int32_t prompt[] = {0, 1};
  std::thread(goss_api_session_cancel, session.value).join();
  {
    ResultHandle result;
    ASSERT_EQ(goss_api_generate(session, prompt, 2, &options, &result, nullptr),
              GOSS_API_OK);
    EXPECT_EQ(goss_api_result_finish(result), GOSS_API_FINISH_CANCELLED);
  }
  ResultHandle result; // the flag is used up.
  options.max_new_tokens = 3;
  options.ignore_stop_tokens = true;
  ASSERT_EQ(goss_api_generate(session, prompt, 2, &options, &result, nullptr),
            GOSS_API_OK);
  EXPECT_EQ(goss_api_result_finish(result), GOSS_API_FINISH_LENGTH);
}

//===----------------------------------------------------------------------===//
// Conversations, with the embedded model's tokenizer
//===----------------------------------------------------------------------===//

TEST_F(CApi, Conversations) {
  std::string path =
      std::string(GOSSAMER_SOURCE_DIR) + "/models/tiny-stories/tokenizer.json";
  TokenizerHandle tokenizer;
  Error error;
  ASSERT_EQ(goss_api_tokenizer_open(path.c_str(), &tokenizer, &error),
            GOSS_API_OK)
      << goss_api_error_message(error);
  Owner<goss_api_conversation, goss_api_conversation_free> chat;
  ASSERT_EQ(goss_api_conversation_create(&chat, nullptr), GOSS_API_OK);
  ASSERT_EQ(goss_api_conversation_set_system(chat, nullptr, "2026-01-02", "low",
                                             nullptr),
            GOSS_API_OK);
  EXPECT_EQ(
      goss_api_conversation_set_system(chat, nullptr, nullptr, "huge", nullptr),
      GOSS_API_USAGE);
  EXPECT_EQ(goss_api_conversation_add(chat, "wizard", nullptr, "x", 1, nullptr),
            GOSS_API_USAGE);
  ASSERT_EQ(goss_api_conversation_add(chat, "user", nullptr, "Hi <|end|>", 10,
                                      nullptr),
            GOSS_API_OK);
  int32_t *tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(
      goss_api_conversation_render(chat, tokenizer, &tokens, &count, nullptr),
      GOSS_API_OK);
  char *text = nullptr;
  size_t length = 0;
  ASSERT_EQ(goss_api_tokenizer_decode(tokenizer, tokens, count, false, &text,
                                      &length, nullptr),
            GOSS_API_OK);
  std::string prompt(text, length);
  EXPECT_NE(prompt.find("Current date: 2026-01-02"), std::string::npos);
  EXPECT_NE(prompt.find("Reasoning: low"), std::string::npos);
  EXPECT_TRUE(prompt.ends_with("<|start|>user<|message|>Hi <|end|><|end|>"
                               "<|start|>assistant"))
      << prompt;
  goss_api_free(tokens);
  goss_api_free(text);

  std::string json = R"([{"role": "user", "content": "Hi"}])";
  Owner<goss_api_conversation, goss_api_conversation_free> read;
  EXPECT_EQ(
      goss_api_conversation_from_json(json.data(), json.size(), &read, nullptr),
      GOSS_API_OK);
  EXPECT_EQ(goss_api_conversation_from_json("[", 1, &read, nullptr),
            GOSS_API_INVALID_DATA);
}

TEST_F(CApi, ParserTellsChannelsApart) {
  std::string path =
      std::string(GOSSAMER_SOURCE_DIR) + "/models/tiny-stories/tokenizer.json";
  TokenizerHandle tokenizer;
  ASSERT_EQ(goss_api_tokenizer_open(path.c_str(), &tokenizer, nullptr),
            GOSS_API_OK);
  std::string answer = "<|channel|>analysis<|message|>Well.<|end|><|start|>"
                       "assistant<|channel|>final<|message|>Yes.<|return|>";
  int32_t *tokens = nullptr;
  size_t count = 0;
  ASSERT_EQ(goss_api_tokenizer_encode(tokenizer, answer.data(), answer.size(),
                                      true, &tokens, &count, nullptr),
            GOSS_API_OK);
  Owner<goss_api_parser, goss_api_parser_free> parser;
  ASSERT_EQ(goss_api_parser_create(tokenizer, &parser, nullptr), GOSS_API_OK);
  std::string heard;
  auto callback = [](void *data, const char *channel, const char *recipient,
                     const char *text, size_t length) {
    EXPECT_STREQ(recipient, "");
    auto &out = *static_cast<std::string *>(data);
    out.append("[").append(channel).append("]").append(text, length);
  };
  for (size_t i = 0; i < count; ++i)
    ASSERT_EQ(
        goss_api_parser_push(parser, tokens[i], callback, &heard, nullptr),
        GOSS_API_OK);
  ASSERT_EQ(goss_api_parser_finish(parser, callback, &heard, nullptr),
            GOSS_API_OK);
  std::string text[2];
  for (size_t at = 0; at < heard.size();) {
    size_t close = heard.find(']', at);
    size_t end = std::min(heard.find('[', close), heard.size());
    text[heard.substr(at, close - at) == "[final"] +=
        heard.substr(close + 1, end - close - 1);
    at = end;
  }
  EXPECT_EQ(text[0], "Well.");
  EXPECT_EQ(text[1], "Yes.");
  goss_api_free(tokens);
}

//===----------------------------------------------------------------------===//
// The library and the example
//===----------------------------------------------------------------------===//

struct Output {
  int code;
  std::string text;
};

Output runCommand(const std::string &command) {
  // A shell is what runs the example for its readers, too.
  // NOLINTNEXTLINE(bugprone-command-processor)
  FILE *pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 256> buffer;
  while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), n);
  return {WEXITSTATUS(::pclose(pipe)), text};
}

Output runExample(const std::string &arguments) {
  return runCommand(std::string(GOSSAMER_GENERATE_EXAMPLE) + " " + arguments);
}

TEST(CApiLibrary, ExportsOnlyTheApi) {
  Output output = runCommand(std::string(GOSSAMER_NM) +
                             " -D --defined-only --format=posix " +
                             GOSSAMER_SHARED_LIBRARY);
  ASSERT_EQ(output.code, 0) << output.text;
  std::istringstream lines(output.text);
  int functions = 0;
  for (std::string line; std::getline(lines, line);) {
    bool function = line.starts_with("goss_api_");
    functions += function;
    EXPECT_TRUE(function || line.starts_with("GOSSAMER_1 ")) << line;
  }
  EXPECT_GT(functions, 40);
}

TEST_F(CApi, ExampleStreamsText) {
  Output output = runExample(artifactPath() + " abc " + checkpoint);
  EXPECT_EQ(output.code, 0) << output.text;
  EXPECT_NE(output.text.find(std::string(64, 'h') + "\n"), std::string::npos)
      << output.text;
}

TEST_F(CApi, ExampleReportsErrors) {
  EXPECT_EQ(runExample("").code, GOSS_API_USAGE);
  Output output = runExample((directory / "absent.goss").string() + " abc");
  EXPECT_EQ(output.code, GOSS_API_NOT_FOUND);
  EXPECT_NE(output.text.find("absent.goss"), std::string::npos);
  EXPECT_EQ(runExample(artifactPath() + " abc").code, GOSS_API_NOT_FOUND);
}

} // namespace
