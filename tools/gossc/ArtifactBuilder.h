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
  bool embedWeights = false;
  std::string tokenizerImage; ///< of an artifact; empty without tokenizer.

  /// Opens `options.input` and settles the sizes. Fails with Usage for sizes
  /// that the model does not have, for a config alone where an artifact is
  /// asked for, and for a reference to a checkpoint that does not allow it.
  /// For an artifact the tokenizer is read too, so that a broken one is known
  /// before anything is compiled, and what is embedded from other forms is
  /// checked for NaN and infinities.
  static Expected<CompilerInput> open(const CompilerOptions &options);

  /// "6 layers, 16 experts (4 active), 9.1 M parameters in 7.7 MB".
  std::string describe() const;
};

/// What earlier stages made for the artifact.
struct ArtifactParts {
  const CompilerInput &input;
  mlir::ModuleOp plan;         ///< null before that stage.
  const CompiledCode &code;    ///< without kernels before that stage.
  const TargetOptions &target; ///< resolved.
  std::string graphBytecode;
};

/// The module as MLIR bytecode, for the graph section.
Expected<std::string> writeGraphBytecode(mlir::ModuleOp module);

/// The manifest of an artifact that is not written, as far as `parts` go; of a
/// config alone without files and offsets. For reports only.
Expected<proto::Manifest> describeArtifact(const CompilerOptions &options,
                                           const ArtifactParts &parts);

/// Writes `options.output` with the record of `report`, and notes its manifest
/// and sizes there.
Status writeArtifact(const CompilerOptions &options, const ArtifactParts &parts,
                     CompileReport &report, const CancelCallback &cancelled);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_ARTIFACTBUILDER_H
