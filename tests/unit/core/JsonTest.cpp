//===- JsonTest.cpp - Reading and writing JSON ----------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Json.h"
#include "TestFiles.h"
#include "runtime/support/JsonWriter.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace gossamer;

namespace {

JsonDocument parse(std::string_view text) {
  Expected<JsonDocument> document = JsonDocument::parse(text, "t.json");
  EXPECT_TRUE(document) << document.status().message();
  if (!document)
    document = JsonDocument::parse("null", "t.json");
  return document.take();
}

std::string parseError(std::string_view text, const JsonLimits &limits = {}) {
  Expected<JsonDocument> document = JsonDocument::parse(text, "t.json", limits);
  EXPECT_FALSE(document) << text;
  return document.status().message();
}

template <typename T> std::string messageOf(const Expected<T> &value) {
  EXPECT_FALSE(value);
  EXPECT_EQ(value.status().code(), StatusCode::InvalidData);
  return value.status().message();
}

TEST(Json, KeepsKindsValuesAndOrder) {
  JsonDocument document = parse(
      R"({"z":1,"a":[true,null,"x"],"m":{"pi":3.5},"e":[],"o":{},"s":""})");
  JsonValue root = document.root();
  EXPECT_EQ(root.size(), 6u);
  std::string names;
  for (JsonValue member : root)
    names += member.name();
  EXPECT_EQ(names, "zameos");
  EXPECT_EQ(*root.getInteger("z"), 1);
  EXPECT_EQ(*root.find("m").getNumber("pi"), 3.5);
  std::vector<JsonKind> kinds;
  for (JsonValue element : root.find("a"))
    kinds.push_back(element.kind());
  EXPECT_EQ(kinds,
            (std::vector{JsonKind::Boolean, JsonKind::Null, JsonKind::String}));
  for (const char *empty : {"e", "o", "s", "absent"})
    EXPECT_TRUE(root.find(empty).begin() == root.find(empty).end());
  EXPECT_EQ(root.find("m").find("pi").path(), "m.pi");
  EXPECT_EQ((*++root.find("a").begin()).path(), "a[1]");
  EXPECT_FALSE(root.find("absent").find("deeper").isPresent());
}

TEST(Json, MessagesStayShortAndOnOneLine) {
  EXPECT_EQ(parseError(R"({"\u001b[2J\n\u007f":1,"\u001b[2J\n\u007f":2})"),
            "t.json: is not valid JSON: the name \"\\u001b[2J\\n\\u007f\" "
            "appears twice in one object");
  std::string digits(5000, '7');
  EXPECT_LT(parseError("[" + digits + "]").size(), 300u);
  std::string name(5000, 'n');
  EXPECT_LT(parseError("{\"" + name + "\":1,\"" + name + "\":2}").size(), 300u);
  JsonDocument document = parse("{\"" + name + "\":1}");
  std::string shown = "t.json: field \"" + std::string(200, 'n') + "\"...";
  EXPECT_EQ(messageOf((*document.root().begin()).asString()),
            shown + ": expects a string but got 1");
  EXPECT_EQ(messageOf(parse("{}").root().get(name)), shown + " is missing");
  EXPECT_EQ(quoteText(std::string(199, 'a') + "\u20AC"),
            "\"" + std::string(199, 'a') + "\"...")
      << "not cut within a character";
}

TEST(Json, IntegersAreExact) {
  JsonDocument document =
      parse("[9223372036854775807, -9223372036854775808, 9223372036854775808, "
            "1.0, -0, 1e3, 123456789012345678901234567890]");
  std::vector<JsonValue> values;
  for (JsonValue value : document.root())
    values.push_back(value);
  EXPECT_EQ(*values[0].asInteger(), INT64_MAX);
  EXPECT_EQ(*values[1].asInteger(), INT64_MIN);
  EXPECT_EQ(values[2].kind(), JsonKind::Number);
  EXPECT_EQ(*values[2].asNumber(), 0x1p63);
  EXPECT_EQ(values[3].kind(), JsonKind::Number);
  EXPECT_EQ(*values[4].asInteger(), 0);
  EXPECT_EQ(values[5].kind(), JsonKind::Number);
  EXPECT_EQ(*values[6].asNumber(), 123456789012345678901234567890.0);
  EXPECT_EQ(*values[0].asNumber(), 0x1p63) << "an integer is a number";
}

TEST(Json, MessagesNameFieldAndValue) {
  JsonDocument document = parse(
      R"({"hidden_size":"abc","rope":{"factor":-1,"on":2},
          "ids":[1,"x"],"texts":["a",1],"big":12,"half":0.5})");
  JsonValue root = document.root();
  EXPECT_EQ(messageOf(root.getInteger("hidden_size", 1, 1 << 20)),
            "t.json: field \"hidden_size\": expects an integer in [1, 1048576] "
            "but got \"abc\"");
  EXPECT_EQ(messageOf(root.find("rope").getNumber("factor", 0)),
            "t.json: field \"rope.factor\": expects a number of at least 0.0 "
            "but got -1");
  EXPECT_EQ(messageOf(root.find("rope").getBool("on")),
            "t.json: field \"rope.on\": expects true or false but got 2");
  EXPECT_EQ(messageOf(root.find("rope").get("theta")),
            "t.json: field \"rope.theta\" is missing");
  EXPECT_EQ(messageOf(root.find("ids").asIntegers()),
            "t.json: field \"ids[1]\": expects an integer but got \"x\"");
  EXPECT_EQ(messageOf(root.find("texts").asStrings()),
            "t.json: field \"texts[1]\": expects a string but got 1");
  EXPECT_EQ(messageOf(root.getInteger("big", -5, 11)),
            "t.json: field \"big\": expects an integer in [-5, 11] but got 12");
  EXPECT_EQ(messageOf(root.getInteger("half")),
            "t.json: field \"half\": expects an integer but got 0.5");
  EXPECT_EQ(messageOf(root.getInteger("big", INT64_MIN, 3)),
            "t.json: field \"big\": expects an integer of at most 3 but got "
            "12");
  EXPECT_EQ(messageOf(root.getString("ids")),
            "t.json: field \"ids\": expects a string but got an array of 2 "
            "elements");
  EXPECT_EQ(messageOf(root.getArray("rope")),
            "t.json: field \"rope\": expects an array but got an object of 2 "
            "members");
  EXPECT_EQ(messageOf(root.getObject("big")),
            "t.json: field \"big\": expects an object but got 12");
  EXPECT_EQ(messageOf(root.find("big").get("x")),
            "t.json: field \"big\": expects an object but got 12");
  EXPECT_EQ(messageOf(root.asArray()),
            "t.json: expects an array but got an object of 6 members");
  EXPECT_EQ(messageOf(JsonValue().asString()),
            "expects a string but got nothing");
  EXPECT_EQ(messageOf(JsonValue().get("x")),
            "expects an object but got nothing");
}

TEST(Json, LongStringsAreCutInMessages) {
  JsonDocument document = parse("{\"a\":\"" + std::string(100, 'x') + "\"}");
  EXPECT_EQ(document.root().find("a").describe(),
            "\"" + std::string(60, 'x') + "\"...");
}

TEST(Json, FallbacksServeMissingAndNull) {
  JsonDocument document = parse(R"({"n":null,"w":"x","i":3})");
  JsonValue root = document.root();
  EXPECT_EQ(*root.getIntegerOr("absent", 7), 7);
  EXPECT_EQ(*root.getIntegerOr("n", 7), 7);
  EXPECT_EQ(*root.getIntegerOr("i", 7), 3);
  EXPECT_FALSE(root.getIntegerOr("w", 7));
  EXPECT_EQ(*root.getNumberOr("i", 7.5), 3.0);
  EXPECT_EQ(*root.getNumberOr("n", 7.5), 7.5);
  EXPECT_EQ(*root.getBoolOr("n", true), true);
  EXPECT_FALSE(root.getBoolOr("i", true));
  EXPECT_EQ(*root.getStringOr("w", "y"), "x");
  EXPECT_EQ(*root.getStringOr("n", "y"), "y");
}

TEST(Json, RefusesWhatIsNotJson) {
  EXPECT_EQ(parseError(""), "t.json: is not valid JSON: line 1, column 1: "
                            "unexpected end of input; expected '[', '{', or a "
                            "literal");
  EXPECT_EQ(parseError("{\"a\":1,\n \"b\" 2}"),
            "t.json: is not valid JSON: line 2, column 6: unexpected number "
            "literal; expected ':'");
  for (const char *text :
       {"{", "[1,]", "{\"a\":1,}", "[1] 2", "NaN", "[Infinity]", "01", "'a'",
        "{a:1}", "\"\t\"", "\"\\x\"", "// c\n1", "1e999", "tru", "[\"a]"})
    EXPECT_TRUE(
        parseError(text).starts_with("t.json: is not valid JSON: line "))
        << text;
}

TEST(Json, RefusesZeroBytes) {
  EXPECT_EQ(parseError(std::string("1\0 garbage", 10)),
            "t.json: is not valid JSON: zero byte at offset 1");
}

TEST(Json, RefusesDuplicateNames) {
  EXPECT_EQ(parseError(R"({"x":{"a":1,"b":2,"a":3}})"),
            "t.json: is not valid JSON: the name \"a\" appears twice in one "
            "object");
  EXPECT_FALSE(JsonDocument::parse(R"({"a":1,"\u0061":2})", "t.json"))
      << "escapes do not make names differ";
  EXPECT_EQ(parse(R"({"a":{"a":1},"b":{"a":1}})").root().size(), 2u);
}

TEST(Json, RefusesInvalidUtf8) {
  for (const char *text :
       {"\"\xff\"", "\"\xc3\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"", "\"\\ud800\"", "\"\\udc00x\"", "\xff"})
    parseError(text);
  EXPECT_EQ(*parse("\"\\ud83d\\ude00 \xc3\xa9 \\u0000\"").root().asString(),
            std::string("\xf0\x9f\x98\x80 \xc3\xa9 \0", 9));
}

TEST(Json, KeepsItsLimits) {
  auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  parse(nested(128));
  EXPECT_EQ(parseError(nested(129)),
            "t.json: is not valid JSON: expects at most 128 nested arrays and "
            "objects but got more");
  parseError(nested(1 << 20));
  JsonLimits small;
  small.maxBytes = 4;
  EXPECT_EQ(parseError("[1,2]", small),
            "t.json: expects at most 4 bytes of JSON but got 5");
  small.maxBytes = 100;
  small.maxValues = 2;
  EXPECT_EQ(parseError("[1,2]", small),
            "t.json: is not valid JSON: expects at most 2 values but got more");
}

TEST(Json, LoadsFiles) {
  TempDir dir;
  Expected<JsonDocument> document =
      JsonDocument::load(dir.write("c.json", "{\"a\":1}"));
  ASSERT_TRUE(document);
  EXPECT_EQ(document->source(), dir.file("c.json"));
  // A handle survives the move of its document.
  JsonValue root = document->root();
  JsonDocument moved = document.take();
  EXPECT_EQ(*root.getInteger("a"), 1);
  EXPECT_EQ(JsonDocument::load(dir.file("no.json")).status().code(),
            StatusCode::NotFound);
}

TEST(JsonWriter, WritesOnOneLine) {
  JsonWriter json;
  json.beginObject()
      .member("text", "a\"b\\c\n\t\r\b\f\x01/\xc3\xa9")
      .member("yes", true)
      .member("least", INT64_MIN)
      .member("most", UINT64_MAX)
      .member("half", 0.5f)
      .member("tenth", 0.1)
      .member("one", 1.0)
      .member("large", 1e300)
      .member("nan", std::nan(""))
      .key("empty")
      .beginArray()
      .endArray()
      .key("none")
      .beginObject()
      .endObject()
      .key("null")
      .null()
      .endObject();
  EXPECT_EQ(json.take(),
            R"({"text":"a\"b\\c\n\t\r\b\f\u0001/é","yes":true,)"
            R"("least":-9223372036854775808,"most":18446744073709551615,)"
            R"("half":0.5,"tenth":0.1,"one":1.0,"large":1e+300,"nan":null,)"
            R"("empty":[],"none":{},"null":null})");
  EXPECT_EQ(json.value(1).take(), "1") << "take() starts anew";
}

TEST(JsonWriter, Indents) {
  JsonWriter json(2);
  json.beginObject().key("a").beginArray().value(1).value(2).endArray();
  json.key("b").beginObject().endObject().endObject();
  EXPECT_EQ(json.take(), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

TEST(JsonWriter, ReplacesBytesThatAreNotUtf8) {
  std::string out;
  appendJsonString(out, "a\xff\xc3(\xe2\x82z\xed\xa0\x80\xf0\x9f\x98\x80");
  EXPECT_EQ(out, "\"a\uFFFD\uFFFD(\uFFFD\uFFFDz\uFFFD\uFFFD\uFFFD\U0001F600\"");
  parse(out);
}

TEST(JsonWriter, CopiesParsedValues) {
  std::string text =
      R"({"a":[1,-2.5,true,null,"x\n"],"b":{"c":[],"d":{}},"e":1e+100})";
  JsonDocument document = parse(text);
  EXPECT_EQ(JsonWriter().value(document.root()).take(), text);
  EXPECT_EQ(JsonWriter().value(document.root().find("b")).take(),
            R"({"c":[],"d":{}})");
}

} // namespace
