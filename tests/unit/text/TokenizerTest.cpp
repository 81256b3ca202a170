//===- TokenizerTest.cpp - Text to ids and back ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"
#include "tests/unit/text/TextTestSupport.h"
#include <chrono>
#include <thread>

using namespace gossamer;
using namespace gossamer::test;

namespace {

std::string encodeText(const Tokenizer &tokenizer, std::string_view text,
                       EncodeOptions options = {}) {
  Expected<std::vector<TokenId>> ids = tokenizer.encode(text, options);
  return ids ? toText(*ids) : ids.status().message();
}

Tokenizer smallTokenizer(const TokenizerFile &file = {}) {
  Expected<Tokenizer> tokenizer = Tokenizer::fromJson(file.json(), "t.json");
  EXPECT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
  return tokenizer.take();
}

TEST(PublishedTokenizer, AllVectors) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  // The image that artifacts carry must give the same ids as the file.
  std::string image = tokenizer.serialize();
  Expected<Tokenizer> copy =
      Tokenizer::fromImage(std::as_bytes(std::span(image)));
  ASSERT_TRUE(copy.isOk()) << copy.status().message();
  EXPECT_EQ(copy->serialize(), image);
  int count = 0;
  forEachVector("gpt-oss-vectors.jsonl", [&](JsonValue vector) {
    std::string text(vector.find("text").text());
    EncodeOptions options{.allowSpecial = *vector.getBool("special")};
    std::string expected;
    std::vector<int64_t> wanted = *vector.find("ids").asIntegers();
    for (int64_t id : wanted)
      expected += (expected.empty() ? "" : " ") + std::to_string(id);
    EXPECT_EQ(encodeText(tokenizer, text, options), expected) << text;
    Expected<std::vector<TokenId>> ids = copy->encode(text, options);
    ASSERT_TRUE(ids.isOk()) << ids.status().message();
    EXPECT_EQ(toText(*ids), expected) << text;
    EXPECT_EQ(copy->decode(*ids), text);
    ++count;
  });
  EXPECT_EQ(count, 994);
}

TEST(PublishedTokenizer, TrickyTexts) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  const std::pair<const char *, const char *> cases[] = {
      {"", ""},
      {"Hello world", "13225 2375"},
      {"What is 2 + 2?", "4827 382 220 17 659 220 17 30"},
      {"  leading and   inner  spaces  ",
       "220 8117 326 256 12694 220 18608 256"},
      {"I'll don't WE'VE it'S", "67504 4128 26919 6 19511 480 31233"},
      {"12345678", "7633 19354 4388"},
      {"a\n\n\n b\r\n\tc", "64 2499 287 370 2736"},
      {"HTTPServerError camelCaseXML", "17893 6444 2255 83330 6187 13836"},
      {"你好，世界！", "177519 979 28428 3393"},
      {"नमस्ते दुनिया", "998 1637 14681 628 64593"},
      {"na\u00EFve caf\u00E9 e\u0301te\u0301",
       "1503 9954 737 30469 319 13430 411 13430"},
      {"\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F30D",
       "28823 102 2524 28823 102 2524 28823 100 130321 235"},
      {"x = foo(bar)//baz\n", "87 314 30551 106832 60375 91457 198"},
      {"\u00a0\u2003wide", "5310 33203 11147"},
      {"\u01C5 \u01C8ubav \u02B0mod",
       "131 227 220 131 230 431 407 220 134 108 4847"},
      {"<|end|>", "27 91 419 91 29"},
      {"\u0663\u0664\u0665\u0666 \u2177",
       "81473 98713 97336 122513 220 25371 115"},
      {"Ünïcödé ΑΒΓαβγ",
       "8858 77 191375 43369 377 17495 35144 23628 727 6331 2728"},
      {"\u0085\ufeffz", "126 227 5574 89"},
      {"====\n====/\n", "179831 904 11124"},
  };
  for (auto [text, ids] : cases)
    EXPECT_EQ(encodeText(tokenizer, text), ids) << text;
}

