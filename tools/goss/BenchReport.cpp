//===- BenchReport.cpp - What goss bench prints ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/BenchReport.h"

#include "tools/support/Terminal.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace gossamer::tools {

std::optional<double> BenchReport::coldFirstTokenSeconds() const {
  const auto &entries = results.empty() ? cases : results;
  if (entries.empty() || !entries.front().result.coldSeconds)
    return std::nullopt;
  return loadSeconds + *entries.front().result.coldSeconds;
}

double BenchReport::meanCaseRate() const {
  double sum = 0;
  for (const BenchEntry &entry : cases)
    sum += entry.result.median();
  return sum / static_cast<double>(cases.size());
}

/// One line of a table; longer ones are cut.
[[gnu::format(printf, 1, 2)]] static std::string formatLine(const char *format,
                                                            ...) {
  std::array<char, 240> line;
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line.data(), line.size(), format, arguments);
  va_end(arguments);
  return line.data();
}

static std::string formatRate(const BenchResult &result) {
  std::string text = formatLine(
      "%-14s %6lld %6lld %12.1f %12.1f %12.1f %6.1f%%",
      result.test.name.c_str(), static_cast<long long>(result.test.depth),
      static_cast<long long>(result.test.batch), result.median(), result.min(),
      result.max(), 100 * result.spread());
  if (!result.firstTokenSeconds.empty())
    text += formatLine(
        " %12s", formatSeconds(medianOf(result.firstTokenSeconds)).c_str());
  return text + "\n";
}

static std::string formatRates(const BenchReport &report) {
  std::string text = "test            depth  batch     tokens/s          min "
                     "         max  spread  first token\n";
  for (const auto *entries : {&report.results, &report.cases})
    for (const BenchEntry &entry : *entries)
      text += formatRate(entry.result);
  if (!report.cases.empty())
    text += "mean decode rate of the cases: " +
            formatFixed(report.meanCaseRate(), 1) + " tokens/s\n";
  return text;
}

static std::string formatStart(const BenchReport &report) {
  std::string text;
  if (auto seconds = report.coldFirstTokenSeconds())
    text += "\nfirst token     " + formatSeconds(*seconds) +
            " after the start of loading (" +
            formatSeconds(report.loadSeconds) + " to load), first run\n";
  if (report.memory)
    text += "peak memory     " + formatBytes(report.memory->peak) +
            "; at the end " + formatBytes(report.memory->file) +
            " of mapped files and " + formatBytes(report.memory->anonymous) +
            " private\n";
  return text;
}

/// What nobody measured, and says so.
static std::string formatPeaks(const MachineLimits &limits) {
  std::string text;
  for (auto [name, rate] : {std::pair{"  bf16 tensor   ", limits.bf16},
                            {"  float32       ", limits.float32}})
    text +=
        name + (rate.best > 0 ? formatFixed(rate.best / 1e12, 1) +
                                    " TFLOP/s by the data sheet, not measured\n"
                              : std::string("not known for this chip\n"));
  return text;
}

static std::string formatLimits(const MachineLimits &limits) {
  auto giga = [](double value) { return formatFixed(value / 1e9, 1); };
  bool isGpu = !limits.chip.empty();
  std::string text = "\nroofline of ";
  text += isGpu ? limits.chip + ", " + limits.units + "\n"
                : std::to_string(limits.threads) +
                      (limits.threads == 1 ? " thread\n" : " threads\n");
  text += std::string(isGpu ? "  copying       " : "  reading       ") +
          giga(limits.read.best) + " GB/s before the tests";
  if (limits.readAfter)
    text += ", " + giga(limits.readAfter->best) + " after";
  text += " (medians " + giga(limits.read.median);
  if (limits.readAfter)
    text += ", " + giga(limits.readAfter->median);
  text += "; " + formatBytes(limits.streamedBytes) + " streamed)\n";
  auto addPeak = [&](const char *name, const Rate &rate, std::string_view how) {
    text += name + giga(rate.best) + " GOP/s (median " + giga(rate.median) +
            "; " + std::string(how) + ")\n";
  };
  if (isGpu)
    return text + formatPeaks(limits);
  addPeak("  int8          ", limits.int8, limits.int8Instruction);
  addPeak("  float32       ", limits.float32, limits.float32Instruction);
  return text;
}

