//===- ArtifactBuilder.cpp - Sections of an artifact ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/ArtifactBuilder.h"

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/ArtifactWriter.h"
#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"
#include "tools/gossc/PlanSummary.h"
#include "tools/gossc/StoredWeights.h"
#include "tools/report/CheckpointReport.h"
#include "tools/support/Terminal.h"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace mlir;

namespace gossamer {

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

/// Positions of a sequence where the command line does not say: more costs
/// page-table columns in every artifact, and few need it.
static constexpr int64_t kDefaultMaxContext = 4096;

/// Whether the weights are embedded.
static Expected<bool> settleWeights(const CompilerOptions &options,
                                    const Checkpoint &checkpoint) {
  if (!checkpoint.hasWeights() || checkpoint.canBeReferred())
    return options.embedWeights.value_or(false);
  if (!options.embedWeights.value_or(true))
    return usageError(options.input +
                      ": --weights=reference expects weights "
                      "that can be used where they lie, but a " +
                      checkpoint.form() + " checkpoint needs --weights=embed");
  // A narrower type may have overflowed when the file was written.
  if (options.writesArtifact())
    GOSS_RETURN_IF_ERROR(checkpoint.verifyValues());
  return true;
}

/// The tokenizer in the form of an artifact's section, empty without one.
static Expected<std::string> readTokenizer(const Checkpoint &checkpoint) {
  const std::optional<Companion> &json = checkpoint.tokenizer();
  if (!json)
    return std::string();
  const std::string &path = json->source;
  GOSS_ASSIGN_OR_RETURN(Tokenizer tokenizer,
                        Tokenizer::fromJson(json->text, path));
  int64_t vocabulary = checkpoint.config().vocabSize;
  if (tokenizer.vocabularySize() > static_cast<size_t>(vocabulary))
    return invalidData(path + ": expects ids below the model's vocabulary of " +
                       std::to_string(vocabulary) + " but got id " +
                       std::to_string(tokenizer.vocabularySize() - 1));
  return tokenizer.serialize();
}

Expected<CompilerInput> CompilerInput::open(const CompilerOptions &options) {
  GOSS_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(options.input));
  if (options.writesArtifact() && !checkpoint.hasWeights())
    return usageError(options.input +
                      ": an artifact expects a checkpoint directory but got a "
                      "config alone; a config.json goes with --emit=graph, "
                      "fused, plan, llvm, asm or obj");
  int64_t modelContext = checkpoint.config().maxContext;
  if (options.maxContext > modelContext)
    return usageError("--max-context expects at most the model's " +
                      std::to_string(modelContext) + " positions but got " +
                      std::to_string(options.maxContext));
  int64_t maxContext = options.maxContext
                           ? options.maxContext
                           : std::min(modelContext, kDefaultMaxContext);
  GOSS_ASSIGN_OR_RETURN(bool embed, settleWeights(options, checkpoint));
  std::string tokenizer;
  if (options.writesArtifact()) {
    GOSS_ASSIGN_OR_RETURN(tokenizer, readTokenizer(checkpoint));
  }
  return CompilerInput{std::move(checkpoint), maxContext,
                       options.maxTokensPerStep, embed, std::move(tokenizer)};
}

