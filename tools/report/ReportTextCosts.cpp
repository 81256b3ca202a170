//===- ReportTextCosts.cpp - Predicted costs as text ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/LayerFolding.h"
#include "tools/report/ReportText.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <algorithm>

namespace gossamer::tools::detail {

namespace {

std::string bytesText(double bytes) {
  return bytes > 0 ? formatWithPrefix(bytes, "B") : "0 B";
}

/// Kernels of small models take less than a microsecond.
std::string secondsText(double seconds) {
  return seconds < 1e-5 ? formatFixed(seconds * 1e6, 2) + " us"
                        : formatSeconds(seconds);
}

/// What a launch or a group of them costs, as cells.
std::vector<std::string> costCells(const proto::LaunchCost &cost) {
  return {formatWithPrefix(cost.flops(), "FLOP"),
          bytesText(cost.weight_bytes()),
          bytesText(cost.cache_bytes()),
          bytesText(cost.activation_bytes()),
          formatFixed(cost.intensity(), 2),
          secondsText(cost.seconds()),
          cost.limit(),
          formatFixed(cost.share() * 100, 1) + " %"};
}

std::vector<TextTable::Column> costColumns(TextTable::Column first,
                                           TextTable::Column second,
                                           TextTable::Column third) {
  return {std::move(first),      std::move(second),
          std::move(third),      {"arithmetic", true},
          {"weights", true},     {"cache", true},
          {"activations", true}, {"FLOP/byte", true},
          {"predicted", true},   {"limit"},
          {"share", true}};
}

std::vector<std::string> row(std::vector<std::string> cells,
                             const proto::LaunchCost &cost) {
  for (std::string &cell : costCells(cost))
    cells.push_back(std::move(cell));
  return cells;
}

void accumulate(proto::LaunchCost &sum, const proto::LaunchCost &cost) {
  sum.set_flops(sum.flops() + cost.flops());
  sum.set_weight_bytes(sum.weight_bytes() + cost.weight_bytes());
  sum.set_cache_bytes(sum.cache_bytes() + cost.cache_bytes());
  sum.set_activation_bytes(sum.activation_bytes() + cost.activation_bytes());
  sum.set_seconds(sum.seconds() + cost.seconds());
  sum.set_share(sum.share() + cost.share());
  double read = sum.weight_bytes() + sum.cache_bytes();
  sum.set_intensity(read > 0 ? sum.flops() / read : 0);
  if (sum.limit().empty())
    sum.set_limit(cost.limit());
  else if (sum.limit() != cost.limit())
    sum.set_limit("mixed");
}

const proto::KernelReport *kernelOf(const proto::Report &report, int launch) {
  if (launch >= report.launches_size())
    return nullptr;
  uint32_t kernel = report.launches(launch).kernel();
  return kernel < static_cast<uint32_t>(report.kernels_size())
             ? &report.kernels(static_cast<int>(kernel))
             : nullptr;
}

struct KernelGroup {
  const proto::KernelReport *kernel;
  uint64_t launches = 0;
  proto::LaunchCost sum;
};

/// By operation and kind of the kernels, the longest time first.
std::string textByKernel(const proto::Report &report, const proto::Cost &cost) {
  std::map<std::pair<std::string, std::string>, KernelGroup> groups;
  for (int i = 0; i < cost.launches_size(); ++i)
    if (const proto::KernelReport *kernel = kernelOf(report, i)) {
      KernelGroup &group = groups[{kernel->operation(), kernel->kind()}];
      group.kernel = kernel;
      ++group.launches;
      accumulate(group.sum, cost.launches(i));
    }
  std::vector<KernelGroup> sorted;
  sorted.reserve(groups.size());
  for (auto &[key, group] : groups)
    sorted.push_back(std::move(group));
  std::ranges::sort(sorted, [](const auto &a, const auto &b) {
    return a.sum.seconds() > b.sum.seconds();
  });
  TextTable table(costColumns({"operation"}, {"kind"}, {"launches", true}));
  for (const KernelGroup &group : sorted)
    table.addRow(row({group.kernel->operation(), group.kernel->kind(),
                      formatCount(group.launches)},
                     group.sum));
  table.addRow(row(
      {"total", "", formatCount(static_cast<uint64_t>(cost.launches_size()))},
      cost.total()));
  return table.print();
}

/// Each launch of the layers that are shown.
std::string textByLaunch(const proto::Report &report, const proto::Cost &cost,
                         const LayerFolding &folding) {
  TextTable table(costColumns({"launch"}, {"kernel"}, {"times", true}));
  int layer = -1;
  for (int i = 0; i < std::min(cost.launches_size(), report.launches_size());
       ++i) {
    const proto::LaunchReport &launch = report.launches(i);
    if (!folding.isShown(launch.layer()))
      continue;
    if (launch.layer() != layer && launch.layer() >= 0)
      table.addLine(folding.title(launch.layer()) + ", each");
    layer = launch.layer();
    const proto::KernelReport *kernel = kernelOf(report, i);
    table.addRow(row({launch.name(), kernel ? kernel->symbol() : "?",
                      std::to_string(folding.repeats(launch.layer()))},
                     cost.launches(i)));
  }
  return table.print();
}

/// The steps' limits are one machine's.
std::string describeMachine(const proto::MachineModel &machine) {
  return std::string("Machine, ") +
         (machine.measured() ? "measured" : "stated") + ": reads " +
         formatWithPrefix(machine.read_bytes_per_second(), "B/s") +
         ", float32 " +
         formatWithPrefix(machine.float32_flops_per_second(), "FLOP/s") +
         ", int8 " + formatWithPrefix(machine.int8_ops_per_second(), "OP/s") +
         "\n";
}

std::string describeStep(const proto::StepShape &step) {
  std::string text = printable(step.name()) + ": " +
                     formatCount(step.tokens()) +
                     (step.tokens() == 1 ? " token" : " tokens") + " after " +
                     formatCount(step.depth());
  if (step.sequences() > 1)
    text += ", " + formatCount(step.sequences()) + " sequences";
  return text;
}

/// Cache sizes by context; the same for every step.
std::string textOfCache(const proto::Cost &cost) {
  if (cost.kv_cache_size() == 0)
    return "";
  TextTable table({{"context", true}, {"keys and values", true}});
  for (const proto::KvCacheSize &size : cost.kv_cache())
    table.addRow({formatCount(size.context()), describeBytes(size.bytes())});
  return "Cache of one sequence\n" + table.print();
}

std::string describeTotal(const proto::Cost &cost) {
  double seconds = cost.total().seconds();
  double tokens =
      static_cast<double>(cost.step().tokens()) *
      static_cast<double>(std::max<uint64_t>(1, cost.step().sequences()));
  if (seconds <= 0)
    return "";
  return "  predicted " + formatSeconds(seconds) + " a step, " +
         formatFixed(tokens / seconds, 1) + " tokens/s at most\n";
}

std::string textOfReasons(const proto::Report &report) {
  TextTable table({{"kernel"}, {"kind"}, {"why"}});
  bool isKnown = false;
  for (const proto::KernelReport &kernel : report.kernels()) {
    isKnown |= !kernel.reason().empty();
    table.addRow({kernel.symbol(), kernel.kind(), kernel.reason()});
  }
  return isKnown ? "Kinds of kernels\n" + table.print() : "";
}

} // namespace

std::string textOfCosts(const proto::Report &report,
                        const TextOptions &options) {
  if (report.costs_size() == 0)
    return "";
  LayerFolding folding =
      foldLaunches(report, options.openLayers, options.openAll);
  std::string text = "Costs\n" + describeMachine(report.costs(0).machine());
  for (const proto::Cost &cost : report.costs())
    text += "\n" + describeStep(cost.step()) + "\n" + describeTotal(cost) +
            textByKernel(report, cost);
  for (const proto::Cost &cost : report.costs())
    text += "\n" + describeStep(cost.step()) + ", by launch\n" +
            textByLaunch(report, cost, folding);
  for (const std::string &part :
       {textOfReasons(report), textOfCache(report.costs(0))})
    text += (part.empty() ? "" : "\n") + part;
  return text;
}

} // namespace gossamer::tools::detail
