//===- ReportTextWeights.cpp - Weights and kernels as text ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/report/ReportText.h"
#include "tools/report/TextTable.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace gossamer::tools::detail {

namespace {

std::string formatValue(double value) {
  std::array<char, 64> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%.6g", value);
  return buffer.data();
}

std::string tableOfPlaces(const proto::Report &report) {
  TextTable table({{"tensor"},
                   {"dtype"},
                   {"shape"},
                   {"bytes", true},
                   {"layout"},
                   {"file"},
                   {"offset", true},
                   {"sha256"}});
  for (const proto::Weight &weight : report.weights())
    table.addRow({weight.name(), weight.dtype(), describeShape(weight.shape()),
                  formatCount(weight.size()),
                  weight.layout() == "published" ? "" : weight.layout(),
                  weight.file(), formatCount(weight.offset()),
                  shortHash(weight.sha256())});
  return table.print();
}

/// "2^-9 ... 2^3" of a tensor's scales.
std::string scaleRange(const proto::WeightStatistics &stats) {
  if (stats.scales_size() == 0)
    return "";
  auto [low, high] =
      std::ranges::minmax(stats.scales(), {}, &proto::ScaleCount::exponent);
  return "2^" + std::to_string(low.exponent()) + " ... 2^" +
         std::to_string(high.exponent());
}

std::string tableOfStatistics(const proto::Report &report) {
  TextTable table({{"tensor"},
                   {"min", true},
                   {"max", true},
                   {"mean", true},
                   {"rms", true},
                   {"zeros", true},
                   {"NaN", true},
                   {"infinite", true},
                   {"scales"}});
  for (const proto::Weight &weight : report.weights()) {
    if (!weight.has_stats())
      continue;
    const proto::WeightStatistics &stats = weight.stats();
    table.addRow({weight.name(), formatValue(stats.min()),
                  formatValue(stats.max()), formatValue(stats.mean()),
                  formatValue(stats.rms()), formatCount(stats.zeros()),
                  formatCount(stats.nans()), formatCount(stats.infinities()),
                  scaleRange(stats)});
  }
  return table.isEmpty() ? "" : "\nStatistics of the numbers\n" + table.print();
}

/// How often each exponent occurs in all E8M0 tensors together.
std::string histogramOfScales(const proto::Report &report) {
  std::map<int32_t, uint64_t> counts;
  uint64_t most = 0;
  for (const proto::Weight &weight : report.weights())
    for (const proto::ScaleCount &scale : weight.stats().scales())
      most = std::max(most, counts[scale.exponent()] += scale.count());
  if (most == 0)
    return "";
  constexpr double barWidth = 60;
  TextTable table({{"scale", true}, {"blocks", true}, {""}});
  for (auto [exponent, count] : counts) {
    auto length = std::lround(barWidth * static_cast<double>(count) /
                              static_cast<double>(most));
    table.addRow({"2^" + std::to_string(exponent), formatCount(count),
                  std::string(static_cast<size_t>(std::max(length, 1L)), '#')});
  }
  return "\nScales of all MXFP4 blocks\n" + table.print();
}

} // namespace

std::string textOfWeights(const proto::Report &report) {
  if (report.weights_size() == 0)
    return "";
  uint64_t bytes = 0;
  for (const proto::Weight &weight : report.weights())
    bytes += weight.size();
  return "Weights: " +
         formatCount(static_cast<uint64_t>(report.weights_size())) +
         " tensors, " + describeBytes(bytes) + "\n" + tableOfPlaces(report) +
         tableOfStatistics(report) + histogramOfScales(report);
}

namespace {

std::string disassemblyOf(const std::string &symbol, const std::string &text) {
  return text.empty() ? "" : "\n" + printable(symbol) + "\n" + text;
}

/// What runs on a GPU: empty where the report has none.
std::string tableOfDeviceFunctions(const proto::Report &report) {
  TextTable table({{"device function"},
                   {"offset", true},
                   {"bytes", true},
                   {"registers", true},
                   {"bytes of PTX", true},
                   {"sha256 of PTX"}});
  for (const proto::DeviceFunction &function : report.device_functions()) {
    bool hasCode = function.code_bytes() != 0;
    table.addRow(
        {function.symbol(), hasCode ? formatCount(function.offset()) : "",
         hasCode ? formatCount(function.code_bytes()) : "",
         function.registers() ? formatCount(function.registers()) : "",
         formatCount(function.ptx_bytes()), shortHash(function.sha256())});
  }
  return table.isEmpty() ? "" : "\n" + table.print();
}

/// What is code but no kernel: empty where the report has none.
std::string tableOfFunctions(const proto::Report &report) {
  TextTable table(
      {{"other function"}, {"offset", true}, {"bytes", true}, {"sha256"}});
  for (const proto::CodeFunction &function : report.functions())
    table.addRow({function.symbol(), formatCount(function.offset()),
                  formatCount(function.code_bytes()),
                  shortHash(function.sha256())});
  return table.isEmpty() ? "" : "\n" + table.print();
}

} // namespace

std::string textOfKernels(const proto::Report &report) {
  if (report.kernels_size() + report.functions_size() +
          report.device_functions_size() ==
      0)
    return "";
  TextTable table({{"symbol"},
                   {"operation"},
                   {"kind"},
                   {"offset", true},
                   {"bytes", true},
                   {"launches", true},
                   {"sha256"},
                   {"why this kind"}});
  uint64_t bytes = 0;
  std::string disassembly;
  for (const proto::KernelReport &kernel : report.kernels()) {
    bytes += kernel.code_bytes();
    bool hasCode = kernel.code_bytes() != 0;
    table.addRow({kernel.symbol(), kernel.operation(), kernel.kind(),
                  hasCode ? formatCount(kernel.offset()) : "",
                  hasCode ? formatCount(kernel.code_bytes()) : "",
                  formatCount(kernel.launches()), shortHash(kernel.sha256()),
                  kernel.reason()});
    disassembly += disassemblyOf(kernel.symbol(), kernel.disassembly());
  }
  for (const proto::DeviceFunction &function : report.device_functions()) {
    // Those of kernels are counted there.
    bytes += function.kernel().empty() ? function.code_bytes() : 0;
    disassembly += disassemblyOf(function.symbol(), function.disassembly());
  }
  for (const proto::CodeFunction &function : report.functions()) {
    bytes += function.code_bytes();
    disassembly += disassemblyOf(function.symbol(), function.disassembly());
  }
  return "Kernels: " +
         formatCount(static_cast<uint64_t>(report.kernels_size())) +
         (bytes ? ", " + describeBytes(bytes) + " of code" : "") + "\n" +
         (table.isEmpty() ? "" : table.print()) +
         tableOfDeviceFunctions(report) + tableOfFunctions(report) +
         disassembly;
}

} // namespace gossamer::tools::detail
