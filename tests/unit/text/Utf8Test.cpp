//===- Utf8Test.cpp - UTF-8, streams and stop strings ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Utf8.h"
#include "runtime/text/StopStrings.h"
#include "runtime/text/Utf8Stream.h"
#include "tests/unit/text/TextTestSupport.h"

using namespace gossamer;
using namespace gossamer::test;

namespace {

std::string repaired(std::string_view text) {
  std::string out;
  appendValidUtf8(out, text);
  return out;
}

TEST(Utf8, EncodesAndReadsEveryScalarValue) {
  for (uint32_t codePoint = 0; codePoint < 0x110000; ++codePoint) {
    if (codePoint == 0xD800)
      codePoint = 0xE000;
    std::string text;
    appendUtf8(text, codePoint);
    Utf8Sequence sequence = readUtf8(text);
    ASSERT_EQ(sequence.kind, Utf8Kind::Valid) << codePoint;
    ASSERT_EQ(sequence.length, text.size()) << codePoint;
    ASSERT_EQ(sequence.codePoint, codePoint);
  }
}

TEST(Utf8, ReplacesMaximalSubparts) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"abc", "abc"},
      {"\xC0\xAF", "\uFFFD\uFFFD"},                     // overlong
      {"\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},           // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},           // surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, // above U+10FFFF
      {"\xF0\x9F\x98", "\uFFFD"},                       // cut off
      {"\xF0\x9F\x98z", "\uFFFDz"},
      {"\xE2\x82\xE2\x82\xAC", "\uFFFD\u20AC"},
      {"\x80", "\uFFFD"},
      {"eight by\xFFtes", "eight by\uFFFDtes"},
  };
  for (auto [text, expected] : cases)
    EXPECT_EQ(repaired(text), expected);
}

TEST(Utf8, RepairsLoneSurrogatesOfJson) {
  EXPECT_EQ(repairJsonSurrogates(R"("\ud83d\ude00 \ud83d")"),
            R"("\ud83d\ude00 \ufffd")");
  EXPECT_EQ(repairJsonSurrogates(R"("\ude00\ud83d\ud83d\ude00\\ud83d")"),
            R"("\ufffd\ufffd\ud83d\ude00\\ud83d")");
  EXPECT_EQ(repairJsonSurrogates(R"("\n\u0041\ud8)"), R"("\n\u0041\ud8)");
  EXPECT_EQ(repairJsonSurrogates("\\"), "\\");
}

TEST(Utf8Stream, HoldsIncompleteTailsBack) {
  std::string_view emoji = "\U0001F600";
  for (size_t cut = 1; cut < emoji.size(); ++cut) {
    Utf8Stream stream;
    EXPECT_EQ(stream.push(emoji.substr(0, cut)), "");
    EXPECT_TRUE(stream.hasPending());
    EXPECT_EQ(stream.push(emoji.substr(cut)), emoji);
    EXPECT_EQ(stream.flush(), "");
  }
}

TEST(Utf8Stream, ReplacesWhatCannotBecomeValid) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xFF"), "a\uFFFD"); // at once
  EXPECT_EQ(stream.push("b\xE2\x82"), "b");
  EXPECT_EQ(stream.push("c"), "\uFFFDc");
  EXPECT_EQ(stream.push("\xF0\x9F"), "");
  EXPECT_EQ(stream.flush(), "\uFFFD"); // the end comes in the middle
  EXPECT_EQ(stream.push("\x98"), "\uFFFD");
  EXPECT_EQ(stream.push(""), "");
}

TEST(Utf8Stream, DivisionMakesNoDifference) {
  std::mt19937 random = makeRandom(1);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    while (text.size() < 40)
      random() % 2 ? appendUtf8(text, random() % 0xD800)
                   : text.push_back(static_cast<char>(random()));
    Utf8Stream stream;
    std::string out;
    for (size_t at = 0; at < text.size();) {
      size_t count = random() % 5;
      std::string delta = stream.push(std::string_view(text).substr(at, count));
      EXPECT_TRUE(isValidUtf8(delta));
      out += delta;
      at += count;
    }
    stream.flush(out);
    EXPECT_EQ(out, repaired(text));
  }
}

TEST(StopStrings, PassesEverythingWithoutStops) {
  StopStrings stops({""});
  std::string out;
  EXPECT_FALSE(stops.push("anything", out));
  EXPECT_EQ(out, "anything");
}

TEST(StopStrings, HoldsBackWhatMayBeAStop) {
  StopStrings stops({"END", "\n\n"});
  std::string out;
  EXPECT_FALSE(stops.push("text E", out));
  EXPECT_EQ(out, "text ");
  EXPECT_FALSE(stops.push("N", out));
  EXPECT_EQ(out, "text ");
  EXPECT_FALSE(stops.push("x\n", out));
  EXPECT_EQ(out, "text ENx");
  EXPECT_TRUE(stops.push("\nmore", out));
  EXPECT_EQ(out, "text ENx");
  EXPECT_TRUE(stops.stopped());
  EXPECT_TRUE(stops.push("ignored", out));
  stops.flush(out);
  EXPECT_EQ(out, "text ENx");
}

TEST(StopStrings, FlushGivesBackWhatWasHeld) {
  StopStrings stops({"STOP"});
  std::string out;
  EXPECT_FALSE(stops.push("a STO", out));
  stops.flush(out);
  EXPECT_EQ(out, "a STO");
  EXPECT_FALSE(stops.stopped());
}

TEST(StopStrings, OverlapsAndSelfSimilarStops) {
  const struct {
    std::vector<std::string> stops;
    std::string text, expected;
  } cases[] = {
      {{"aab"}, "aaab", "a"},       {{"abab", "bc"}, "abac ababx", "abac "},
      {{"b", "abc"}, "xabc", "xa"}, // "b" is complete first
      {{"bc", "abc"}, "xabc", "x"}, // they end together: the longest
      {{"\u20AC"}, "5\u20AC", "5"},
  };
  for (const auto &test : cases) {
    StopStrings stops(test.stops);
    std::string out;
    EXPECT_TRUE(stops.push(test.text, out));
    EXPECT_EQ(out, test.expected);
  }
}

/// The definition, on the whole text.
std::string stopNaively(const std::string &text,
                        const std::vector<std::string> &stops) {
  for (size_t end = 1; end <= text.size(); ++end) {
    size_t longest = 0;
    for (const std::string &stop : stops)
      if (std::string_view(text).substr(0, end).ends_with(stop))
        longest = std::max(longest, stop.size());
    if (longest > 0)
      return text.substr(0, end - longest);
  }
  return text;
}

TEST(StopStrings, DivisionMakesNoDifference) {
  std::mt19937 random = makeRandom(2);
  auto word = [&](size_t size) {
    std::string out;
    while (out.size() < size)
      out.push_back(static_cast<char>('a' + random() % 2));
    return out;
  };
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::string> texts = {word(3 + random() % 4),
                                      word(3 + random() % 5)};
    std::string text = word(random() % 30);
    StopStrings stops(texts);
    std::string out;
    for (size_t at = 0; at < text.size();) {
      size_t count = random() % 4;
      stops.push(std::string_view(text).substr(at, count), out);
      at += count;
    }
    if (!stops.stopped())
      stops.flush(out);
    EXPECT_EQ(out, stopNaively(text, texts)) << text;
  }
}

} // namespace
