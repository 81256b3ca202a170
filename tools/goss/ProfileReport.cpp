//===- ProfileReport.cpp - What goss profile prints -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ProfileReport.h"

#include "runtime/support/JsonWriter.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gossamer::tools {

void Prediction::add(const KernelRow &row, const MachineLimits &limits) {
  if (measured.launches == 0)
    measured = row;
  else
    measured += row;
  Roof of = roofOf(row, limits);
  roof.memorySeconds += of.memorySeconds;
  roof.computeSeconds += of.computeSeconds;
  seconds += of.seconds();
}

std::vector<Prediction> predictKernels(const std::vector<LaunchRow> &launches,
                                       const MachineLimits &limits) {
  std::vector<Prediction> kernels;
  for (const LaunchRow &launch : launches) {
    auto found = std::ranges::find_if(kernels, [&](const Prediction &kernel) {
      return kernel.measured.operation == launch.row.operation &&
             kernel.measured.kind == launch.row.kind;
    });
    if (found == kernels.end())
      found = kernels.insert(kernels.end(), Prediction());
    found->add(launch.row, limits);
  }
  std::ranges::sort(kernels, [](const Prediction &a, const Prediction &b) {
    return a.measured.seconds > b.measured.seconds;
  });
  return kernels;
}

static Prediction predictTest(const ProfiledTest &test,
                              const MachineLimits &limits) {
  Prediction sum;
  for (const LaunchRow &launch : test.launches)
    sum.add(launch.row, limits);
  return sum;
}

