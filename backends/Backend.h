//===- Backend.h - Interface between driver and code generators -*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A backend turns a module at the plan level (gptoss.kernel, gptoss.dispatch,
// one arena) into code for one family of targets. The driver
//
//   1. asks `resolve` to make the target options explicit,
//   2. runs the pass pipeline that `buildPipeline` describes, and
//   3. asks `emit` for the stage the user wants.
//
// A backend is stateless: every function may be called from any thread, except
// that `emit` of one process runs one at a time (the linker is not reentrant).
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_BACKEND_H
#define GOSSAMER_BACKENDS_BACKEND_H

#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace gossamer {

/// How products with scaled weights (MXFP4, int8) are computed. More modes may
/// be added; a backend refuses in `resolve` those it does not know.
enum class MathMode {
  Exact, ///< dequantized weights and activations in float32.
  Fast,  ///< activations by blocks of 32 as two int8 parts, about 15 bits.
  Int8,  ///< activations by blocks of 32 as int8.
};

/// The name used on the command line and in manifests ("exact").
llvm::StringRef stringifyMathMode(MathMode mode);

/// What to generate code for.
struct TargetOptions {
  /// Processor name, or "native" for the machine that compiles.
  std::string mcpu = "native";
  /// Features added or taken away: "+avx2,-avx512f". `resolve` makes the list
  /// complete.
  std::string features;
  /// Accelerator name ("sm_90"); unused by the cpu backend.
  std::string chip;
  /// For NVIDIA chips: the program that makes machine code of PTX, "auto" for
  /// that of the search path if there is one, or "none".
  std::string ptxas = "auto";
  /// 0: plain loops, the oracle. 1 and above: the best kernel for the target.
  /// The code generator's own level follows (1 for 0).
  unsigned optLevel = 2;
  MathMode math = MathMode::Exact;
};

/// Where `emit` stops.
enum class EmitStage {
  LLVM,            ///< text of the lowered module; goss-opt parses it.
  LLVMIR,          ///< text of LLVM IR before LLVM's own passes.
  OptimizedLLVMIR, ///< text of LLVM IR that the code generator is given.
  Assembly,        ///< text for the target's assembler.
  Object,          ///< relocatable object.
  Code,            ///< what an artifact's code section holds.
};

/// A text between plan and code, as --dump-dir keeps it.
struct TextStage {
  EmitStage stage;
  /// Its file. The ending says what it holds: .mlir, .ll, .s, or any other
  /// (.ptx) for text that is only shown.
  llvm::StringRef fileName;
  llvm::StringRef title;
};

/// Entry `index` of Manifest.kernels: one gptoss.kernel in module order.
struct KernelRecord {
  std::string symbol;    ///< exported goss_kernel_fn.
  std::string operation; ///< "linear", "attention", ...
  std::string kind;      ///< implementation chosen for it.
  /// Pointers a launch passes: a cache and an MXFP4 weight count twice.
  uint32_t numBindings = 0;
  /// Parameter bytes that one work item reads.
  uint64_t bytesPerItem = 0;
  /// Floating-point operations of one work item; for kernels whose items span
  /// all tokens (linear, expert_*): for one token.
  uint64_t flopsPerItem = 0;
  /// Why this kind, for people; may be empty.
  std::string reason;
};

/// What `emit` returns.
struct CompiledCode {
  std::string bytes; ///< text or binary, by stage.
  std::vector<KernelRecord> kernels;
  std::string triple;
  std::string cpu;
  /// Processor features without which the code must not run, sorted, with the
  /// names of LLVM ("avx2", "sse4.2").
  std::vector<std::string> requiredFeatures;
  /// What a user should know about the code; a line each.
  std::vector<std::string> warnings;
};

/// A code generator. Implementations are registered with BackendRegistry.
class Backend {
public:
  virtual ~Backend();

  /// Name given to --target.
  virtual llvm::StringRef name() const = 0;
  /// One line for --list-targets: what it makes code for, and the kinds of
  /// processors or chips it knows.
  virtual std::string description() const = 0;

  /// Adds the dialects and translations that pipeline and emitter need.
  virtual void registerDialects(mlir::DialectRegistry &registry) const = 0;

  /// Replaces "native" and fills `features`, so that equal options mean equal
  /// code. Resolving twice changes nothing. Fails with StatusCode::Usage for an
  /// unknown processor, feature or math mode.
  virtual Status resolve(TargetOptions &options) const = 0;

  /// Int8 parts of an activation that is multiplied with scaled weights, 0 for
  /// float32: how plans for this backend are made.
  virtual unsigned activationParts(MathMode mode) const;

  /// Whether a launch costs so much that plans had better have few.
  virtual bool mergesLaunches() const { return false; }

  /// Appends the passes from plan level to the form `emit` takes. `options`
  /// must be resolved.
  virtual void buildPipeline(mlir::OpPassManager &manager,
                             const TargetOptions &options) const = 0;

  /// The pass of the pipeline after which each kernel is written out, as
  /// functions called by its symbol; "" where there is no such moment.
  virtual llvm::StringRef loopsPass() const { return ""; }

  /// The texts that `emit` makes, in the order in which they arise.
  virtual std::vector<TextStage> textStages() const {
    return {{EmitStage::LLVM, "lowered.mlir", "lowered"},
            {EmitStage::Assembly, "code.s", "assembly"}};
  }

  /// Makes code from a module that the pipeline has lowered. The module is not
  /// changed. Problems are reported as diagnostics of the module's context.
  /// The same module and options give the same bytes.
  virtual mlir::FailureOr<CompiledCode> emit(mlir::ModuleOp module,
                                             const TargetOptions &options,
                                             EmitStage stage) const = 0;
};

} // namespace gossamer

#endif // GOSSAMER_BACKENDS_BACKEND_H
