//===- CommandLineTest.cpp - Options, usage errors, exit codes ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/CommandLine.h"

#include <gtest/gtest.h>

using namespace gossamer;
using namespace gossamer::tools;

namespace {

TEST(ParseInteger, TakesWholeNumbersInRange) {
  int64_t value = 0;
  EXPECT_EQ(parseInteger("42", {0, 100}, value), "");
  EXPECT_EQ(value, 42);
  EXPECT_EQ(parseInteger("-3", {-5, 5}, value), "");
  EXPECT_EQ(value, -3);
}

TEST(ParseInteger, SaysWhatItExpects) {
  int64_t value = 7;
  EXPECT_EQ(parseInteger("101", {0, 100}, value),
            "expects an integer from 0 to 100 but got '101'");
  EXPECT_EQ(parseInteger("-1", {0}, value),
            "expects an integer of at least 0 but got '-1'");
  for (const char *text :
       {"", " 1", "1 ", "1.5", "x", "1x", "=5", "99999999999999999999", "0x10"})
    EXPECT_NE(parseInteger(text, {0}, value), "") << text;
  EXPECT_EQ(value, 7);
}

TEST(ParseReal, KnowsOpenAndClosedLimits) {
  double value = 0;
  EXPECT_EQ(parseReal("0.25", {0, 1}, value), "");
  EXPECT_EQ(value, 0.25);
  EXPECT_EQ(parseReal("0", {0, 1}, value), "");
  EXPECT_EQ(parseReal("0", {0, 1, true}, value),
            "expects a number above 0 and up to 1 but got '0'");
  EXPECT_EQ(parseReal("2", {0, 1}, value),
            "expects a number from 0 to 1 but got '2'");
  for (const char *text : {"", "nan", "inf", "-inf", "1e999", " 1", "1,5", "x"})
    EXPECT_NE(parseReal(text, {0}, value), "") << text;
}

TEST(ParseTokenList, TakesCommaSeparatedIds) {
  std::vector<int32_t> ids;
  EXPECT_EQ(parseTokenList("1,2,300", ids), "");
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 2, 300}));
  for (const char *text :
       {"", ",", "1,", ",1", "1,,2", "1 2", "-1", "x", "4294967296"})
    EXPECT_NE(parseTokenList(text, ids), "") << text;
}

/// A tool with one command; notes what it was given.
struct Fixture {
  CommandLine line{"tool", "Does things."};
  int64_t count = 0;
  std::vector<std::string> stops;
  std::string model;
  std::string level = "low";
  bool loud = false;
  int runs = 0;
  Status answer;

  Fixture() {
    Command &command = line.addCommand("work", "works");
    command.positional("MODEL", model, "what to work on")
        .group("Work")
        .integer("-n,--count", "N", count, {0, 10}, "how often")
        .texts("--stop", "TEXT", stops, "where to stop")
        .choice("--level", level, {"low", "high"}, "how hard")
        .flag("--loud", loud, "with noise")
        .example("tool work -n 3", "works three times");
    command.action([this] {
      ++runs;
      return answer;
    });
  }

  int run(std::vector<const char *> arguments) {
    arguments.insert(arguments.begin(), "tool");
    return line.run(static_cast<int>(arguments.size()), arguments.data());
  }
};

