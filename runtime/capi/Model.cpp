//===- Model.cpp - Errors, artifacts and models in C ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Handles.h"

using namespace gossamer;
using namespace gossamer::capi;

// The codes are passed on by value.
static_assert(GOSS_API_USAGE == static_cast<int>(StatusCode::Usage));
static_assert(GOSS_API_INVALID_DATA ==
              static_cast<int>(StatusCode::InvalidData));
static_assert(GOSS_API_NOT_FOUND == static_cast<int>(StatusCode::NotFound));
static_assert(GOSS_API_UNAVAILABLE ==
              static_cast<int>(StatusCode::Unavailable));
static_assert(GOSS_API_INTERNAL == static_cast<int>(StatusCode::Internal));
static_assert(GOSS_API_OUT_OF_MEMORY ==
              static_cast<int>(StatusCode::OutOfMemory));
static_assert(GOSS_API_IO_ERROR == static_cast<int>(StatusCode::IoError));
static_assert(GOSS_API_INTERRUPTED ==
              static_cast<int>(StatusCode::Interrupted));

namespace {

void fillInfo(const Artifact &artifact, goss_api_info *info) {
  const proto::Manifest &manifest = artifact.manifest();
  *info = {};
  info->vocabulary_size = manifest.config().vocab_size();
  info->max_context = manifest.max_context();
  info->max_tokens_per_step = manifest.max_tokens_per_step();
  info->layers = manifest.config().num_layers();
  info->has_tokenizer = artifact.hasSection(SectionKind::Tokenizer);
  info->weights_embedded = manifest.weights_embedded();
  info->target = manifest.target().c_str();
  info->cpu = manifest.cpu().c_str();
  info->compiler_version = manifest.compiler_version().c_str();
}

} // namespace

goss_api_code goss_api_error_code(const goss_api_error *error) {
  return error ? static_cast<goss_api_code>(error->status.exitCode())
               : GOSS_API_OK;
}

const char *goss_api_error_message(const goss_api_error *error) {
  return error ? error->status.message().c_str() : "";
}

void goss_api_error_free(goss_api_error *error) { delete error; }

void goss_api_free(void *memory) { std::free(memory); }

const char *goss_api_version(void) { return GOSSAMER_VERSION; }

goss_api_code goss_api_artifact_open(const char *path,
                                     goss_api_artifact **artifact,
                                     goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(path, "path"));
    GOSS_RETURN_IF_ERROR(requireArgument(artifact, "artifact"));
    GOSS_ASSIGN_OR_RETURN(Artifact opened, Artifact::open(path));
    *artifact = new goss_api_artifact{std::move(opened)};
    return Status::ok();
  });
}

void goss_api_artifact_free(goss_api_artifact *artifact) { delete artifact; }

void goss_api_artifact_info(const goss_api_artifact *artifact,
                            goss_api_info *info) {
  if (artifact && info)
    fillInfo(artifact->artifact, info);
}

goss_api_code goss_api_artifact_verify(const goss_api_artifact *artifact,
                                       goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(artifact, "artifact"));
    return artifact->artifact.verifyAll();
  });
}

goss_api_code goss_api_model_load(const char *path,
                                  const char *weights_directory,
                                  uint32_t threads, goss_api_model **model,
                                  goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(path, "path"));
    GOSS_RETURN_IF_ERROR(requireArgument(model, "model"));
    ModelOptions options;
    options.threads = threads;
    if (weights_directory)
      options.weightsDirectory = weights_directory;
    GOSS_ASSIGN_OR_RETURN(std::shared_ptr<const Model> loaded,
                          Model::load(path, options));
    *model = new goss_api_model{std::move(loaded)};
    return Status::ok();
  });
}

void goss_api_model_free(goss_api_model *model) { delete model; }

void goss_api_model_info(const goss_api_model *model, goss_api_info *info) {
  if (model && info)
    fillInfo(model->model->artifact(), info);
}

size_t goss_api_model_stop_tokens(const goss_api_model *model,
                                  const int32_t **tokens) {
  if (!model)
    return 0;
  const std::vector<int32_t> &stops = model->model->stopTokens();
  if (tokens)
    *tokens = stops.data();
  return stops.size();
}
