//===- ConversationTest.cpp - Rendering of chats --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Conversation.h"
#include "runtime/text/HarmonyTokens.h"
#include "runtime/text/ToolTemplate.h"
#include "tests/unit/text/TextTestSupport.h"

using namespace gossamer;
using namespace gossamer::test;

namespace {

Conversation parse(const std::string &json) {
  Expected<Conversation> conversation = Conversation::fromJson(json, "c.json");
  EXPECT_TRUE(conversation.isOk()) << conversation.status().message();
  return conversation ? conversation.take() : Conversation();
}

std::string render(const Conversation &conversation,
                   RenderMode mode = RenderMode::Completion) {
  Expected<std::string> text = conversation.renderText(mode);
  return text ? *text : "error: " + text.status().message();
}

TEST(Conversation, AllPublishedVectors) {
  GOSS_PUBLISHED_TOKENIZER(tokenizer);
  int count = 0;
  forEachVector("harmony-vectors.jsonl", [&](JsonValue vector) {
    Expected<Conversation> conversation = Conversation::fromJson(vector);
    ASSERT_TRUE(conversation.isOk()) << conversation.status().message();
    EXPECT_EQ(render(*conversation), vector.find("text").text());
    Expected<std::vector<TokenId>> ids = conversation->renderTokens(tokenizer);
    ASSERT_TRUE(ids.isOk()) << ids.status().message();
    std::vector<int64_t> expected = *vector.find("ids").asIntegers();
    EXPECT_EQ(std::vector<int64_t>(ids->begin(), ids->end()), expected)
        << vector.find("text").text();
    ++count;
  });
  EXPECT_EQ(count, 120);
}

TEST(Conversation, TextAndIdsAgreeWithTheTinyTokenizer) {
  Conversation conversation = parse(R"([
    {"role":"user","content":"Tell me <|end|> a story."},
    {"role":"assistant","channel":"final","content":"No."}])");
  Expected<std::vector<TokenId>> ids =
      conversation.renderTokens(tinyTokenizer());
  ASSERT_TRUE(ids.isOk()) << ids.status().message();
  EXPECT_EQ(tinyTokenizer().decode(*ids), render(conversation));
  // The name that the user typed is no control token.
  TokenId end = tinyTokenizer().specialId("<|end|>").value_or(-1);
  EXPECT_EQ(std::count(ids->begin(), ids->end(), end), 2);
}

TEST(Conversation, HeaderParts) {
  EXPECT_EQ(render(parse(R"([{"role":"user","name":"ann","content":"hi"}])")),
            "<|start|>user:ann<|message|>hi<|end|><|start|>assistant");
  EXPECT_EQ(render(parse(R"([{"role":"assistant","recipient":"functions.f",
      "channel":"commentary","content_type":"<|constrain|>json",
      "content":"{}"}])"),
                   RenderMode::History),
            "<|start|>assistant to=functions.f<|channel|>commentary "
            "<|constrain|>json<|message|>{}<|call|>");
  EXPECT_EQ(render(parse(R"([{"role":"assistant","recipient":"python",
      "channel":"analysis","content_type":"code","content":"1"}])"),
                   RenderMode::History),
            "<|start|>assistant to=python<|channel|>analysis "
            "code<|message|>1<|call|>");
  EXPECT_EQ(render(parse(R"([{"role":"tool","name":"functions.f",
      "recipient":"all","channel":"commentary","content":"[1]"}])"),
                   RenderMode::History),
            "<|start|>functions.f<|channel|>commentary<|message|>[1]<|end|>");
}

TEST(Conversation, TrainingEndsInReturn) {
  Conversation chat = parse(R"([{"role":"user","content":"a"},
      {"role":"assistant","channel":"final","content":"b"}])");
  EXPECT_TRUE(render(chat, RenderMode::Training).ends_with("b<|return|>"));
  EXPECT_TRUE(render(chat, RenderMode::History).ends_with("b<|end|>"));
}

