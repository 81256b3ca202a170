//===- HarmonyParserTest.cpp - Reading what the model writes --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/HarmonyParser.h"
#include "runtime/text/Utf8.h"
#include "tests/unit/text/TextTestSupport.h"

using namespace gossamer;
using namespace gossamer::test;

namespace {

constexpr HarmonyParserOptions kFromStart{.strict = false,
                                          .role = std::nullopt};

std::vector<TokenId> encodeAll(const std::string &text) {
  return tinyTokenizer().encode(text, {.allowSpecial = true}).take();
}

/// Events as text: "S role:name >recipient #channel ~type", "D text", "E end".
std::string describe(const std::vector<HarmonyEvent> &events) {
  std::string out, delta;
  auto flush = [&] {
    if (!delta.empty())
      out += " D[" + delta + "]";
    delta.clear();
  };
  for (const HarmonyEvent &event : events) {
    if (event.kind == HarmonyEvent::Kind::Delta) {
      EXPECT_FALSE(event.text.empty());
      EXPECT_TRUE(isValidUtf8(event.text));
      delta += event.text;
      continue;
    }
    flush();
    if (event.kind == HarmonyEvent::Kind::End) {
      constexpr const char *ends[] = {"end", "call", "return", "interrupted"};
      out += std::string(" E[") + ends[static_cast<int>(event.end)] + "]";
      continue;
    }
    const MessageHeader &header = event.header;
    out += out.empty() ? "" : " ";
    out += "S[" + std::string(roleName(header.role));
    auto add = [&](const char *mark, const std::string &value) {
      out += value.empty() ? "" : mark + value;
    };
    add(":", header.name);
    add(" >", header.recipient);
    add(" #", header.channel);
    add(" ~", header.contentType);
    out += "]";
  }
  flush();
  return out;
}

std::string parseIds(const std::vector<TokenId> &ids,
                     HarmonyParserOptions options) {
  Expected<HarmonyParser> parser =
      HarmonyParser::create(tinyTokenizer(), options);
  EXPECT_TRUE(parser.isOk());
  std::vector<HarmonyEvent> events;
  for (TokenId id : ids)
    if (Status status = parser->process(id, events); !status.isOk())
      return "error: " + status.message();
  if (Status status = parser->finish(events); !status.isOk())
    return "error: " + status.message();
  return describe(events);
}

std::string parse(const std::string &text, HarmonyParserOptions options = {}) {
  return parseIds(encodeAll(text), options);
}

std::string parseStrict(const std::string &text) {
  return parse(text, {.strict = true});
}

/// Parses in both modes, which must agree.
std::string parseBoth(const std::string &text,
                      std::optional<Role> role = Role::Assistant) {
  std::string strict = parse(text, {.strict = true, .role = role});
  EXPECT_EQ(parse(text, {.strict = false, .role = role}), strict);
  return strict;
}

TEST(HarmonyParser, AnalysisThenFinal) {
  EXPECT_EQ(parseBoth("<|channel|>analysis<|message|>Think.<|end|><|start|>"
                      "assistant<|channel|>final<|message|>Yes.<|return|>"),
            "S[assistant #analysis] D[Think.] E[end] "
            "S[assistant #final] D[Yes.] E[return]");
}

TEST(HarmonyParser, RecipientOnEitherSideOfTheChannel) {
  const char *expected = "S[assistant >functions.f #commentary "
                         "~<|constrain|>json] D[{}] E[call]";
  for (const char *header :
       {" to=functions.f<|channel|>commentary <|constrain|>json",
        " to=functions.f<|channel|>commentary<|constrain|>json",
        "<|channel|>commentary to=functions.f <|constrain|>json",
        "<|channel|>commentary to=functions.f<|constrain|>json",
        "assistant<|channel|>commentary to=functions.f <|constrain|>json"})
    EXPECT_EQ(parseBoth(std::string(header) + "<|message|>{}<|call|>"),
              expected)
        << header;
  EXPECT_EQ(parseBoth("<|channel|>commentary to=browser.search code"
                      "<|message|>q<|call|>"),
            "S[assistant >browser.search #commentary ~code] D[q] E[call]");
  EXPECT_EQ(parseBoth("<|channel|>commentary browser<|message|>q<|call|>"),
            "S[assistant >browser #commentary] D[q] E[call]");
}

TEST(HarmonyParser, Authors) {
  auto author = [](const std::string &header) {
    return parseBoth("<|start|>" + header + "<|message|>x<|end|>",
                     std::nullopt);
  };
  EXPECT_EQ(author("user"), "S[user] D[x] E[end]");
  EXPECT_EQ(author("user:ann"), "S[user:ann] D[x] E[end]");
  EXPECT_EQ(author("system"), "S[system] D[x] E[end]");
  EXPECT_EQ(author("functions.f to=assistant<|channel|>commentary"),
            "S[tool:functions.f >assistant #commentary] D[x] E[end]");
}

TEST(HarmonyParser, RendersBackWhatItReads) {
  const std::string chat =
      "<|start|>user<|message|>Hi \U0001F600<|end|><|start|>assistant "
      "to=functions.f<|channel|>commentary <|constrain|>json<|message|>{}"
      "<|call|><|start|>functions.f to=assistant<|channel|>commentary"
      "<|message|>[]<|end|>";
  Expected<std::vector<Message>> messages =
      parseHarmony(tinyTokenizer(), encodeAll(chat), kFromStart);
  ASSERT_TRUE(messages.isOk()) << messages.status().message();
  Conversation conversation{.messages = *messages};
  Expected<std::string> text = conversation.renderText(RenderMode::History);
  ASSERT_TRUE(text.isOk());
  EXPECT_EQ(*text, chat);
}

TEST(HarmonyParser, DeltasAreWholeCharacters) {
  std::vector<TokenId> ids = encodeAll("<|channel|>final<|message|>");
  const Tokenizer &tokenizer = tinyTokenizer();
  Expected<HarmonyParser> parser = HarmonyParser::create(tokenizer);
  ASSERT_TRUE(parser.isOk());
  std::vector<HarmonyEvent> events;
  for (TokenId id : ids)
    ASSERT_TRUE(parser->process(id, events).isOk());
  ASSERT_EQ(events.size(), 1u);
  ASSERT_NE(parser->current(), nullptr);
  EXPECT_EQ(parser->current()->channel, "final");
  std::vector<TokenId> emoji = encodeAll("\U0001F996");
  ASSERT_GT(emoji.size(), 1u);
  for (size_t i = 0; i < emoji.size(); ++i) {
    ASSERT_TRUE(parser->process(emoji[i], events).isOk());
    EXPECT_EQ(events.size(), i + 1 < emoji.size() ? 1u : 2u);
  }
  EXPECT_EQ(events[1].text, "\U0001F996");
  // A tail cut off by the end of the message does not reach the next one.
  ids = encodeAll("<|end|><|start|>assistant<|message|>x");
  ASSERT_TRUE(parser->process(emoji[0], events).isOk());
  for (TokenId id : ids)
    ASSERT_TRUE(parser->process(id, events).isOk());
  EXPECT_EQ(describe(events), "S[assistant #final] D[\U0001F996\uFFFD] E[end] "
                              "S[assistant] D[x]");
}

TEST(HarmonyParser, StrictRefusesMalformedMessages) {
  EXPECT_EQ(parseStrict("<|channel|>final<|message|>x<|end|>stray"),
            "error: message: expects <|start|> but got token " +
                std::to_string(encodeAll("stray").front()));
  EXPECT_EQ(parseStrict("<|channel|>final<|end|>"),
            "error: message: expects <|message|> but got token 3049 "
            "(<|end|>)");
  EXPECT_EQ(parseStrict("<|channel|>final"),
            "error: message header: expects <|message|> but got the end of the "
            "tokens");
  EXPECT_EQ(parseStrict("<|channel|><|message|>x<|end|>"),
            "error: message header: expects a channel after <|channel|> but "
            "got none");
  EXPECT_EQ(parseStrict("<|channel|>final a b c<|message|>x<|end|>"),
            "error: message header: expects a recipient and a content type but "
            "got more words: \"a\"");
  EXPECT_EQ(parse("<|start|>robot<|message|>x<|end|>",
                  {.strict = true, .role = std::nullopt}),
            "error: message header: expects a role but got \"robot\"");
  // A message is one line of printable text, whatever the input.
  EXPECT_EQ(parse("<|start|>ro\x01t<|message|>x<|end|>",
                  {.strict = true, .role = std::nullopt}),
            "error: message header: expects a role but got \"ro\\u0001t\"");
  EXPECT_EQ(parseStrict("<|channel|>final \x02 b c<|message|>x<|end|>"),
            "error: message header: expects a recipient and a content type but "
            "got more words: \"\\u0002\"");
  EXPECT_EQ(parse("<|start|><|message|>x<|end|>",
                  {.strict = true, .role = std::nullopt}),
            "error: message header: expects a role but got none");
  // An open message at the end is what an exhausted budget leaves behind.
  EXPECT_EQ(parseStrict("<|channel|>final<|message|>x"),
            "S[assistant #final] D[x] E[interrupted]");
}

TEST(HarmonyParser, StrictKeepsControlTokensOfContent) {
  EXPECT_EQ(parseStrict("<|message|>a<|channel|>b<|start|>c<|end|>"),
            "S[assistant] D[a<|channel|>b<|start|>c] E[end]");
}

TEST(HarmonyParser, LenientMakesTheBestOfIt) {
  const std::pair<const char *, const char *> cases[] = {
      {"", ""},
      {"<|end|><|return|><|call|><|endoftext|>", ""},
      {"Just text.", "S[assistant] D[Just text.] E[interrupted]"},
      {"Just text.<|return|>", "S[assistant] D[Just text.] E[return]"},
      {"<|channel|>commentary Hello<|end|>",
       "S[assistant #commentary] D[Hello] E[end]"},
      {"<|channel|>final<|message|>x<|end|>stray<|return|>",
       "S[assistant #final] D[x] E[end] S[assistant] D[stray] E[return]"},
      {"<|channel|>analysis<|message|>a<|channel|>final<|message|>b<|return|>",
       "S[assistant #analysis] D[a] E[interrupted] "
       "S[assistant #final] D[b] E[return]"},
      {"<|channel|>analysis<|message|>a<|start|>assistant<|channel|>final"
       "<|message|>b<|return|>",
       "S[assistant #analysis] D[a] E[interrupted] "
       "S[assistant #final] D[b] E[return]"},
      {"<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>b",
       "S[assistant #analysis] D[a] E[end] "
       "S[assistant #final] D[b] E[interrupted]"},
      {"<|channel|>analysis<|channel|>final<|message|>b<|return|>",
       "S[assistant #final] D[b] E[return]"},
      {"<|message|>a<|message|>b<|constrain|>c<|endoftext|>",
       "S[assistant] D[abc] E[interrupted]"},
      {"junk<|start|>assistant<|channel|>final<|message|>b<|return|>",
       "S[assistant #final] D[b] E[return]"},
      {"<|channel|><|message|>x<|end|>", "S[assistant] D[x] E[end]"},
      {"<|channel|>final one two three<|message|>x<|end|>",
       "S[assistant >two #final ~three] D[x] E[end]"},
  };
  for (auto [text, expected] : cases)
    EXPECT_EQ(parse(text), expected) << text;
  EXPECT_EQ(parse("<|start|>robot<|message|>x<|end|>", kFromStart),
            "S[tool:robot] D[x] E[end]");
}

TEST(HarmonyParser, IdsWithoutTextAreHarmless) {
  std::vector<TokenId> ids = encodeAll("<|channel|>final<|message|>x");
  for (TokenId id : {-1, INT32_MIN, INT32_MAX, 3071})
    ids.insert(ids.begin() + 1, id), ids.push_back(id);
  EXPECT_EQ(parseIds(ids, {}), "S[assistant #final] D[x] E[interrupted]");
}

TEST(HarmonyParser, CommentaryOfTwoTokens) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  std::vector<TokenId> ids = {200005, 12606,  815,  316,   28,
                              44580,  200008, 9707, 200012};
  Expected<std::vector<Message>> messages =
      parseHarmony(tokenizer, ids, {.strict = true});
  ASSERT_TRUE(messages.isOk()) << messages.status().message();
  ASSERT_EQ(messages->size(), 1u);
  EXPECT_EQ(messages->front().header.channel, "commentary");
}

