//===- KernelWriter.cpp - A kernel as device functions --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/KernelWriter.h"

using namespace mlir;

namespace gossamer::cuda {

KernelWriter::KernelWriter(gpu::GPUModuleOp module, Location loc,
                           std::string symbol, const KernelDescription &kernel,
                           uint32_t rows)
    : module_(module), loc_(loc), symbol_(std::move(symbol)), kernel_(kernel) {
  launches_.numBindings = kernel.numPointers();
  launches_.rows = rows;
}

int64_t KernelWriter::rowSize(unsigned i) const {
  int64_t size = 1;
  for (int64_t extent : shapeAt(i).drop_front())
    size *= extent;
  return size;
}

Variant &KernelWriter::present() {
  if (launches_.variants.empty())
    launches_.variants.emplace_back();
  return launches_.variants.back();
}

void KernelWriter::variant(uint32_t maxRows, Extent scratch) {
  Variant &added = launches_.variants.emplace_back();
  added.maxRows = maxRows;
  added.scratch = scratch;
}

void KernelWriter::scratch(Extent scratch) { present().scratch = scratch; }

std::string KernelWriter::nextSymbol() {
  size_t stage = present().stages.size();
  size_t variant = launches_.variants.size() - 1;
  std::string name = symbol_;
  if (variant > 0)
    name += "_v" + std::to_string(variant);
  if (stage > 0)
    name += "_s" + std::to_string(stage);
  return name;
}

/// What the kernel only reads, and nothing else writes, may be kept in caches
/// that see no writes.
static void markParameters(gpu::GPUFuncOp function,
                           const KernelDescription &kernel) {
  OpBuilder b(function.getContext());
  unsigned next = 0;
  for (const cpu::BindingForm &form : kernel.bindings) {
    const auto *weight = std::get_if<WeightForm>(&form);
    bool isPair = std::holds_alternative<CacheForm>(form) ||
                  (weight && weight->isScaled());
    for (unsigned i = 0; i < (isPair ? 2 : 1); ++i, ++next)
      if (weight) {
        function.setArgAttr(next, LLVM::LLVMDialect::getNoAliasAttrName(),
                            b.getUnitAttr());
        function.setArgAttr(next, LLVM::LLVMDialect::getReadonlyAttrName(),
                            b.getUnitAttr());
      }
  }
}

gpu::GPUFuncOp KernelWriter::createFunction(StringRef name, int64_t block) {
  OpBuilder b(module_.getContext());
  b.setInsertionPointToEnd(module_.getBody());
  Type pointer = LLVM::LLVMPointerType::get(b.getContext(), kGlobalSpace);
  // The bindings, the dims and the scratch memory.
  SmallVector<Type> inputs(launches_.numBindings + 2, pointer);
  auto function =
      gpu::GPUFuncOp::create(b, loc_, name, b.getFunctionType(inputs, {}));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({static_cast<int32_t>(block), 1, 1}));
  markParameters(function, kernel_);
  return function;
}

void KernelWriter::stage(Extent x, Extent y, Extent z, int64_t block,
                         Body body) {
  Stage stage;
  stage.symbol = nextSymbol();
  stage.grid = {x, y, z};
  stage.block = static_cast<uint32_t>(block);
  gpu::GPUFuncOp function = createFunction(stage.symbol, block);
  KernelBuilder builder(function, kernel_, block);
  body(builder);
  gpu::ReturnOp::create(builder.b, loc_);
  stage.sharedBytes = builder.sharedBytes;
  present().stages.push_back(std::move(stage));
}

} // namespace gossamer::cuda
