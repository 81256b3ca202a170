//===- Bench.cpp - goss bench ---------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/BenchReport.h"
#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/goss/RateArguments.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <memory>

namespace gossamer::tools {
namespace {

struct BenchArguments {
  ModelArguments model;
  RateArguments rates;
  int64_t repeats = 5;
  std::vector<BenchTest> cases;
  bool noLimits = false;
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

/// What the command line asks for besides cases.
std::vector<BenchTest> chooseTests(const BenchArguments &arguments,
                                   int64_t maxContext) {
  const RateArguments &rates = arguments.rates;
  if (!arguments.cases.empty() && !rates.prompt && !rates.decode)
    return {};
  return rates.tests(maxContext);
}

/// The test whose steps a case has after its prompt.
BenchTest decodeTestOf(const BenchTest &test) {
  return {test.name, 0, test.decodeTokens - 1, test.promptTokens, test.batch};
}

/// Runs a test once more with its dispatches observed. The rates come from
/// runs that nobody looks into.
Expected<TestProfile> profile(BenchRunner &runner, const Model &model,
                              const BenchTest &test) {
  KernelProfile observer(model.manifest(), &model.device());
  TestProfile result;
  result.tokens = test.tokens();
  GOSS_ASSIGN_OR_RETURN(result.seconds, runner.observe(test, observer));
  result.kernels = observer.rows();
  return result;
}

Status runTests(const BenchArguments &arguments, const Model &model,
                BenchRunner &runner, BenchReport &report) {
  for (const BenchTest &test :
       chooseTests(arguments, model.manifest().max_context())) {
    BenchEntry &entry = report.results.emplace_back();
    GOSS_ASSIGN_OR_RETURN(entry.result,
                          runner.measure(test, arguments.repeats));
    GOSS_ASSIGN_OR_RETURN(entry.profile, profile(runner, model, test));
  }
  for (const BenchTest &test : arguments.cases) {
    BenchEntry &entry = report.cases.emplace_back();
    GOSS_ASSIGN_OR_RETURN(entry.result,
                          runner.generate(test, arguments.repeats));
    GOSS_ASSIGN_OR_RETURN(entry.profile,
                          profile(runner, model, decodeTestOf(test)));
  }
  return Status::ok();
}

BenchReport startReport(const BenchArguments &arguments,
                        const LoadedModel &loaded) {
  const proto::Manifest &manifest = loaded.model->manifest();
  BenchReport report;
  report.model = loaded.path();
  report.target = manifest.target();
  report.cpu = manifest.cpu();
  report.math = manifest.math_mode();
  report.optLevel = manifest.opt_level();
  report.threads = loaded.model->device().threadCount();
  report.repeats = arguments.repeats;
  report.loadSeconds = loaded.loadSeconds;
  return report;
}

/// Memory of the model and its runs: read before anything else takes some.
std::optional<ProcessMemory> readPeakMemory(bool isPeakOurs) {
  Expected<ProcessMemory> memory = readProcessMemory();
  if (!memory)
    return std::nullopt; // No Linux.
  if (!isPeakOurs)
    memory->peak = memory->resident;
  return *memory;
}

Status bench(const BenchArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(LoadedModel loaded,
                        arguments.model.load(!arguments.quiet));
  BenchReport report = startReport(arguments, loaded);
  Notes notes(arguments.quiet);
  notes.note("Model", report.model + ", " + report.cpu + ", math " +
                          report.math + ", opt level " +
                          std::to_string(report.optLevel) + ", " +
                          std::to_string(report.threads) + " threads");
  bool isPeakOurs = true;
  Device &device = loaded.model->device();
  bool isGpu = device.name() != "cpu";
  if (!arguments.noLimits && isGpu) {
    GOSS_ASSIGN_OR_RETURN(report.limits, measureGpuLimits(device));
  } else if (!arguments.noLimits) {
    GOSS_ASSIGN_OR_RETURN(report.limits, measureMachineLimits(report.threads));
    // The buffer that was streamed is gone, but would remain the peak.
    isPeakOurs = resetPeakMemory();
  }
  GOSS_ASSIGN_OR_RETURN(BenchRunner runner,
                        BenchRunner::create(loaded.model, !arguments.quiet));
  GOSS_RETURN_IF_ERROR(runTests(arguments, *loaded.model, runner, report));
  report.memory = readPeakMemory(isPeakOurs);
  if (report.limits)
    GOSS_RETURN_IF_ERROR(isGpu ? measureCopiesAgain(device, *report.limits)
                               : measureReadAgain(*report.limits));
  return standardOutput().write(arguments.json ? toJson(report)
                                               : toText(report));
}

} // namespace

void addBenchCommand(CommandLine &line) {
  auto arguments = std::make_shared<BenchArguments>();
  Command &command = line.addCommand(
      "bench", "Measures how fast a model reads prompts and generates.");
  arguments->model.addTo(command);
  command.group("Measurement");
  arguments->rates.addTo(command);
  command
      .integer("-b,--batch", "N", arguments->rates.batch, {1, 65536},
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
      .flag("--no-limits", arguments->noLimits,
            "do not measure what the machine can do (saves two seconds)")
      .flag("--json", arguments->json, "print one JSON object")
      .flag("-q,--quiet", arguments->quiet, "print results and errors only")
      .details("pp is the rate of a prompt computed at once, tg that of tokens "
               "computed one after another. One run to warm up is not counted.")
      .details("The first token of a prompt comes with the logits of its last "
               "token. Bytes and operations a token, and the table of kernels, "
               "come from one more run; docs/performance.md says what counts "
               "and lists the keys of --json.")
      .example("goss bench model.goss", "prompt and decode rate")
      .example("goss bench model.goss -p 0 -n 64 -d 1024 -t 1",
               "decoding at depth 1024 on one thread")
      .example("goss bench seed-demo.goss --cases=5:20,10:50,20:100 --json",
               "the mean decode rate of three short generations")
      .action([arguments] { return bench(*arguments); });
}

} // namespace gossamer::tools
