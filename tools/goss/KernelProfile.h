//===- KernelProfile.h - Time, bytes and arithmetic by kernel ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H
#define GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H

#include "runtime/device/Device.h"
#include "tools/report/KernelArithmetic.h"
#include "tools/report/LaunchCost.h"

#include <string>
#include <vector>

namespace gossamer::tools {

/// All launches of the kernels of one operation and kind.
struct KernelRow {
  std::string operation;
  std::string kind;
  Arithmetic arithmetic = Arithmetic::Float32;
  uint64_t launches = 0;
  double seconds = 0;
  Work work;
};

/// Adds up the dispatches that it sees. Launches that ran as one dispatch
/// share its time in proportion to their estimated cost.
class KernelProfile final : public DispatchObserver {
public:
  explicit KernelProfile(const proto::Manifest &manifest);

  void dispatched(const DispatchEvent &event) override;

  /// What was seen so far, the longest time first.
  std::vector<KernelRow> rows() const;

private:
  struct LaunchInfo {
    LaunchCost cost;
    size_t row;
  };

  size_t findRow(const proto::Kernel &kernel, std::string_view mathMode);

  std::vector<LaunchInfo> launches_; ///< order of the manifest's launches.
  std::vector<KernelRow> rows_;
  std::vector<Work> works_; ///< of the dispatch at hand.
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H
