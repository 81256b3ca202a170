//===- StageDump.h - The folder of --dump-dir -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
//   NN-NAME         a file a stage: graph, fused, plan, loops, and the texts
//                   of the backend
//   passes/         modules of --print-ir-after
//   kernels/        NN-SYMBOL.{mlir,ll,s,mca.txt}: a kernel of the plan with
//                   what became of it
//   index.html      walks through all of them
//
// Files appear whole or not at all; those of a compilation that fails stay.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_STAGEDUMP_H
#define GOSSAMER_TOOLS_GOSSC_STAGEDUMP_H

#include "backends/Backend.h"
#include "runtime/support/Status.h"
#include "tools/gossc/CompileReport.h"
#include "tools/gossc/KernelExtract.h"

#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <string>
#include <vector>

namespace gossamer {

class AssemblyText;

/// A file of the folder.
struct DumpedFile {
  std::string path; ///< within the folder, "kernels/00-goss_kernel_0.s".
  size_t bytes = 0;
};

/// A stage as index.html shows it.
struct DumpedStage {
  DumpedFile file;
  std::string title;
  double seconds = 0; ///< 0: not measured alone.
  NameCounts counts;  ///< operations, instructions; empty: unknown text.
  /// Passes that make this module of the one before, "" for other texts.
  std::string pipeline;
  std::string command;            ///< the same as a command line of goss-opt.
  std::vector<DumpedFile> passes; ///< printed on the way to this stage.
};

/// A kernel as index.html shows it.
struct DumpedKernel {
  KernelRecord record;
  std::string name;      ///< symbol in the plan.
  std::string operation; ///< text of the gptoss.kernel.
  size_t launches = 0;
  std::vector<DumpedFile> files;
  size_t instructions = 0; ///< of the assembler text; 0: unknown.
  std::string loop;        ///< llvm-mca's report, or
  std::string loopMissing; ///< why there is none.
};

/// The text of index.html.
std::string makeDumpPage(const std::vector<DumpedStage> &stages,
                         const std::vector<DumpedKernel> &kernels,
                         const CompileReport &report);

/// Makes one text of the backend.
using TextEmitter = llvm::function_ref<Status(EmitStage, CompiledCode &)>;

class StageDump {
public:
  /// The folder must be empty or not there (Usage).
  static Expected<StageDump> create(const std::string &directory);

  /// Adds NN-`name`.mlir. `pipeline` are the passes from the stage before.
  Status addModule(llvm::StringRef name, mlir::ModuleOp module,
                   llvm::StringRef text, std::string pipeline, double seconds);
  /// Adds a module after a pass.
  Status addPass(llvm::StringRef pass, llvm::StringRef text);

  /// Keeps the module in which the kernels are written out, for addCode.
  void keepLoops(mlir::ModuleOp module, std::string text);
  /// Adds what lies between plan and code, up to `last`: the kernels as loops,
  /// the texts of the backend, and with all of them a file set a kernel.
  Status addCode(const Backend &backend, const TargetOptions &target,
                 mlir::ModuleOp plan, mlir::ModuleOp lowered, EmitStage last,
                 TextEmitter emit);

  /// Writes index.html.
  Status finish(const CompileReport &report);

private:
  explicit StageDump(std::string directory)
      : directory_(std::move(directory)) {}

  Status write(const std::string &path, llvm::StringRef text,
               std::vector<DumpedFile> &files);
  Status addStage(llvm::StringRef fileName, llvm::StringRef text,
                  DumpedStage stage, bool hasLocations);
  Status addText(const TextStage &text, llvm::StringRef content,
                 DumpedStage stage);
  Status addKernels(mlir::ModuleOp plan, const CompiledCode &code);
  Status addKernel(DumpedKernel kernel, mlir::ModuleOp module,
                   const AssemblyText &assembly, const CompiledCode &code);

  std::string directory_;
  std::vector<DumpedStage> stages_;
  std::vector<DumpedFile> passes_; ///< since the last stage.
  size_t passCount_ = 0;
  std::vector<DumpedKernel> kernels_;
  mlir::OwningOpRef<mlir::ModuleOp> loops_;
  std::string loopsText_;
  std::vector<DumpedFile> loopsPasses_; ///< printed up to there.
  std::unique_ptr<LlvmText> llvm_;      ///< the last one, and
  std::string assembly_;                ///< the last text for an assembler.
};

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_STAGEDUMP_H
