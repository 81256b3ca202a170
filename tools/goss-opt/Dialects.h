//===- Dialects.h - The dialects of all levels ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_OPT_DIALECTS_H
#define GOSSAMER_TOOLS_GOSS_OPT_DIALECTS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace gossamer {

/// Adds gptoss, the upstream dialects that the levels use, and those of the
/// backends: what a file between config.json and machine code may hold.
void registerAllLevels(mlir::DialectRegistry &registry);

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSS_OPT_DIALECTS_H
