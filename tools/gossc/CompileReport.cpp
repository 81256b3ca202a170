//===- CompileReport.cpp - What a compilation did -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/CompileReport.h"

#include "runtime/support/JsonWriter.h"

namespace gossamer {

void StageTimer::finish(int64_t operations) {
  std::chrono::duration<double> elapsed =
      std::chrono::steady_clock::now() - begin_;
  report_.stages.push_back({name_, elapsed.count(), operations});
}

size_t CompileReport::countFused(llvm::StringRef pass) const {
  return llvm::count_if(fusions, [&](const FusionRecord &fusion) {
    return fusion.fused && (pass.empty() || fusion.pass == pass);
  });
}

static void writeStages(JsonWriter &json, const CompileReport &report) {
  json.key("stages").beginArray();
  for (const StageRecord &stage : report.stages) {
    json.beginObject();
    json.member("name", stage.name).member("seconds", stage.seconds);
    if (stage.operations)
      json.member("operations", stage.operations);
    json.endObject();
  }
  json.endArray();
}

static void writeFusions(JsonWriter &json, const CompileReport &report) {
  json.key("fusions").beginArray();
  for (const FusionRecord &fusion : report.fusions)
    json.beginObject()
        .member("pass", fusion.pass)
        .member("place", fusion.place)
        .member("fused", fusion.fused)
        .member("message", fusion.message)
        .endObject();
  json.endArray();
}

static void writeKernels(JsonWriter &json, const CompileReport &report) {
  json.key("kernels").beginArray();
  for (const KernelRecord &kernel : report.kernels)
    json.beginObject()
        .member("symbol", kernel.symbol)
        .member("operation", kernel.operation)
        .member("kind", kernel.kind)
        .member("bindings", kernel.numBindings)
        .member("bytes_per_item", kernel.bytesPerItem)
        .member("flops_per_item", kernel.flopsPerItem)
        .endObject();
  json.endArray();
}

static void writeStrings(JsonWriter &json, llvm::StringRef name,
                         const std::vector<std::string> &values) {
  json.key(name.str()).beginArray();
  for (const std::string &value : values)
    json.value(value);
  json.endArray();
}

std::string CompileReport::toJson() const {
  JsonWriter json(2);
  json.beginObject();
  json.member("model", model)
      .member("target", target)
      .member("triple", triple)
      .member("cpu", cpu)
      .member("opt_level", optLevel)
      .member("math", math)
      .member("cache_type", cacheType)
      .member("max_context", maxContext)
      .member("max_tokens_per_step", maxTokensPerStep)
      .member("parameters", parameterCount)
      .member("weight_bytes", weightBytes)
      .member("arena_bytes", arenaBytes)
      .member("cache_bytes_per_token", cacheBytesPerToken)
      .member("launches", launchCount)
      .member("launch_groups", groupCount)
      .member("code_bytes", codeBytes)
      .member("artifact_bytes", artifactBytes);
  writeStrings(json, "required_features", requiredFeatures);
  writeStrings(json, "notes", notes);
  writeStages(json, *this);
  writeFusions(json, *this);
  writeKernels(json, *this);
  json.endObject();
  return json.take() + "\n";
}

} // namespace gossamer
