//===- Roofline.cpp - Work against the machine's limits -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/Roofline.h"

namespace gossamer::tools {

double peakOf(const MachineLimits &limits, Arithmetic arithmetic) {
  switch (arithmetic) {
  case Arithmetic::Float32:
    return limits.float32.best;
  case Arithmetic::Int8:
    return limits.int8.best;
  case Arithmetic::Int8TwoParts:
    return limits.int8.best / 2;
  }
  return 0;
}

Roof roofOf(const KernelRow &row, const MachineLimits &limits) {
  return {row.work.bytes / limits.readBytesPerSecond(),
          row.work.flops / peakOf(limits, row.arithmetic)};
}

Roof roofOf(std::span<const KernelRow> rows, const MachineLimits &limits) {
  Roof sum;
  for (const KernelRow &row : rows) {
    Roof roof = roofOf(row, limits);
    sum.memorySeconds += roof.memorySeconds;
    sum.computeSeconds += roof.computeSeconds;
  }
  return sum;
}

Work totalWork(std::span<const KernelRow> rows) {
  Work work;
  for (const KernelRow &row : rows)
    work += row.work;
  return work;
}

double totalSeconds(std::span<const KernelRow> rows) {
  double seconds = 0;
  for (const KernelRow &row : rows)
    seconds += row.seconds;
  return seconds;
}

} // namespace gossamer::tools
