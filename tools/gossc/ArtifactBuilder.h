//===- ArtifactBuilder.h - Sections of an artifact --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_ARTIFACTBUILDER_H
#define GOSSAMER_TOOLS_GOSSC_ARTIFACTBUILDER_H

#include "frontend/checkpoint/Checkpoint.h"
#include "tools/gossc/Compiler.h"

namespace gossamer {

/// A checkpoint and the sizes that the command line may leave open.
struct CompilerInput {
  Checkpoint checkpoint;
  int64_t maxContext = 0;
  int64_t maxTokensPerStep = 0;

  /// Opens `options.input` and settles the sizes. Fails with Usage for sizes
  /// that the model does not have, and for a config alone where an artifact
  /// is asked for.
  static Expected<CompilerInput> open(const CompilerOptions &options);

  /// "6 layers, 16 experts (4 active), 9.1 M parameters in 7.7 MB".
  std::string describe() const;
};

/// What earlier stages made for the artifact.
struct ArtifactParts {
  const CompilerInput &input;
  mlir::ModuleOp plan;
  const CompiledCode &code;
  const TargetOptions &target; ///< resolved.
  std::string graphBytecode;
};

/// The module as MLIR bytecode, for the graph section.
Expected<std::string> writeGraphBytecode(mlir::ModuleOp module);

/// Writes `options.output` and notes its sizes in `report`.
Status writeArtifact(const CompilerOptions &options, const ArtifactParts &parts,
                     CompileReport &report, const CancelCallback &cancelled);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_ARTIFACTBUILDER_H
