//===- Help.cpp - Layout of the tools' help -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/Help.h"

#include "tools/support/CommandLine.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace gossamer::tools {

#ifndef GOSSAMER_VERSION
#define GOSSAMER_VERSION "0.0.0"
#endif

std::string getVersionText(const std::string &tool) {
  return tool + " " GOSSAMER_VERSION;
}

namespace detail {

std::string join(const std::vector<std::string> &parts,
                 const std::string &separator) {
  std::string text;
  for (const std::string &part : parts)
    text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string trimNumber(double value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::string wrap(const std::string &text, size_t indent, size_t width) {
  std::istringstream words(text);
  std::string word;
  std::string result;
  size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() > width) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

/// One line of two columns, or two lines where the first column is too long.
static std::string makeRow(const std::string &left, const std::string &right) {
  std::string row = "  " + left;
  if (row.size() + 2 > kColumn)
    row += "\n" + std::string(kColumn, ' ');
  else
    row.resize(kColumn, ' ');
  return row + wrap(right, kColumn, kWidth) + "\n";
}

std::string HelpFormatter::make_help(const CLI::App *app, std::string name,
                                     CLI::AppFormatMode mode) const {
  std::string groups = make_groups(app, mode);
  // CLI11 leaves two empty lines between groups.
  for (size_t at = 0; (at = groups.find("\n\n\n")) != std::string::npos;)
    groups.erase(at, 1);
  return wrap(app->get_description(), 0, kWidth) + "\n\n" +
         make_usage(app, std::move(name)) + make_positionals(app) +
         make_subcommands(app, mode) + groups + app->get_footer();
}

std::string HelpFormatter::make_usage(const CLI::App *app,
                                      std::string name) const {
  std::string usage = "Usage: " + name;
  if (!getCommands(*app).empty())
    usage += " COMMAND";
  usage += " [options]";
  for (const CLI::Option *option : getPositionals(*app)) {
    std::string metavar = getMetavar(*option);
    usage += option->get_required() ? " " + metavar : " [" + metavar + "]";
  }
  return usage + "\n";
}

std::string HelpFormatter::make_option(const CLI::Option *option,
                                       bool isPositional) const {
  if (isPositional)
    return makeRow(option->get_name(true, false), option->get_description());
  std::string names;
  for (const std::string &name : option->get_snames())
    names += (names.empty() ? "-" : ", -") + name;
  for (const std::string &name : option->get_lnames())
    names += (names.empty() ? "    --" : ", --") + name;
  const std::string &metavar = option->get_option_text();
  if (!metavar.empty())
    names += (option->get_lnames().empty() ? " " : "=") + metavar;
  return makeRow(names, option->get_description());
}

std::string HelpFormatter::make_subcommand(const CLI::App *app) const {
  return makeRow(app->get_name(), app->get_description());
}

/// Levenshtein distance, for "did you mean".
static size_t getDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

static std::string suggest(const std::string &word,
                           const std::vector<std::string> &candidates) {
  size_t best = std::max<size_t>(2, word.size() / 3) + 1;
  std::string nearest;
  for (const std::string &candidate : candidates)
    if (size_t distance = getDistance(word, candidate); distance < best) {
      best = distance;
      nearest = candidate;
    }
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

std::vector<const CLI::App *> getCommands(const CLI::App &app) {
  return app.get_subcommands([](const CLI::App *) { return true; });
}

std::string listCommands(const CLI::App &app, const std::string &separator) {
  std::vector<std::string> names;
  for (const CLI::App *command : getCommands(app))
    names.push_back(command->get_name());
  return join(names, separator);
}

std::vector<const CLI::Option *> getListedOptions(const CLI::App &app) {
  return app.get_options([](const CLI::Option *option) {
    return !option->get_positional() && !option->get_group().empty();
  });
}

std::vector<const CLI::Option *> getPositionals(const CLI::App &app) {
  return app.get_options(
      [](const CLI::Option *option) { return option->get_positional(); });
}

std::string getMetavar(const CLI::Option &option) {
  return option.get_positional() ? option.get_name(true, false)
                                 : option.get_option_text();
}

std::string explainExtras(const CLI::App &command, const CLI::App &root) {
  std::vector<std::string> extras = command.remaining();
  if (extras.empty())
    extras = root.remaining();
  std::string word = extras.empty() ? "" : extras.front();
  word = word.substr(0, word.find('='));
  std::vector<std::string> candidates;
  if (word.starts_with("-")) {
    for (const CLI::Option *option : command.get_options())
      for (const std::string &name : option->get_lnames())
        candidates.push_back("--" + name);
    return "unknown option '" + word + "'" + suggest(word, candidates);
  }
  for (const CLI::App *each : getCommands(root))
    candidates.push_back(each->get_name());
  if (&command == &root && !candidates.empty())
    return "unknown command '" + word + "'" + suggest(word, candidates);
  return "unexpected argument '" + word + "'";
}

} // namespace detail

std::string suggestName(const std::string &word,
                        const std::vector<std::string> &candidates) {
  return detail::suggest(word, candidates);
}

} // namespace gossamer::tools
