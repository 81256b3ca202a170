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

  /// Adds what was measured.
  KernelRow &operator+=(const KernelRow &other) {
    launches += other.launches;
    seconds += other.seconds;
    work += other.work;
    return *this;
  }
};

/// All runs of one launch of the manifest, as a row of its own.
struct LaunchRow {
  uint32_t launch = 0;
  KernelRow row;
};

/// Adds up the dispatches that it sees. Launches that ran as one dispatch
/// share its time in proportion to their estimated cost.
class KernelProfile final : public DispatchObserver {
public:
  /// `device`: whose memory holds what kernels choose; null: the host's.
  explicit KernelProfile(const proto::Manifest &manifest,
                         Device *device = nullptr);

  void dispatched(const DispatchEvent &event) override;
  bool takesNotes() const override { return true; }

  /// What was seen so far, the longest time first.
  std::vector<KernelRow> rows() const;
  /// The same for each launch that ran, in the order of the manifest.
  std::vector<LaunchRow> launchRows() const;

private:
  struct LaunchInfo {
    LaunchCost cost;
    KernelRow row;
  };

  Device *device_;
  std::vector<LaunchInfo> launches_; ///< order of the manifest's launches.
  std::vector<Work> works_;          ///< of the dispatch at hand.
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H
