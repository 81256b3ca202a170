//===- KernelProfile.cpp - Time, bytes and arithmetic by kernel -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/KernelProfile.h"

#include <algorithm>

namespace gossamer::tools {

KernelProfile::KernelProfile(const proto::Manifest &manifest) {
  launches_.reserve(static_cast<size_t>(manifest.launches_size()));
  for (const proto::Launch &launch : manifest.launches())
    launches_.push_back(
        {LaunchCost(manifest, launch),
         findRow(manifest.kernels(static_cast<int>(launch.kernel())),
                 manifest.math_mode())});
}

size_t KernelProfile::findRow(const proto::Kernel &kernel,
                              std::string_view mathMode) {
  auto found = std::find_if(rows_.begin(), rows_.end(), [&](const auto &row) {
    return row.operation == kernel.operation() && row.kind == kernel.kind();
  });
  if (found == rows_.end()) {
    KernelRow row;
    row.operation = kernel.operation();
    row.kind = kernel.kind();
    row.arithmetic = arithmeticOf(row.kind, mathMode);
    found = rows_.insert(rows_.end(), std::move(row));
  }
  return static_cast<size_t>(found - rows_.begin());
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
    works_.push_back(launches_[launch.id].cost.of(launch, event.dims));
    estimate += estimateNanoseconds(works_.back());
  }
  double seconds =
      std::chrono::duration<double>(event.end - event.begin).count();
  for (size_t i = 0; i < works_.size(); ++i) {
    KernelRow &row = rows_[launches_[event.launches[i].id].row];
    ++row.launches;
    row.seconds += seconds * estimateNanoseconds(works_[i]) / estimate;
    row.work += works_[i];
  }
}

std::vector<KernelRow> KernelProfile::rows() const {
  std::vector<KernelRow> rows;
  std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(rows),
               [](const KernelRow &row) { return row.launches > 0; });
  std::sort(rows.begin(), rows.end(),
            [](const KernelRow &a, const KernelRow &b) {
              return a.seconds > b.seconds;
            });
  return rows;
}

} // namespace gossamer::tools