static std::string formatShare(double share, std::string_view limit) {
  return formatFixed(100 * share, share < 0.1 ? 1 : 0) + "% of " +
         std::string(limit);
}

/// Work that is not counted (copies, choices) has no limit to compare with.
static std::string formatKernelShare(const KernelRow &row,
                                     const MachineLimits &limits) {
  Roof roof = roofOf(row, limits);
  if (roof.seconds() <= 0)
    return "";
  return "  " + formatShare(roof.seconds() / row.seconds,
                            roof.limit() == "memory"
                                ? "memory"
                                : arithmeticName(row.arithmetic));
}

static std::string formatKernel(const KernelRow &row, double wholeSeconds,
                                const MachineLimits *limits) {
  std::string text = formatLine("  %-32s %9llu %6.1f%% %8.2f %9.1f",
                                (row.operation + " " + row.kind).c_str(),
                                static_cast<unsigned long long>(row.launches),
                                100 * row.seconds / wholeSeconds,
                                row.work.bytes / row.seconds / 1e9,
                                row.work.flops / row.seconds / 1e9);
  if (limits)
    text += formatKernelShare(row, *limits);
  return text + "\n";
}

/// Says what a token of a test costs and which limit binds, then each kernel.
static std::string formatProfile(const BenchEntry &entry,
                                 const MachineLimits *limits) {
  const TestProfile &profile = *entry.profile;
  auto tokens = static_cast<double>(profile.tokens);
  double rate = entry.result.median();
  Work work = totalWork(profile.kernels);
  std::string text =
      "\n" + entry.result.test.name + ": " +
      formatBytes(static_cast<uint64_t>(work.bytes / tokens)) + " and " +
      formatFixed(work.flops / tokens / 1e6, 2) + " MFLOP a token; " +
      formatFixed(work.bytes / tokens * rate / 1e9, 2) + " GB/s, " +
      formatFixed(work.flops / tokens * rate / 1e9, 1) + " GOP/s";
  if (limits) {
    Roof roof = roofOf(profile.kernels, *limits);
    double most = tokens / roof.seconds();
    text += "\n  " + formatShare(rate / most, roof.limit()) +
            ", which would allow " + formatFixed(most, 1) + " tokens/s";
  }
  text += "\n  kernel                            launches    time     GB/s     "
          "GOP/s";
  text += limits ? "  of its limit\n" : "\n";
  for (const KernelRow &row : profile.kernels)
    text += formatKernel(row, profile.seconds, limits);
  return text + formatLine("  %-32s %9s %6.1f%%\n", "between dispatches", "",
                           100 * profile.otherShare());
}

/// Whether a kernel read faster than the machine's memory.
static bool exceedsMemory(const BenchReport &report) {
  double most = report.limits->readBytesPerSecond();
  for (const auto *entries : {&report.results, &report.cases})
    for (const BenchEntry &entry : *entries)
      if (entry.profile)
        for (const KernelRow &row : entry.profile->kernels)
          if (row.work.bytes > row.seconds * most)
            return true;
  return false;
}

std::string toText(const BenchReport &report) {
  const MachineLimits *limits = report.limits ? &*report.limits : nullptr;
  std::string text = formatRates(report) + formatStart(report);
  if (limits)
    text += formatLimits(*limits);
  for (const auto *entries : {&report.results, &report.cases})
    for (const BenchEntry &entry : *entries)
      if (entry.profile)
        text += formatProfile(entry, limits);
  if (limits && exceedsMemory(report))
    text += "\nMore than 100% of memory: the bytes came from a cache, or the "
            "machine was busier\nwhen its limits were measured.\n";
  return text;
}

} // namespace gossamer::tools
