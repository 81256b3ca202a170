//===- Model.cpp - An artifact ready to run -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The manifest's own consistency (indices, sizes, places in weight files) was
// checked when the artifact was opened; here it meets the machine and the
// weight files.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/Model.h"

#include "runtime/device/CpuDevice.h"
#include "runtime/device/CudaDevice.h"
#include "runtime/support/Sha256.h"

#include <algorithm>
#include <cstring>
#include <string_view>

using namespace gossamer;

namespace {

std::string directoryOf(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// How often an item of `operation` does what the manifest states for it. Items
/// of products are rows of a weight, applied to every token of the step; items
/// of attention are tokens, which look at every key.
ProgramKernel::Repeats repeatsOf(std::string_view operation) {
  if (operation == "linear" || operation == "route" ||
      operation == "expert_gate_up" || operation == "expert_down")
    return ProgramKernel::Repeats::EachToken;
  if (operation.starts_with("attention"))
    return ProgramKernel::Repeats::EachKey;
  return ProgramKernel::Repeats::Once;
}

/// Kernels of the manifest in the device's terms.
std::vector<ProgramKernel> readKernels(const proto::Manifest &manifest) {
  std::vector<ProgramKernel> kernels;
  kernels.reserve(static_cast<size_t>(manifest.kernels_size()));
  for (const proto::Kernel &kernel : manifest.kernels())
    kernels.push_back({kernel.symbol(), kernel.bytes_per_item(),
                       kernel.flops_per_item(), repeatsOf(kernel.operation()),
                       /*window=*/0});
  // The layers of one kernel are of one group: its window is an attribute.
  for (const proto::Launch &launch : manifest.launches())
    for (const proto::Binding &binding : launch.bindings())
      if (binding.role() == proto::Binding::CACHE_PAGES)
        kernels[launch.kernel()].window =
            manifest.cache().groups(static_cast<int>(binding.index())).window();
  return kernels;
}

/// Opens one weight file and makes sure that it is the one compiled for. Its
/// data is not read: the header's digest covers names, types, shapes and
/// places, and `goss verify` reads the rest.
Expected<MappedFile> openWeightFile(const std::string &directory,
                                    const proto::WeightFile &expected) {
  Expected<MappedFile> opened =
      MappedFile::openBeneath(directory, expected.name());
  if (!opened && opened.status().code() == StatusCode::NotFound)
    return notFound(directory + "/" + expected.name() +
                    ": no such file; the artifact needs the weights of its "
                    "checkpoint (--weights=DIR names their folder)");
  GOSS_ASSIGN_OR_RETURN(MappedFile file, std::move(opened));
  if (file.size() != expected.size())
    return invalidData(file.path() + ": expects " +
                       std::to_string(expected.size()) + " bytes but got " +
                       std::to_string(file.size()) +
                       ": not the weights that the artifact was made from");
  Sha256Digest digest = sha256(file.bytes().first(expected.header_size()));
  std::string_view wanted = expected.header_sha256();
  if (wanted.size() != digest.size() ||
      std::memcmp(wanted.data(), digest.data(), digest.size()) != 0)
    return invalidData(file.path() +
                       ": the SHA-256 of the header differs from the "
                       "artifact's: not the weights that it was made from");
  return file;
}

} // namespace

Expected<std::shared_ptr<const Model>>
Model::load(const std::string &path, const ModelOptions &options) {
  GOSS_ASSIGN_OR_RETURN(Artifact artifact, Artifact::open(path));
  return load(std::move(artifact), options);
}

Expected<std::shared_ptr<const Model>>
Model::load(Artifact artifact, const ModelOptions &options) {
  std::shared_ptr<Model> model(new Model(std::move(artifact)));
  const std::string &path = model->artifact_.path();
  model->readShape();
  if (Status status = model->openDevice(options); !status.isOk())
    return status.withContext(path);
  // Code that this machine cannot run is refused before weights go anywhere.
  if (Status status = model->loadCode(); !status.isOk())
    return status.withContext(path);
  std::string directory = options.weightsDirectory;
  if (directory.empty())
    directory = directoryOf(path);
  GOSS_RETURN_IF_ERROR(model->openWeights(directory));
  GOSS_RETURN_IF_ERROR(model->mapTensors());
  return std::shared_ptr<const Model>(std::move(model));
}

void Model::readShape() {
  const proto::Manifest &manifest = artifact_.manifest();
  shape_.vocabularySize = manifest.config().vocab_size();
  shape_.maxTokensPerStep = manifest.max_tokens_per_step();
  shape_.arenaBytes = manifest.arena_bytes();
  shape_.cache.pageTokens = manifest.cache().page_tokens();
  shape_.cache.maxContext = manifest.max_context();
  for (const proto::CacheGroup &group : manifest.cache().groups())
    shape_.cache.groups.push_back({group.window(), group.page_bytes()});
  for (uint32_t token : manifest.stop_tokens())
    stopTokens_.push_back(static_cast<int32_t>(token));
}

Status Model::openDevice(const ModelOptions &options) {
  device_ = options.device;
  if (!device_ && manifest().target() == "cuda") {
    CudaDeviceOptions cuda;
    cuda.ordinal = options.gpu;
    cuda.showProgress = options.showProgress;
    GOSS_ASSIGN_OR_RETURN(device_, createCudaDevice(cuda));
  } else if (!device_) {
    GOSS_ASSIGN_OR_RETURN(device_, createCpuDevice({options.threads}));
  }
  if (device_->name() != manifest().target())
    return unavailable("target: expects " + std::string(device_->name()) +
                       ", the device at hand, but got " + manifest().target());
  return Status::ok();
}

Status Model::openWeights(const std::string &directory) {
  if (manifest().weights_embedded())
    return Status::ok();
  for (const proto::WeightFile &expected : manifest().weight_files()) {
    GOSS_ASSIGN_OR_RETURN(MappedFile file, openWeightFile(directory, expected));
    files_.push_back(std::move(file));
  }
  return Status::ok();
}

Status Model::mapTensors() {
  for (const proto::Tensor &tensor : manifest().tensors()) {
    std::span<const std::byte> bytes = manifest().weights_embedded()
                                           ? artifact_.weightsSection()
                                           : files_[tensor.file()].bytes();
    tensors_.push_back(bytes.subspan(tensor.offset(), tensor.size()));
  }
  GOSS_ASSIGN_OR_RETURN(parameters_, device_->mapTensors(tensors_));
  return Status::ok();
}

Status Model::loadCode() {
  ProgramDescription description;
  description.code = artifact_.section(SectionKind::Code);
  const proto::Manifest &manifest = artifact_.manifest();
  description.requiredFeatures.assign(manifest.required_features().begin(),
                                      manifest.required_features().end());
  description.kernels = readKernels(manifest);
  description.arrays = {shape_.vocabularySize * sizeof(float),
                        static_cast<uint32_t>(shape_.cache.groups.size()),
                        shape_.cache.maxPages(), shape_.cache.pageTokens};
  GOSS_ASSIGN_OR_RETURN(program_, device_->load(description));
  return Status::ok();
}

goss_step_args Model::bind(const goss_step_args &args) const {
  goss_step_args bound = args;
  bound.parameters = parameters_.addresses.data();
  return bound;
}

Status Model::run(const goss_step_args &args,
                  DispatchObserver *observer) const {
  return program_->run(bind(args), observer);
}

Status Model::runAndChoose(const goss_step_args &args,
                           std::span<const TokenChoice> wanted,
                           std::span<int32_t> chosen,
                           DispatchObserver *observer) const {
  return program_->runAndChoose(bind(args), wanted, chosen, observer);
}
