//===- TextTestSupport.h - Tokenizers for the tests -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_TEXT_TEXTTESTSUPPORT_H
#define GOSSAMER_TESTS_UNIT_TEXT_TEXTTESTSUPPORT_H

#include "runtime/support/Json.h"
#include "runtime/text/Tokenizer.h"
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>

namespace gossamer::test {

/// Files that may lie beside the source tree: the published tokenizer and the
/// vectors made with independent encoders.
std::string sharedTokenizerPath(const std::string &file);

/// The published tokenizer, loaded once; null, with the reason in `reason`,
/// where its file or xz is missing.
const Tokenizer *publishedTokenizer(std::string &reason);

/// The tokenizer of the model in models/tiny-stories.
const Tokenizer &tinyTokenizer();

/// A small valid tokenizer.json whose parts can be replaced by broken ones.
/// Every byte b has the id b; then come "ab" (256), "abc" (257), "bc" (258);
/// control tokens "<|a|>" (300) and "<|a|><|b|>" (301).
struct TokenizerFile {
  std::string normalizer = "null";
  std::string preTokenizer;
  std::string pattern = R"(\\w+|\\s+|[^\\w\\s]+)"; ///< as JSON.
  std::string postProcessor = "null";
  std::string decoder = R"({"type":"ByteLevel"})";
  std::string modelSettings = R"("type":"BPE","ignore_merges":true)";
  std::string vocabulary; ///< members after those of the single bytes.
  std::string merges = R"([["a","b"],["ab","c"],["b","c"]])";
  std::string addedTokens;
  std::string more; ///< members of the root.

  TokenizerFile();
  std::string json() const;
};

/// Calls `visit` with each line of a JSONL file of vectors.
void forEachVector(const std::string &file,
                   const std::function<void(JsonValue)> &visit);

/// Random numbers that are the same in every run.
inline std::mt19937 makeRandom(unsigned seed) { return std::mt19937(seed); }

/// "1 2 3".
std::string toText(const std::vector<TokenId> &ids);

} // namespace gossamer::test

/// Declares `name` as the published tokenizer or skips the test.
#define GOSS_PUBLISHED_TOKENIZER(name)                                         \
  std::string gossSkipReason;                                                  \
  const gossamer::Tokenizer *gossPublished =                                   \
      gossamer::test::publishedTokenizer(gossSkipReason);                      \
  if (!gossPublished)                                                          \
    GTEST_SKIP() << gossSkipReason;                                            \
  const gossamer::Tokenizer &name = *gossPublished

#endif // GOSSAMER_TESTS_UNIT_TEXT_TEXTTESTSUPPORT_H
