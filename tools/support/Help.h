//===- Help.h - Layout of the tools' help -----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Internal to tools/support: how help and usage errors are worded and laid
// out on top of CLI11.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_SUPPORT_HELP_H
#define GOSSAMER_TOOLS_SUPPORT_HELP_H

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace gossamer::tools::detail {

/// Columns of the help, and the column where descriptions begin.
inline constexpr size_t kWidth = 96;
inline constexpr size_t kColumn = 34;

/// Breaks text at spaces; lines after the first are indented.
std::string wrap(const std::string &text, size_t indent, size_t width);
std::string join(const std::vector<std::string> &parts,
                 const std::string &separator);
/// "1", "0.5": no trailing zeros.
std::string trimNumber(double value);

/// What to say about arguments that nothing takes, with the nearest name.
std::string explainExtras(const CLI::App &command, const CLI::App &root);
/// The subcommands, in the order in which they were added.
std::vector<const CLI::App *> getCommands(const CLI::App &app);
/// "run, chat, bench".
std::string listCommands(const CLI::App &app,
                         const std::string &separator = ", ");

/// Options that the help lists, and arguments without a name.
std::vector<const CLI::Option *> getListedOptions(const CLI::App &app);
std::vector<const CLI::Option *> getPositionals(const CLI::App &app);
/// What stands for the value in the help; "" for flags.
std::string getMetavar(const CLI::Option &option);

/// Two columns: names with their value, then the description.
class HelpFormatter : public CLI::Formatter {
public:
  std::string make_help(const CLI::App *app, std::string name,
                        CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App *app, std::string name) const override;
  std::string make_option(const CLI::Option *option,
                          bool isPositional) const override;
  std::string make_subcommand(const CLI::App *app) const override;
};

} // namespace gossamer::tools::detail

#endif // GOSSAMER_TOOLS_SUPPORT_HELP_H
