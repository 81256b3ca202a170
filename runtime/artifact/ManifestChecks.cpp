//===- ManifestChecks.cpp - Rules of a manifest ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/artifact/ManifestChecks.h"
#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/Format.h"
#include "runtime/support/CheckedMath.h"
#include "runtime/support/JsonWriter.h"
#include "runtime/support/MappedFile.h"
#include "runtime/weights/Safetensors.h"
#include <algorithm>
#include <cmath>
#include <set>

using namespace gossamer;

namespace {

// Bounds far above any model, so that products of a few of them fit uint64_t.
constexpr uint64_t maxLayers = 1 << 12;
constexpr uint64_t maxWidth = 1 << 20;
constexpr uint64_t maxVocabulary = 1 << 24;
constexpr uint64_t maxPositions = 1 << 28;
constexpr uint64_t maxStepTokens = 1 << 16;
constexpr uint64_t maxPageTokens = 1 << 12;
constexpr uint64_t maxArenaBytes = uint64_t(1) << 44;
constexpr uint64_t maxCacheBytes = uint64_t(1) << 50;
constexpr int maxTensors = 1 << 20;
constexpr int maxKernels = 1 << 16;
constexpr int maxLaunches = 1 << 20;
constexpr uint64_t maxBindings = 64;
constexpr uint64_t maxItems = uint64_t(1) << 32;
constexpr int maxRank = 8;
constexpr size_t digestBytes = 32;
constexpr uint64_t arenaAlignment = 64;
constexpr uint64_t headDimPadding = 16;

Status checkRange(const char *field, uint64_t value, uint64_t min,
                  uint64_t max) {
  if (value >= min && value <= max)
    return Status::ok();
  return invalidData(std::string(field) + ": expects a value in [" +
                     std::to_string(min) + ", " + std::to_string(max) +
                     "] but got " + std::to_string(value));
}

Status checkEqual(const std::string &field, uint64_t value, uint64_t expected) {
  if (value == expected)
    return Status::ok();
  return invalidData(field + ": expects " + std::to_string(expected) +
                     " but got " + std::to_string(value));
}

/// Names and texts are printed: by messages, by inspect, in tables.
Status checkPrintable(const std::string &field, const std::string &text) {
  bool printable = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7F;
  });
  if (printable)
    return Status::ok();
  return invalidData(field +
                     ": expects a text without control characters but got " +
                     quoteText(text));
}

Status checkName(const std::string &field, const std::string &text) {
  if (text.empty())
    return invalidData(field + ": expects a text but got none");
  return checkPrintable(field, text);
}

Status checkPositive(const char *field, double value) {
  if (std::isfinite(value) && value > 0)
    return Status::ok();
  return invalidData(std::string(field) +
                     ": expects a positive number but got " +
                     (std::isfinite(value) ? JsonWriter().value(value).take()
                                           : std::to_string(value)));
}

Status checkDigestSize(const std::string &field, const std::string &digest,
                       bool mayBeEmpty) {
  if (mayBeEmpty && digest.empty())
    return Status::ok();
  return checkEqual(field + ": bytes of a SHA-256", digest.size(), digestBytes);
}

Status checkVersions(const proto::Manifest &manifest) {
  if (manifest.format_version() != artifactFormatVersion)
    return checkEqual("format_version", manifest.format_version(),
                      artifactFormatVersion);
  if (manifest.step_abi_version() != GOSS_STEP_ABI_VERSION)
    return invalidData("step_abi_version: expects " +
                       std::to_string(GOSS_STEP_ABI_VERSION) + " but got " +
                       std::to_string(manifest.step_abi_version()) +
                       ": compile the model again with this release");
  GOSS_RETURN_IF_ERROR(
      checkName("compiler_version", manifest.compiler_version()));
  GOSS_RETURN_IF_ERROR(checkName("target", manifest.target()));
  GOSS_RETURN_IF_ERROR(checkName("math_mode", manifest.math_mode()));
  GOSS_RETURN_IF_ERROR(checkPrintable("triple", manifest.triple()));
  GOSS_RETURN_IF_ERROR(checkPrintable("cpu", manifest.cpu()));
  GOSS_RETURN_IF_ERROR(checkPrintable("flags", manifest.flags()));
  for (const std::string &feature : manifest.required_features())
    GOSS_RETURN_IF_ERROR(checkName("required_features", feature));
  GOSS_RETURN_IF_ERROR(
      checkDigestSize("config_sha256", manifest.config_sha256(), false));
  return checkDigestSize("tokenizer_sha256", manifest.tokenizer_sha256(), true);
}

