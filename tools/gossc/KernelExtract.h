//===- KernelExtract.h - One kernel out of a module -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Takes from a module what one kernel needs: a module of its own, which parses
// and can be compiled alone.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSSC_KERNELEXTRACT_H
#define GOSSAMER_TOOLS_GOSSC_KERNELEXTRACT_H

#include "runtime/support/Status.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace gossamer {

/// Uses by name, of operations or instructions.
using NameCounts = std::map<std::string, int64_t>;

NameCounts countOperations(mlir::ModuleOp module);

/// The symbols named and all that they refer to, in the module's order.
mlir::OwningOpRef<mlir::ModuleOp>
extractSymbols(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> symbols);

/// A module of LLVM IR.
class LlvmText {
public:
  /// InvalidData where the text is no LLVM IR.
  static Expected<LlvmText> parse(llvm::StringRef text);
  LlvmText(LlvmText &&) noexcept;
  ~LlvmText();

  /// Text of a module with the function and all that it refers to; "" where
  /// there is no such function.
  std::string extract(llvm::StringRef symbol) const;
  NameCounts countInstructions() const;

private:
  LlvmText();
  std::unique_ptr<llvm::LLVMContext> context_;
  std::unique_ptr<llvm::Module> module_;
};

} // namespace gossamer

#endif // GOSSAMER_TOOLS_GOSSC_KERNELEXTRACT_H
