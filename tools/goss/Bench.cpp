//===- Bench.cpp - goss bench ---------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "tools/goss/BenchRunner.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>

namespace gossamer::tools {
namespace {

struct BenchArguments {
  ModelArguments model;
  std::optional<int64_t> prompt;
  std::optional<int64_t> decode;
  int64_t depth = 0;
  int64_t batch = 1;
  int64_t repeats = 5;
  std::vector<BenchTest> cases;
  bool json = false;
  bool quiet = false;
};

/// Reads "5:20,10:50": prompt and generated tokens of each case.
std::string parseCases(const std::string &text, std::vector<BenchTest> &cases) {
  cases.clear();
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string item = text.substr(begin, end - begin);
    size_t colon = item.find(':');
    BenchTest test;
    if (colon == std::string::npos ||
        !parseInteger(item.substr(0, colon), {1, 1 << 24}, test.promptTokens)
             .empty() ||
        !parseInteger(item.substr(colon + 1), {2, 1 << 24}, test.decodeTokens)
             .empty())
      return "expects PROMPT:LENGTH,... with a LENGTH of at least 2 but got '" +
             text + "'";
    test.name = item;
    cases.push_back(test);
    begin = end + 1;
  }
  return "";
}

/// What the command line asks for; sizes that it leaves open are cut to the
/// model's context.
std::vector<BenchTest> chooseTests(const BenchArguments &arguments,
                                   int64_t maxContext) {
  std::vector<BenchTest> tests;
  if (!arguments.cases.empty() && !arguments.prompt && !arguments.decode)
    return tests;
  int64_t room = std::max<int64_t>(1, maxContext - arguments.depth);
  int64_t prompt = arguments.prompt.value_or(std::min<int64_t>(512, room));
  int64_t decode = arguments.decode.value_or(std::min<int64_t>(128, room));
  if (prompt > 0)
    tests.push_back({"pp" + std::to_string(prompt), prompt, 0, arguments.depth,
                     arguments.batch});
  if (decode > 0)
    tests.push_back({"tg" + std::to_string(decode), 0, decode, arguments.depth,
                     arguments.batch});
  return tests;
}

void writeResults(JsonWriter &json, const char *name,
                  const std::vector<BenchResult> &results) {
  json.key(name).beginArray();
  for (const BenchResult &result : results) {
    json.beginObject()
        .member("test", result.test.name)
        .member("prompt_tokens", result.test.promptTokens)
        .member("decode_tokens", result.test.decodeTokens)
        .member("depth", result.test.depth)
        .member("batch", result.test.batch)
        .member("median_tokens_per_second", result.median())
        .member("min_tokens_per_second", result.min())
        .member("max_tokens_per_second", result.max());
    json.key("samples").beginArray();
    for (double sample : result.samples)
      json.value(sample);
    json.endArray().endObject();
  }
  json.endArray();
}

double getMeanRate(const std::vector<BenchResult> &results) {
  double sum = 0;
  for (const BenchResult &result : results)
    sum += result.median();
  return sum / static_cast<double>(results.size());
}

std::string toJson(const BenchArguments &arguments, const LoadedModel &loaded,
                   const std::vector<BenchResult> &results,
                   const std::vector<BenchResult> &cases) {
  const proto::Manifest &manifest = loaded.model->manifest();
  JsonWriter json(2);
  json.beginObject()
      .member("model", loaded.path())
      .member("target", manifest.target())
      .member("cpu", manifest.cpu())
      .member("math", manifest.math_mode())
      .member("opt_level", manifest.opt_level())
      .member("threads", loaded.model->device().threadCount())
      .member("repeats", arguments.repeats)
      .member("load_seconds", loaded.loadSeconds);
  if (!results.empty())
    writeResults(json, "results", results);
  if (!cases.empty()) {
    writeResults(json, "cases", cases);
    json.member("mean_decode_tokens_per_second", getMeanRate(cases));
  }
  json.endObject();
  return json.take() + "\n";
}

std::string toTable(const std::vector<BenchResult> &results,
                    const std::vector<BenchResult> &cases) {
  std::string text = "test            depth  batch     tokens/s          min "
                     "         max\n";
  auto addRow = [&](const BenchResult &result) {
    char line[160];
    std::snprintf(
        line, sizeof(line), "%-14s %6lld %6lld %12.1f %12.1f %12.1f\n",
        result.test.name.c_str(), static_cast<long long>(result.test.depth),
        static_cast<long long>(result.test.batch), result.median(),
        result.min(), result.max());
    text += line;
  };
  std::for_each(results.begin(), results.end(), addRow);
  std::for_each(cases.begin(), cases.end(), addRow);
  if (!cases.empty())
    text +=
        "mean decode rate of the cases: " + formatFixed(getMeanRate(cases), 1) +
        " tokens/s\n";
  return text;
}

Status bench(const BenchArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(LoadedModel loaded, arguments.model.load());
  const proto::Manifest &manifest = loaded.model->manifest();
  Notes notes(arguments.quiet);
  notes.note("Model", loaded.path() + ", " + manifest.cpu() + ", math " +
                          manifest.math_mode() + ", opt level " +
                          std::to_string(manifest.opt_level()) + ", " +
                          std::to_string(loaded.model->device().threadCount()) +
                          " threads");
  GOSS_ASSIGN_OR_RETURN(BenchRunner runner, BenchRunner::create(loaded.model));
  std::vector<BenchResult> results;
  for (const BenchTest &test : chooseTests(arguments, manifest.max_context())) {
    GOSS_ASSIGN_OR_RETURN(BenchResult result,
                          runner.measure(test, arguments.repeats));
    results.push_back(std::move(result));
  }
  std::vector<BenchResult> cases;
  for (const BenchTest &test : arguments.cases) {
    GOSS_ASSIGN_OR_RETURN(BenchResult result,
                          runner.generate(test, arguments.repeats));
    cases.push_back(std::move(result));
  }
  return standardOutput().write(arguments.json
                                    ? toJson(arguments, loaded, results, cases)
                                    : toTable(results, cases));
}

} // namespace

