//===- CpuTarget.h - Processor names and features ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Which instructions generated code may use. Code is made for a fixed set of
// features that a loader can check, not for all a processor has: what a name
// like "sapphirerapids" promises beyond them (AMX, say) may be masked by the
// host. The processor's name still drives instruction scheduling.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_CPUTARGET_H
#define GOSSAMER_BACKENDS_CPU_CPUTARGET_H

#include "backends/Backend.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <set>
#include <string>

namespace gossamer::cpu {

/// The only triple so far.
inline constexpr const char *kTriple = "x86_64-unknown-linux-gnu";

/// Features of a resolved target.
class CpuFeatures {
public:
  CpuFeatures() = default;
  /// Reads "+a,-b,+c" as `resolveTarget` writes it.
  explicit CpuFeatures(llvm::StringRef list);

  bool has(llvm::StringRef feature) const {
    return enabled_.count(feature.str()) != 0;
  }
  bool hasAll(llvm::ArrayRef<llvm::StringLiteral> features) const;
  bool hasFma() const { return has("fma") || has("avx512f"); }
  bool hasF16c() const { return has("f16c") || has("avx512f"); }

  /// Names, sorted.
  std::vector<std::string> names() const {
    return {enabled_.begin(), enabled_.end()};
  }

private:
  std::set<std::string> enabled_;
};

/// Replaces "native" by the host's processor and writes every feature that
/// code may use into `options.features`, "+" or "-". Idempotent. Fails with
/// Usage for an unknown processor or feature.
Status resolveTarget(TargetOptions &options);

/// Makes LLVM's x86-64 code generator available. Thread-safe.
void initializeCodeGenerator();

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_CPUTARGET_H
