//===- goss-lsp-server.cpp - Language server for gptoss IR ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// mlir-lsp-server with the gptoss dialect and all that goss-opt reads: errors
// as one types, hover, definitions, references, outlines. docs/editors.md says
// how editors start it.
//
//===----------------------------------------------------------------------===//

#include "tools/goss-opt/Dialects.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LLVM.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  gossamer::registerAllLevels(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
