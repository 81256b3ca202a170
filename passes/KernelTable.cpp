//===- KernelTable.cpp - Kernels outlined so far ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/KernelTable.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace mlir::gptoss;

gossamer::KernelTable::KernelTable(ModuleOp module)
    : module_(module), symbols_(module) {}

KernelOp gossamer::KernelTable::getOrCreate(Location loc,
                                            const KernelOperation &operation,
                                            TypeRange types,
                                            DictionaryAttr config,
                                            AffineMap work) {
  OpBuilder builder(module_.getContext());
  ArrayAttr typeAttrs = builder.getTypeArrayAttr(llvm::to_vector(types));
  auto key =
      builder.getArrayAttr({builder.getStringAttr(operation.name), typeAttrs,
                            config, AffineMapAttr::get(work)});
  KernelOp &kernel = kernels_[key];
  if (kernel)
    return kernel;

  SmallVector<Attribute> access;
  for (const BindingSpec *spec : getBindings(operation, config))
    access.push_back(AccessAttr::get(builder.getContext(), spec->access));
  // Kernels stand between the parameters and the functions.
  auto functions = module_.getOps<func::FuncOp>();
  if (!functions.empty())
    builder.setInsertionPoint(*functions.begin());
  else
    builder.setInsertionPointToEnd(module_.getBody());
  std::string name;
  do
    name = (operation.name + "." + Twine(counts_[operation.name]++)).str();
  while (symbols_.lookup(name));
  kernel =
      KernelOp::create(builder, loc, builder.getStringAttr(name),
                       builder.getStringAttr(operation.name), typeAttrs,
                       builder.getArrayAttr(access), AffineMapAttr::get(work),
                       /*kind=*/StringAttr(), config);
  symbols_.insert(kernel, kernel->getIterator());
  return kernel;
}
