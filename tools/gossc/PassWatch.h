//===- PassWatch.h - The module between passes ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What --print-ir-after, --until and --dump-dir need of the pass managers of a
// compilation: the module after a pass, and to leave out all later passes.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_PASSWATCH_H
#define GOSSAMER_TOOLS_GOSSC_PASSWATCH_H

#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseSet.h"

#include <functional>
#include <string>
#include <vector>

namespace mlir {
class OpPassManager;
class PassManager;
} // namespace mlir

namespace gossamer {

/// "gptoss-fuse-rope" -> "fuse-rope": how users name a pass.
llvm::StringRef getShortPassName(llvm::StringRef argument);

/// Short names of the passes of a pipeline, nested ones too, each once.
std::vector<std::string> listPasses(mlir::OpPassManager &manager);

/// Usage, with the near names, unless `name` is one of `known`. `option`
/// cites it and says what else it takes: "--until expects a stage (...) or a
/// pass".
Status checkPassName(const std::string &option, llvm::StringRef name,
                     llvm::ArrayRef<std::string> known);

/// Watches the passes of one compilation. Its context must run them on one
/// thread.
class PassWatch {
public:
  /// Called after a pass has run, with its short name and the whole module.
  using Callback = std::function<void(llvm::StringRef, mlir::ModuleOp)>;

  explicit PassWatch(Callback seen) : seen_(std::move(seen)) {}

  /// Watches `manager`, which must run before this object ends.
  void attach(mlir::PassManager &manager);

  /// Leaves out every pass that would run on what `pass` has run on, or around
  /// it, after it.
  void stopAfter(mlir::MLIRContext &context, std::string pass);
  bool hasStopped() const { return !finished_.empty(); }

private:
  class Instrumentation;
  void finish(llvm::StringRef pass, mlir::Operation *op);

  Callback seen_;
  std::string last_; ///< short name, "" for none.
  /// Operations that no further pass may change.
  llvm::DenseSet<mlir::Operation *> finished_;
};

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_PASSWATCH_H
