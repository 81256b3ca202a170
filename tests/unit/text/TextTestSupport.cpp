//===- TextTestSupport.cpp - Tokenizers for the tests ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/text/TextTestSupport.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/Utf8.h"
#include "tests/TestPaths.h"
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

using namespace gossamer;
using namespace gossamer::test;

namespace {

struct Published {
  std::optional<Tokenizer> tokenizer;
  std::string reason;
};

std::string decompress(const std::string &path) {
  std::string out;
  // NOLINTNEXTLINE(bugprone-command-processor): the path is our own.
  FILE *pipe = popen(("xz -dc '" + path + "' 2>/dev/null").c_str(), "r");
  if (!pipe)
    return out;
  std::vector<char> buffer(1 << 20);
  while (size_t count = fread(buffer.data(), 1, buffer.size(), pipe))
    out.append(buffer.data(), count);
  pclose(pipe);
  return out;
}

Published loadPublished() {
  std::string path = sharedTokenizerPath("gpt-oss-tokenizer.json.xz");
  if (!std::filesystem::exists(path))
    return {std::nullopt, "no file " + path};
  std::string json = decompress(path);
  if (json.empty())
    return {std::nullopt, "xz does not run or cannot read " + path};
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(json, "tokenizer.json");
  if (!tokenizer) {
    ADD_FAILURE() << tokenizer.status().message();
    return {std::nullopt, "the published tokenizer does not load"};
  }
  return {tokenizer.take(), ""};
}

/// A byte as tokenizer.json spells it.
std::string spell(unsigned byte) {
  static const std::vector<std::string> spellings = [] {
    std::vector<std::string> table(256);
    unsigned next = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      bool self = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
      appendUtf8(table[b], self ? b : next++);
    }
    return table;
  }();
  return spellings[byte];
}

std::string quote(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c;
  }
  return out + '"';
}

} // namespace

std::string gossamer::test::sharedTokenizerPath(const std::string &file) {
  return GOSSAMER_SOURCE_DIR "/../shared/tokenizer/" + file;
}

const Tokenizer *gossamer::test::publishedTokenizer(std::string &reason) {
  static const Published published = loadPublished();
  reason = published.reason;
  return published.tokenizer ? &*published.tokenizer : nullptr;
}

const Tokenizer &gossamer::test::tinyTokenizer() {
  static const Tokenizer tokenizer = [] {
    std::string path =
        GOSSAMER_SOURCE_DIR "/models/tiny-stories/tokenizer.json";
    Expected<MappedFile> file = MappedFile::open(path);
    EXPECT_TRUE(file.isOk()) << file.status().message();
    return Tokenizer::fromJson(file->text(), path).take();
  }();
  return tokenizer;
}

TokenizerFile::TokenizerFile() {
  vocabulary = R"("ab":256,"abc":257,"bc":258)";
  addedTokens = R"([{"id":300,"content":"<|a|>","special":true},)"
                R"({"id":301,"content":"<|a|><|b|>","special":true}])";
  preTokenizer = R"({"type":"Sequence","pretokenizers":[{"type":"Split",)"
                 R"("pattern":{"Regex":"@"},"behavior":"Isolated",)"
                 R"("invert":false},{"type":"ByteLevel",)"
                 R"("add_prefix_space":false,"trim_offsets":true,)"
                 R"("use_regex":false}]})";
}

std::string TokenizerFile::json() const {
  std::string vocab;
  for (unsigned b = 0; b < 256; ++b)
    vocab += quote(spell(b)) + ":" + std::to_string(b) +
             (b < 255 || !vocabulary.empty() ? "," : "");
  std::string pre = preTokenizer;
  if (size_t at = pre.find('@'); at != pre.npos)
    pre.replace(at, 1, pattern);
  return "{" + more + R"("added_tokens":)" + addedTokens + R"(,"normalizer":)" +
         normalizer + R"(,"pre_tokenizer":)" + pre + R"(,"post_processor":)" +
         postProcessor + R"(,"decoder":)" + decoder + R"(,"model":{)" +
         modelSettings + R"(,"vocab":{)" + vocab + vocabulary +
         R"(},"merges":)" + merges + "}}";
}

void gossamer::test::forEachVector(
    const std::string &file, const std::function<void(JsonValue)> &visit) {
  std::ifstream in(sharedTokenizerPath(file));
  ASSERT_TRUE(in) << "cannot read " << sharedTokenizerPath(file);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    // Some texts were cut within a surrogate pair by what wrote them.
    Expected<JsonDocument> document = JsonDocument::parse(
        repairJsonSurrogates(line), file + ":" + std::to_string(number));
    ASSERT_TRUE(document.isOk()) << document.status().message();
    visit(document->root());
  }
}

std::string gossamer::test::toText(const std::vector<TokenId> &ids) {
  std::string out;
  for (TokenId id : ids)
    out += (out.empty() ? "" : " ") + std::to_string(id);
  return out;
}
