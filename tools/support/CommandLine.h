//===- CommandLine.h - Command lines of the tools ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What all tools share in front of their work: options that say what they
// expect, help that teaches, one line and a hint for a usage error, and the
// exit codes of StatusCode. Nothing here is thread-safe: it runs in main.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_SUPPORT_COMMANDLINE_H
#define GOSSAMER_TOOLS_SUPPORT_COMMANDLINE_H

#include "runtime/support/Status.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace gossamer::tools {

/// Inclusive limits of an integer option.
struct IntegerRange {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
};

/// Limits of a real option; `openMin` leaves `min` itself out.
struct RealRange {
  double min = 0;
  double max = std::numeric_limits<double>::infinity();
  bool openMin = false;
};

/// Reads an option's text; returns "" or what was expected ("expects ...").
using OptionParser = std::function<std::string(const std::string &text)>;

/// Parsers behind the typed options below, also used by tests.
std::string parseInteger(const std::string &text, IntegerRange range,
                         int64_t &value);
std::string parseReal(const std::string &text, RealRange range, double &value);
std::string parseTokenList(const std::string &text,
                           std::vector<int32_t> &value);

/// "; did you mean 'NAME'?" where a candidate is much like `word`, else "".
std::string suggestName(const std::string &word,
                        const std::vector<std::string> &candidates);

/// One tool or subcommand: its options, its help and what it does. Option
/// names are written "-n,--max-tokens"; `metavar` stands for the value in the
/// help. The variables bound to options must outlive the parse.
class Command {
public:
  Command(CLI::App &app, std::string title);

  /// Later options are listed under this title.
  Command &group(std::string title);
  Command &positional(const std::string &metavar, std::string &value,
                      const std::string &help, bool required = false);
  Command &flag(const std::string &names, bool &value, const std::string &help);
  Command &text(const std::string &names, const std::string &metavar,
                std::string &value, const std::string &help);
  /// May be repeated; every use appends.
  Command &texts(const std::string &names, const std::string &metavar,
                 std::vector<std::string> &value, const std::string &help);
  Command &choice(const std::string &names, std::string &value,
                  const std::vector<std::string> &choices,
                  const std::string &help);
  /// Any other reading; repeated uses keep the last one.
  Command &parsed(const std::string &names, const std::string &metavar,
                  OptionParser parser, const std::string &help);

  template <typename T>
  Command &integer(const std::string &names, const std::string &metavar,
                   T &value, IntegerRange range, const std::string &help) {
    return parsed(
        names, metavar,
        [&value, range](const std::string &text) {
          int64_t number = 0;
          std::string error = parseInteger(text, range, number);
          if (error.empty())
            value = number;
          return error;
        },
        help);
  }

  template <typename T>
  Command &real(const std::string &names, const std::string &metavar, T &value,
                RealRange range, const std::string &help) {
    return parsed(
        names, metavar,
        [&value, range](const std::string &text) {
          double number = 0;
          std::string error = parseReal(text, range, number);
          if (error.empty())
            value = number;
          return error;
        },
        help);
  }

  /// A paragraph after the options.
  Command &details(const std::string &paragraph);
  /// A command line and what it does, shown at the end of the help.
  Command &example(std::string commandLine, std::string meaning);
  /// What the command does once its options are read.
  Command &action(std::function<Status()> run);

  const std::function<Status()> &getAction() const { return action_; }

private:
  friend class CommandLine;
  void updateFooter();

  CLI::App &app_;
  std::string title_;
  std::string group_ = "Options";
  std::vector<std::string> paragraphs_;
  std::vector<std::pair<std::string, std::string>> examples_;
  std::function<Status()> action_;
};

/// A whole tool. Beside its own options it has --help, --version, --help-man
/// and
/// --completion. Example:
///   CommandLine line("goss", "Runs compiled models.");
///   line.addCommand("verify", "checks an artifact").action(...);
///   return line.run(argc, argv);
class CommandLine {
public:
  CommandLine(const std::string &name, const std::string &summary);
  ~CommandLine();

  Command &root() { return *commands_.front(); }
  /// Adds a subcommand; one of them must then be named.
  Command &addCommand(const std::string &name, const std::string &summary);

  /// Parses, runs the chosen action and reports its failure on stderr as
  /// "NAME: error: message". Returns the process's exit code.
  int run(int argc, const char *const *argv);

private:
  /// Adds --help and --help-man, which every command has.
  void addHelpFlags(CLI::App &app);
  /// Adds --completion, which a tool has once.
  void addCompletion();
  std::string makeManual() const;
  int reportUsage(const std::string &message) const;
  Status runAction() const;
  const Command &selected() const;

  std::string name_;
  std::unique_ptr<CLI::App> app_;
  std::vector<std::unique_ptr<Command>> commands_;
  std::vector<CLI::App *> apps_;
};

/// "gossc 0.1.0" and what it was built with, for --version.
std::string getVersionText(const std::string &tool);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_SUPPORT_COMMANDLINE_H
