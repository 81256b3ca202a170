//===- Roofline.h - Work against the machine's limits -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_ROOFLINE_H
#define GOSSAMER_TOOLS_GOSS_ROOFLINE_H

#include "tools/goss/KernelProfile.h"
#include "tools/goss/MachineLimits.h"

#include <span>

namespace gossamer::tools {

/// The least time that some work takes on a machine: it reads while it
/// computes, so the longer of the two counts.
struct Roof {
  double memorySeconds = 0;
  double computeSeconds = 0;

  double seconds() const {
    return memorySeconds > computeSeconds ? memorySeconds : computeSeconds;
  }
  /// Which limit binds: "memory" or "compute".
  std::string_view limit() const {
    return memorySeconds >= computeSeconds ? "memory" : "compute";
  }
};

/// Most operations of the model a second: half the int8 peak for products in
/// two parts, a third of the bf16 one for those in three; 0 where that is not
/// known.
double peakOf(const MachineLimits &limits, Arithmetic arithmetic);

Roof roofOf(const KernelRow &row, const MachineLimits &limits);
/// Of kernels that run one after the other, as if reading for one could
/// overlap the arithmetic of any other.
Roof roofOf(std::span<const KernelRow> rows, const MachineLimits &limits);

/// Sum over all kernels.
Work totalWork(std::span<const KernelRow> rows);
double totalSeconds(std::span<const KernelRow> rows);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_ROOFLINE_H
