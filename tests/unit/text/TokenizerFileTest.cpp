//===- TokenizerFileTest.cpp - Broken tokenizer files and images ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "tests/unit/text/TextTestSupport.h"
#include <cstring>

using namespace gossamer;
using namespace gossamer::test;

namespace {

Status load(const std::string &json) {
  return Tokenizer::fromJson(json, "t.json").status();
}

/// Expects that the file fails with a message that holds `message`.
void expectError(const TokenizerFile &file, const std::string &message) {
  Status status = load(file.json());
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_NE(status.message().find(message), std::string::npos)
      << "expects \"" << message << "\" but got \"" << status.message() << '"';
  EXPECT_EQ(status.message().rfind("t.json: ", 0), 0u) << status.message();
}

TEST(TokenizerFile, ValidOneLoads) {
  Status status = load(TokenizerFile().json());
  EXPECT_TRUE(status.isOk()) << status.message();
}

TEST(TokenizerFile, NotJson) {
  Status status = load("{");
  EXPECT_EQ(status.code(), StatusCode::InvalidData);
  EXPECT_NE(status.message().find("t.json: is not valid JSON"),
            std::string::npos);
  EXPECT_FALSE(load("").isOk());
  EXPECT_FALSE(load("[]").isOk());
  EXPECT_FALSE(load("null").isOk());
}

TEST(TokenizerFile, MissingFields) {
  EXPECT_NE(load("{}").message().find("decoder"), std::string::npos);
  for (std::string name :
       {"added_tokens", "pre_tokenizer", "decoder", "model", "vocab", "merges",
        "pretokenizers", "pattern", "Regex", "behavior", "use_regex", "type"}) {
    std::string json = TokenizerFile().json();
    size_t at = json.find("\"" + name + "\":");
    ASSERT_NE(at, std::string::npos) << name;
    json.replace(at, name.size() + 2, "\"version\"");
    EXPECT_FALSE(load(json).isOk()) << name;
  }
}

TEST(TokenizerFile, UnsupportedSettings) {
  auto with = [](auto TokenizerFile::*part, const char *text) {
    TokenizerFile file;
    file.*part = text;
    return file;
  };
  expectError(with(&TokenizerFile::normalizer, R"({"type":"NFC"})"),
              R"(field "normalizer": expects null)");
  expectError(with(&TokenizerFile::modelSettings, R"("type":"Unigram")"),
              R"(field "model.type": expects "BPE" but got "Unigram")");
  expectError(with(&TokenizerFile::modelSettings,
                   R"("type":"BPE","byte_fallback":true)"),
              R"(field "model.byte_fallback": expects false but got true)");
  expectError(
      with(&TokenizerFile::modelSettings, R"("type":"BPE","dropout":0.1)"),
      R"(field "model.dropout": expects null)");
  expectError(with(&TokenizerFile::modelSettings,
                   R"("type":"BPE","unk_token":"<unk>")"),
              R"(field "model.unk_token": expects null)");
  expectError(
      with(&TokenizerFile::modelSettings, R"("type":"BPE","novelty":1)"),
      R"(field "model.novelty": is not supported)");
  expectError(with(&TokenizerFile::more, R"("padding":{"pad_id":0},)"),
              R"(field "padding": expects null)");
  expectError(with(&TokenizerFile::more, R"("secret":1,)"),
              R"(field "secret": is not supported)");
  expectError(
      with(&TokenizerFile::decoder, R"({"type":"WordPiece"})"),
      R"(field "decoder.type": expects "ByteLevel" but got "WordPiece")");
  expectError(
      with(&TokenizerFile::postProcessor, R"({"type":"TemplateProcessing"})"),
      R"(field "post_processor.type": expects "ByteLevel")");
  expectError(with(&TokenizerFile::preTokenizer,
                   R"({"type":"ByteLevel","use_regex":true})"),
              R"(field "pre_tokenizer.type": expects "Sequence")");
}

TEST(TokenizerFile, UnsupportedPreTokenizers) {
  auto edited = [](const std::string &from, const std::string &to) {
    TokenizerFile file;
    size_t at = file.preTokenizer.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    file.preTokenizer.replace(at, from.size(), to);
    return file;
  };
  expectError(edited("Isolated", "Removed"), R"(expects "Isolated")");
  expectError(edited("\"invert\":false", "\"invert\":true"),
              "invert\": expects false");
  expectError(edited("\"use_regex\":false", "\"use_regex\":true"),
              "use_regex\": expects false");
  expectError(edited("\"add_prefix_space\":false", "\"add_prefix_space\":true"),
              "add_prefix_space\": expects false");
  expectError(edited("\"Regex\"", "\"String\""), "is not supported");
  TokenizerFile file;
  file.pattern = "(unclosed";
  expectError(file, "regular expression: missing closing parenthesis");
  file.pattern = "";
  expectError(file, "regular expression: expects 1 to 65536 bytes but got 0");
  file.pattern = std::string(70000, 'a');
  expectError(file, "but got 70000");
  file.pattern = R"(\\Qa\\E)";
  expectError(file, "is not supported");
  file.pattern = R"(\\C)"; // single bytes would cut characters apart.
  expectError(file, "regular expression");
}

TEST(TokenizerFile, BrokenVocabularies) {
  TokenizerFile file;
  auto with = [&](const std::string &vocabulary) {
    file.vocabulary = vocabulary;
    return file;
  };
  const std::string good = TokenizerFile().vocabulary;
  expectError(with(good + R"(,"xy":-1)"), R"(field "model.vocab.xy": expects)");
  expectError(with(good + R"(,"xy":4194304)"), R"(field "model.vocab.xy")");
  expectError(with(good + R"(,"xy":1.5)"), R"(field "model.vocab.xy")");
  expectError(with(good + R"(,"xy":"7")"), R"(field "model.vocab.xy")");
  expectError(with(good + R"(,"xy":7)"),
              "expects ids that are used once but got 7 again");
  expectError(with(good + R"(,"ab":400)"), "appears twice");
  expectError(with(good + R"(,"":400)"), "byte-level alphabet");
  expectError(with(good + R"(,"a b":400)"), "byte-level alphabet");
  expectError(with(good + R"(,"\u4f60":400)"), "byte-level alphabet");

  std::string json = TokenizerFile().json();
  json.replace(json.find("\"a\":97,"), 7, "");
  EXPECT_NE(load(json).message().find("none for byte 97"), std::string::npos)
      << load(json).message();
}

TEST(TokenizerFile, BrokenMerges) {
  TokenizerFile file;
  auto with = [&](const std::string &merges) {
    file.merges = merges;
    return file;
  };
  expectError(with(R"([["a","zz"]])"),
              R"(names the token "zz", which is not in the vocabulary)");
  expectError(with(R"([["a","z"]])"), R"(names the token "az")");
  expectError(with(R"([["a","b"],["a","b"]])"),
              "merges 0 and 1: expects different pairs but got the same");
  for (const char *merge : {"1", "null", "[]", R"(["a"])", R"(["a","b","c"])",
                            R"("ab")", R"("a ")", R"(["a",1])", R"({"a":"b"})"})
    expectError(with("[" + std::string(merge) + "]"),
                R"(field "model.merges[0]": expects)");
  expectError(with(R"(["a b c"])"), "which is not in the vocabulary");
  expectError(with(R"([["<|a|>","b"]])"), "which is not in the vocabulary");
  expectError(with("{}"), R"(field "model.merges": expects)");
}

TEST(TokenizerFile, BrokenControlTokens) {
  TokenizerFile file;
  auto with = [&](const std::string &tokens) {
    file.addedTokens = tokens;
    return file;
  };
  expectError(with(R"([{"id":97,"content":"<|x|>","special":true}])"),
              "expects ids that are used once but got 97 again");
  expectError(with(R"([{"id":300,"content":"<|x|>","special":true},)"
                   R"({"id":301,"content":"<|x|>","special":true}])"),
              "control tokens 300 and 301: expects different names");
  expectError(with(R"([{"id":300,"content":"","special":true}])"),
              "control token 300: expects a name");
  expectError(with(R"([{"id":300,"content":"x","special":false}])"),
              "special\": expects true but got false");
  expectError(
      with(R"([{"id":300,"content":"x","special":true,"lstrip":true}])"),
      "lstrip\": expects false but got true");
  expectError(with(R"([{"id":300,"content":"x"}])"), "special");
  expectError(with(R"([{"id":-3,"content":"x","special":true}])"), "id\"");
  expectError(with(R"([{"content":"x","special":true}])"), "id\"");
  expectError(with(R"([3])"), "added_tokens[0]");
}

std::string smallImage() {
  return Tokenizer::fromJson(TokenizerFile().json(), "t.json")->serialize();
}

Expected<Tokenizer> loadImage(const std::string &image) {
  // A copy of the exact size: the sanitizer sees every read beyond it.
  std::vector<std::byte> bytes(image.size());
  if (!image.empty())
    std::memcpy(bytes.data(), image.data(), image.size());
  return Tokenizer::fromImage(bytes);
}

TEST(TokenizerImage, RoundTrip) {
  std::string image = smallImage();
  Expected<Tokenizer> tokenizer = loadImage(image);
  ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
  EXPECT_EQ(tokenizer->serialize(), image);
  Expected<std::vector<TokenId>> ids =
      tokenizer->encode("abc<|a|>", {.allowSpecial = true});
  ASSERT_TRUE(ids.isOk());
  EXPECT_EQ(toText(*ids), "257 300");
  EXPECT_EQ(tokenizer->tokenBytes(299), ""); // a hole stays a hole.
}

TEST(TokenizerImage, EveryTruncationIsRefused) {
  std::string image = smallImage();
  for (size_t size = 0; size < image.size(); ++size) {
    Expected<Tokenizer> tokenizer = loadImage(image.substr(0, size));
    ASSERT_FALSE(tokenizer.isOk()) << size;
    ASSERT_EQ(tokenizer.status().code(), StatusCode::InvalidData) << size;
  }
  EXPECT_FALSE(loadImage(image + '\0').isOk());
}

/// What loads in spite of damage must still work without a crash.
void useTokenizer(const Tokenizer &tokenizer) {
  std::string text = "abc ab<|a|><|b|>\xF0\x9F\x98\x80 bcbcb";
  for (bool special : {false, true})
    if (Expected<std::vector<TokenId>> ids =
            tokenizer.encode(text, {.allowSpecial = special}))
      (void)tokenizer.decode(*ids);
}

TEST(TokenizerImage, BitFlipsNeverCrash) {
  const std::string image = smallImage();
  for (size_t bit = 0; bit < image.size() * 8; ++bit) {
    std::string broken = image;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << bit % 8));
    if (Expected<Tokenizer> tokenizer = loadImage(broken))
      useTokenizer(*tokenizer);
  }
}

TEST(TokenizerImage, RandomWordsNeverCrash) {
  const std::string image = smallImage();
  std::mt19937 random = makeRandom(3);
  const uint32_t values[] = {0,   1,   2,          97,         255,
                             256, 302, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
  for (int i = 0; i < 5000; ++i) {
    std::string broken = image;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      uint32_t value = values[random() % std::size(values)];
      size_t word = random() % (broken.size() / 4);
      std::memcpy(broken.data() + 4 * word, &value, 4);
    }
    if (Expected<Tokenizer> tokenizer = loadImage(broken))
      useTokenizer(*tokenizer);
  }
}

} // namespace
