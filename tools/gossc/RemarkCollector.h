//===- RemarkCollector.h - Fusions from MLIR's remarks ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_REMARKCOLLECTOR_H
#define GOSSAMER_TOOLS_GOSSC_REMARKCOLLECTOR_H

#include "runtime/artifact/record.pb.h"
#include "runtime/support/Status.h"

namespace mlir {
class MLIRContext;
} // namespace mlir

namespace gossamer {

/// Appends every remark that a pass of `context` makes to the fusions of
/// `record`, which must outlive the context.
Status collectRemarks(mlir::MLIRContext &context, proto::CompileRecord &record);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_REMARKCOLLECTOR_H
