//===- CommandLine.cpp - Command lines of the tools -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/CommandLine.h"

#include "tools/support/Completion.h"
#include "tools/support/Help.h"
#include "tools/support/ManPage.h"
#include "tools/support/Terminal.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <new>

namespace gossamer::tools {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::string parseInteger(const std::string &text, IntegerRange range,
                         int64_t &value) {
  bool unbounded = range.max == std::numeric_limits<int64_t>::max();
  std::string expects = "expects an integer " +
                        (unbounded ? "of at least " + std::to_string(range.min)
                                   : "from " + std::to_string(range.min) +
                                         " to " + std::to_string(range.max)) +
                        " but got '" + text + "'";
  errno = 0;
  char *end = nullptr;
  long long number = std::strtoll(text.c_str(), &end, 10);
  bool whole = !text.empty() && !std::isspace(text[0]) && !*end;
  if (!whole || errno == ERANGE || number < range.min || number > range.max)
    return expects;
  value = number;
  return "";
}

std::string parseReal(const std::string &text, RealRange range, double &value) {
  std::string low = detail::trimNumber(range.min);
  std::string limits =
      std::isinf(range.max)
          ? (range.openMin ? "greater than " : "of at least ") + low
          : (range.openMin ? "above " + low + " and up to "
                           : "from " + low + " to ") +
                detail::trimNumber(range.max);
  char *end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  bool whole = !text.empty() && !std::isspace(text[0]) && !*end;
  bool inside = std::isfinite(number) && number >= range.min &&
                number <= range.max && !(range.openMin && number == range.min);
  if (!whole || !inside)
    return "expects a number " + limits + " but got '" + text + "'";
  value = number;
  return "";
}

std::string parseTokenList(const std::string &text,
                           std::vector<int32_t> &value) {
  value.clear();
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    int64_t id = 0;
    if (!parseInteger(text.substr(begin, end - begin),
                      {0, std::numeric_limits<int32_t>::max()}, id)
             .empty())
      return "expects token ids such as 1,2,3 but got '" + text + "'";
    value.push_back(static_cast<int32_t>(id));
    begin = end + 1;
  }
  return "";
}

//===----------------------------------------------------------------------===//
// Command
//===----------------------------------------------------------------------===//

Command::Command(CLI::App &app, std::string title)
    : app_(app), title_(std::move(title)) {}

Command &Command::group(std::string title) {
  group_ = std::move(title);
  return *this;
}

Command &Command::positional(const std::string &metavar, std::string &value,
                             const std::string &help, bool required) {
  app_.add_option(metavar, value, help)->required(required);
  return *this;
}

Command &Command::flag(const std::string &names, bool &value,
                       const std::string &help) {
  app_.add_flag(names, value, help)->group(group_)->disable_flag_override();
  return *this;
}

Command &Command::text(const std::string &names, const std::string &metavar,
                       std::string &value, const std::string &help) {
  return parsed(
      names, metavar,
      [&value](const std::string &text) {
        value = text;
        return std::string();
      },
      help);
}