std::string CompilerInput::describe() const {
  const ModelConfig &config = checkpoint.config();
  const ParameterList &parameters = checkpoint.parameters();
  return std::to_string(config.numLayers) + " layers, " +
         std::to_string(config.numExperts) + " experts (" +
         std::to_string(config.expertsPerToken) + " active), " +
         tools::formatParameters(parameters.elementCount()) +
         " parameters in " + tools::formatBytes(parameters.byteSize()) +
         (parameters.form() == ExpertForm::Mxfp4 ? ", mxfp4 experts"
                                                 : ", plain experts");
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

static void fillConfig(const ModelConfig &config, proto::Manifest &manifest) {
  *manifest.mutable_config() = tools::describeConfig(config);
  for (int64_t token : config.eosTokens)
    manifest.add_stop_tokens(token);
  if (config.bosToken)
    manifest.add_bos_tokens(*config.bosToken);
  if (config.padToken)
    manifest.add_pad_tokens(*config.padToken);
}

/// The options that decide the code, spelled out; no paths.
static std::string getFlags(const CompilerOptions &options,
                            const ArtifactParts &parts) {
  const TargetOptions &target = parts.target;
  std::string flags = "--target=" + options.target + " --mcpu=" + target.mcpu;
  if (!target.features.empty())
    flags += " --mattr=" + target.features;
  if (!target.chip.empty())
    flags += " --chip=" + target.chip;
  flags +=
      " --opt-level=" + std::to_string(target.optLevel) +
      " --math=" + stringifyMathMode(target.math).str() +
      " --cache=" + getCacheType(options).str() +
      " --max-context=" + std::to_string(parts.input.maxContext) +
      " --max-tokens-per-step=" + std::to_string(parts.input.maxTokensPerStep) +
      (options.packWeights ? " --layout=packed" : " --layout=published") +
      " --dense=" + stringifyDenseForm(options.dense).str() +
      (parts.input.embedWeights ? " --weights=embed" : " --weights=reference");
  std::vector<std::string> disabled = options.disabledFusions;
  std::sort(disabled.begin(), disabled.end());
  for (const std::string &name : disabled)
    flags += " --disable-fusion=" + name;
  return flags;
}

static void fillCode(const CompilerOptions &options, const ArtifactParts &parts,
                     proto::Manifest &manifest) {
  manifest.set_compiler_version(GOSSAMER_VERSION);
  manifest.set_step_abi_version(GOSS_STEP_ABI_VERSION);
  manifest.set_target(options.target);
  manifest.set_triple(parts.code.triple);
  manifest.set_cpu(parts.code.cpu.empty() ? parts.target.mcpu : parts.code.cpu);
  for (const std::string &feature : parts.code.requiredFeatures)
    manifest.add_required_features(feature);
  manifest.set_math_mode(stringifyMathMode(parts.target.math).str());
  manifest.set_opt_level(parts.target.optLevel);
  manifest.set_flags(getFlags(options, parts));
  manifest.set_max_context(parts.input.maxContext);
  manifest.set_max_tokens_per_step(parts.input.maxTokensPerStep);
}

/// What the plan says of the kernels, and where there is code what that says.
static Status fillKernels(const PlanSummary &plan, const CompiledCode &code,
                          proto::Manifest &manifest) {
  if (!code.kernels.empty() && plan.kernels.size() != code.kernels.size())
    return internalError(
        "code: expects " + std::to_string(plan.kernels.size()) +
        " kernels but got " + std::to_string(code.kernels.size()));
  for (const proto::Kernel &kernel : plan.kernels)
    *manifest.add_kernels() = kernel;
  for (auto [i, record] : llvm::enumerate(code.kernels)) {
    proto::Kernel &kernel = *manifest.mutable_kernels(i);
    kernel.set_symbol(record.symbol);
    kernel.set_operation(record.operation);
    kernel.set_kind(record.kind);
    kernel.set_num_bindings(record.numBindings);
    kernel.set_bytes_per_item(record.bytesPerItem);
    kernel.set_flops_per_item(record.flopsPerItem);
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Sections
//===----------------------------------------------------------------------===//

Expected<std::string> writeGraphBytecode(ModuleOp module) {
  std::string bytes;
  llvm::raw_string_ostream os(bytes);
  if (failed(writeBytecodeToFile(module, os)))
    return internalError("fused graph: cannot be written as bytecode");
  return bytes;
}

static void fillWeightFiles(const Checkpoint &checkpoint,
                            proto::Manifest &manifest) {
  for (const WeightFile &file : checkpoint.weightFiles()) {
    proto::WeightFile &entry = *manifest.add_weight_files();
    entry.set_name(file.name);
    entry.set_size(file.size);
    entry.set_header_size(file.headerSize);
    entry.set_header_sha256(std::string(toBytes(file.headerSha256)));
  }
}

/// What is known before there is a plan.
static void fillInput(const CompilerOptions &options,
                      const ArtifactParts &parts, proto::Manifest &manifest) {
  const Checkpoint &checkpoint = parts.input.checkpoint;
  fillConfig(checkpoint.config(), manifest);
  fillCode(options, parts, manifest);
  manifest.set_config_sha256(std::string(toBytes(checkpoint.configSha256())));
  manifest.set_weights_embedded(parts.input.embedWeights);
  fillWeightFiles(checkpoint, manifest);
}

static Status fillPlan(const ArtifactParts &parts, proto::Manifest &manifest,
                       StoredWeights &stored) {
  GOSS_ASSIGN_OR_RETURN(PlanSummary plan, PlanSummary::create(parts.plan));
  GOSS_RETURN_IF_ERROR(fillKernels(plan, parts.code, manifest));
  manifest.set_arena_bytes(plan.arenaBytes);
  fillCacheLayout(plan.cache, *manifest.mutable_cache());
  for (const proto::Launch &launch : plan.launches)
    *manifest.add_launches() = launch;
  return stored.place(plan, parts.input.embedWeights, manifest);
}

/// The tensors as the checkpoint has them.
static void fillTensors(const Checkpoint &checkpoint,
                        proto::Manifest &manifest) {
  for (const Parameter &parameter : checkpoint.parameters().parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      proto::Tensor &entry = *manifest.add_tensors();
      entry.set_name(spec.name);
      entry.set_parameter(parameter.symbol);
      entry.set_dtype(std::string(dtypeName(spec.dtype)));
      for (uint64_t extent : spec.shape)
        entry.add_shape(extent);
      entry.set_size(spec.byteSize());
      if (const TensorLocation *location = checkpoint.find(spec.name)) {
        entry.set_file(location->file);
        entry.set_offset(location->offset);
      }
    }
}

Expected<proto::Manifest> describeArtifact(const CompilerOptions &options,
                                           const ArtifactParts &parts) {
  proto::Manifest manifest;
  fillInput(options, parts, manifest);
  StoredWeights stored(parts.input.checkpoint);
  if (parts.plan)
    GOSS_RETURN_IF_ERROR(fillPlan(parts, manifest, stored));
  else
    fillTensors(parts.input.checkpoint, manifest);
  return manifest;
}

Status writeArtifact(const CompilerOptions &options, const ArtifactParts &parts,
                     CompileReport &report, const CancelCallback &cancelled) {
  const Checkpoint &checkpoint = parts.input.checkpoint;
  proto::Manifest &manifest = report.manifest;
  StoredWeights stored(checkpoint);
  fillInput(options, parts, manifest);
  GOSS_RETURN_IF_ERROR(fillPlan(parts, manifest, stored));
  if (const std::optional<Companion> &json = checkpoint.tokenizer())
    manifest.set_tokenizer_sha256(std::string(toBytes(sha256(json->text))));
  std::string record = report.record.SerializeAsString();
  std::vector<ArtifactWriter::Section> sections = {
      {SectionKind::Code, parts.code.bytes},
      {SectionKind::Graph, parts.graphBytecode},
      {SectionKind::Record, record}};
  if (const std::string &image = parts.input.tokenizerImage; !image.empty())
    sections.push_back({SectionKind::Tokenizer, image});
  if (checkpoint.chatTemplate() && !checkpoint.chatTemplate()->text.empty())
    sections.push_back({SectionKind::Chat, checkpoint.chatTemplate()->text});
  GOSS_ASSIGN_OR_RETURN(ArtifactWriter writer,
                        ArtifactWriter::create(options.output, manifest,
                                               std::move(sections),
                                               stored.size()));
  GOSS_RETURN_IF_ERROR(stored.append(cancelled, options.showProgress, writer));
  GOSS_RETURN_IF_ERROR(writer.commit());
  GOSS_ASSIGN_OR_RETURN(MappedFile written, MappedFile::open(options.output));
  report.artifactBytes = written.size();
  return Status::ok();
}

} // namespace gossamer