Status checkRope(const proto::Rope &rope) {
  if (rope.scaling() != "none" && rope.scaling() != "yarn")
    return invalidData("config.rope.scaling: expects \"none\" or \"yarn\" but "
                       "got " +
                       quoteText(rope.scaling()));
  return checkPositive("config.rope.theta", rope.theta());
}

Status checkConfig(const proto::ModelConfig &config) {
  struct Size {
    const char *field;
    uint64_t value;
    uint64_t max;
  };
  const Size sizes[] = {
      {"config.num_layers", config.num_layers(), maxLayers},
      {"config.num_experts", config.num_experts(), maxWidth},
      {"config.experts_per_token", config.experts_per_token(),
       config.num_experts()},
      {"config.hidden_size", config.hidden_size(), maxWidth},
      {"config.intermediate_size", config.intermediate_size(), maxWidth},
      {"config.head_dim", config.head_dim(), maxWidth},
      {"config.num_heads", config.num_heads(), maxWidth},
      {"config.num_kv_heads", config.num_kv_heads(), config.num_heads()},
      {"config.vocab_size", config.vocab_size(), maxVocabulary},
      {"config.max_position_embeddings", config.max_position_embeddings(),
       maxPositions},
  };
  for (const Size &size : sizes)
    GOSS_RETURN_IF_ERROR(checkRange(size.field, size.value, 1, size.max));
  if (config.num_heads() % config.num_kv_heads() != 0)
    return invalidData("config.num_kv_heads: expects a divisor of " +
                       std::to_string(config.num_heads()) + " but got " +
                       std::to_string(config.num_kv_heads()));
  GOSS_RETURN_IF_ERROR(checkEqual(
      "config.layer_windows: entries",
      static_cast<uint64_t>(config.layer_windows_size()), config.num_layers()));
  GOSS_RETURN_IF_ERROR(
      checkPositive("config.rms_norm_eps", config.rms_norm_eps()));
  return checkRope(config.rope());
}

Status checkTokens(const char *field,
                   const google::protobuf::RepeatedField<uint32_t> &tokens,
                   uint64_t vocabulary) {
  for (uint32_t token : tokens)
    GOSS_RETURN_IF_ERROR(checkRange(field, token, 0, vocabulary - 1));
  return Status::ok();
}

Status checkStep(const proto::Manifest &manifest) {
  uint64_t vocabulary = manifest.config().vocab_size();
  GOSS_RETURN_IF_ERROR(
      checkRange("max_context", manifest.max_context(), 1, maxPositions));
  GOSS_RETURN_IF_ERROR(checkRange(
      "max_tokens_per_step", manifest.max_tokens_per_step(), 1, maxStepTokens));
  GOSS_RETURN_IF_ERROR(
      checkRange("arena_bytes", manifest.arena_bytes(), 0, maxArenaBytes));
  GOSS_RETURN_IF_ERROR(
      checkTokens("stop_tokens", manifest.stop_tokens(), vocabulary));
  GOSS_RETURN_IF_ERROR(
      checkTokens("bos_tokens", manifest.bos_tokens(), vocabulary));
  GOSS_RETURN_IF_ERROR(
      checkTokens("pad_tokens", manifest.pad_tokens(), vocabulary));
  GOSS_RETURN_IF_ERROR(
      checkRange("bos_tokens: entries",
                 static_cast<uint64_t>(manifest.bos_tokens_size()), 0, 1));
  return checkRange("pad_tokens: entries",
                    static_cast<uint64_t>(manifest.pad_tokens_size()), 0, 1);
}