Command &Command::texts(const std::string &names, const std::string &metavar,
                        std::vector<std::string> &value,
                        const std::string &help) {
  // A callback keeps CLI11 from taking the arguments that follow as well.
  CLI::callback_t store = [&value](const CLI::results_t &texts) {
    value = texts;
    return true;
  };
  app_.add_option(names, store, help)
      ->group(group_)
      ->option_text(metavar)
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Command &Command::choice(const std::string &names, std::string &value,
                         const std::vector<std::string> &choices,
                         const std::string &help) {
  std::string metavar = detail::join(choices, "|");
  return parsed(
      names, metavar,
      [&value, choices, metavar](const std::string &text) -> std::string {
        if (std::find(choices.begin(), choices.end(), text) == choices.end())
          return "expects one of " + detail::join(choices, ", ") +
                 " but got '" + text + "'";
        value = text;
        return "";
      },
      help);
}

Command &Command::parsed(const std::string &names, const std::string &metavar,
                         OptionParser parser, const std::string &help) {
  // The longest name is the one that an error cites.
  std::string name = names.substr(names.rfind(',') + 1);
  CLI::callback_t store = [parser = std::move(parser),
                           name](const CLI::results_t &texts) {
    std::string error = parser(texts.back());
    if (!error.empty())
      throw CLI::ValidationError(name + " " + error,
                                 CLI::ExitCodes::ValidationError);
    return true;
  };
  app_.add_option(names, store, help)
      ->group(group_)
      ->option_text(metavar)
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  return *this;
}

Command &Command::details(const std::string &paragraph) {
  paragraphs_.push_back(paragraph);
  updateFooter();
  return *this;
}

Command &Command::example(std::string commandLine, std::string meaning) {
  examples_.emplace_back(std::move(commandLine), std::move(meaning));
  updateFooter();
  return *this;
}

Command &Command::action(std::function<Status()> run) {
  action_ = std::move(run);
  return *this;
}

void Command::updateFooter() {
  std::string footer;
  for (const std::string &paragraph : paragraphs_)
    footer += "\n" + detail::wrap(paragraph, 0, detail::kWidth) + "\n";
  if (!examples_.empty())
    footer += "\nExamples:\n";
  for (const auto &[line, meaning] : examples_)
    footer.append("  ").append(line).append("\n      ").append(meaning) += '\n';
  app_.footer(footer);
}

//===----------------------------------------------------------------------===//
// CommandLine
//===----------------------------------------------------------------------===//

CommandLine::CommandLine(const std::string &name, const std::string &summary)
    : name_(name), app_(std::make_unique<CLI::App>(summary, name)) {
  auto formatter = std::make_shared<detail::HelpFormatter>();
  formatter->label("Positionals", "Arguments");
  app_->formatter(formatter);
  addHelpFlags(*app_);
  addCompletion();
  app_->set_version_flag("--version", getVersionText(name),
                         "print the version and exit");
  commands_.push_back(std::make_unique<Command>(*app_, name));
  apps_.push_back(app_.get());
}

CommandLine::~CommandLine() = default;

namespace {

/// Thrown while arguments are read: what is to be printed instead of the work.
class CallForManual : public CLI::Success {
public:
  CallForManual() : Success("CallForManual", "", CLI::ExitCodes::Success) {}
};

class CallForCompletion : public CLI::Success {
public:
  explicit CallForCompletion(const std::string &shell)
      : Success("CallForCompletion", shell, CLI::ExitCodes::Success) {}
};

} // namespace

void CommandLine::addHelpFlags(CLI::App &app) {
  app.set_help_flag("-h,--help", "print this help and exit");
  CLI::Option *manual = app.add_flag_callback(
      "--help-man", [] { throw CallForManual(); },
      "print the manual page, for man -l -, and exit");
  manual->trigger_on_parse();
  // One line in the tool's own help is enough.
  if (&app != app_.get())
    manual->group("");
}

void CommandLine::addCompletion() {
  const std::vector<std::string> shells = {"bash", "zsh", "fish"};
  app_->add_option_function<std::string>(
          "--completion",
          [shells](const std::string &shell) {
            if (std::find(shells.begin(), shells.end(), shell) == shells.end())
              throw CLI::ValidationError("--completion expects one of " +
                                             detail::join(shells, ", ") +
                                             " but got '" + shell + "'",
                                         CLI::ExitCodes::ValidationError);
            throw CallForCompletion(shell);
          },
          "print a script that completes this command line in a shell, and "
          "exit: source <(" +
              name_ + " --completion=bash)")
      ->option_text(detail::join(shells, "|"))
      ->trigger_on_parse();
}

std::string CommandLine::makeManual() const {
  const Command &command = selected();
  bool isRoot = &command == commands_.front().get();
  return detail::makeManPage(
      command.app_, {command.title_, getVersionText(name_), command.paragraphs_,
                     command.examples_, isRoot ? "" : name_});
}

Command &CommandLine::addCommand(const std::string &name,
                                 const std::string &summary) {
  CLI::App *app = app_->add_subcommand(name, summary);
  app->formatter(app_->get_formatter());
  addHelpFlags(*app);
  app->group("Commands");
  app_->require_subcommand(0, 1);
  commands_.push_back(std::make_unique<Command>(*app, name_ + " " + name));
  apps_.push_back(app);
  return *commands_.back();
}

const Command &CommandLine::selected() const {
  for (size_t i = 1; i < commands_.size(); ++i)
    if (apps_[i]->parsed())
      return *commands_[i];
  return *commands_.front();
}

int CommandLine::reportUsage(const std::string &message) const {
  const Command &command = selected();
  std::fprintf(stderr, "%s: error: %s\nhint: '%s --help' lists the options\n",
               name_.c_str(), message.c_str(), command.title_.c_str());
  return static_cast<int>(StatusCode::Usage);
}

Status CommandLine::runAction() const {
  try {
    return selected().getAction()();
  } catch (const std::bad_alloc &) {
    return outOfMemory("out of memory");
  } catch (const std::exception &error) {
    return internalError(std::string("unexpected failure: ") + error.what());
  }
}

int CommandLine::run(int argc, const char *const *argv) {
  installSignalHandlers();
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    const CLI::App &app = selected().app_;
    return standardOutput()
        .write(app.help(&app == app_.get() ? "" : name_))
        .exitCode();
  } catch (const CallForManual &) {
    return standardOutput().write(makeManual()).exitCode();
  } catch (const CallForCompletion &call) {
    return standardOutput()
        .write(detail::makeCompletion(*app_, call.what()))
        .exitCode();
  } catch (const CLI::CallForVersion &version) {
    return standardOutput()
        .write(std::string(version.what()) + "\n")
        .exitCode();
  } catch (const CLI::ExtrasError &) {
    return reportUsage(detail::explainExtras(selected().app_, *app_));
  } catch (const CLI::RequiredError &error) {
    return reportUsage(std::string("missing argument: ") + error.what());
  } catch (const CLI::ArgumentMismatch &error) {
    std::string what = error.what();
    return reportUsage(what.substr(0, what.find(':')) + " expects one value");
  } catch (const CLI::ParseError &error) {
    return reportUsage(error.what());
  }
  if (!selected().getAction())
    return reportUsage("expects a command: " + detail::listCommands(*app_));
  Status status = runAction();
  if (status.isOk())
    return 0;
  // `goss run | head -1` has what it wanted.
  if (standardOutput().isReaderGone())
    return 0;
  if (status.code() == StatusCode::Usage)
    return reportUsage(status.message());
  bool styled = isStyled(2);
  std::fprintf(stderr, "%s: %serror:%s %s\n", name_.c_str(),
               styled ? "\x1b[1;31m" : "", styled ? "\x1b[0m" : "",
               status.message().c_str());
  return status.exitCode();
}

} // namespace gossamer::tools
