//===- CompileReport.h - What a compilation did -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_COMPILEREPORT_H
#define GOSSAMER_TOOLS_GOSSC_COMPILEREPORT_H

#include "runtime/artifact/manifest.pb.h"
#include "runtime/artifact/record.pb.h"
#include "tools/gossc/CompilerOptions.h"
#include "tools/report/report.pb.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace gossamer {

/// Facts gathered on the way: a few for the person who waits, and what a report
/// is made of.
struct CompileReport {
  std::string model; ///< "6 layers, 16 experts (4 active), ..."
  std::string target;
  std::string cpu;
  std::vector<std::string> requiredFeatures;
  unsigned optLevel = 0;
  std::string math;
  std::string cacheType; ///< "f32" or "bf16".
  int64_t maxContext = 0;
  uint64_t arenaBytes = 0;
  size_t launchCount = 0;
  size_t groupCount = 0; ///< groups of launches with one synchronisation.
  uint64_t codeBytes = 0;
  uint64_t artifactBytes = 0;
  size_t kernelCount = 0;
  std::vector<proto::CompileStage> stages;
  std::vector<std::string> notes; ///< choices a reader should know.
  /// What the artifact says of itself. Below the artifact complete only with
  /// CompilerOptions::report, and then as far as the compilation went.
  proto::Manifest manifest;
  proto::CompileRecord record;

  /// Number of fusions done by passes of that name; all for "".
  size_t countFused(llvm::StringRef pass = "") const;
};

/// The report of a compilation with `options`, which has
/// CompilerOptions::report or wrote an artifact: of an artifact what its file
/// says, and in both cases the stages.
Expected<proto::Report> makeReport(const CompilerOptions &options,
                                   const CompileReport &compiled);

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
