//===- RecordBuilder.cpp - Levels of the module for inspection ------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/RecordBuilder.h"

#include "ir/BufferAccess.h"
#include "ir/GptOss.h"
#include "tools/report/LayerName.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace gossamer {
namespace {

std::string printType(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// Appends one level; what both kinds of levels have in common.
class LevelWriter {
public:
  LevelWriter(func::FuncOp step, proto::Level &level)
      : level_(level), state_(step, OpPrintingFlags().printNameLocAsPrefix()) {
    for (BlockArgument argument : step.getArguments())
      add(nameOf(argument), argument.getType());
    level.set_num_arguments(level.values_size());
  }

  /// Adds a value; returns its index.
  uint32_t add(std::string name, Type type) {
    proto::Value &value = *level_.add_values();
    value.set_name(std::move(name));
    value.set_type(printType(type));
    return level_.values_size() - 1;
  }

  /// The name that the printed text has, without "%".
  std::string nameOf(Value value) {
    std::string text;
    llvm::raw_string_ostream os(text);
    value.printAsOperand(os, state_);
    return StringRef(text).ltrim('%').str();
  }

  proto::Operation &addOperation(Operation *op, StringRef kind) {
    proto::Operation &entry = *level_.add_operations();
    if (auto name = op->getLoc()->findInstanceOf<NameLoc>())
      entry.set_name(name.getName().str());
    entry.set_op(kind.str());
    entry.set_layer(tools::layerOfName(entry.name()));
    llvm::raw_string_ostream os(*entry.mutable_text());
    op->print(os, state_);
    return entry;
  }

private:
  proto::Level &level_;
  AsmState state_;
};

Status checkStep(func::FuncOp step, StringRef level) {
  if (step && step.getBody().hasOneBlock())
    return Status::ok();
  return internalError(level.str() + ": expects a function step of one block");
}

bool isOperation(Operation &op) {
  return !isa<gptoss::WeightOp, arith::ConstantOp>(op) &&
         !op.hasTrait<OpTrait::IsTerminator>();
}

/// Launches in order, with the memory that they share.
class PlanWriter {
public:
  PlanWriter(func::FuncOp step, proto::Level &level) : writer_(step, level) {
    for (auto [index, argument] : llvm::enumerate(step.getArguments())) {
      if (isa<gptoss::CacheType>(argument.getType()))
        cacheArgument_ = index;
      // The arena begins empty.
      auto memory = dyn_cast<MemRefType>(argument.getType());
      if (memory && !memory.getElementType().isInteger(8))
        buffers_.push_back(
            {gptoss::getByteRange(argument), static_cast<uint32_t>(index)});
    }
  }

  Status add(gptoss::DispatchOp dispatch);

private:
  /// A buffer as it is now.
  struct Buffer {
    gptoss::ByteRange range;
    uint32_t value;
  };

  void read(Value binding, proto::Operation &entry);
  uint32_t write(Value binding, std::string name);
  uint32_t cacheOf(int64_t layer) const {
    auto found = caches_.find(layer);
    return found == caches_.end() ? cacheArgument_ : found->second;
  }

  LevelWriter writer_;
  SmallVector<Buffer> buffers_;
  uint32_t cacheArgument_ = 0;
  llvm::DenseMap<int64_t, uint32_t> caches_; ///< by layer.
};

void PlanWriter::read(Value binding, proto::Operation &entry) {
  gptoss::ByteRange range = gptoss::getByteRange(binding);
  for (const Buffer &buffer : buffers_)
    if (buffer.range.overlaps(range) &&
        !llvm::is_contained(entry.operands(), buffer.value))
      entry.add_operands(buffer.value);
}

uint32_t PlanWriter::write(Value binding, std::string name) {
  gptoss::ByteRange range = gptoss::getByteRange(binding);
  llvm::erase_if(buffers_, [&](const Buffer &buffer) {
    return buffer.range.overlaps(range);
  });
  uint32_t value = writer_.add(std::move(name), binding.getType());
  buffers_.push_back({range, value});
  return value;
}

Status PlanWriter::add(gptoss::DispatchOp dispatch) {
  gptoss::KernelOp kernel = dispatch.lookupKernel();
  if (!kernel)
    return internalError("plan: a launch names no kernel");
  proto::Operation &entry =
      writer_.addOperation(dispatch, kernel.getKernelOperation());
  if (std::optional<uint64_t> layer = dispatch.getLayer())
    entry.set_layer(static_cast<int32_t>(*layer));
  auto accesses = [&](size_t i, auto... kinds) {
    gptoss::Access access = kernel.getBindingAccess(i);
    return ((access == kinds) || ...);
  };
  for (auto [i, value] : llvm::enumerate(dispatch.getBindings())) {
    if (auto weight = value.getDefiningOp<gptoss::WeightOp>())
      entry.add_parameters(weight.getParameter().str());
    else if (isa<gptoss::CacheType>(value.getType()))
      entry.add_operands(cacheOf(entry.layer()));
    else if (accesses(i, gptoss::Access::Read, gptoss::Access::ReadWrite))
      read(value, entry);
  }
  for (auto [i, value] : llvm::enumerate(dispatch.getBindings())) {
    if (!accesses(i, gptoss::Access::Write, gptoss::Access::ReadWrite))
      continue;
    std::string name = entry.name();
    if (entry.results_size())
      name += "#" + std::to_string(entry.results_size());
    bool isCache = isa<gptoss::CacheType>(value.getType());
    uint32_t result = isCache ? writer_.add(name, value.getType())
                              : write(value, std::move(name));
    if (isCache)
      caches_[entry.layer()] = result;
    entry.add_results(result);
  }
  return Status::ok();
}

} // namespace

Status recordGraph(StringRef name, ModuleOp module,
                   proto::CompileRecord &record) {
  auto step = module.lookupSymbol<func::FuncOp>("step");
  GOSS_RETURN_IF_ERROR(checkStep(step, name));
  proto::Level &level = *record.add_levels();
  level.set_name(name.str());
  LevelWriter writer(step, level);
  llvm::DenseMap<Value, uint32_t> indices;
  for (auto [index, argument] : llvm::enumerate(step.getArguments()))
    indices[argument] = index;
  for (Operation &op : step.getBody().front()) {
    if (!isOperation(op))
      continue;
    proto::Operation &entry =
        writer.addOperation(&op, op.getName().getStringRef());
    for (Value operand : op.getOperands()) {
      if (auto weight = operand.getDefiningOp<gptoss::WeightOp>())
        entry.add_parameters(weight.getParameter().str());
      else if (auto found = indices.find(operand); found != indices.end())
        entry.add_operands(found->second);
    }
    for (Value result : op.getResults()) {
      indices[result] = writer.add(writer.nameOf(result), result.getType());
      entry.add_results(indices[result]);
    }
  }
  return Status::ok();
}

Status recordPlan(ModuleOp plan, proto::CompileRecord &record) {
  auto step = plan.lookupSymbol<func::FuncOp>("step");
  GOSS_RETURN_IF_ERROR(checkStep(step, "plan"));
  proto::Level &level = *record.add_levels();
  level.set_name("plan");
  PlanWriter writer(step, level);
  Status status;
  step.walk<WalkOrder::PreOrder>([&](gptoss::DispatchOp dispatch) {
    status = writer.add(dispatch);
    return status ? WalkResult::advance() : WalkResult::interrupt();
  });
  return status;
}

} // namespace gossamer
