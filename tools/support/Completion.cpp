//===- Completion.cpp - Completion scripts from the options ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/support/Completion.h"

#include "tools/support/Help.h"

#include <algorithm>
#include <cctype>

namespace gossamer::tools::detail {

namespace {

using Options = std::vector<const CLI::Option *>;

/// What can stand for the value of an option.
enum class ValueKind { None, Choice, File, Directory, Other };

ValueKind getValueKind(const CLI::Option &option) {
  std::string metavar = getMetavar(option);
  if (metavar.empty())
    return ValueKind::None;
  bool isUpper =
      std::any_of(metavar.begin(), metavar.end(),
                  [](unsigned char c) { return std::isupper(c) != 0; });
  if (!isUpper && metavar.find('|') != std::string::npos)
    return ValueKind::Choice;
  if (metavar == "DIR")
    return ValueKind::Directory;
  bool isFile = option.get_positional() || metavar == "LIB" ||
                metavar.find("FILE") != std::string::npos ||
                metavar.find("MODEL") != std::string::npos;
  return isFile ? ValueKind::File : ValueKind::Other;
}

/// "graph|fused" -> "graph fused".
std::string listChoices(const CLI::Option &option) {
  std::string text = getMetavar(option);
  std::replace(text.begin(), text.end(), '|', ' ');
  return text;
}

std::vector<std::string> getNames(const CLI::Option &option) {
  std::vector<std::string> names;
  for (const std::string &name : option.get_snames())
    names.push_back("-" + name);
  for (const std::string &name : option.get_lnames())
    names.push_back("--" + name);
  return names;
}

/// Text within single quotes of a shell; fish escapes inside of them.
std::string quote(const std::string &text, bool isFish = false) {
  std::string result = "'";
  for (char c : text) {
    if (c == '\'')
      result += isFish ? "\\'" : "'\\''";
    else if (isFish && c == '\\')
      result += "\\\\";
    else
      result += c;
  }
  return result + "'";
}

bool canRepeat(const CLI::Option &option) {
  return option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
}

//===----------------------------------------------------------------------===//
// bash
//===----------------------------------------------------------------------===//

/// Cases of "COMMAND:OPTION" for what an option takes.
std::string makeBashCases(const CLI::App &app, const std::string &command) {
  std::string text;
  for (const CLI::Option *option : getListedOptions(app)) {
    ValueKind kind = getValueKind(*option);
    if (kind == ValueKind::None)
      continue;
    std::string pattern;
    for (const std::string &name : getNames(*option))
      pattern.append(pattern.empty() ? "" : "|")
          .append(command)
          .append(":")
          .append(name);
    text += "  " + pattern + ") kind=";
    switch (kind) {
    case ValueKind::Choice:
      text += "choice words=" + quote(listChoices(*option));
      break;
    case ValueKind::File:
      text += "file";
      break;
    case ValueKind::Directory:
      text += "directory";
      break;
    default:
      text += "other";
      break;
    }
    text += " ;;\n";
  }
  return text;
}

std::string listOptions(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::Option *option : getListedOptions(app))
    for (const std::string &name : getNames(*option))
      names.push_back(name);
  return join(names, " ");
}

std::string makeBash(const CLI::App &root) {
  const std::string &name = root.get_name();
  std::string function = "_" + name;
  std::replace(function.begin(), function.end(), '-', '_');
  std::string commands = listCommands(root, " ");
  std::string text = "# Completion of " + name +
                     " for bash, made from its options: source <(" + name +
                     " --completion=bash)\n" + function + "() {\n" + R"(
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local command= kind= words= options= word
  # bash takes "--option=value" for three words.
  if [[ $cur == '=' ]]; then
    cur=
  elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $commands " in *" $word "*) command=$word; break ;; esac
  done
  case $command:$prev in
)";
  text.insert(text.find("  local command="),
              "  local commands=" + quote(commands) + "\n");
  text += makeBashCases(root, "");
  std::string lists = "  '') options=" + quote(listOptions(root)) + " ;;\n";
  for (const CLI::App *app : getCommands(root)) {
    text += makeBashCases(*app, app->get_name());
    lists += "  " + app->get_name() + ") options=" + quote(listOptions(*app)) +
             " ;;\n";
  }
  text += "  esac\n  case $command in\n" + lists + "  esac\n" + R"(
  if [[ -z $kind ]]; then
    if [[ $cur == -* ]]; then
      kind=choice words=$options
    elif [[ -z $command && -n $commands ]]; then
      kind=choice words=$commands
    else
      kind=file
    fi
  fi
  case $kind in
  choice) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
  file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
  directory) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
  *) COMPREPLY=() ;;
  esac
  case $kind in
  file | directory) compopt -o filenames 2>/dev/null || true ;;
  esac
}
)";
  return text + "complete -F " + function + " " + name + "\n";
}

