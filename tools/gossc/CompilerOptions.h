//===- CompilerOptions.h - What to compile, and how -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_COMPILEROPTIONS_H
#define GOSSAMER_TOOLS_GOSSC_COMPILEROPTIONS_H

#include "backends/Backend.h"
#include "passes/Passes.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gossamer {

/// Where a compilation stops.
enum class EmitLevel {
  Graph,    ///< primitive operations on tensors.
  Fused,    ///< after the fusions.
  Plan,     ///< kernels, dispatches and one arena.
  LLVM,     ///< the backend's lowered module.
  Assembly, ///< text for the assembler.
  Object,   ///< relocatable object.
  Artifact, ///< the .goss file.
};

/// The name after --emit=, such as "graph".
llvm::StringRef stringifyEmitLevel(EmitLevel level);

/// All that decides the bytes of an artifact, and where they go.
struct CompilerOptions {
  /// A checkpoint directory, or a config.json for levels below the artifact.
  std::string input;
  /// Artifact to write. Unused below EmitLevel::Artifact.
  std::string output;
  EmitLevel emit = EmitLevel::Artifact;
  std::string target = "cpu"; ///< name of a registered backend.
  TargetOptions codegen;
  /// Whether the artifact stores the weights or refers to the checkpoint's
  /// files; by default it refers where it can.
  std::optional<bool> embedWeights;
  /// Row panels of the experts' MXFP4 matrices. Needs embedWeights.
  bool packWeights = false;
  /// How the dense matrices are stored. 8 bits need embedWeights and a math
  /// mode other than Exact.
  DenseForm dense = DenseForm::Kept;
  /// Positions a sequence may have; 0 = the model's, 4096 at most.
  int64_t maxContext = 0;
  int64_t maxTokensPerStep = 512;
  /// How keys and values are stored, "f32" or "bf16"; empty = by the math mode.
  std::string cacheType;
  /// Fusions left out, by the name of their pass without "fuse-".
  std::vector<std::string> disabledFusions;
  /// Folder for a file a stage and kernel (StageDump.h); empty for none.
  std::string dumpDirectory;
  /// Passes after which the module is printed, to the folder above or to
  /// standard error; "all" for every one.
  std::vector<std::string> printAfter;
  /// Stage or pass after which the compilation ends without output; empty for
  /// none.
  std::string until;
  /// Whether a report is to be made: without an artifact, too, its manifest and
  /// record are filled in.
  bool report = false;
  /// On a terminal, how far embedded weights are on their way.
  bool showProgress = false;

  bool writesArtifact() const {
    return emit == EmitLevel::Artifact && until.empty();
  }
};

/// The stages that `until` takes beside passes, in order.
llvm::ArrayRef<llvm::StringRef> getStageNames();

/// The passes from graph to fused and from fused to plan, as goss-opt takes
/// them; "" for none.
std::string getFusePipeline(const CompilerOptions &options);
std::string getPlanPipeline(const CompilerOptions &options,
                            const Backend &backend);

/// The fusions that are disabled must exist (Usage).
Status checkFusionNames(const CompilerOptions &options);
/// The passes that are named must be some of this compilation's (Usage).
Status checkPassNames(const CompilerOptions &options, const Backend &backend,
                      const TargetOptions &target);

/// The cache's type that the options ask for. The default follows the math
/// mode: bf16 where activations are rounded anyway.
llvm::StringRef getCacheType(const CompilerOptions &options);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_COMPILEROPTIONS_H
