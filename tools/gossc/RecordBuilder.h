//===- RecordBuilder.h - Levels of the module for inspection ----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_RECORDBUILDER_H
#define GOSSAMER_TOOLS_GOSSC_RECORDBUILDER_H

#include "runtime/artifact/record.pb.h"
#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"

namespace gossamer {

/// Appends `step` of a module of tensors as the level `name`.
Status recordGraph(llvm::StringRef name, mlir::ModuleOp module,
                   proto::CompileRecord &record);

/// Appends `step` of a module at the plan level as the level "plan": an
/// operation for each launch, a value for each buffer as a launch left it. The
/// cache is a value for each layer: layers do not touch each other's.
Status recordPlan(mlir::ModuleOp plan, proto::CompileRecord &record);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_RECORDBUILDER_H