//===----------------------------------------------------------------------===//
// zsh
//===----------------------------------------------------------------------===//

std::string escapeZsh(const std::string &text) {
  std::string result;
  for (char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\')
      result += '\\';
    result += c;
  }
  return result;
}

std::string makeZshAction(const CLI::Option &option) {
  switch (getValueKind(option)) {
  case ValueKind::None:
    return "";
  case ValueKind::Choice:
    return ":value:(" + listChoices(option) + ")";
  case ValueKind::File:
    return ":" + escapeZsh(getMetavar(option)) + ":_files";
  case ValueKind::Directory:
    return ":" + escapeZsh(getMetavar(option)) + ":_files -/";
  case ValueKind::Other:
    return ":" + escapeZsh(getMetavar(option)) + ": ";
  }
  return "";
}

/// Arguments of _arguments, a line each.
std::string makeZshSpecs(const CLI::App &app) {
  std::string text;
  for (const CLI::Option *option : getListedOptions(app))
    for (const std::string &name : getNames(*option)) {
      bool isLong = name.starts_with("--");
      bool hasValue = getValueKind(*option) != ValueKind::None;
      std::string exclusive =
          canRepeat(*option) ? "*" : "(" + join(getNames(*option), " ") + ")";
      text += " \\\n    " +
              quote(exclusive + name + (hasValue ? (isLong ? "=" : "+") : "") +
                    "[" + escapeZsh(option->get_description()) + "]" +
                    makeZshAction(*option));
    }
  for (const CLI::Option *option : getPositionals(app))
    text +=
        " \\\n    " + quote(":" + escapeZsh(getMetavar(*option)) + ":_files");
  return text;
}

std::string makeZsh(const CLI::App &root) {
  const std::string &name = root.get_name();
  std::string text = "#compdef " + name + "\n# Completion of " + name +
                     " for zsh, made from its options.\n_" + name +
                     "() {\n  local curcontext=$curcontext state line\n"
                     "  typeset -A opt_args\n";
  std::vector<const CLI::App *> commands = getCommands(root);
  text += "  _arguments -C" + makeZshSpecs(root);
  if (!commands.empty()) {
    text += " \\\n    '1:command:->command' '*::argument:->argument'\n"
            "  case $state in\n  command)\n    local -a commands=(";
    for (const CLI::App *app : commands)
      text += "\n      " +
              quote(app->get_name() + ":" + escapeZsh(app->get_description()));
    text += "\n    )\n    _describe command commands ;;\n  argument)\n"
            "    case $line[1] in\n";
    for (const CLI::App *app : commands)
      text += "    " + app->get_name() + ") _arguments" + makeZshSpecs(*app) +
              " ;;\n";
    text += "    esac ;;\n  esac";
  }
  // Sourced or taken from $fpath: both work.
  return text + "\n}\nif [ \"$funcstack[1]\" = \"_" + name + "\" ]; then\n  _" +
         name + " \"$@\"\nelse\n  compdef _" + name + " " + name + "\nfi\n";
}

//===----------------------------------------------------------------------===//
// fish
//===----------------------------------------------------------------------===//

std::string makeFishOptions(const CLI::App &app, const std::string &start) {
  std::string text;
  for (const CLI::Option *option : getListedOptions(app)) {
    text += start;
    for (const std::string &name : option->get_snames())
      text += " -s " + name;
    for (const std::string &name : option->get_lnames())
      text += " -l " + name;
    switch (getValueKind(*option)) {
    case ValueKind::None:
      break;
    case ValueKind::Choice:
      text += " -x -a " + quote(listChoices(*option), true);
      break;
    case ValueKind::File:
      text += " -r -F";
      break;
    case ValueKind::Directory:
      text += " -x -a '(__fish_complete_directories)'";
      break;
    case ValueKind::Other:
      text += " -x";
      break;
    }
    text += " -d " + quote(option->get_description(), true) + "\n";
  }
  return text;
}

std::string makeFish(const CLI::App &root) {
  const std::string &name = root.get_name();
  std::string start = "complete -c " + name;
  std::vector<const CLI::App *> commands = getCommands(root);
  std::string text =
      "# Completion of " + name + " for fish, made from its options.\n";
  std::string none = commands.empty() ? "" : " -n __fish_use_subcommand";
  text += makeFishOptions(root, start + none);
  for (const CLI::App *app : commands) {
    text += start + " -n __fish_use_subcommand -f -a " + app->get_name() +
            " -d " + quote(app->get_description(), true) + "\n";
    text += makeFishOptions(*app, start + " -n '__fish_seen_subcommand_from " +
                                      app->get_name() + "'");
  }
  return text;
}

} // namespace

std::string makeCompletion(const CLI::App &root, const std::string &shell) {
  if (shell == "bash")
    return makeBash(root);
  return shell == "zsh" ? makeZsh(root) : makeFish(root);
}

} // namespace gossamer::tools::detail
