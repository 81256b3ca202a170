//===- PlanSummary.h - The plan level as a table ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_PLANSUMMARY_H
#define GOSSAMER_TOOLS_GOSSC_PLANSUMMARY_H

#include "ir/GptOss.h"
#include "runtime/artifact/manifest.pb.h"
#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace gossamer {

/// One tensor of a parameter: a checkpoint's, or one that is made from it.
struct PlanTensor {
  std::string parameter; ///< symbol.
  std::string source;    ///< name in the checkpoint.
  /// Layout row_panel: `part` (values, then scales) of what is made from
  /// `source` (MXFP4 blocks or scales, or a dense matrix).
  bool isPacked = false;
  unsigned part = 0;
  int64_t block = 0;     ///< of row_panel: inputs that share a scale.
  mlir::MemRefType type; ///< as stored.
};

/// What the manifest takes from a module at the plan level.
struct PlanSummary {
  std::vector<PlanTensor> tensors; ///< order of goss_step_args.parameters.
  std::vector<proto::Launch> launches;
  /// One a kernel, in module order, with what the plan knows of it: symbol of
  /// the plan, operation, work.
  std::vector<proto::Kernel> kernels;
  size_t groupCount = 0; ///< launches with one synchronisation count once.
  uint64_t arenaBytes = 0;
  mlir::gptoss::CacheType cache;

  /// Reads the module; fails with Internal where it is no plan.
  static Expected<PlanSummary> create(mlir::ModuleOp plan);
};

/// The cache's layout for the manifest.
void fillCacheLayout(mlir::gptoss::CacheType cache, proto::CacheLayout &layout);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_PLANSUMMARY_H