TEST(CommandLine, ReadsAllKindsOfOptions) {
  Fixture tool;
  EXPECT_EQ(tool.run({"work", "-n", "3", "--stop", "a", "--stop=b", "m",
                      "--level=high", "--loud"}),
            0);
  EXPECT_EQ(tool.count, 3);
  EXPECT_EQ(tool.stops, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(tool.model, "m");
  EXPECT_EQ(tool.level, "high");
  EXPECT_TRUE(tool.loud);
  EXPECT_EQ(tool.runs, 1);
}

TEST(CommandLine, LastUseOfAnOptionCounts) {
  Fixture tool;
  EXPECT_EQ(tool.run({"work", "-n1", "-n2"}), 0);
  EXPECT_EQ(tool.count, 2);
}

/// Runs a command line that is wrong and returns what stderr says.
std::string usageError(std::vector<const char *> arguments) {
  Fixture tool;
  testing::internal::CaptureStderr();
  EXPECT_EQ(tool.run(std::move(arguments)), 64);
  EXPECT_EQ(tool.runs, 0);
  return testing::internal::GetCapturedStderr();
}

TEST(CommandLine, UsageErrorsAreALineAndAHint) {
  EXPECT_EQ(usageError({"work", "-n", "11"}),
            "tool: error: --count expects an integer from 0 to 10 but got "
            "'11'\nhint: 'tool work --help' lists the options\n");
  EXPECT_EQ(usageError({"work", "--cuont=1"}),
            "tool: error: unknown option '--cuont'; did you mean '--count'?\n"
            "hint: 'tool work --help' lists the options\n");
  EXPECT_EQ(usageError({"wrok"}),
            "tool: error: unknown command 'wrok'; did you mean 'work'?\n"
            "hint: 'tool --help' lists the options\n");
  EXPECT_EQ(usageError({}), "tool: error: expects a command: work\n"
                            "hint: 'tool --help' lists the options\n");
  EXPECT_EQ(usageError({"work", "a", "b"}),
            "tool: error: unexpected argument 'b'\n"
            "hint: 'tool work --help' lists the options\n");
  EXPECT_EQ(usageError({"work", "--level=mid"}),
            "tool: error: --level expects one of low, high but got 'mid'\n"
            "hint: 'tool work --help' lists the options\n");
  EXPECT_EQ(usageError({"work", "--count"}),
            "tool: error: --count expects one value\n"
            "hint: 'tool work --help' lists the options\n");
}

/// What a command line prints on standard output instead of its work.
std::string printed(std::vector<const char *> arguments) {
  Fixture tool;
  testing::internal::CaptureStdout();
  EXPECT_EQ(tool.run(std::move(arguments)), 0);
  EXPECT_EQ(tool.runs, 0);
  return testing::internal::GetCapturedStdout();
}

TEST(CommandLine, ManualPageHasOptionsAndExamples) {
  std::string page = printed({"work", "--help-man"});
  EXPECT_NE(page.find(".TH \"TOOL\\-WORK\" \"1\""), std::string::npos);
  EXPECT_NE(page.find("tool\\-work \\- works\n"), std::string::npos);
  EXPECT_NE(page.find("\\fB\\-n\\fR, \\fB\\-\\-count\\fR=\\fIN\\fR\nhow often"),
            std::string::npos);
  EXPECT_NE(page.find(".SH EXAMPLES\n.TP\n\\fBtool work \\-n 3\\fR"),
            std::string::npos);
  EXPECT_NE(printed({"--help-man"}).find(".BR tool\\-work (1)\nworks"),
            std::string::npos);
}

TEST(CommandLine, CompletionKnowsCommandsOptionsAndChoices) {
  std::string bash = printed({"--completion=bash"});
  EXPECT_NE(bash.find("local commands='work'"), std::string::npos);
  EXPECT_NE(bash.find("work:--level) kind=choice words='low high'"),
            std::string::npos);
  EXPECT_NE(bash.find("work:-n|work:--count) kind=other"), std::string::npos);
  EXPECT_NE(printed({"--completion=zsh"})
                .find("'(--level)--level=[how hard]:value:(low high)'"),
            std::string::npos);
  EXPECT_NE(printed({"--completion=zsh"}).find("'*--stop=[where to stop]"),
            std::string::npos);
  EXPECT_NE(printed({"--completion=fish"}).find("-l level -x -a 'low high'"),
            std::string::npos);
  EXPECT_EQ(usageError({"--completion=csh"}),
            "tool: error: --completion expects one of bash, zsh, fish but got "
            "'csh'\nhint: 'tool --help' lists the options\n");
}

TEST(CommandLine, StatusBecomesTheExitCode) {
  for (StatusCode code :
       {StatusCode::InvalidData, StatusCode::NotFound, StatusCode::Unavailable,
        StatusCode::Internal, StatusCode::OutOfMemory, StatusCode::IoError,
        StatusCode::Interrupted}) {
    Fixture tool;
    tool.answer = Status(code, "file: broken");
    testing::internal::CaptureStderr();
    EXPECT_EQ(tool.run({"work"}), static_cast<int>(code));
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "tool: error: file: broken\n");
  }
}

} // namespace
