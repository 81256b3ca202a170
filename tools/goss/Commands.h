//===- Commands.h - The subcommands of goss ---------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_COMMANDS_H
#define GOSSAMER_TOOLS_GOSS_COMMANDS_H

#include "tools/support/CommandLine.h"

namespace gossamer::tools {

/// Each adds its command, options and help to the command line.
void addRunCommand(CommandLine &line);
void addChatCommand(CommandLine &line);
void addBenchCommand(CommandLine &line);
void addProfileCommand(CommandLine &line);
void addEvalCommand(CommandLine &line);
void addCheckCommand(CommandLine &line);
void addValidateCommand(CommandLine &line);
void addInspectCommand(CommandLine &line);
void addDiffCommand(CommandLine &line);
void addVerifyCommand(CommandLine &line);
void addTokenizeCommands(CommandLine &line);
void addSynthCommand(CommandLine &line);
void addConvertCommand(CommandLine &line);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_COMMANDS_H
