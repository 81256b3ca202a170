//===- BenchJson.cpp - The report of goss bench as JSON -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "tools/goss/BenchReport.h"

namespace gossamer::tools {

static void writeLimits(JsonWriter &json, const MachineLimits &limits) {
  auto writeRate = [&](const char *name, const Rate &rate) {
    json.key(name)
        .beginObject()
        .member("best", rate.best)
        .member("median", rate.median)
        .endObject();
  };
  json.key("limits")
      .beginObject()
      .member("threads", limits.threads)
      .member("streamed_bytes", limits.streamedBytes);
  writeRate("read_bytes_per_second_before", limits.read);
  if (limits.readAfter)
    writeRate("read_bytes_per_second_after", *limits.readAfter);
  json.member("read_bytes_per_second", limits.readBytesPerSecond());
  if (!limits.chip.empty()) {
    json.member("chip", limits.chip)
        .member("float32_flops_per_second_stated", limits.float32.best)
        .member("bf16_flops_per_second_stated", limits.bf16.best)
        .endObject();
    return;
  }
  writeRate("int8_ops_per_second", limits.int8);
  json.member("int8_instruction", limits.int8Instruction);
  writeRate("float32_flops_per_second", limits.float32);
  json.member("float32_instruction", limits.float32Instruction).endObject();
}

static void writeKernel(JsonWriter &json, const KernelRow &row,
                        double wholeSeconds, const MachineLimits *limits) {
  json.beginObject()
      .member("operation", row.operation)
      .member("kind", row.kind)
      .member("arithmetic", arithmeticName(row.arithmetic))
      .member("launches", row.launches)
      .member("seconds", row.seconds)
      .member("time_share", row.seconds / wholeSeconds)
      .member("bytes", row.work.bytes)
      .member("flops", row.work.flops)
      .member("bytes_per_second", row.work.bytes / row.seconds)
      .member("flops_per_second", row.work.flops / row.seconds);
  if (limits) {
    Roof roof = roofOf(row, *limits);
    json.member("limit", roof.limit())
        .member("limit_share", roof.seconds() / row.seconds);
  }
  json.endObject();
}

static void writeProfile(JsonWriter &json, const BenchEntry &entry,
                         const MachineLimits *limits) {
  const TestProfile &profile = *entry.profile;
  auto tokens = static_cast<double>(profile.tokens);
  double rate = entry.result.median();
  Work work = totalWork(profile.kernels);
  json.key("roofline")
      .beginObject()
      .member("bytes_per_token", work.bytes / tokens)
      .member("flops_per_token", work.flops / tokens)
      .member("bytes_per_second", work.bytes / tokens * rate)
      .member("flops_per_second", work.flops / tokens * rate);
  if (limits) {
    Roof roof = roofOf(profile.kernels, *limits);
    double most = tokens / roof.seconds();
    json.member("limit", roof.limit())
        .member("limit_tokens_per_second", most)
        .member("limit_share", rate / most);
  }
  json.member("profile_seconds", profile.seconds);
  json.key("kernels").beginArray();
  for (const KernelRow &row : profile.kernels)
    writeKernel(json, row, profile.seconds, limits);
  json.endArray().member("other_time_share", profile.otherShare()).endObject();
}

static void writeEntry(JsonWriter &json, const BenchEntry &entry,
                       const MachineLimits *limits) {
  const BenchResult &result = entry.result;
  json.beginObject()
      .member("test", result.test.name)
      .member("prompt_tokens", result.test.promptTokens)
      .member("decode_tokens", result.test.decodeTokens)
      .member("depth", result.test.depth)
      .member("batch", result.test.batch)
      .member("median_tokens_per_second", result.median())
      .member("min_tokens_per_second", result.min())
      .member("max_tokens_per_second", result.max())
      .member("spread", result.spread());
  json.key("samples").beginArray();
  for (double sample : result.samples)
    json.value(sample);
  json.endArray();
  if (!result.firstTokenSeconds.empty())
    json.member("first_token_seconds", medianOf(result.firstTokenSeconds));
  if (entry.profile)
    writeProfile(json, entry, limits);
  json.endObject();
}

std::string toJson(const BenchReport &report) {
  const MachineLimits *limits = report.limits ? &*report.limits : nullptr;
  JsonWriter json(2);
  json.beginObject()
      .member("model", report.model)
      .member("target", report.target)
      .member("cpu", report.cpu)
      .member("math", report.math)
      .member("opt_level", report.optLevel)
      .member("threads", report.threads)
      .member("repeats", report.repeats)
      .member("load_seconds", report.loadSeconds);
  if (auto seconds = report.coldFirstTokenSeconds())
    json.member("cold_first_token_seconds", *seconds);
  if (report.memory)
    json.key("memory")
        .beginObject()
        .member("peak_bytes", report.memory->peak)
        .member("file_bytes", report.memory->file)
        .member("private_bytes", report.memory->anonymous)
        .endObject();
  if (limits)
    writeLimits(json, *limits);
  auto writeEntries = [&](const char *name, const auto &entries) {
    if (entries.empty())
      return;
    json.key(name).beginArray();
    for (const BenchEntry &entry : entries)
      writeEntry(json, entry, limits);
    json.endArray();
  };
  writeEntries("results", report.results);
  writeEntries("cases", report.cases);
  if (!report.cases.empty())
    json.member("mean_decode_tokens_per_second", report.meanCaseRate());
  json.endObject();
  return json.take() + "\n";
}

} // namespace gossamer::tools
