//===- Completion.h - Completion scripts from the options -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Internal to tools/support. What can be completed is read from the options
// themselves: a metavar "a|b" is a choice, FILE, MODEL and LIB are files, DIR
// is a directory.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_SUPPORT_COMPLETION_H
#define GOSSAMER_TOOLS_SUPPORT_COMPLETION_H

#include <CLI/CLI.hpp>
#include <string>

namespace gossamer::tools::detail {

/// A script for "bash", "zsh" or "fish".
std::string makeCompletion(const CLI::App &root, const std::string &shell);

} // namespace gossamer::tools::detail

#endif // GOSSAMER_TOOLS_SUPPORT_COMPLETION_H