TEST(PublishedTokenizer, OldSpaceIsNoWhiteSpace) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  // U+180E is no White_Space: it forms a piece with the space before it.
  Expected<std::vector<TokenId>> old = tokenizer.encode("a \u180Eb");
  Expected<std::vector<TokenId>> front = tokenizer.encode("a");
  Expected<std::vector<TokenId>> back = tokenizer.encode(" \u180E");
  Expected<std::vector<TokenId>> letter = tokenizer.encode("b");
  ASSERT_TRUE(old.isOk() && front.isOk() && back.isOk() && letter.isOk());
  std::vector<TokenId> expected = *front;
  expected.insert(expected.end(), back->begin(), back->end());
  expected.insert(expected.end(), letter->begin(), letter->end());
  EXPECT_EQ(toText(*old), toText(expected));
}

TEST(PublishedTokenizer, KnowsItsControlTokens) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  EXPECT_EQ(tokenizer.vocabularySize(), 200019u);
  EXPECT_EQ(tokenizer.specialId("<|start|>"), 200006);
  EXPECT_EQ(tokenizer.specialId("<|return|>"), 200002);
  EXPECT_EQ(tokenizer.specialId("<|nothing|>"), std::nullopt);
  EXPECT_EQ(tokenizer.specialId("Hello"), std::nullopt);
  EXPECT_TRUE(tokenizer.isSpecial(200007));
  EXPECT_FALSE(tokenizer.isSpecial(13225));
  EXPECT_EQ(tokenizer.tokenBytes(200008), "<|message|>");
  // Rows of the embedding without a token, and no ids at all.
  for (TokenId id : {200019, 201087, 201088, INT32_MAX, -1, INT32_MIN}) {
    EXPECT_EQ(tokenizer.tokenBytes(id), "") << id;
    EXPECT_FALSE(tokenizer.isSpecial(id)) << id;
  }
  std::vector<TokenId> ids = {13225, 201087, 200007, 2375};
  EXPECT_EQ(tokenizer.decode(ids), "Hello<|end|> world");
  EXPECT_EQ(tokenizer.decode(ids, {.skipSpecial = true}), "Hello world");
}

TEST(PublishedTokenizer, EveryIdHasItsBytes) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  int ill = 0;
  for (TokenId id = 0; id < 199998; ++id) {
    std::string_view bytes = tokenizer.tokenBytes(id);
    ASSERT_FALSE(bytes.empty()) << id;
    ill += !isValidUtf8(bytes);
  }
  EXPECT_EQ(ill, 1562);
}

/// Long pieces must not take quadratic time. The bound is generous: a
/// quadratic algorithm takes hours.
void expectFast(const Tokenizer &tokenizer, const std::string &unit) {
  std::string text;
  while (text.size() < 1'000'000)
    text += unit;
  auto begin = std::chrono::steady_clock::now();
  Expected<std::vector<TokenId>> ids = tokenizer.encode(text);
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(ids.isOk()) << ids.status().message();
  std::string expected;
  appendValidUtf8(expected, text);
  EXPECT_TRUE(tokenizer.decode(*ids) == expected) << unit;
  EXPECT_LT(time.count(), 20) << "for a megabyte of \"" << unit << "\"";
}

const char *const kUnits[] = {" ",
                              "a",
                              "A",
                              "ab",
                              "\n",
                              " \n",
                              "\r\n\t",
                              "\u0300",
                              "A\u0300",
                              "Aa",
                              "7",
                              "!",
                              "'s",
                              "\u4F60",
                              "\xFF",
                              "\u00A0",
                              "\U0001F469\u200D",
                              "abc "};

TEST(PublishedTokenizer, LinearTime) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  for (const char *unit : kUnits)
    expectFast(tokenizer, unit);
}

TEST(TinyTokenizer, LinearTime) {
  for (const char *unit : kUnits)
    expectFast(tinyTokenizer(), unit);
}

/// Where no executable memory is to be had, PCRE2's interpreter matches; its
/// own limits must not get in the way.
TEST(SmallTokenizer, LinearTimeWithoutJit) {
  TokenizerFile file;
  file.pattern =
      R"((*NO_JIT)[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lo}\\p{M}]+)"
      R"((?i:'s|'t)?|[\\p{Lu}\\p{M}]+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+)"
      R"([\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";
  Tokenizer tokenizer = smallTokenizer(file);
  for (const char *unit : kUnits)
    expectFast(tokenizer, unit);
}

TEST(TinyTokenizer, RoundTripsRandomBytes) {
  std::mt19937 random = makeRandom(7);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    size_t size = random() % 60;
    while (text.size() < size)
      random() % 2 ? text.push_back(static_cast<char>(random()))
                   : appendUtf8(text, random() % 0x800);
    std::string expected;
    appendValidUtf8(expected, text);
    Expected<std::vector<TokenId>> ids = tinyTokenizer().encode(text);
    ASSERT_TRUE(ids.isOk()) << ids.status().message();
    EXPECT_EQ(tinyTokenizer().decode(*ids), expected);
  }
}