/// Any tokens: never a failure when lenient, events always well-formed, and
/// the same events again from a second parser.
TEST(HarmonyParser, RandomTokens) {
  std::vector<TokenId> alphabet = encodeAll(
      "<|start|><|message|><|end|><|call|><|return|><|channel|><|constrain|>"
      "<|endoftext|>assistant user final analysis to=functions.f json "
      ":\U0001F600");
  alphabet.insert(alphabet.end(), {-5, 9999, 200, 128});
  std::mt19937 random = makeRandom(11);
  for (int i = 0; i < 20000; ++i) {
    std::vector<TokenId> ids(random() % 24);
    for (TokenId &id : ids)
      id = alphabet[random() % alphabet.size()];
    std::optional<Role> role;
    if (random() % 2)
      role = Role::Assistant;
    std::string events = parseIds(ids, {.strict = false, .role = role});
    ASSERT_FALSE(events.starts_with("error")) << events;
    size_t starts = 0, ends = 0;
    for (size_t at = 0; (at = events.find("S[", at)) != events.npos; ++at)
      ++starts;
    for (size_t at = 0; (at = events.find(" E[", at)) != events.npos; ++at)
      ++ends;
    ASSERT_EQ(starts, ends) << events;
    (void)parseIds(ids, {.strict = true, .role = role});
  }
}

} // namespace
