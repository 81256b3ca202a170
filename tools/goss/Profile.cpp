//===- Profile.cpp - goss profile -----------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/Commands.h"
#include "tools/goss/ModelArguments.h"
#include "tools/goss/ProfileReport.h"
#include "tools/goss/RateArguments.h"
#include "tools/support/Terminal.h"

#include <memory>

namespace gossamer::tools {
namespace {

struct ProfileArguments {
  ModelArguments model;
  RateArguments rates;
  int64_t repeats = 5;
  bool byLaunch = false;
  bool json = false;
  bool quiet = false;
};

Expected<ProfiledTest> profileTest(BenchRunner &runner,
                                   const proto::Manifest &manifest,
                                   const BenchTest &test, int64_t repeats) {
  // The first run, which reads weights from disk, is not counted.
  KernelProfile warmUp(manifest);
  GOSS_RETURN_IF_ERROR(
      runner.observe(test, warmUp).status().withContext(test.name));
  KernelProfile observer(manifest);
  ProfiledTest result{test, repeats, 0, {}};
  for (int64_t i = 0; i < repeats; ++i) {
    GOSS_ASSIGN_OR_RETURN(double seconds, runner.observe(test, observer));
    result.seconds += seconds;
  }
  result.launches = observer.launchRows();
  return result;
}

Status profile(const ProfileArguments &arguments) {
  GOSS_ASSIGN_OR_RETURN(LoadedModel loaded,
                        arguments.model.load(!arguments.quiet));
  const proto::Manifest &manifest = loaded.model->manifest();
  // What a launch costs depends on data that only the host can read here.
  if (loaded.model->device().name() != "cpu")
    return unavailable(loaded.path() +
                       ": expects a model for the device cpu "
                       "but got one for " +
                       manifest.target());
  ProfileReport report;
  report.model = loaded.path();
  report.threads = loaded.model->device().threadCount();
  Notes notes(arguments.quiet);
  notes.note("Model", report.model + ", " + manifest.cpu() + ", math " +
                          manifest.math_mode() + ", " +
                          std::to_string(report.threads) + " threads");
  GOSS_ASSIGN_OR_RETURN(report.limits, measureMachineLimits(report.threads));
  GOSS_ASSIGN_OR_RETURN(BenchRunner runner,
                        BenchRunner::create(loaded.model, !arguments.quiet));
  for (const BenchTest &test : arguments.rates.tests(manifest.max_context())) {
    GOSS_ASSIGN_OR_RETURN(
        ProfiledTest result,
        profileTest(runner, manifest, test, arguments.repeats));
    report.tests.push_back(std::move(result));
  }
  GOSS_RETURN_IF_ERROR(measureReadAgain(report.limits));
  return standardOutput().write(
      arguments.json ? toJson(report, manifest, arguments.byLaunch)
                     : toText(report, manifest, arguments.byLaunch));
}

} // namespace

void addProfileCommand(CommandLine &line) {
  auto arguments = std::make_shared<ProfileArguments>();
  Command &command = line.addCommand(
      "profile", "Compares the time of each kernel with the cost model.");
  arguments->model.addTo(command);
  command.group("Measurement");
  arguments->rates.addTo(command);
  command.integer("-r,--repeats", "N", arguments->repeats, {1, 1000},
                  "observe N runs (default 5) after one to warm up");
  command.group("Output")
      .flag("--launches", arguments->byLaunch,
            "also list every launch, with its index in goss inspect")
      .flag("--json", arguments->json, "print one JSON object")
      .flag("-q,--quiet", arguments->quiet, "print results and errors only")
      .details("The predicted time of a launch is the larger of its bytes by "
               "the read bandwidth and its operations by the peak of the units "
               "that its kernel uses, both measured on this machine. Launches "
               "that run together share the time of their dispatch in "
               "proportion to their cost.")
      .details(
          "--json has model, target, cpu, math, threads, limits and tests: "
          "test, runs, seconds, predicted_seconds, measured_seconds, "
          "ratio, bytes, flops and kernels (the same, operation, kind, "
          "arithmetic, memory_seconds, compute_seconds and limit); with "
          "--launches also by_launch. All of one run.")
      .example("goss profile model.goss", "which kernels are far from a limit")
      .example("goss profile model.goss -p 0 -n 64 -d 1024 --launches",
               "decoding at depth 1024, launch by launch")
      .action([arguments] { return profile(*arguments); });
}

} // namespace gossamer::tools
