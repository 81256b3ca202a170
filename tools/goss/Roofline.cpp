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
  case Arithmetic::Bf16:
    return limits.bf16.best;
  case Arithmetic::Bf16ThreeParts:
    return limits.bf16.best / 3;
  }
  return 0;
}

Roof roofOf(const KernelRow &row, const MachineLimits &limits) {
  double peak = peakOf(limits, row.arithmetic);
  return {row.work.bytes / limits.readBytesPerSecond(),
          peak > 0 ? row.work.flops / peak : 0};
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
