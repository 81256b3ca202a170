//===- CpuFeatures.h - Does this machine run that code? ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CPUFEATURES_H
#define GOSSAMER_RUNTIME_DEVICE_CPUFEATURES_H

#include "runtime/support/Status.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gossamer {

/// Whether this CPU has `feature` (LLVM's name, such as "avx512vnni") and the
/// operating system saves the registers it uses; nullopt for a name this
/// runtime does not know.
std::optional<bool> hostHasCpuFeature(std::string_view feature);

/// Ok when this machine has all of `required`. A leading '+' is allowed.
/// Otherwise Unavailable, with the first feature that is lacking or unknown.
Status checkCpuFeatures(std::span<const std::string> required);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_CPUFEATURES_H
