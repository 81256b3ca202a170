//===- Verify.cpp - goss verify -------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/VerifyConversion.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/ProgressBar.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <memory>

namespace gossamer::tools {
namespace {

struct VerifyArguments {
  std::string path;
  std::string weights;
  std::string source;
  bool quiet = false;
};

Status verifyArtifact(const std::string &path,
                      const VerifyArguments &arguments) {
  Notes notes(arguments.quiet);
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
  GOSS_RETURN_IF_ERROR(artifact.verifyAll(!notes.isQuiet()));
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

/// What a conversion says of itself, and what it was made from.
Status verifyConversion(const VerifyArguments &arguments,
                        const Checkpoint &checkpoint, const Notes &notes) {
  ProgressBar progress("comparing", 0, ProgressBar::Unit::Bytes,
                       !notes.isQuiet());
  auto advance = [&](uint64_t bytes) {
    progress.add(bytes);
    return !interruptFlag();
  };
  GOSS_ASSIGN_OR_RETURN(size_t tensors,
                        verifyManifest(arguments.path, advance));
  if (!arguments.source.empty()) {
    GOSS_ASSIGN_OR_RETURN(Checkpoint source,
                          Checkpoint::open(arguments.source));
    GOSS_RETURN_IF_ERROR(compareWithSource(checkpoint, source, advance));
  }
  progress.finish();
  if (tensors)
    notes.note("Manifest", formatCount(tensors) +
                               " tensors and their companions have the "
                               "SHA-256 that it says");
  if (!arguments.source.empty())
    notes.note("Source", "every number is that of " + arguments.source);
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
                         ProgressBar::Unit::Bytes, !notes.isQuiet());
    GOSS_RETURN_IF_ERROR(checkpoint.verifyValues([&](uint64_t bytes) {
      progress.add(bytes);
      return !interruptFlag();
    }));
    progress.finish();
    notes.note("Values", "all numbers are finite");
    GOSS_RETURN_IF_ERROR(verifyConversion(arguments, checkpoint, notes));
  }
  const std::optional<Companion> &json = checkpoint.tokenizer();
  if (!json)
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                        Tokenizer::fromJson(json->text, json->source));
  notes.note("Tokenizer", formatCount(tokenizer.vocabularySize()) + " ids");
  return Status::ok();
}

Status verify(const VerifyArguments &arguments) {
  if (isCheckpointPath(arguments.path))
    return verifyCheckpoint(arguments);
  if (!arguments.source.empty())
    return usageError("--source expects a checkpoint but got an artifact");
  GOSS_ASSIGN_OR_RETURN(std::string path, resolveArtifactPath(arguments.path));
  return verifyArtifact(path, arguments);
}

} // namespace

void addVerifyCommand(CommandLine &line) {
  auto arguments = std::make_shared<VerifyArguments>();
  line.addCommand("verify",
                  "Reads all of an artifact or checkpoint and checks it.")
      .positional("MODEL", arguments->path,
                  "an artifact, a checkpoint directory, a GGUF file or a "
                  "config.json (default: the embedded model)")
      .text("--weights", "DIR", arguments->weights,
            "checkpoint directory of an artifact that refers to its weights")
      .text("--source", "DIR", arguments->source,
            "checkpoint that a converted one was made from: every number is "
            "compared, whatever the forms")
      .flag("-q,--quiet", arguments->quiet, "print errors only")
      .details("A checkpoint may have any form that gossc takes. Names, types "
               "and shapes are compared with the config, all numbers must be "
               "finite, and where gossamer-manifest.json lies beside the "
               "weights, every tensor must have the SHA-256 that it says.")
      .example("goss verify model.goss", "hashes of all sections and weights")
      .example("goss verify models/tiny-stories",
               "names, shapes and values of a checkpoint")
      .example("goss verify out --source=gpt-oss-20b",
               "a converted checkpoint against the one it was made from")
      .action([arguments] { return verify(*arguments); });
}

} // namespace gossamer::tools
