//===- KernelProfile.cpp - Time, bytes and arithmetic by kernel -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/KernelProfile.h"

#include <algorithm>

namespace gossamer::tools {

KernelProfile::KernelProfile(const proto::Manifest &manifest, Device *device)
    : device_(device) {
  launches_.reserve(static_cast<size_t>(manifest.launches_size()));
  for (const proto::Launch &launch : manifest.launches()) {
    const proto::Kernel &kernel =
        manifest.kernels(static_cast<int>(launch.kernel()));
    KernelRow row;
    row.operation = kernel.operation();
    row.kind = kernel.kind();
    row.arithmetic = arithmeticOf(row.kind, manifest.math_mode());
    launches_.push_back({LaunchCost(manifest, launch), std::move(row)});
  }
}

/// Nanoseconds by the rough figures with which the device divides work too: 8
/// bytes and 16 operations a nanosecond. Never nothing, so that shares of a
/// dispatch always add up.
static double estimateNanoseconds(const Work &work) {
  return std::max({work.bytes / 8, work.flops / 16, 1.0});
}

void KernelProfile::dispatched(const DispatchEvent &event) {
  double estimate = 0;
  works_.clear();
  for (const goss_launch &launch : event.launches) {
    if (launch.id >= launches_.size())
      return; // Not a launch of this manifest.
    works_.push_back(launches_[launch.id].cost.of(launch, event.dims, device_));
    estimate += estimateNanoseconds(works_.back());
  }
  double seconds =
      std::chrono::duration<double>(event.end - event.begin).count();
  for (size_t i = 0; i < works_.size(); ++i) {
    KernelRow &row = launches_[event.launches[i].id].row;
    ++row.launches;
    row.seconds += seconds * estimateNanoseconds(works_[i]) / estimate;
    row.work += works_[i];
  }
}

std::vector<KernelRow> KernelProfile::rows() const {
  std::vector<KernelRow> rows;
  for (const LaunchInfo &launch : launches_) {
    if (launch.row.launches == 0)
      continue;
    auto found = std::find_if(rows.begin(), rows.end(), [&](const auto &row) {
      return row.operation == launch.row.operation &&
             row.kind == launch.row.kind;
    });
    if (found == rows.end())
      rows.push_back(launch.row);
    else
      *found += launch.row;
  }
  std::sort(rows.begin(), rows.end(),
            [](const KernelRow &a, const KernelRow &b) {
              return a.seconds > b.seconds;
            });
  return rows;
}

std::vector<LaunchRow> KernelProfile::launchRows() const {
  std::vector<LaunchRow> rows;
  for (size_t i = 0; i < launches_.size(); ++i)
    if (launches_[i].row.launches > 0)
      rows.push_back({static_cast<uint32_t>(i), launches_[i].row});
  return rows;
}

} // namespace gossamer::tools