void addBenchCommand(CommandLine &line) {
  auto arguments = std::make_shared<BenchArguments>();
  Command &command = line.addCommand(
      "bench", "Measures how fast a model reads prompts and generates.");
  arguments->model.addTo(command);
  command.group("Measurement")
      .integer("-p,--prompt-tokens", "N", arguments->prompt, {0, 1 << 24},
               "prompt tokens computed together, 0 to leave out (default 512)")
      .integer("-n,--decode-tokens", "N", arguments->decode, {0, 1 << 24},
               "tokens computed one by one, 0 to leave out (default 128)")
      .integer("-d,--depth", "N", arguments->depth, {0, 1 << 24},
               "tokens already in the cache (default 0)")
      .integer("-b,--batch", "N", arguments->batch, {1, 65536},
               "sequences computed together (default 1)")
      .integer("-r,--repeats", "N", arguments->repeats, {1, 1000},
               "measure N times and report the median (default 5)")
      .parsed(
          "--cases", "P:L,...",
          [arguments](const std::string &text) {
            return parseCases(text, arguments->cases);
          },
          "generate L tokens greedily after a prompt of P, for each case; "
          "reports each decode rate and their mean");
  command.group("Output")
      .flag("--json", arguments->json, "print one JSON object")
      .flag("-q,--quiet", arguments->quiet, "print results and errors only")
      .details("pp is the rate of a prompt computed at once, tg that of tokens "
               "computed one after another. One run to warm up is not counted.")
      .example("goss bench model.goss", "prompt and decode rate")
      .example("goss bench model.goss -p 0 -n 64 -d 1024 -t 1",
               "decoding at depth 1024 on one thread")
      .example("goss bench seed-demo.goss --cases=5:20,10:50,20:100 --json",
               "the mean decode rate of three short generations")
      .action([arguments] { return bench(*arguments); });
}

} // namespace gossamer::tools
