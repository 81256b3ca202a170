//===- Verify.cpp - goss verify -------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Checkpoint.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/ProgressBar.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <filesystem>
#include <memory>

namespace gossamer::tools {
namespace {

struct VerifyArguments {
  std::string path;
  std::string weights;
  bool quiet = false;
};

Status verifyArtifact(const std::string &path,
                      const VerifyArguments &arguments) {
  Notes notes(arguments.quiet);
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
  GOSS_RETURN_IF_ERROR(artifact.verifyAll());
  GOSS_RETURN_IF_ERROR(readTokenizer(artifact).status());
  notes.note("Artifact", path + ": header, sections and hashes are right");
  const proto::Manifest &manifest = artifact.manifest();
  if (manifest.weights_embedded())
    return Status::ok();
  std::string directory = arguments.weights;
  if (directory.empty())
    directory = findWeightsDirectory(path, manifest);
  GOSS_RETURN_IF_ERROR(openWeightFiles(artifact, directory).status());
  notes.note("Weights", formatCount(manifest.weight_files_size()) +
                            " files in " + directory +
                            " are those it was compiled for");
  return Status::ok();
}

Status verifyCheckpoint(const VerifyArguments &arguments) {
  Notes notes(arguments.quiet);
  GOSS_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                        Checkpoint::open(arguments.path));
  notes.note("Structure",
             arguments.path + ": " +
                 formatCount(checkpoint.parameters().tensorCount()) +
                 " tensors as config.json prescribes");
  for (const std::string &note : checkpoint.notes())
    notes.note("Note", note);
  if (checkpoint.hasWeights()) {
    ProgressBar progress("reading weights", checkpoint.verificationBytes(),
                         ProgressBar::Unit::Bytes);
    GOSS_RETURN_IF_ERROR(checkpoint.verifyValues([&](uint64_t bytes) {
      progress.add(bytes);
      return !interruptFlag();
    }));
    progress.finish();
    notes.note("Values", "all numbers are finite");
  }
  if (!checkpoint.tokenizerPath())
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(MappedFile file,
                        MappedFile::open(*checkpoint.tokenizerPath()));
  GOSS_ASSIGN_OR_RETURN(
      Tokenizer tokenizer,
      Tokenizer::fromJson(file.text(), *checkpoint.tokenizerPath()));
  notes.note("Tokenizer", formatCount(tokenizer.vocabularySize()) + " ids");
  return Status::ok();
}

Status verify(const VerifyArguments &arguments) {
  std::error_code error;
  if (std::filesystem::is_directory(arguments.path, error) ||
      arguments.path.ends_with(".json"))
    return verifyCheckpoint(arguments);
  GOSS_ASSIGN_OR_RETURN(std::string path, resolveArtifactPath(arguments.path));
  return verifyArtifact(path, arguments);
}

} // namespace

void addVerifyCommand(CommandLine &line) {
  auto arguments = std::make_shared<VerifyArguments>();
  line.addCommand("verify",
                  "Reads all of an artifact or checkpoint and checks it.")
      .positional("MODEL", arguments->path,
                  "an artifact, a checkpoint directory or a config.json "
                  "(default: the embedded model)")
      .text("--weights", "DIR", arguments->weights,
            "checkpoint directory of an artifact that refers to its weights")
      .flag("-q,--quiet", arguments->quiet, "print errors only")
      .example("goss verify model.goss", "hashes of all sections and weights")
      .example("goss verify models/tiny-stories",
               "names, shapes and values of a checkpoint")
      .action([arguments] { return verify(*arguments); });
}

} // namespace gossamer::tools
