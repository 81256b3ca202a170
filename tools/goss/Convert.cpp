//===- Convert.cpp - goss convert -----------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Convert.h"
#include "runtime/support/ProgressBar.h"
#include "tools/goss/Commands.h"
#include "tools/support/Terminal.h"

#include <chrono>
#include <memory>

namespace gossamer::tools {
namespace {

struct ConvertArguments {
  std::string source;
  std::string destination;
  std::string dtype = "auto";
  ConvertOptions options;
  RunOptions run;
  bool quiet = false;
};

void noteLoss(const Notes &notes, const ConvertReport &report) {
  if (report.overflows + report.underflows + report.rounded == 0)
    return;
  notes.note("Lost", formatCount(report.overflows) +
                         " numbers became infinite, " +
                         formatCount(report.underflows) + " became zero, " +
                         formatCount(report.rounded) + " were rounded (" +
                         conversionManifest + " says where)");
}

Expected<ConversionPlan> plan(ConvertArguments &arguments,
                              const Checkpoint &checkpoint,
                              const Notes &notes) {
  if (arguments.dtype == "bf16")
    arguments.options.floats = DType::BF16;
  else if (arguments.dtype == "f16")
    arguments.options.floats = DType::F16;
  else if (arguments.dtype == "f32")
    arguments.options.floats = DType::F32;
  for (const std::string &note : checkpoint.notes())
    notes.note("Note", note);
  GOSS_ASSIGN_OR_RETURN(ConversionPlan result,
                        planConversion(checkpoint, arguments.options));
  for (const std::string &note : result.notes)
    notes.note("Note", note);
  return result;
}

Status convert(ConvertArguments &arguments) {
  if (arguments.source.empty() || arguments.destination.empty())
    return usageError("expects SRC and DST");
  if (arguments.options.to.empty())
    return usageError("expects --to=hf, hf-bf16, original, gguf or numpy");
  Notes notes(arguments.quiet);
  GOSS_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                        Checkpoint::open(arguments.source));
  GOSS_ASSIGN_OR_RETURN(ConversionPlan planned,
                        plan(arguments, checkpoint, notes));
  ProgressBar progress("converting", planned.byteSize(),
                       ProgressBar::Unit::Bytes, !notes.isQuiet());
  arguments.run.progress = [&](uint64_t count) {
    progress.add(count);
    return !interruptFlag();
  };
  auto begin = std::chrono::steady_clock::now();
  GOSS_ASSIGN_OR_RETURN(
      ConvertReport report,
      runConversion(planned, arguments.destination, arguments.run));
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  progress.finish();
  if (report.keptBytes)
    notes.note("Kept", arguments.destination + ": " +
                           formatBytes(report.keptBytes) +
                           " of an earlier run");
  noteLoss(notes, report);
  if (report.wasFinished)
    return Status::ok();
  auto rate = static_cast<double>(report.writtenBytes) / time.count();
  notes.note("Wrote", arguments.destination + ": " +
                          formatBytes(report.writtenBytes) + " from " +
                          checkpoint.form() + " to " + planned.form + " in " +
                          formatSeconds(time.count()) + ", " +
                          formatBytes(static_cast<uint64_t>(rate)) + "/s");
  return Status::ok();
}

} // namespace

void addConvertCommand(CommandLine &line) {
  auto arguments = std::make_shared<ConvertArguments>();
  arguments->options.to.clear();
  std::vector<std::string> forms(conversionForms().begin(),
                                 conversionForms().end());
  line.addCommand("convert", "Writes a checkpoint in another form.")
      .positional("SRC", arguments->source,
                  "a checkpoint directory of any form, or a GGUF file")
      .positional("DST", arguments->destination,
                  "directory to write; it is made and must be empty")
      .group("Conversion")
      .choice("--to", arguments->options.to, forms,
              "hf: Hugging Face with MXFP4 experts; hf-bf16: with bf16 "
              "experts; original: OpenAI's; gguf: llama.cpp's; numpy: "
              "TensorPort's numpy-direct")
      .choice("--dtype", arguments->dtype, {"auto", "bf16", "f16", "f32"},
              "type of floating-point tensors (default auto: without a loss, "
              "bf16 where that is enough, f32 in numpy)")
      .flag("--quantize-experts", arguments->options.quantizeExperts,
            "make MXFP4 of bf16 experts, with --to=hf or original; numbers "
            "that are MXFP4's already stay "
            "the same, for others the loss is counted")
      .integer("--shard-bytes", "N", arguments->options.shardBytes, {1},
               "begin another safetensors file before one exceeds N bytes of "
               "weights (default: 4.8 GB, as published)")
      .flag("--resume", arguments->run.resume,
            "go on where a run with the same options was stopped")
      .integer("-t,--threads", "N", arguments->run.workers, {1, 64},
               "threads that make tensors (default 2)")
      .flag("-q,--quiet", arguments->quiet, "print errors only")
      .details(
          "Numbers keep their bits unless --dtype asks for a narrower "
          "type; what that loses is counted. The bytes written do not "
          "depend on the number of threads. Config, tokenizer, chat "
          "template and end tokens go along, in the form's own places. "
          "Each file appears when it is whole and config.json last, "
          "so a stopped run never leaves what opens as a checkpoint; "
          "--resume keeps its finished files after comparing them "
          "with the source. gossamer-manifest.json holds the SHA-256 of every "
          "tensor.")
      .example("goss convert gpt-oss-20b gpt-oss-20b-gguf --to=gguf",
               "for llama.cpp: one file, model.gguf")
      .example("goss convert gpt-oss-20b.gguf gpt-oss-20b --to=hf --resume",
               "and back; begin, or go on after a stop")
      .example("goss convert models/tiny-stories out --to=numpy --dtype=f16",
               "as TensorPort does: a loss is counted and shown")
      .action([arguments] { return convert(*arguments); });
}

} // namespace gossamer::tools
