//===- PlanKernels.cpp - Reading kernels of the plan level ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/PlanKernels.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

namespace gossamer::cpu {

static WeightForm describeWeight(gptoss::WeightType type) {
  WeightForm form;
  form.shape.assign(type.getShape().begin(), type.getShape().end());
  if (type.isMxFp4())
    form.element = Element::MXFP4;
  else if (type.getElementType().isBF16())
    form.element = Element::BF16;
  else if (type.getElementType().isF16())
    form.element = Element::F16;
  else if (type.isInt8())
    form.element = Element::I8;
  if (type.isScaled())
    form.block = type.getBlockSize();
  switch (type.getLayout()) {
  case gptoss::WeightLayout::RowMajor:
    form.layout = Layout::RowMajor;
    break;
  case gptoss::WeightLayout::Transposed:
    form.layout = Layout::Transposed;
    break;
  case gptoss::WeightLayout::Published:
    form.layout = Layout::Published;
    break;
  case gptoss::WeightLayout::RowPanel:
    form.layout = Layout::RowPanel;
    break;
  }
  return form;
}

static CacheForm describeCache(gptoss::KernelOp op, gptoss::CacheType type) {
  auto group = op.getConfigAttr<IntegerAttr>("group");
  CacheForm form;
  form.kvHeads = type.getKvHeads();
  form.headDim = type.getHeadDim();
  form.headDimPadded = type.getHeadDimPadded();
  form.pageTokens = type.getPageTokens();
  form.maxPages = type.getMaxPages();
  form.element = type.getElementType().isBF16() ? Element::BF16 : Element::F32;
  form.pageElements =
      type.getPageBytes(group.getInt()) / type.getElementBytes();
  return form;
}

static void readAttributes(gptoss::KernelOp op, KernelDescription &kernel) {
  auto real = [&](StringRef name, double &to) {
    if (auto attr = op.getConfigAttr<FloatAttr>(name))
      to = attr.getValueAsDouble();
  };
  auto whole = [&](StringRef name, int64_t &to) {
    if (auto attr = op.getConfigAttr<IntegerAttr>(name))
      to = attr.getInt();
  };
  auto flag = [&](StringRef name, bool &to) {
    if (auto attr = op.getConfigAttr<BoolAttr>(name))
      to = attr.getValue();
  };
  real("eps", kernel.eps);
  real("alpha", kernel.alpha);
  real("limit", kernel.limit);
  real("scale", kernel.scale);
  whole("window", kernel.window);
  whole("k", kernel.topK);
  flag("has_bias", kernel.hasBias);
  flag("has_residual", kernel.hasResidual);
  flag("quantized", kernel.isQuantized);
  real("unit", kernel.unit);
  if (auto zero = op.getConfigAttr<FloatAttr>("zero"))
    kernel.zero = static_cast<int64_t>(zero.getValueAsDouble());
  if (auto rows = op.getConfigAttr<StringAttr>("rows"))
    kernel.rowsAreOutputs = rows.getValue() == "outputs";
  if (auto rope = op.getConfigAttr<gptoss::RopeAttr>("rope")) {
    auto table = cast<MemRefType>(op.getBindingType(1));
    auto inverse = rope.computeInverseFrequencies(2 * table.getShape().back());
    kernel.inverseFrequencies.assign(inverse.begin(), inverse.end());
    kernel.concentration = rope.getConcentration();
  }
}

FailureOr<KernelDescription> describeKernel(gptoss::KernelOp op) {
  KernelDescription kernel;
  kernel.operation = op.getKernelOperation().str();
  for (unsigned i = 0; i < op.getNumBindings(); ++i) {
    Type type = op.getBindingType(i);
    if (auto weight = dyn_cast<gptoss::WeightType>(type)) {
      kernel.bindings.push_back(describeWeight(weight));
    } else if (auto cache = dyn_cast<gptoss::CacheType>(type)) {
      kernel.bindings.push_back(describeCache(op, cache));
    } else {
      kernel.bindings.push_back(cast<MemRefType>(type));
    }
  }
  readAttributes(op, kernel);
  return kernel;
}

//===----------------------------------------------------------------------===//
// Records
//===----------------------------------------------------------------------===//

ArrayAttr recordsToAttr(MLIRContext *context,
                        llvm::ArrayRef<KernelRecord> records) {
  Builder b(context);
  SmallVector<Attribute> entries;
  for (const KernelRecord &record : records)
    entries.push_back(b.getDictionaryAttr({
        b.getNamedAttr("symbol", b.getStringAttr(record.symbol)),
        b.getNamedAttr("operation", b.getStringAttr(record.operation)),
        b.getNamedAttr("kind", b.getStringAttr(record.kind)),
        b.getNamedAttr("bindings", b.getI64IntegerAttr(record.numBindings)),
        b.getNamedAttr("bytes_per_item",
                       b.getI64IntegerAttr(record.bytesPerItem)),
        b.getNamedAttr("flops_per_item",
                       b.getI64IntegerAttr(record.flopsPerItem)),
        b.getNamedAttr("reason", b.getStringAttr(record.reason)),
    }));
  return b.getArrayAttr(entries);
}

FailureOr<std::vector<KernelRecord>> recordsFromModule(ModuleOp module) {
  auto array = module->getAttrOfType<ArrayAttr>(kRecordsAttr);
  if (!array)
    return module.emitError("expects the attribute ")
           << kRecordsAttr << ": the module did not pass gptoss-cpu";
  std::vector<KernelRecord> records;
  for (Attribute attr : array) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    auto text = [&](StringRef name) {
      auto value = entry ? entry.getAs<StringAttr>(name) : StringAttr();
      return value ? value.str() : std::string();
    };
    auto number = [&](StringRef name) -> int64_t {
      auto value = entry ? entry.getAs<IntegerAttr>(name) : IntegerAttr();
      return value ? value.getInt() : 0;
    };
    records.push_back({text("symbol"), text("operation"), text("kind"),
                       static_cast<uint32_t>(number("bindings")),
                       static_cast<uint64_t>(number("bytes_per_item")),
                       static_cast<uint64_t>(number("flops_per_item")),
                       text("reason")});
  }
  return records;
}

} // namespace gossamer::cpu
