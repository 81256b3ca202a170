//===- ManPage.cpp - Manual pages from the options ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/ManPage.h"

#include "tools/support/Help.h"

#include <algorithm>
#include <cctype>

namespace gossamer::tools::detail {

namespace {

/// Text as troff takes it literally.
std::string escape(const std::string &text) {
  std::string result;
  for (char c : text) {
    // These begin a request at the start of a line.
    if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n'))
      result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else if (c == '\'')
      result += "\\(aq";
    else
      result += c;
  }
  return result;
}

/// "goss run" -> "goss-run".
std::string getPageName(std::string title) {
  std::replace(title.begin(), title.end(), ' ', '-');
  return title;
}

/// "Runs models. Where ..." -> "Runs models": what `apropos` lists.
std::string getSummary(const CLI::App &app) {
  std::string text = app.get_description();
  text = text.substr(0, text.find(". "));
  return text.ends_with(".") ? text.substr(0, text.size() - 1) : text;
}

std::string bold(const std::string &text) {
  return "\\fB" + escape(text) + "\\fR";
}

std::string describeOption(const CLI::Option &option) {
  std::string text;
  for (const std::string &name : option.get_snames())
    text += (text.empty() ? "" : ", ") + bold("-" + name);
  for (const std::string &name : option.get_lnames())
    text += (text.empty() ? "" : ", ") + bold("--" + name);
  std::string metavar = getMetavar(option);
  if (!metavar.empty())
    text += (option.get_lnames().empty() ? " " : "=") +
            ("\\fI" + escape(metavar) + "\\fR");
  return ".TP\n" + text + "\n" + escape(option.get_description()) + "\n";
}

std::string makeSynopsis(const CLI::App &app, const ManPageText &text) {
  std::string line = bold(text.title);
  if (!getCommands(app).empty())
    line += " \\fICOMMAND\\fR";
  line += " [options]";
  for (const CLI::Option *option : getPositionals(app)) {
    std::string name = "\\fI" + escape(getMetavar(*option)) + "\\fR";
    line += option->get_required() ? " " + name : " [" + name + "]";
  }
  return ".SH SYNOPSIS\n" + line + "\n";
}

std::string makeDescription(const CLI::App &app, const ManPageText &text) {
  std::string result =
      ".SH DESCRIPTION\n" + escape(app.get_description()) + "\n";
  for (const std::string &paragraph : text.paragraphs)
    result += ".PP\n" + escape(paragraph) + "\n";
  for (const CLI::Option *option : getPositionals(app))
    result += ".TP\n\\fI" + escape(getMetavar(*option)) + "\\fR\n" +
              escape(option->get_description()) + "\n";
  return result;
}

/// A section a group, in the order of the help.
std::string makeOptions(const CLI::App &app) {
  std::vector<std::string> groups;
  for (const CLI::Option *option : getListedOptions(app))
    if (std::find(groups.begin(), groups.end(), option->get_group()) ==
        groups.end())
      groups.push_back(option->get_group());
  std::string text;
  for (const std::string &group : groups) {
    std::string title = group;
    std::transform(title.begin(), title.end(), title.begin(),
                   [](unsigned char c) { return std::toupper(c); });
    text += ".SH \"" + escape(title) + "\"\n";
    for (const CLI::Option *option : getListedOptions(app))
      if (option->get_group() == group)
        text += describeOption(*option);
  }
  return text;
}

std::string makeCommands(const CLI::App &app, const ManPageText &text) {
  std::string result;
  for (const CLI::App *command : getCommands(app))
    result += ".TP\n.BR " +
              escape(getPageName(text.title + " " + command->get_name())) +
              " (1)\n" + escape(command->get_description()) + "\n";
  return result.empty() ? "" : ".SH COMMANDS\n" + result;
}

std::string makeExamples(const ManPageText &text) {
  std::string result;
  for (const auto &[line, meaning] : text.examples)
    result += ".TP\n" + bold(line) + "\n" + escape(meaning) + "\n";
  return result.empty() ? "" : ".SH EXAMPLES\n" + result;
}

} // namespace

std::string makeManPage(const CLI::App &app, const ManPageText &text) {
  std::string name = getPageName(text.title), upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  std::string page = ".TH \"" + escape(upper) + "\" \"1\" \"\" \"" +
                     escape(text.version) + "\" \"Gossamer\"\n.SH NAME\n" +
                     escape(name) + " \\- " + escape(getSummary(app)) + "\n" +
                     makeSynopsis(app, text) + makeDescription(app, text) +
                     makeCommands(app, text) + makeOptions(app) +
                     makeExamples(text);
  page += ".SH \"EXIT STATUS\"\n0: done; 64: usage; 65: bad input data; 66: "
          "missing input; 69: unavailable; 70: internal error; 71: out of "
          "memory; 74: input or output failed; 130: interrupted.\n";
  if (!text.parent.empty())
    page += ".SH \"SEE ALSO\"\n.BR " + escape(text.parent) + " (1)\n";
  return page;
}

} // namespace gossamer::tools::detail
