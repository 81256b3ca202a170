//===- Inspect.cpp - goss inspect -----------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Checkpoint.h"
#include "runtime/support/JsonWriter.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

namespace gossamer::tools {
namespace {

struct InspectArguments {
  std::string path;
  std::string format = "text";
  std::string what = "summary";
};

/// Two columns, and the same facts as JSON: each fact is said once.
class Summary {
public:
  void add(const std::string &title, const std::string &name,
           const std::string &text) {
    text_ +=
        "  " + title +
        std::string(
            std::max<size_t>(1, 18 - std::min<size_t>(17, title.size())), ' ') +
        text + "\n";
    json_.member(name, text);
  }
  void add(const std::string &title, const std::string &name, uint64_t number,
           const std::string &text) {
    text_ += "  " + title +
             std::string(18 - std::min<size_t>(17, title.size()), ' ') + text +
             "\n";
    json_.member(name, number);
  }
  void begin(const std::string &title, const std::string &name) {
    text_ += title + "\n";
    json_.key(name).beginObject();
  }
  void end() { json_.endObject(); }

  Summary() { json_.beginObject(); }
  std::string take(bool json) {
    json_.endObject();
    std::string object = json_.take() + "\n";
    return json ? object : text_;
  }

private:
  std::string text_;
  JsonWriter json_{2};
};

void addCount(Summary &summary, const std::string &title,
              const std::string &name, uint64_t number) {
  summary.add(title, name, number, formatCount(number));
}

void addBytes(Summary &summary, const std::string &title,
              const std::string &name, uint64_t bytes) {
  summary.add(title, name, bytes, formatBytes(bytes));
}

void addShape(Summary &summary, const proto::ModelConfig &config) {
  summary.begin("Model", "model");
  addCount(summary, "layers", "layers", config.num_layers());
  addCount(summary, "hidden size", "hidden_size", config.hidden_size());
  addCount(summary, "query heads", "heads", config.num_heads());
  addCount(summary, "key/value heads", "kv_heads", config.num_kv_heads());
  addCount(summary, "head dimension", "head_dim", config.head_dim());
  addCount(summary, "experts", "experts", config.num_experts());
  addCount(summary, "active experts", "experts_per_token",
           config.experts_per_token());
  addCount(summary, "expert width", "intermediate_size",
           config.intermediate_size());
  addCount(summary, "vocabulary", "vocab_size", config.vocab_size());
  addCount(summary, "positions", "max_position_embeddings",
           config.max_position_embeddings());
  std::set<uint32_t> windows(config.layer_windows().begin(),
                             config.layer_windows().end());
  std::string text;
  for (uint32_t window : windows)
    text += (text.empty() ? "" : ", ") +
            (window ? std::to_string(window) + " keys" : std::string("full"));
  summary.add("attention", "attention", text);
  summary.end();
}

void addTarget(Summary &summary, const proto::Manifest &manifest) {
  summary.begin("Code", "code");
  summary.add("target", "target", manifest.target());
  summary.add("triple", "triple", manifest.triple());
  summary.add("processor", "cpu", manifest.cpu());
  std::string features;
  for (const std::string &feature : manifest.required_features())
    features += (features.empty() ? "" : " ") + feature;
  summary.add("needs", "required_features", features);
  summary.add("math", "math", manifest.math_mode());
  addCount(summary, "opt level", "opt_level", manifest.opt_level());
  addCount(summary, "kernels", "kernels",
           static_cast<uint64_t>(manifest.kernels_size()));
  addCount(summary, "launches a step", "launches",
           static_cast<uint64_t>(manifest.launches_size()));
  summary.add("compiler", "compiler", manifest.compiler_version());
  summary.add("flags", "flags", manifest.flags());
  summary.end();
}

void addLimits(Summary &summary, const proto::Manifest &manifest) {
  summary.begin("Memory", "memory");
  addCount(summary, "context", "max_context", manifest.max_context());
  addCount(summary, "tokens a step", "max_tokens_per_step",
           manifest.max_tokens_per_step());
  addBytes(summary, "arena", "arena_bytes", manifest.arena_bytes());
  uint64_t perToken = 0;
  for (const proto::CacheGroup &group : manifest.cache().groups())
    perToken += group.page_bytes() / manifest.cache().page_tokens();
  addBytes(summary, "cache a token", "cache_bytes_per_token", perToken);
  summary.add("cache holds", "cache_dtype", manifest.cache().dtype());
  uint64_t weights = 0;
  bool isPacked = false;
  for (const proto::Tensor &tensor : manifest.tensors()) {
    weights += tensor.size();
    isPacked |= !tensor.layout().empty();
  }
  addBytes(summary, "weights", "weight_bytes", weights);
  summary.add("weights are", "weights",
              manifest.weights_embedded() ? "embedded" : "referenced");
  summary.add("weights lie", "weight_layout",
              isPacked ? "row_panel" : "published");
  summary.end();
}

void addSections(Summary &summary, const Artifact &artifact) {
  summary.begin("Sections", "sections");
  for (const SectionEntry &section : artifact.sections())
    addBytes(summary, std::string(sectionName(section.kind)),
             std::string(sectionName(section.kind)), section.size);
  summary.end();
}

/// Kernels with the number of their launches, as a table.
std::string describeKernels(const proto::Manifest &manifest, bool json) {
  std::map<uint32_t, uint64_t> launches;
  for (const proto::Launch &launch : manifest.launches())
    ++launches[launch.kernel()];
  std::string text;
  JsonWriter writer(2);
  writer.beginArray();
  for (int i = 0; i < manifest.kernels_size(); ++i) {
    const proto::Kernel &kernel = manifest.kernels(i);
    uint64_t count = launches[static_cast<uint32_t>(i)];
    std::string row = kernel.symbol();
    row.resize(std::max<size_t>(row.size() + 1, 20), ' ');
    row += kernel.operation();
    row.resize(std::max<size_t>(row.size() + 1, 40), ' ');
    row += kernel.kind();
    row.resize(std::max<size_t>(row.size() + 1, 64), ' ');
    text += row + std::to_string(count) + " launches\n";
    writer.beginObject()
        .member("symbol", kernel.symbol())
        .member("operation", kernel.operation())
        .member("kind", kernel.kind())
        .member("launches", count)
        .member("bytes_per_item", kernel.bytes_per_item())
        .member("flops_per_item", kernel.flops_per_item())
        .endObject();
  }
  writer.endArray();
  return json ? writer.take() + "\n" : text;
}

/// Tensors with where they lie.
std::string describeWeights(const proto::Manifest &manifest, bool json) {
  std::string text;
  JsonWriter writer(2);
  writer.beginArray();
  for (const proto::Tensor &tensor : manifest.tensors()) {
    std::string shape;
    for (uint64_t extent : tensor.shape())
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    std::string file =
        manifest.weights_embedded()
            ? "embedded"
            : manifest.weight_files(static_cast<int>(tensor.file())).name();
    text.append(tensor.name()).append("  ").append(tensor.dtype());
    text.append(" ").append(shape).append("  ");
    if (!tensor.layout().empty())
      text.append(tensor.layout()).append("  ");
    text.append(file);
    text.append(" @ ").append(std::to_string(tensor.offset())).append("\n");
    writer.beginObject()
        .member("name", tensor.name())
        .member("parameter", tensor.parameter())
        .member("dtype", tensor.dtype())
        .member("shape", shape)
        .member("layout", tensor.layout())
        .member("file", file)
        .member("offset", tensor.offset())
        .member("size", tensor.size())
        .endObject();
  }
  writer.endArray();
  return json ? writer.take() + "\n" : text;
}

Status inspectArtifact(const InspectArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(std::string path, resolveArtifactPath(arguments.path));
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
  const proto::Manifest &manifest = artifact.manifest();
  bool json = arguments.format == "json";
  if (arguments.what == "code")
    return standardOutput().write(describeKernels(manifest, json));
  if (arguments.what == "weights")
    return standardOutput().write(describeWeights(manifest, json));
  Summary summary;
  addShape(summary, manifest.config());
  addTarget(summary, manifest);
  addLimits(summary, manifest);
  addSections(summary, artifact);
  return standardOutput().write(summary.take(json));
}

void addCheckpointShape(Summary &summary, const ModelConfig &config) {
  proto::ModelConfig shape;
  shape.set_num_layers(config.numLayers);
  shape.set_hidden_size(config.hiddenSize);
  shape.set_num_heads(config.numHeads);
  shape.set_num_kv_heads(config.numKvHeads);
  shape.set_head_dim(config.headDim);
  shape.set_num_experts(config.numExperts);
  shape.set_experts_per_token(config.expertsPerToken);
  shape.set_intermediate_size(config.intermediateSize);
  shape.set_vocab_size(config.vocabSize);
  shape.set_max_position_embeddings(config.maxContext);
  for (int64_t layer = 0; layer < config.numLayers; ++layer)
    shape.add_layer_windows(config.windowOf(layer));
  addShape(summary, shape);
}

Status inspectCheckpoint(const InspectArguments &arguments) {
  if (arguments.what != "summary")
    return usageError("--what=" + arguments.what +
                      " expects an artifact but got a checkpoint");
  GOSS_ASSIGN_OR_RETURN(Checkpoint checkpoint,
                        Checkpoint::open(arguments.path));
  const ParameterList &parameters = checkpoint.parameters();
  Summary summary;
  addCheckpointShape(summary, checkpoint.config());
  summary.begin("Weights", "weights");
  summary.add("experts", "expert_form",
              parameters.form() == ExpertForm::Mxfp4 ? "mxfp4" : "plain");
  addCount(summary, "parameters", "parameters",
           static_cast<uint64_t>(parameters.elementCount()));
  addCount(summary, "tensors", "tensors", parameters.tensorCount());
  addBytes(summary, "bytes", "bytes", parameters.byteSize());
  addCount(summary, "files", "files", checkpoint.weightFiles().size());
  summary.add("tokenizer", "tokenizer",
              checkpoint.tokenizerPath() ? "present" : "none");
  summary.end();
  return standardOutput().write(summary.take(arguments.format == "json"));
}

Status inspect(const InspectArguments &arguments) {
  std::error_code error;
  if (std::filesystem::is_directory(arguments.path, error) ||
      arguments.path.ends_with(".json"))
    return inspectCheckpoint(arguments);
  return inspectArtifact(arguments);
}

} // namespace

void addInspectCommand(CommandLine &line) {
  auto arguments = std::make_shared<InspectArguments>();
  line.addCommand("inspect", "Shows what an artifact or checkpoint is made of.")
      .positional("MODEL", arguments->path,
                  "an artifact, a checkpoint directory or a config.json "
                  "(default: the embedded model)")
      .group("Output")
      .choice("--what", arguments->what, {"summary", "code", "weights"},
              "summary, the kernels, or every tensor (default summary)")
      .choice("--format", arguments->format, {"text", "json"},
              "for people or for programs (default text)")
      .example("goss inspect model.goss", "sizes, target, memory, sections")
      .example("goss inspect model.goss --what=weights --format=json",
               "every tensor with its file and offset")
      .action([arguments] { return inspect(*arguments); });
}

} // namespace gossamer::tools
