//===- LaunchTable.cpp - How kernels are launched -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/LaunchTable.h"

#include "mlir/IR/Builders.h"

using namespace mlir;

namespace gossamer::cuda {

static constexpr size_t kExtentFields = 4;

static Attribute toAttr(Builder &b, const Extent &extent) {
  return b.getDenseI64ArrayAttr(
      {extent.quantity, extent.divisor, extent.scale, extent.limit});
}

static Attribute toAttr(Builder &b, const Stage &stage) {
  SmallVector<Attribute> grid;
  for (const Extent &extent : stage.grid)
    grid.push_back(toAttr(b, extent));
  return b.getDictionaryAttr({
      b.getNamedAttr("symbol", b.getStringAttr(stage.symbol)),
      b.getNamedAttr("grid", b.getArrayAttr(grid)),
      b.getNamedAttr("block", b.getI64IntegerAttr(stage.block)),
      b.getNamedAttr("shared", b.getI64IntegerAttr(stage.sharedBytes)),
      b.getNamedAttr("dynamic_shared",
                     b.getI64IntegerAttr(stage.dynamicSharedBytes)),
  });
}

static Attribute toAttr(Builder &b, const Variant &variant) {
  SmallVector<Attribute> stages;
  for (const Stage &stage : variant.stages)
    stages.push_back(toAttr(b, stage));
  return b.getDictionaryAttr({
      b.getNamedAttr("max_rows", b.getI64IntegerAttr(variant.maxRows)),
      b.getNamedAttr("scratch", toAttr(b, variant.scratch)),
      b.getNamedAttr("stages", b.getArrayAttr(stages)),
  });
}

static ArrayAttr toAttr(Builder &b, ArrayRef<KernelLaunches> kernels) {
  SmallVector<Attribute> entries;
  for (const KernelLaunches &kernel : kernels) {
    SmallVector<Attribute> variants;
    for (const Variant &variant : kernel.variants)
      variants.push_back(toAttr(b, variant));
    entries.push_back(b.getDictionaryAttr({
        b.getNamedAttr("bindings", b.getI64IntegerAttr(kernel.numBindings)),
        b.getNamedAttr("rows", b.getI64IntegerAttr(kernel.rows)),
        b.getNamedAttr("variants", b.getArrayAttr(variants)),
    }));
  }
  return b.getArrayAttr(entries);
}

void setLaunches(ModuleOp module, const LaunchTable &table) {
  Builder b(module.getContext());
  module->setAttr(kLaunchesAttr, toAttr(b, table.kernels));
  module->setAttr(kChoiceAttr, toAttr(b, table.choice));
}

namespace {

/// Reads the attribute; what is missing or of another form makes it invalid.
class Reader {
public:
  bool isValid() const { return isValid_; }

  KernelLaunches readKernel(Attribute attr) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    KernelLaunches kernel;
    kernel.numBindings = number(entry, "bindings");
    kernel.rows = number(entry, "rows");
    for (Attribute variant : array(entry, "variants"))
      kernel.variants.push_back(readVariant(variant));
    isValid_ &= !kernel.variants.empty();
    return kernel;
  }

private:
  Variant readVariant(Attribute attr) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    Variant variant;
    variant.maxRows = number(entry, "max_rows");
    variant.scratch = readExtent(entry ? entry.get("scratch") : Attribute());
    for (Attribute stage : array(entry, "stages"))
      variant.stages.push_back(readStage(stage));
    return variant;
  }

  Stage readStage(Attribute attr) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    Stage stage;
    auto symbol = entry ? entry.getAs<StringAttr>("symbol") : StringAttr();
    isValid_ &= static_cast<bool>(symbol);
    stage.symbol = symbol ? symbol.str() : std::string();
    ArrayRef<Attribute> grid = array(entry, "grid");
    isValid_ &= grid.size() == stage.grid.size();
    for (size_t i = 0; i < std::min(grid.size(), stage.grid.size()); ++i)
      stage.grid[i] = readExtent(grid[i]);
    stage.block = number(entry, "block");
    stage.sharedBytes = number(entry, "shared");
    stage.dynamicSharedBytes = number(entry, "dynamic_shared");
    return stage;
  }

  Extent readExtent(Attribute attr) {
    auto fields = dyn_cast_or_null<DenseI64ArrayAttr>(attr);
    if (!fields || fields.size() != kExtentFields) {
      isValid_ = false;
      return {};
    }
    return {static_cast<uint32_t>(fields[0]), static_cast<uint32_t>(fields[1]),
            static_cast<uint32_t>(fields[2]), static_cast<uint32_t>(fields[3])};
  }

  uint32_t number(DictionaryAttr entry, StringRef name) {
    auto value = entry ? entry.getAs<IntegerAttr>(name) : IntegerAttr();
    isValid_ &= static_cast<bool>(value);
    return value ? static_cast<uint32_t>(value.getInt()) : 0;
  }

  ArrayRef<Attribute> array(DictionaryAttr entry, StringRef name) {
    auto value = entry ? entry.getAs<ArrayAttr>(name) : ArrayAttr();
    isValid_ &= static_cast<bool>(value);
    return value ? value.getValue() : ArrayRef<Attribute>();
  }

  bool isValid_ = true;
};

} // namespace

FailureOr<LaunchTable> launchesFromModule(ModuleOp module) {
  Reader reader;
  LaunchTable table;
  for (auto [name, kernels] : {std::pair(kLaunchesAttr, &table.kernels),
                               std::pair(kChoiceAttr, &table.choice)}) {
    auto array = module->getAttrOfType<ArrayAttr>(name);
    if (!array)
      return module.emitError("expects the attribute ")
             << name << ": the module did not pass gptoss-cuda";
    for (Attribute attr : array)
      kernels->push_back(reader.readKernel(attr));
    if (!reader.isValid())
      return module.emitError("expects the attribute ")
             << name << " as gptoss-cuda-expand-kernels writes it";
  }
  return table;
}

} // namespace gossamer::cuda
