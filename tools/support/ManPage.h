//===- ManPage.h - Manual pages from the options ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_SUPPORT_MANPAGE_H
#define GOSSAMER_TOOLS_SUPPORT_MANPAGE_H

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace gossamer::tools::detail {

/// What a page is made of beside the options.
struct ManPageText {
  std::string title;   ///< as typed, "goss run".
  std::string version; ///< "goss 0.1.0".
  std::vector<std::string> paragraphs;
  /// Command lines and what they do.
  std::vector<std::pair<std::string, std::string>> examples;
  std::string parent; ///< the tool of a subcommand, else "".
};

/// A page of section 1 in the macros of man(7).
std::string makeManPage(const CLI::App &app, const ManPageText &text);

} // namespace gossamer::tools::detail

#endif // GOSSAMER_TOOLS_SUPPORT_MANPAGE_H
