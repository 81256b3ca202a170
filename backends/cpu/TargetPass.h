//===- TargetPass.h - Target options of passes ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_TARGETPASS_H
#define GOSSAMER_BACKENDS_CPU_TARGETPASS_H

#include "backends/cpu/CpuTarget.h"

#include <algorithm>
#include <string>

namespace gossamer::cpu {

/// Makes resolved options from a pass's. A comma ends an option on a command
/// line, so ':' may stand for it.
inline mlir::FailureOr<TargetOptions> resolvePassTarget(mlir::ModuleOp module,
                                                        std::string mcpu,
                                                        std::string features,
                                                        unsigned optLevel) {
  TargetOptions options;
  options.mcpu = std::move(mcpu);
  options.features = std::move(features);
  std::replace(options.features.begin(), options.features.end(), ':', ',');
  options.optLevel = optLevel;
  if (Status status = resolveTarget(options); !status)
    return module.emitError(status.message());
  return options;
}

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_TARGETPASS_H
