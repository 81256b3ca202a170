//===- LaunchValues.h - What launches leave in memory -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Which buffers a launch writes and how much of each a step fills. The arena
// is used again by later launches of the same step: a value can be read only in
// the observer's call for its own dispatch (DispatchObserver).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_LAUNCHVALUES_H
#define GOSSAMER_TOOLS_GOSS_LAUNCHVALUES_H

#include "runtime/abi/StepAbi.h"
#include "runtime/artifact/manifest.pb.h"
#include "runtime/weights/Npy.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gossamer::tools {

/// A buffer of float32 or int32 that a launch writes.
struct LaunchValue {
  /// What the first extent counts.
  enum class Rows { Fixed, OfTokens, OfOutputs };

  uint32_t launch = 0;
  uint32_t binding = 0; ///< index into the launch's bindings.
  uint32_t number = 0;  ///< among those that are written.
  NpyType type = NpyType::F32;
  std::vector<uint64_t> shape; ///< with the most rows there can be.
  Rows rows = Rows::Fixed;
  uint64_t rowsPerUnit = 1; ///< of a token or output.

  /// The shape of what a step of these sizes fills.
  std::vector<uint64_t> shapeIn(const goss_dims &dims) const;
};

/// Of all launches of a manifest.
class LaunchValues {
public:
  explicit LaunchValues(const proto::Manifest &manifest);

  std::span<const LaunchValue> of(uint32_t launch) const {
    return launch < values_.size()
               ? std::span<const LaunchValue>(values_[launch])
               : std::span<const LaunchValue>();
  }
  size_t launches() const { return values_.size(); }
  /// Written bindings of a launch, those without a value included: the cache,
  /// quantized rows.
  uint32_t written(uint32_t launch) const { return written_[launch]; }

private:
  class Builder;

  std::vector<std::vector<LaunchValue>> values_;
  std::vector<uint32_t> written_;
};

/// "float32 [12, 256]".
std::string describeArray(NpyType type, std::span<const uint64_t> shape);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_LAUNCHVALUES_H
