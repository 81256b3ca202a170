//===- goss.cpp - Runs compiled models ------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/Commands.h"

using namespace gossamer::tools;

int main(int argc, char **argv) {
  CommandLine line("goss", "Runs GPT-OSS models that gossc compiled. Where a "
                           "command takes a MODEL and none is given, it is the "
                           "embedded model of short stories.");
  addRunCommand(line);
  addChatCommand(line);
  addBenchCommand(line);
  addProfileCommand(line);
  addEvalCommand(line);
  addCheckCommand(line);
  addValidateCommand(line);
  addInspectCommand(line);
  addDiffCommand(line);
  addVerifyCommand(line);
  addTokenizeCommands(line);
  addSynthCommand(line);
  addConvertCommand(line);
  line.root()
      .example("goss run -p \"Once upon a time\" --temperature=0.3",
               "stream a story from the embedded model")
      .example("goss chat model.goss", "talk to a model")
      .example("goss bench model.goss --json", "measure it")
      .example("goss inspect model.goss", "see what an artifact is made of");
  return line.run(argc, argv);
}
