//===- ModelArguments.cpp - Which model to run, and where -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ModelArguments.h"

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace gossamer::tools {

namespace fs = std::filesystem;

bool isCheckpointPath(const std::string &path) {
  std::error_code error;
  return fs::is_directory(path, error) || path.ends_with(".json") ||
         path.ends_with(".gguf");
}

Expected<std::string> resolveArtifactPath(const std::string &path) {
  if (!path.empty())
    return path;
  std::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  fs::path artifact = binary.parent_path().parent_path() / "share" /
                      "gossamer" / "tiny-stories.goss";
  if (error || !fs::exists(artifact, error))
    return notFound(artifact.string() +
                    ": the embedded model is missing; expects a MODEL.goss as "
                    "argument, made by gossc");
  return artifact.string();
}

std::string findWeightsDirectory(const std::string &path,
                                 const proto::Manifest &manifest) {
  fs::path artifact(path);
  fs::path beside = artifact.parent_path();
  if (beside.empty())
    beside = ".";
  if (manifest.weight_files_size() == 0)
    return beside.string();
  const std::string &first = manifest.weight_files(0).name();
  std::error_code error;
  fs::path named = beside / artifact.stem();
  if (!fs::exists(beside / first, error) && fs::exists(named / first, error))
    return named.string();
  return beside.string();
}

Expected<std::vector<SafetensorsFile>>
openWeightFiles(const Artifact &artifact, const std::string &directory) {
  std::vector<SafetensorsFile> files;
  for (const proto::WeightFile &expected : artifact.manifest().weight_files()) {
    GOSS_ASSIGN_OR_RETURN(MappedFile mapped,
                          MappedFile::openBeneath(directory, expected.name()));
    GOSS_ASSIGN_OR_RETURN(SafetensorsFile file,
                          SafetensorsFile::read(std::move(mapped)));
    if (toBytes(file.headerSha256()) != expected.header_sha256() ||
        file.file().size() != expected.size())
      return invalidData(file.path() + ": expects the weights that " +
                         artifact.path() + " was compiled for but got others");
    files.push_back(std::move(file));
  }
  return files;
}

Expected<std::optional<Tokenizer>> readTokenizer(const Artifact &artifact) {
  if (!artifact.hasSection(SectionKind::Tokenizer))
    return std::optional<Tokenizer>();
  GOSS_ASSIGN_OR_RETURN(
      Tokenizer tokenizer,
      Tokenizer::fromImage(artifact.section(SectionKind::Tokenizer),
                           artifact.path() + ": section tokenizer"));
  return std::optional<Tokenizer>(std::move(tokenizer));
}

Expected<Tokenizer> LoadedModel::requireTokenizer() const {
  if (tokenizer)
    return *tokenizer;
  return notFound(path() + ": has no tokenizer, as the checkpoint had none; "
                           "give token ids with --tokens=1,2,3");
}

void ModelArguments::addTo(Command &command) {
  command
      .positional("MODEL", path,
                  "an artifact made by gossc (default: the embedded model)")
      .group("Model")
      .text("--weights", "DIR", weights,
            "checkpoint directory, for artifacts that refer to their weights "
            "(default: beside the artifact)")
      .integer("-t,--threads", "N", threads, {1, 1024},
               "threads to compute with (default: all cores)")
      .parsed(
          "--device", "NAME",
          [this](const std::string &text) {
            return parseDevice(text, device, gpu);
          },
          "cpu, cuda or cuda:N for GPU N of this machine (default: what the "
          "model was compiled for)");
}

std::string parseDevice(const std::string &text, std::string &device,
                        unsigned &gpu) {
  size_t colon = std::min(text.find(':'), text.size());
  std::string name = text.substr(0, colon);
  int64_t number = 0;
  bool hasNumber = colon < text.size();
  if ((name != "cuda" && (name != "cpu" || hasNumber)) ||
      (hasNumber &&
       !parseInteger(text.substr(colon + 1), {0, 1023}, number).empty()))
    return "expects cpu, cuda or cuda:N but got '" + text + "'";
  device = name;
  gpu = static_cast<unsigned>(number);
  return "";
}

/// The artifact's target says where it runs; a wish can only confirm it.
static Status checkDevice(const Artifact &artifact, const std::string &device) {
  const std::string &target = artifact.manifest().target();
  if (device.empty() || device == target)
    return Status::ok();
  return unavailable(artifact.path() + ": expects a model compiled for " +
                     device + ", as --device says, but got one for " + target +
                     "; compile it with gossc --target=" + device);
}

Expected<LoadedModel> ModelArguments::load(bool showProgress) const {
  auto begin = std::chrono::steady_clock::now();
  GOSS_ASSIGN_OR_RETURN(std::string artifactPath, resolveArtifactPath(path));
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(artifactPath));
  GOSS_RETURN_IF_ERROR(checkDevice(artifact, device));
  LoadedModel loaded;
  GOSS_ASSIGN_OR_RETURN(loaded.tokenizer, readTokenizer(artifact));
  ModelOptions options;
  options.threads = threads;
  options.gpu = gpu;
  options.showProgress = showProgress;
  options.weightsDirectory =
      weights.empty() ? findWeightsDirectory(artifactPath, artifact.manifest())
                      : weights;
  GOSS_ASSIGN_OR_RETURN(loaded.model,
                        Model::load(std::move(artifact), options));
  loaded.loadSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  return loaded;
}

} // namespace gossamer::tools