Status checkCacheGroup(const proto::CacheGroup &group,
                       const proto::CacheLayout &cache,
                       const proto::ModelConfig &config,
                       std::vector<bool> &seen) {
  if (group.layers_size() == 0)
    return invalidData("expects at least one layer but got none");
  uint64_t next = 0;
  for (uint32_t layer : group.layers()) {
    GOSS_RETURN_IF_ERROR(
        checkRange("layers", layer, next, config.num_layers() - 1));
    next = uint64_t(layer) + 1;
    if (seen[layer])
      return invalidData("expects each layer in one group but got layer " +
                         std::to_string(layer) + " in two");
    seen[layer] = true;
    GOSS_RETURN_IF_ERROR(
        checkEqual("window of layer " + std::to_string(layer), group.window(),
                   config.layer_windows(static_cast<int>(layer))));
  }
  // The bounds of checkCache keep this product far below 2^64.
  GOSS_RETURN_IF_ERROR(checkEqual("page_bytes", group.page_bytes(),
                                  static_cast<uint64_t>(group.layers_size()) *
                                      cacheLayerBytes(cache)));
  std::optional<uint64_t> whole =
      checkedMul(group.page_bytes(), cache.max_pages());
  if (!whole || *whole > maxCacheBytes)
    return invalidData("expects a cache of at most " +
                       std::to_string(maxCacheBytes) + " bytes but got " +
                       std::to_string(cache.max_pages()) + " pages of " +
                       std::to_string(group.page_bytes()));
  return Status::ok();
}

Status checkCache(const proto::Manifest &manifest) {
  const proto::CacheLayout &cache = manifest.cache();
  const proto::ModelConfig &config = manifest.config();
  if (cache.dtype() != "F32" && cache.dtype() != "BF16")
    return invalidData("cache.dtype: expects \"F32\" or \"BF16\" but got " +
                       quoteText(cache.dtype()));
  GOSS_RETURN_IF_ERROR(
      checkRange("cache.page_tokens", cache.page_tokens(), 1, maxPageTokens));
  GOSS_RETURN_IF_ERROR(
      checkEqual("cache.kv_heads", cache.kv_heads(), config.num_kv_heads()));
  GOSS_RETURN_IF_ERROR(
      checkEqual("cache.head_dim", cache.head_dim(), config.head_dim()));
  uint64_t pages =
      (uint64_t(manifest.max_context()) + cache.page_tokens() - 1) /
      cache.page_tokens();
  GOSS_RETURN_IF_ERROR(checkEqual("cache.max_pages", cache.max_pages(), pages));
  uint64_t width = uint64_t(cache.kv_heads()) * cache.head_dim();
  GOSS_RETURN_IF_ERROR(
      checkRange("cache: kv_heads * head_dim", width, 1, maxWidth));
  std::vector<bool> seen(config.num_layers());
  for (int i = 0; i < cache.groups_size(); ++i)
    GOSS_RETURN_IF_ERROR(
        checkCacheGroup(cache.groups(i), cache, config, seen)
            .withContext("cache.groups[" + std::to_string(i) + "]"));
  auto missing = std::find(seen.begin(), seen.end(), false);
  if (missing != seen.end())
    return invalidData("cache.groups: expects every layer but got none with "
                       "layer " +
                       std::to_string(missing - seen.begin()));
  return Status::ok();
}

Status checkWeightFiles(const proto::Manifest &manifest) {
  std::set<std::string_view> names;
  for (const proto::WeightFile &file : manifest.weight_files()) {
    std::string field = "weight_files: " + quoteText(file.name());
    GOSS_RETURN_IF_ERROR(
        checkRelativeName(file.name()).withContext("weight_files"));
    if (!names.insert(file.name()).second)
      return invalidData(field + ": appears twice");
    if (file.header_size() > file.size())
      return invalidData(field + ": expects a header within " +
                         std::to_string(file.size()) + " bytes but got " +
                         std::to_string(file.header_size()));
    GOSS_RETURN_IF_ERROR(checkDigestSize(field + ": header_sha256",
                                         file.header_sha256(), false));
  }
  return Status::ok();
}

/// Bytes of a tensor or buffer that the manifest describes.
Expected<uint64_t>
shapeBytes(const std::string &dtype,
           const google::protobuf::RepeatedField<uint64_t> &shape) {
  std::optional<DType> known = dtypeFromName(dtype);
  if (!known)
    return invalidData("expects a known dtype but got " + quoteText(dtype));
  if (shape.size() > maxRank)
    return invalidData("expects at most " + std::to_string(maxRank) +
                       " dimensions but got " + std::to_string(shape.size()));
  std::span<const uint64_t> extents(shape.data(),
                                    static_cast<size_t>(shape.size()));
  std::optional<uint64_t> bytes = tensorBytes(*known, extents);
  if (!bytes)
    return invalidData("expects a size below 2^61 but got " + dtype + " " +
                       shapeText(extents));
  return *bytes;
}