/// What binds; nothing where the work is not counted.
static std::string_view limitOf(const Prediction &prediction) {
  if (prediction.seconds <= 0)
    return "none";
  return prediction.roof.limit() == "memory"
             ? "memory"
             : arithmeticName(prediction.measured.arithmetic);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static std::string formatRatio(const Prediction &prediction) {
  return prediction.seconds > 0 ? formatFixed(prediction.ratio(), 2) : "";
}

/// A row of a table: numbers of one run.
static std::string formatRow(const std::string &name,
                             const Prediction &prediction, int64_t runs) {
  auto each = static_cast<double>(runs);
  const KernelRow &row = prediction.measured;
  std::array<char, 300> line;
  std::snprintf(
      line.data(), line.size(),
      "  %-40.40s %8.0f %12s %12s %7s %10s %10s  %s\n", name.c_str(),
      static_cast<double>(row.launches) / each,
      formatSeconds(prediction.seconds / each).c_str(),
      formatSeconds(row.seconds / each).c_str(),
      formatRatio(prediction).c_str(),
      formatBytes(static_cast<uint64_t>(row.work.bytes / each)).c_str(),
      formatFixed(row.work.flops / each / 1e6, 2).c_str(),
      std::string(limitOf(prediction)).c_str());
  return line.data();
}

static std::string formatHead(const char *name) {
  std::array<char, 300> line;
  std::snprintf(line.data(), line.size(),
                "  %-40s %8s %12s %12s %7s %10s %10s  %s\n", name, "launches",
                "predicted", "measured", "ratio", "bytes", "MFLOP", "limit");
  return line.data();
}

static std::string formatTest(const ProfiledTest &test,
                              const ProfileReport &report,
                              const proto::Manifest &manifest, bool byLaunch) {
  Prediction sum = predictTest(test, report.limits);
  auto runs = static_cast<double>(test.runs);
  std::string text =
      "\n" + test.test.name + " at depth " + std::to_string(test.test.depth) +
      ": predicted " + formatSeconds(sum.seconds / runs) + ", measured " +
      formatSeconds(sum.measured.seconds / runs) + " in kernels (" +
      formatFixed(sum.ratio(), 2) + " times that) and " +
      formatSeconds(std::max(0.0, test.seconds - sum.measured.seconds) / runs) +
      " between\n";
  text += formatHead("kernel");
  for (const Prediction &kernel : predictKernels(test.launches, report.limits))
    text += formatRow(kernel.measured.operation + " " + kernel.measured.kind,
                      kernel, test.runs);
  if (!byLaunch)
    return text;
  text += formatHead("launch");
  for (const LaunchRow &launch : test.launches) {
    Prediction prediction;
    prediction.add(launch.row, report.limits);
    text +=
        formatRow(std::to_string(launch.launch) + " " +
                      manifest.launches(static_cast<int>(launch.launch)).name(),
                  prediction, test.runs);
  }
  return text;
}

std::string toText(const ProfileReport &report, const proto::Manifest &manifest,
                   bool byLaunch) {
  const MachineLimits &limits = report.limits;
  auto giga = [](double value) { return formatFixed(value / 1e9, 1); };
  std::string text = "limits of " + std::to_string(report.threads) +
                     (report.threads == 1 ? " thread: " : " threads: ") +
                     giga(limits.readBytesPerSecond()) + " GB/s read, " +
                     giga(limits.int8.best) + " GOP/s int8, " +
                     giga(limits.float32.best) + " GOP/s float32\n";
  for (const ProfiledTest &test : report.tests)
    text += formatTest(test, report, manifest, byLaunch);
  return text + "\nA ratio below 1: the bytes came from a cache. Times are of "
                "one run of the test.\n";
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void writePrediction(JsonWriter &json, const Prediction &prediction,
                            int64_t runs) {
  auto each = static_cast<double>(runs);
  const KernelRow &row = prediction.measured;
  json.member("launches", static_cast<double>(row.launches) / each)
      .member("predicted_seconds", prediction.seconds / each)
      .member("measured_seconds", row.seconds / each)
      .key("ratio");
  if (prediction.seconds > 0)
    json.value(prediction.ratio());
  else
    json.null();
  json.member("bytes", row.work.bytes / each)
      .member("flops", row.work.flops / each);
}

static void writeRow(JsonWriter &json, const Prediction &prediction,
                     int64_t runs) {
  const KernelRow &row = prediction.measured;
  json.member("operation", row.operation)
      .member("kind", row.kind)
      .member("arithmetic", arithmeticName(row.arithmetic));
  writePrediction(json, prediction, runs);
  json.member("memory_seconds",
              prediction.roof.memorySeconds / static_cast<double>(runs))
      .member("compute_seconds",
              prediction.roof.computeSeconds / static_cast<double>(runs))
      .member("limit", limitOf(prediction));
}

static void writeTest(JsonWriter &json, const ProfiledTest &test,
                      const ProfileReport &report,
                      const proto::Manifest &manifest, bool byLaunch) {
  json.beginObject()
      .member("test", test.test.name)
      .member("prompt_tokens", test.test.promptTokens)
      .member("decode_tokens", test.test.decodeTokens)
      .member("depth", test.test.depth)
      .member("batch", test.test.batch)
      .member("runs", test.runs)
      .member("seconds", test.seconds / static_cast<double>(test.runs));
  writePrediction(json, predictTest(test, report.limits), test.runs);
  json.key("kernels").beginArray();
  for (const Prediction &kernel :
       predictKernels(test.launches, report.limits)) {
    json.beginObject();
    writeRow(json, kernel, test.runs);
    json.endObject();
  }
  json.endArray();
  if (byLaunch) {
    json.key("by_launch").beginArray();
    for (const LaunchRow &launch : test.launches) {
      const proto::Launch &of =
          manifest.launches(static_cast<int>(launch.launch));
      Prediction prediction;
      prediction.add(launch.row, report.limits);
      json.beginObject()
          .member("launch", launch.launch)
          .member("name", of.name())
          .member("kernel", of.kernel());
      writeRow(json, prediction, test.runs);
      json.endObject();
    }
    json.endArray();
  }
  json.endObject();
}

std::string toJson(const ProfileReport &report, const proto::Manifest &manifest,
                   bool byLaunch) {
  JsonWriter json(2);
  json.beginObject()
      .member("model", report.model)
      .member("target", manifest.target())
      .member("cpu", manifest.cpu())
      .member("math", manifest.math_mode())
      .member("threads", report.threads);
  json.key("limits")
      .beginObject()
      .member("read_bytes_per_second", report.limits.readBytesPerSecond())
      .member("int8_ops_per_second", report.limits.int8.best)
      .member("float32_flops_per_second", report.limits.float32.best)
      .endObject();
  json.key("tests").beginArray();
  for (const ProfiledTest &test : report.tests)
    writeTest(json, test, report, manifest, byLaunch);
  return json.endArray().endObject().take() + "\n";
}

} // namespace gossamer::tools
