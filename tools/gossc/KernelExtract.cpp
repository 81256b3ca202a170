//===- KernelExtract.cpp - One kernel out of a module ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/KernelExtract.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBufferRef.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/ValueMapper.h"

namespace gossamer {

//===----------------------------------------------------------------------===//
// MLIR
//===----------------------------------------------------------------------===//

NameCounts countOperations(mlir::ModuleOp module) {
  NameCounts counts;
  module->walk([&](mlir::Operation *op) {
    ++counts[op->getName().getStringRef().str()];
  });
  return counts;
}

mlir::OwningOpRef<mlir::ModuleOp>
extractSymbols(mlir::ModuleOp module, llvm::ArrayRef<llvm::StringRef> symbols) {
  llvm::SetVector<mlir::Operation *> wanted;
  for (llvm::StringRef symbol : symbols)
    if (mlir::Operation *op = module.lookupSymbol(symbol))
      wanted.insert(op);
  for (size_t i = 0; i < wanted.size(); ++i)
    if (auto uses = mlir::SymbolTable::getSymbolUses(wanted[i]))
      for (mlir::SymbolTable::SymbolUse use : *uses)
        if (mlir::Operation *op =
                module.lookupSymbol(use.getSymbolRef().getRootReference()))
          wanted.insert(op);
  mlir::OwningOpRef<mlir::ModuleOp> result =
      mlir::ModuleOp::create(module.getLoc());
  for (mlir::Operation &op : *module.getBody())
    if (wanted.contains(&op))
      result->push_back(op.clone());
  return result;
}

//===----------------------------------------------------------------------===//
// LLVM IR
//===----------------------------------------------------------------------===//

LlvmText::LlvmText() = default;
LlvmText::LlvmText(LlvmText &&) noexcept = default;
LlvmText::~LlvmText() = default;

Expected<LlvmText> LlvmText::parse(llvm::StringRef text) {
  LlvmText result;
  result.context_ = std::make_unique<llvm::LLVMContext>();
  llvm::SMDiagnostic error;
  result.module_ = llvm::parseAssembly(llvm::MemoryBufferRef(text, "llvm.ll"),
                                       error, *result.context_);
  if (!result.module_)
    return invalidData("LLVM IR line " + std::to_string(error.getLineNo()) +
                       ": " + error.getMessage().str());
  return result;
}

/// The function and all functions that it refers to.
static llvm::SetVector<const llvm::Function *>
collectFunctions(const llvm::Function &root) {
  llvm::SetVector<const llvm::Function *> functions;
  functions.insert(&root);
  for (size_t i = 0; i < functions.size(); ++i)
    for (const llvm::Instruction &instruction :
         llvm::instructions(*functions[i]))
      for (const llvm::Value *operand : instruction.operands())
        if (const auto *function =
                llvm::dyn_cast<llvm::Function>(operand->stripPointerCasts()))
          functions.insert(function);
  return functions;
}

/// Takes away declarations and constants that nothing uses.
static void removeUnused(llvm::Module &module) {
  for (llvm::Function &function : llvm::make_early_inc_range(module))
    if (function.isDeclaration() && function.use_empty())
      function.eraseFromParent();
  for (llvm::GlobalVariable &global :
       llvm::make_early_inc_range(module.globals()))
    if (global.use_empty())
      global.eraseFromParent();
}

std::string LlvmText::extract(llvm::StringRef symbol) const {
  const llvm::Function *root = module_->getFunction(symbol);
  if (!root || root->isDeclaration())
    return "";
  llvm::SetVector<const llvm::Function *> functions = collectFunctions(*root);
  llvm::ValueToValueMapTy map;
  std::unique_ptr<llvm::Module> part =
      llvm::CloneModule(*module_, map, [&](const llvm::GlobalValue *value) {
        const auto *function = llvm::dyn_cast<llvm::Function>(value);
        return !function || functions.contains(function);
      });
  removeUnused(*part);
  std::string text;
  llvm::raw_string_ostream os(text);
  part->print(os, nullptr);
  return text;
}

NameCounts LlvmText::countInstructions() const {
  NameCounts counts;
  for (const llvm::Function &function : *module_)
    for (const llvm::Instruction &instruction : llvm::instructions(function))
      ++counts[instruction.getOpcodeName()];
  return counts;
}

} // namespace gossamer
