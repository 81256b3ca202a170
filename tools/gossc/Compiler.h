//===- Compiler.h - From a checkpoint to an artifact ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The stages of gossc in order: read, graph, fuse, plan, lower, emit, write.
// Each leaves a module that verifies; a compilation may stop after any.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_COMPILER_H
#define GOSSAMER_TOOLS_GOSSC_COMPILER_H

#include "backends/BackendRegistry.h"
#include "runtime/support/Status.h"
#include "tools/gossc/CompileReport.h"
#include "tools/gossc/CompilerOptions.h"

#include <functional>
#include <string>

namespace gossamer {

/// What a compilation gives.
struct CompileResult {
  /// The output of levels below the artifact; the artifact is in its file.
  std::string text;
  CompileReport report;
};

/// Called after each stage with what is known so far.
using StageCallback = std::function<void(const CompileReport &)>;
/// Asked between stages and pieces of weights; true stops the compilation
/// with StatusCode::Interrupted.
using CancelCallback = std::function<bool()>;

/// Compiles `options.input`. An artifact appears whole or not at all. Equal
/// input and options give equal bytes. Resolves the target before anything
/// else, so that a wrong name costs no time.
Expected<CompileResult> compile(const CompilerOptions &options,
                                const BackendRegistry &registry,
                                const StageCallback &finished = nullptr,
                                const CancelCallback &cancelled = nullptr);

/// The backends that gossc is built with.
void registerBuiltinBackends(BackendRegistry &registry);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_COMPILER_H
