//===- KernelDescription.cpp - What a kernel computes ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/KernelDescription.h"

#include "mlir/IR/Builders.h"

#include "llvm/ADT/StringSwitch.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cpu {

int64_t WeightForm::rowBytes() const {
  switch (element) {
  case Element::F32:
    return inputs() * 4;
  case Element::BF16:
  case Element::F16:
    return inputs() * 2;
  case Element::MXFP4:
    return inputs() / 32 * 17;
  case Element::I8:
    return inputs() + inputs() / block * 2;
  }
  return 0;
}

SmallVector<MemRefType, 2>
WeightForm::storageTypes(MLIRContext *context) const {
  Builder b(context);
  if (layout == Layout::RowPanel) {
    SmallVector<int64_t, 6> values(shape.begin(), shape.end());
    int64_t &panels = values[values.size() - 2];
    panels = llvm::divideCeil(panels, kPanelRows);
    SmallVector<int64_t, 6> scales(values);
    scales.back() /= block;
    scales.push_back(kPanelRows);
    values.back() /= kScaleBlock;
    // Words, rows and bytes of a block as one dimension.
    bool fourBit = element == Element::MXFP4;
    values.push_back(kPanelRows * (fourBit ? kScaleBlock / 2 : kScaleBlock));
    return {MemRefType::get(values, b.getI8Type()),
            MemRefType::get(scales, fourBit ? b.getI8Type() : b.getI16Type())};
  }
  if (element == Element::MXFP4) {
    SmallVector<int64_t, 4> scales(shape.begin(), shape.end());
    scales.back() /= 32;
    SmallVector<int64_t, 4> blocks(scales);
    blocks.push_back(16);
    return {MemRefType::get(blocks, b.getI8Type()),
            MemRefType::get(scales, b.getI8Type())};
  }
  Type type = element == Element::F32    ? Type(b.getF32Type())
              : element == Element::BF16 ? Type(b.getI16Type())
                                         : Type(b.getF16Type());
  SmallVector<int64_t, 4> stored(shape.begin(), shape.end());
  if (layout == Layout::Transposed)
    std::swap(stored[stored.size() - 1], stored[stored.size() - 2]);
  return {MemRefType::get(stored, type)};
}

SmallVector<MemRefType, 2> CacheForm::storageTypes(MLIRContext *context) const {
  Builder b(context);
  Type type = element == Element::BF16 ? Type(b.getI16Type()) : b.getF32Type();
  return {MemRefType::get({ShapedType::kDynamic, pageElements}, type),
          MemRefType::get({ShapedType::kDynamic, maxPages}, b.getI32Type())};
}

template <typename Form>
static const Form *findBinding(const KernelDescription &kernel,
                               bool (*accept)(const Form &)) {
  for (const BindingForm &binding : kernel.bindings)
    if (const auto *form = std::get_if<Form>(&binding); form && accept(*form))
      return form;
  return nullptr;
}

const WeightForm *KernelDescription::weight() const {
  return findBinding<WeightForm>(*this, [](const auto &) { return true; });
}

const WeightForm *KernelDescription::matrix() const {
  return findBinding<WeightForm>(
      *this, [](const WeightForm &w) { return w.shape.size() >= 2; });
}

const CacheForm *KernelDescription::cache() const {
  return findBinding<CacheForm>(*this, [](const auto &) { return true; });
}

unsigned KernelDescription::numPointers() const {
  unsigned count = 0;
  for (const BindingForm &binding : bindings) {
    const auto *weight = std::get_if<WeightForm>(&binding);
    bool isPair = std::holds_alternative<CacheForm>(binding) ||
                  (weight && weight->isScaled());
    count += isPair ? 2 : 1;
  }
  return count;
}

/// Experts that a token of expert_linear chose: columns of its indices.
static int64_t chosenExperts(const KernelDescription &kernel) {
  if (kernel.bindings.size() < 2)
    return 1;
  const auto *indices = std::get_if<MemRefType>(&kernel.bindings[1]);
  return indices && indices->getRank() == 2 ? indices->getDimSize(1) : 1;
}

/// Weight rows that an item covers.
static int64_t rowsPerItem(const KernelDescription &kernel) {
  const WeightForm *matrix = kernel.matrix();
  if (!matrix)
    return 0;
  return llvm::StringSwitch<int64_t>(kernel.operation)
      .Case("embedding", 1)
      .Cases(
          {"linear", "expert_gate_up", "expert_down", "project", "norm_route"},
          std::min<int64_t>(16, matrix->outputs()))
      .Case("expert_linear", matrix->outputs() * chosenExperts(kernel))
      .Default(0);
}

uint64_t bytesPerItem(const KernelDescription &kernel) {
  const WeightForm *matrix = kernel.matrix();
  if (matrix)
    return rowsPerItem(kernel) * matrix->rowBytes();
  const WeightForm *vector = kernel.weight();
  return vector ? vector->rowBytes() : 0;
}

uint64_t flopsPerItem(const KernelDescription &kernel) {
  const WeightForm *matrix = kernel.matrix();
  if (matrix && kernel.operation != "embedding")
    return 2 * rowsPerItem(kernel) * matrix->inputs();
  // Elsewhere the work is a small multiple of what is written.
  const auto *last = std::get_if<MemRefType>(&kernel.bindings.back());
  if (!last || last->getRank() < 2)
    return 0;
  uint64_t flops = 4 * last->getNumElements() / last->getDimSize(0);
  // Items of attention are a token and a kv head.
  return kernel.operation == "attention" ? flops / kernel.cache()->kvHeads
                                         : flops;
}

} // namespace gossamer::cpu