Status checkTensor(const proto::Tensor &tensor, const proto::Manifest &manifest,
                   std::optional<uint64_t> weightsBytes) {
  GOSS_RETURN_IF_ERROR(checkName("name", tensor.name()));
  GOSS_RETURN_IF_ERROR(checkName("parameter", tensor.parameter()));
  if (!tensor.layout().empty() && tensor.layout() != "row_panel")
    return invalidData("layout: expects \"\" or \"row_panel\" but got " +
                       quoteText(tensor.layout()));
  GOSS_ASSIGN_OR_RETURN(uint64_t bytes,
                        shapeBytes(tensor.dtype(), tensor.shape()));
  GOSS_RETURN_IF_ERROR(checkEqual("size", tensor.size(), bytes));
  uint64_t begin = 0;
  uint64_t end = 0;
  if (weightsBytes) {
    GOSS_RETURN_IF_ERROR(checkEqual("file", tensor.file(), 0));
    end = *weightsBytes;
  } else {
    if (tensor.file() >= static_cast<uint32_t>(manifest.weight_files_size()))
      return invalidData("file: expects an index below " +
                         std::to_string(manifest.weight_files_size()) +
                         " but got " + std::to_string(tensor.file()));
    const proto::WeightFile &file =
        manifest.weight_files(static_cast<int>(tensor.file()));
    begin = file.header_size();
    end = file.size();
  }
  if (tensor.offset() < begin || !rangeFits(tensor.offset(), bytes, end))
    return invalidData("expects bytes in [" + std::to_string(begin) + ", " +
                       std::to_string(end) + ") but got " +
                       std::to_string(bytes) + " at offset " +
                       std::to_string(tensor.offset()));
  if (weightsBytes && tensor.offset() % embeddedTensorAlignment != 0)
    return invalidData("offset: expects a multiple of " +
                       std::to_string(embeddedTensorAlignment) + " but got " +
                       std::to_string(tensor.offset()));
  return Status::ok();
}

Status checkTensors(const proto::Manifest &manifest,
                    std::optional<uint64_t> weightsBytes) {
  if (manifest.weights_embedded() != weightsBytes.has_value())
    return invalidData(std::string("weights_embedded: expects ") +
                       (weightsBytes ? "true with" : "false without") +
                       " a section weights but got the contrary");
  GOSS_RETURN_IF_ERROR(checkRange(
      "tensors: entries", static_cast<uint64_t>(manifest.tensors_size()), 1,
      maxTensors));
  GOSS_RETURN_IF_ERROR(checkWeightFiles(manifest));
  for (int i = 0; i < manifest.tensors_size(); ++i) {
    const proto::Tensor &tensor = manifest.tensors(i);
    GOSS_RETURN_IF_ERROR(checkTensor(tensor, manifest, weightsBytes)
                             .withContext("tensors[" + std::to_string(i) +
                                          "] " + quoteText(tensor.name())));
  }
  return Status::ok();
}

Status checkArenaBinding(const proto::Binding &binding, uint64_t arenaBytes) {
  GOSS_ASSIGN_OR_RETURN(uint64_t bytes,
                        shapeBytes(binding.dtype(), binding.shape()));
  if (binding.arena_offset() % arenaAlignment != 0)
    return invalidData("arena_offset: expects a multiple of " +
                       std::to_string(arenaAlignment) + " but got " +
                       std::to_string(binding.arena_offset()));
  if (!rangeFits(binding.arena_offset(), bytes, arenaBytes))
    return invalidData("expects bytes within the arena of " +
                       std::to_string(arenaBytes) + " but got " +
                       std::to_string(bytes) + " at offset " +
                       std::to_string(binding.arena_offset()));
  return Status::ok();
}

Status checkBinding(const proto::Binding &binding,
                    const proto::Manifest &manifest) {
  auto checkIndex = [&](int count) {
    if (binding.index() < static_cast<uint32_t>(count))
      return Status::ok();
    return invalidData("index: expects a value below " + std::to_string(count) +
                       " but got " + std::to_string(binding.index()));
  };
  switch (binding.role()) {
  case proto::Binding::ARENA:
    return checkArenaBinding(binding, manifest.arena_bytes());
  case proto::Binding::PARAMETER:
    return checkIndex(manifest.tensors_size());
  case proto::Binding::CACHE_PAGES:
  case proto::Binding::PAGE_TABLE:
    return checkIndex(manifest.cache().groups_size());
  case proto::Binding::TOKENS:
  case proto::Binding::POSITIONS:
  case proto::Binding::SEQUENCES:
  case proto::Binding::OUTPUTS:
  case proto::Binding::LOGITS:
    return Status::ok();
  default:
    return invalidData("role: expects a known role but got " +
                       std::to_string(static_cast<int>(binding.role())));
  }
}

