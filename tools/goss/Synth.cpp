//===- Synth.cpp - goss synth ---------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Synth.h"
#include "runtime/support/ProgressBar.h"
#include "tools/goss/Commands.h"
#include "tools/support/Terminal.h"

#include <chrono>
#include <memory>

namespace gossamer::tools {
namespace {

struct SynthArguments {
  std::string config;
  std::string output;
  SynthOptions options;
  bool quiet = false;
};

Status synthesize(SynthArguments &arguments) {
  if (arguments.config.empty() || arguments.output.empty())
    return usageError("expects --config and --output");
  GOSS_ASSIGN_OR_RETURN(ModelConfig config, synthConfig(arguments.config));
  uint64_t bytes = syntheticCheckpointBytes(config, arguments.options);
  Notes notes(arguments.quiet);
  ProgressBar progress("writing weights", bytes, ProgressBar::Unit::Bytes,
                       !notes.isQuiet());
  arguments.options.progress = [&](uint64_t count) {
    progress.add(count);
    return !interruptFlag();
  };
  auto begin = std::chrono::steady_clock::now();
  GOSS_ASSIGN_OR_RETURN(
      SynthReport report,
      writeSyntheticCheckpoint(config, arguments.output, arguments.options));
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  progress.finish();
  if (report.keptBytes)
    notes.note("Kept", arguments.output + ": " + formatBytes(report.keptBytes) +
                           " of an earlier run");
  auto rate = static_cast<double>(report.writtenBytes) / time.count();
  notes.note("Wrote", arguments.output + ": " +
                          formatBytes(report.writtenBytes) +
                          " of random weights, seed " +
                          std::to_string(arguments.options.seed) + ", in " +
                          formatSeconds(time.count()) + ", " +
                          formatBytes(static_cast<uint64_t>(rate)) + "/s");
  return Status::ok();
}

std::string listPresets() {
  std::string text;
  for (const char *preset : synthPresets())
    text += (text.empty() ? "" : ", ") + std::string(preset);
  return text;
}

} // namespace

void addSynthCommand(CommandLine &line) {
  auto arguments = std::make_shared<SynthArguments>();
  line.addCommand("synth",
                  "Writes a checkpoint of the right shape with random weights.")
      .group("Checkpoint")
      .text("--config", "NAME|FILE", arguments->config,
            listPresets() + ", or a config.json")
      .integer("--layers", "N", arguments->options.layers, {1, 4096},
               "layers instead of the config's")
      .integer("--seed", "S", arguments->options.seed, {0},
               "the same seed gives the same bytes (default 0)")
      .text("-o,--output", "DIR", arguments->output,
            "directory to write; it is made and must be empty")
      .integer("--shard-bytes", "N", arguments->options.shardBytes, {1},
               "begin another file before one exceeds N bytes of weights "
               "(default: 4.8 GB, as published)")
      .flag("--resume", arguments->options.resume,
            "go on where a run with the same options was stopped")
      .flag("-q,--quiet", arguments->quiet, "print errors only")
      .details("Each file appears when it is whole and config.json last, so a "
               "stopped run never leaves what opens as a checkpoint. --resume "
               "keeps the files that it finished, after checking size, header "
               "and the ends of each tensor, and makes the others; its own "
               "finished files stay when it is stopped in turn. A directory "
               "with any other file is refused.")
      .example("goss synth --config=seed-demo -o seed-demo",
               "a small model to measure")
      .example("goss synth --config=20b --layers=2 -o gpt-oss-2l",
               "two layers of gpt-oss-20b at full width")
      .example("goss synth --config=120b -o gpt-oss-120b --resume",
               "begin, or go on after a stop")
      .action([arguments] { return synthesize(*arguments); });
}

} // namespace gossamer::tools