TEST(TinyTokenizer, HasTheSameControlTokensAtOtherIds) {
  EXPECT_EQ(tinyTokenizer().specialId("<|start|>"), 3048);
  EXPECT_EQ(encodeText(tinyTokenizer(), "<|start|>", {.allowSpecial = true}),
            "3048");
}

TEST(TinyTokenizer, IsSafeToShareBetweenThreads) {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "Once upon a time, there was number " + std::to_string(i) + ".\n";
  std::string expected = encodeText(tinyTokenizer(), text);
  std::vector<std::string> results(4);
  {
    std::vector<std::jthread> threads;
    threads.reserve(results.size());
    for (std::string &result : results)
      threads.emplace_back([&] { result = encodeText(tinyTokenizer(), text); });
  }
  for (const std::string &result : results)
    EXPECT_EQ(result, expected);
}

TEST(SmallTokenizer, MergesByRankThenFromTheLeft) {
  // As a whole piece "bc" is a token; within "xbc" the merge makes it.
  Tokenizer tokenizer = smallTokenizer();
  EXPECT_EQ(encodeText(tokenizer, "bc"), "258");
  EXPECT_EQ(encodeText(tokenizer, "xbc"), "120 258");
  EXPECT_EQ(encodeText(tokenizer, "xabcab"), "120 257 256");
  // Without whole pieces only merges count.
  TokenizerFile file;
  file.modelSettings = R"("type":"BPE")";
  file.merges = R"(["b c"])";
  Tokenizer plain = smallTokenizer(file);
  EXPECT_EQ(encodeText(plain, "abc"), "97 258");
}

TEST(SmallTokenizer, LongestControlTokenFirst) {
  Tokenizer tokenizer = smallTokenizer();
  EncodeOptions options{.allowSpecial = true};
  EXPECT_EQ(encodeText(tokenizer, "ab<|a|><|b|>ab", options), "256 301 256");
  EXPECT_EQ(encodeText(tokenizer, "<|a|><|c|>", options),
            "300 60 124 99 124 62");
  EXPECT_EQ(encodeText(tokenizer, "<|a|>"), "60 124 97 124 62");
}

TEST(SmallTokenizer, ReplacesWhatIsNotUtf8) {
  Tokenizer tokenizer = smallTokenizer();
  EXPECT_EQ(encodeText(tokenizer, "a\xFF\xE2\x82z"),
            encodeText(tokenizer, "a\uFFFD\uFFFDz"));
}

TEST(SmallTokenizer, StretchesBetweenMatchesArePieces) {
  TokenizerFile file;
  file.pattern = "b";
  EXPECT_EQ(encodeText(smallTokenizer(file), "abcabc"), "97 98 99 97 98 99");
  file.pattern = "c"; // "ab" is left over.
  EXPECT_EQ(encodeText(smallTokenizer(file), "abcab"), "256 99 256");
  file.pattern = "(?=b)"; // matches nothing, but divides.
  EXPECT_EQ(encodeText(smallTokenizer(file), "abcab"), "97 258 97 98");
  file.pattern = "x*";
  EXPECT_EQ(encodeText(smallTokenizer(file), "abxxab"), "97 98 120 120 97 98");
}

TEST(SmallTokenizer, LetterCaseFoldsAsUnicodeSays) {
  // U+017F is another s: the piece "a'\u017F" is the token 400.
  TokenizerFile file;
  file.pattern = "a(?i:'s)|.";
  file.vocabulary += R"(,"a'\u00c5\u00bf":400)";
  Tokenizer tokenizer = smallTokenizer(file);
  EXPECT_EQ(encodeText(tokenizer, "a'\u017F"), "400");
  EXPECT_EQ(encodeText(tokenizer, "a'z"), "97 39 122");
}

TEST(SmallTokenizer, RunawayExpressionIsAnError) {
  TokenizerFile file;
  file.pattern = "(?:a|a|aa)+(?=!)";
  Tokenizer tokenizer = smallTokenizer(file);
  EXPECT_NE(encodeText(tokenizer, std::string(64, 'a'))
                .find("regular expression: fails at byte 0 of the text"),
            std::string::npos);
}

} // namespace