TEST(Conversation, DropsAnalysisBeforeTheFirstFinal) {
  const std::string turns = R"(
    {"role":"user","content":"1"},
    {"role":"assistant","channel":"analysis","content":"A1"},
    {"role":"assistant","channel":"final","content":"F1"},
    {"role":"user","content":"2"},
    {"role":"assistant","channel":"analysis","content":"A2"})";
  const std::string last =
      R"(,{"role":"assistant","channel":"final","content":"F2"})";
  auto has = [](const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
  };
  // A tool call or more analysis is under way: everything stays.
  std::string open = render(parse("[" + turns + "]"));
  EXPECT_TRUE(has(open, "A1") && has(open, "A2"));
  std::string done = render(parse("[" + turns + last + "]"));
  EXPECT_TRUE(!has(done, "A1") && has(done, "A2"));
  std::string kept = render(parse(
      R"({"auto_drop_analysis":false,"messages":[)" + turns + last + "]}"));
  EXPECT_TRUE(has(kept, "A1") && has(kept, "A2"));
}

TEST(Conversation, SystemContent) {
  Conversation chat;
  chat.messages.emplace_back();
  chat.messages[0].header.role = Role::System;
  chat.messages[0].content = {SystemContent()};
  EXPECT_EQ(render(chat, RenderMode::History),
            "<|start|>system<|message|>You are ChatGPT, a large language model "
            "trained by OpenAI.\nKnowledge cutoff: 2024-06\n\nReasoning: "
            "medium\n\n# Valid channels: analysis, commentary, final. Channel "
            "must be included for every message.<|end|>");
  SystemContent tiny{.identity = "You are a tiny storyteller.",
                     .knowledgeCutoff = "",
                     .date = "2026-11-22",
                     .reasoning = std::nullopt,
                     .tools = {},
                     .channels = {"analysis", "final"},
                     .channelRequired = false};
  chat.messages[0].content = {tiny};
  EXPECT_EQ(render(chat, RenderMode::History),
            "<|start|>system<|message|>You are a tiny storyteller.\nCurrent "
            "date: 2026-11-22\n\n# Valid channels: analysis, final.<|end|>");
}

TEST(Conversation, PlainChatGetsSystemAndDeveloperMessages) {
  Conversation plain = parse(R"([{"role":"system","content":"Be kind."},
      {"role":"user","content":"hi"},{"role":"assistant","content":"hello"},
      {"role":"user","content":"bye"}])");
  SystemContent system;
  system.identity = "I.";
  system.knowledgeCutoff.clear();
  system.channels = {"final"};
  system.channelRequired = false;
  Conversation chat = plain.withSystem(system);
  EXPECT_EQ(render(chat),
            "<|start|>system<|message|>I.\n\nReasoning: medium\n\n# Valid "
            "channels: final.<|end|><|start|>developer<|message|># "
            "Instructions\n\nBe kind.<|end|><|start|>user<|message|>hi<|end|>"
            "<|start|>assistant<|channel|>final<|message|>hello<|end|>"
            "<|start|>user<|message|>bye<|end|><|start|>assistant");
  // A typed system message is the caller's own.
  EXPECT_EQ(render(chat.withSystem({})), render(chat));
}

TEST(Conversation, Errors) {
  auto error = [](const std::string &json) {
    return Conversation::fromJson(json, "c.json").status().message();
  };
  EXPECT_EQ(error("7"), "c.json: expects an array of messages but got 7");
  EXPECT_NE(error(R"([{"role":"robot","content":""}])")
                .find(R"(field "[0].role": expects "system")"),
            std::string::npos)
      << error(R"([{"role":"robot","content":""}])");
  EXPECT_NE(error(R"([{"content":""}])").find("role"), std::string::npos);
  EXPECT_NE(error(R"([{"role":"user"}])").find("content"), std::string::npos);
  EXPECT_NE(error(R"([{"role":"user","content":3}])").find("content"),
            std::string::npos);
  EXPECT_NE(error(R"([{"role":"user","content":[{"type":"image"}]}])")
                .find("expects \"text\""),
            std::string::npos);
  EXPECT_NE(error(R"([{"role":"assistant","content":"",
                       "tool_calls":[{}]}])")
                .find("tool_calls"),
            std::string::npos);
  EXPECT_NE(error(R"([{"role":"system","content":[{"type":"system_content",
                       "reasoning_effort":"huge"}]}])")
                .find("\"low\""),
            std::string::npos);
  EXPECT_EQ(render(parse(R"([{"role":"tool","content":"x"}])")),
            "error: message 0: expects a tool message to name the tool, as "
            "\"functions.NAME\", but got no name");
  EXPECT_EQ(render(parse(R"([{"role":"user","content":[
                {"type":"system_content"}]}])")),
            "error: message 0: expects system content in a system message but "
            "got it in one of role \"user\"");
}

