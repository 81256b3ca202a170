//===- CompileReport.h - What a compilation did -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_COMPILEREPORT_H
#define GOSSAMER_TOOLS_GOSSC_COMPILEREPORT_H

#include "backends/Backend.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace gossamer {

/// A fusion that was done, or the reason why not.
struct FusionRecord {
  std::string pass;    ///< "fuse-rope".
  std::string place;   ///< name of the operation, "layers.3.attention.q".
  std::string message; ///< "fused ..." or "not fused: ...".
  bool fused = false;
};

/// One stage of the compilation.
struct StageRecord {
  std::string name;
  double seconds = 0;
  int64_t operations = 0; ///< in the module after the stage, 0 = none.
};

/// Facts gathered on the way, for people and as JSON.
struct CompileReport {
  std::string model; ///< "6 layers, 16 experts (4 active), ..."
  std::string target;
  std::string triple;
  std::string cpu;
  std::vector<std::string> requiredFeatures;
  unsigned optLevel = 0;
  std::string math;
  std::string cacheType; ///< "f32" or "bf16".
  int64_t maxContext = 0;
  int64_t maxTokensPerStep = 0;
  uint64_t parameterCount = 0;
  uint64_t weightBytes = 0;
  uint64_t arenaBytes = 0;
  uint64_t cacheBytesPerToken = 0;
  size_t launchCount = 0;
  size_t groupCount = 0; ///< groups of launches with one synchronisation.
  uint64_t codeBytes = 0;
  uint64_t artifactBytes = 0;
  std::vector<StageRecord> stages;
  std::vector<FusionRecord> fusions;
  std::vector<KernelRecord> kernels;
  std::vector<std::string> notes; ///< choices a reader should know.

  /// Number of fusions done by passes of that name; all for "".
  size_t countFused(llvm::StringRef pass = "") const;
  /// The whole report; one object, indented.
  std::string toJson() const;
};

/// Times a scope and appends it to the report's stages.
class StageTimer {
public:
  StageTimer(CompileReport &report, std::string name)
      : report_(report), name_(std::move(name)) {}
  /// Ends the stage with the number of operations it left.
  void finish(int64_t operations = 0);

private:
  CompileReport &report_;
  std::string name_;
  std::chrono::steady_clock::time_point begin_ =
      std::chrono::steady_clock::now();
};

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_COMPILEREPORT_H
