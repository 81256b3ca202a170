//===- WeightReport.h - Statistics of stored weights ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Reads every byte of the tensors of an artifact or a checkpoint from where
// they are mapped, or as its form makes them: to hash it, and again to count.
// Results do not depend on the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_REPORT_WEIGHTREPORT_H
#define GOSSAMER_TOOLS_REPORT_WEIGHTREPORT_H

#include "frontend/checkpoint/Checkpoint.h"
#include "runtime/artifact/manifest.pb.h"
#include "tools/report/report.pb.h"

#include <cstddef>
#include <span>
#include <vector>

namespace gossamer::tools {

/// What the bytes of a tensor are.
enum class WeightForm : uint8_t {
  BF16,
  F16,
  F32,
  Mxfp4Codes,      ///< two E2M1 codes a byte.
  Mxfp4Scales,     ///< E8M0.
  PanelMxfp4Codes, ///< in row panels (PackedWeights.h).
  PanelBytes,      ///< in row panels, integers plus 128, with steps.
  Unknown,         ///< nothing but bytes.
};

/// A tensor whose bytes can be read.
struct StoredTensor {
  WeightForm form = WeightForm::Unknown;
  TensorBytes bytes;
  /// What a block's numbers are multiplied by: E8M0, or BF16 for PanelBytes.
  /// Empty: statistics are of the codes or integers.
  TensorBytes scales;
};

/// The tensors of a checkpoint with weights, in the order of its report.
std::vector<StoredTensor> storedTensors(const Checkpoint &checkpoint);

/// The tensors of a checked manifest, in its order. `embedded` is the section
/// `weights`; without embedded weights `files` has each of the manifest's
/// weight files, of the recorded size.
std::vector<StoredTensor>
storedTensors(const proto::Manifest &manifest,
              std::span<const std::byte> embedded,
              std::span<const std::span<const std::byte>> files);

/// Statistics of the numbers that the tensor holds. Minimum, maximum, mean and
/// root mean square are those of its finite numbers (0 when it has none);
/// rows that fill up a panel count as zeros.
proto::WeightStatistics computeStatistics(const StoredTensor &tensor);

/// Completes the report's weights, which are of `tensors` in this order, with
/// SHA-256 and, if asked for, statistics. Reads on all cores; `progress` may
/// cancel (Interrupted).
Status addWeightContents(std::span<const StoredTensor> tensors,
                         bool withStatistics, proto::Report &report,
                         const ProgressFunction &progress = {});

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_REPORT_WEIGHTREPORT_H
