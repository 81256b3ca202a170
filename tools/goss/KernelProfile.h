//===- KernelProfile.h - Time, bytes and arithmetic by kernel ---*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H
#define GOSSAMER_TOOLS_GOSS_KERNELPROFILE_H

#include "runtime/device/Device.h"
#include "tools/goss/LaunchCost.h"

#include <string>
#include <string_view>
#include <vector>

namespace gossamer::tools {

/// Units that do a kernel's products.
enum class Arithmetic {
  Float32,
  Int8,
  Int8TwoParts, ///< two int8 products for each product of the model.
};

/// "float32", "int8" or "int8x2".
std::string_view arithmeticName(Arithmetic arithmetic);

/// Units that a kernel kind uses in an artifact of that math mode.
Arithmetic arithmeticOf(std::string_view kind, std::string_view mathMode);

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