TEST(Conversation, NeedsTheControlTokens) {
  Expected<Tokenizer> tokenizer =
      Tokenizer::fromJson(TokenizerFile().json(), "t.json");
  ASSERT_TRUE(tokenizer.isOk());
  Status status = Conversation().renderTokens(*tokenizer).status();
  EXPECT_EQ(status.code(), StatusCode::NotFound);
  EXPECT_NE(status.message().find("<|start|>"), std::string::npos);
}

std::string typeScript(const std::string &schema) {
  Expected<JsonDocument> document = JsonDocument::parse(schema, "schema");
  EXPECT_TRUE(document.isOk()) << document.status().message();
  return schemaToTypeScript(document->root(), "");
}

TEST(ToolTemplate, Types) {
  EXPECT_EQ(typeScript(R"({"type":"integer"})"), "number");
  EXPECT_EQ(typeScript(R"({"type":["integer","null"]})"), "number | null");
  EXPECT_EQ(typeScript(R"({"type":"array"})"), "Array<any>");
  EXPECT_EQ(typeScript(R"({"type":"array","items":{"type":"array",
                           "items":{"type":"boolean"}}})"),
            "boolean[][]");
  EXPECT_EQ(typeScript(R"({"type":"string","enum":["a","b"]})"),
            "\"a\" | \"b\"");
  EXPECT_EQ(typeScript(R"({"$ref":"#/x"})"), "any");
  EXPECT_EQ(typeScript("true"), "any");
  EXPECT_EQ(typeScript(R"({"oneOf":[{"type":"string","default":"d"},
                          {"type":"number","description":"n"}]})"),
            "\n | string // default: \"d\"\n | number // n");
}

/// The published renderer's own test.
TEST(ToolTemplate, KitchenSink) {
  ToolNamespace functions{"functions", "", {}};
  functions.tools.push_back({"get_location", "Gets the location.", ""});
  functions.tools.push_back(
      {"kitchensink", "A function with various complex schemas.", R"({
        "description": "params object", "type": "object", "properties": {
          "string": {"type": "string", "title": "STRING",
            "description": "A string", "examples": ["hello", "world"]},
          "string_nullable": {"type": "string", "nullable": true,
            "description": "A nullable string", "default": "the default"},
          "string_enum": {"type": "string", "enum": ["a", "b", "c"]},
          "oneof_string_or_number": {"oneOf": [
            {"type": "string", "default": "default_string_in_oneof"},
            {"type": "number", "description": "numbers can happen too"}],
            "description": "a oneof", "default": 20}}})"});
  Expected<std::string> text = renderToolSection({functions});
  ASSERT_TRUE(text.isOk()) << text.status().message();
  EXPECT_EQ(*text, R"(# Tools

## functions

namespace functions {

// Gets the location.
type get_location = () => any;

// A function with various complex schemas.
type kitchensink = (_: // params object
{
// STRING
//
// A string
// Examples:
// - "hello"
// - "world"
string?: string,
// A nullable string
string_nullable?: string | null, // default: "the default"
string_enum?: "a" | "b" | "c",
// a oneof
// default: 20
oneof_string_or_number?:
 | string // default: "default_string_in_oneof"
 | number // numbers can happen too
,
}) => any;

} // namespace functions)");
}

TEST(ToolTemplate, NamespacesWithDescriptions) {
  Expected<std::string> text = renderToolSection(
      {{"python", "Runs code.\n\nSlowly.", {}},
       {"browser", "Browses.\nCarefully.", {{"open", "Opens\na page.", ""}}}});
  ASSERT_TRUE(text.isOk());
  EXPECT_EQ(*text, "# Tools\n\n## browser\n\n// Browses.\n// Carefully.\n"
                   "namespace browser {\n\n// Opens\n// a page.\n"
                   "type open = () => any;\n\n} // namespace browser\n\n"
                   "## python\n\nRuns code.\n\nSlowly.");
}

TEST(ToolTemplate, BrokenParametersAreAnError) {
  EXPECT_FALSE(renderToolSection({{"functions", "", {{"f", "", "{"}}}}).isOk());
}

} // namespace