Status checkLaunch(const proto::Launch &launch,
                   const proto::Manifest &manifest) {
  GOSS_RETURN_IF_ERROR(checkPrintable("name", launch.name()));
  if (launch.kernel() >= static_cast<uint32_t>(manifest.kernels_size()))
    return invalidData("kernel: expects an index below " +
                       std::to_string(manifest.kernels_size()) + " but got " +
                       std::to_string(launch.kernel()));
  const proto::Kernel &kernel =
      manifest.kernels(static_cast<int>(launch.kernel()));
  GOSS_RETURN_IF_ERROR(checkEqual("bindings: entries",
                                  static_cast<uint64_t>(launch.bindings_size()),
                                  kernel.num_bindings()));
  for (int i = 0; i < launch.bindings_size(); ++i)
    GOSS_RETURN_IF_ERROR(
        checkBinding(launch.bindings(i), manifest)
            .withContext("bindings[" + std::to_string(i) + "]"));
  return Status::ok();
}

Status checkWork(const proto::Kernel &kernel) {
  GOSS_RETURN_IF_ERROR(checkRange(
      "work: entries", static_cast<uint64_t>(kernel.work_size()), 1, maxRank));
  for (const proto::WorkBound &bound : kernel.work()) {
    GOSS_RETURN_IF_ERROR(
        checkRange("work.constant", bound.constant(), 0, maxItems));
    GOSS_RETURN_IF_ERROR(
        checkRange("work.per_token", bound.per_token(), 0, maxItems));
    GOSS_RETURN_IF_ERROR(
        checkRange("work.per_output", bound.per_output(), 0, maxItems));
  }
  return Status::ok();
}

Status checkKernels(const proto::Manifest &manifest) {
  GOSS_RETURN_IF_ERROR(checkRange(
      "kernels: entries", static_cast<uint64_t>(manifest.kernels_size()), 1,
      maxKernels));
  GOSS_RETURN_IF_ERROR(checkRange(
      "launches: entries", static_cast<uint64_t>(manifest.launches_size()), 1,
      maxLaunches));
  std::set<std::string_view> symbols;
  for (const proto::Kernel &kernel : manifest.kernels()) {
    GOSS_RETURN_IF_ERROR(checkName("kernels: symbol", kernel.symbol()));
    std::string field = "kernels: " + quoteText(kernel.symbol());
    GOSS_RETURN_IF_ERROR(checkName(field + ": operation", kernel.operation()));
    GOSS_RETURN_IF_ERROR(checkPrintable(field + ": kind", kernel.kind()));
    GOSS_RETURN_IF_ERROR(checkRange((field + ": num_bindings").c_str(),
                                    kernel.num_bindings(), 1, maxBindings));
    GOSS_RETURN_IF_ERROR(checkWork(kernel).withContext(field));
    if (!symbols.insert(kernel.symbol()).second)
      return invalidData(field + ": appears twice");
  }
  for (int i = 0; i < manifest.launches_size(); ++i)
    GOSS_RETURN_IF_ERROR(
        checkLaunch(manifest.launches(i), manifest)
            .withContext("launches[" + std::to_string(i) + "] " +
                         quoteText(manifest.launches(i).name())));
  return Status::ok();
}

} // namespace

uint64_t gossamer::cacheLayerBytes(const proto::CacheLayout &cache) {
  uint64_t padded = (uint64_t(cache.head_dim()) + headDimPadding - 1) /
                    headDimPadding * headDimPadding;
  uint64_t element = cache.dtype() == "BF16" ? 2 : 4;
  return element * uint64_t(cache.kv_heads()) * cache.page_tokens() *
         (cache.head_dim() + padded);
}

Status gossamer::checkManifest(const proto::Manifest &manifest,
                               std::optional<uint64_t> weightsBytes) {
  GOSS_RETURN_IF_ERROR(checkVersions(manifest));
  GOSS_RETURN_IF_ERROR(checkConfig(manifest.config()));
  GOSS_RETURN_IF_ERROR(checkStep(manifest));
  GOSS_RETURN_IF_ERROR(checkCache(manifest));
  GOSS_RETURN_IF_ERROR(checkTensors(manifest, weightsBytes));
  return checkKernels(manifest);
}
