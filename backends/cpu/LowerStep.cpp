//===- LowerStep.cpp - @step to the step ABI ------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/Passes.h"
#include "ir/GptOss.h"

#include "mlir/IR/IRMapping.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cpu {

#define GEN_PASS_DEF_LOWERSTEP
#include "backends/cpu/Passes.h.inc"

namespace {

using Pointers = SmallVector<Value, 2>;

/// Arguments of @step at the plan level, in order.
enum StepArgument : unsigned {
  kTokens,
  kPositions,
  kSequences,
  kOutputs,
  kCache,
  kLogits,
  kArena,
  kNumTokens,
  kNumOutputs,
  kNumStepArguments
};

/// Fields of goss_step_args.
enum ArgsField : int32_t {
  kDims,
  kTokensField,
  kPositionsField,
  kSequencesField,
  kOutputsField,
  kLogitsField,
  kArenaField,
  kParametersField,
  kCachesField,
  kNumArgsFields
};

/// Writes goss_step while it walks the body of @step.
class StepLowering {
public:
  StepLowering(ModuleOp module, func::FuncOp step)
      : module_(module), step_(step), b_(module.getContext()),
        loc_(step.getLoc()), ptr_(LLVM::LLVMPointerType::get(b_.getContext())),
        i32_(b_.getI32Type()), i64_(b_.getI64Type()) {}

  LogicalResult run();

private:
  LogicalResult checkSignature();
  void numberSymbols();
  void createFunction();
  LogicalResult lowerOperation(Operation *op);
  LogicalResult lowerLaunches(SmallVector<gptoss::DispatchOp> dispatches);
  FailureOr<Pointers> bindingPointers(gptoss::DispatchOp op, Value binding);
  Pointers cachePointers(gptoss::CacheType cache, int64_t layer);
  void callDispatch(size_t count);

  Value number(Type type, int64_t value) {
    return LLVM::ConstantOp::create(b_, loc_, type,
                                    b_.getIntegerAttr(type, value));
  }
  Value element(Value base, Type type, ArrayRef<LLVM::GEPArg> at) {
    return LLVM::GEPOp::create(b_, loc_, ptr_, type, base, at);
  }
  Value loadElement(Value base, Type type, int32_t at) {
    return LLVM::LoadOp::create(b_, loc_, type, element(base, type, {at}));
  }
  Value loadField(Type structure, Value base, ArrayRef<LLVM::GEPArg> at,
                  Type type) {
    return LLVM::LoadOp::create(b_, loc_, type, element(base, structure, at));
  }
  void storeField(Value value, Type structure, Value base,
                  ArrayRef<LLVM::GEPArg> at) {
    LLVM::StoreOp::create(b_, loc_, value, element(base, structure, at));
  }
  Type structOf(ArrayRef<Type> fields) {
    return LLVM::LLVMStructType::getLiteral(b_.getContext(), fields);
  }

  ModuleOp module_;
  func::FuncOp step_;
  OpBuilder b_;
  Location loc_;
  Type ptr_, i32_, i64_;

  /// Numbers of the manifest.
  llvm::StringMap<int64_t> kernelNumbers_, tensorNumbers_;
  unsigned nextLaunch_ = 0;

  // Values of the function that is written.
  Value args_, device_, parameters_, caches_, launches_, bindings_;
  Block *exit_ = nullptr;
  /// Address of each memref and weight of @step.
  DenseMap<Value, Pointers> pointers_;
  IRMapping mapping_;
  size_t maxLaunches_ = 0, maxPointers_ = 0;
};

} // namespace

LogicalResult StepLowering::run() {
  if (failed(checkSignature()))
    return failure();
  numberSymbols();
  b_.setInsertionPointToEnd(module_.getBody());
  createFunction();
  for (Operation &op : step_.front())
    if (failed(lowerOperation(&op)))
      return failure();
  return success();
}

LogicalResult StepLowering::checkSignature() {
  if (step_.isExternal() || !step_.getBody().hasOneBlock())
    return step_.emitOpError("expects a body of one block");
  if (step_.getNumArguments() != kNumStepArguments)
    return step_.emitOpError("expects ")
           << unsigned(kNumStepArguments)
           << " arguments of the plan level but got "
           << step_.getNumArguments();
  if (!isa<gptoss::CacheType>(step_.getArgumentTypes()[kCache]))
    return step_.emitOpError("expects argument ")
           << unsigned(kCache) << " to be the cache but got "
           << step_.getArgumentTypes()[kCache];
  return success();
}

void StepLowering::numberSymbols() {
  for (auto kernel : module_.getOps<gptoss::KernelOp>())
    kernelNumbers_.try_emplace(kernel.getSymName(), kernelNumbers_.size());
  int64_t tensors = 0;
  for (auto parameter : module_.getOps<gptoss::ParameterOp>()) {
    tensorNumbers_[parameter.getSymName()] = tensors;
    tensors += parameter.getWeightType().getStorageTypes().size();
  }
}

void StepLowering::createFunction() {
  auto function = func::FuncOp::create(
      b_, loc_, "goss_step", b_.getFunctionType({ptr_, ptr_}, {i32_}));
  Block *entry = function.addEntryBlock();
  args_ = entry->getArgument(0);
  device_ = entry->getArgument(1);
  exit_ = new Block;
  function.getBody().push_back(exit_);
  b_.setInsertionPointToStart(exit_);
  func::ReturnOp::create(b_, loc_, exit_->addArgument(i32_, loc_));
  b_.setInsertionPointToStart(entry);

  SmallVector<Type> fields(kNumArgsFields, ptr_);
  fields[kDims] = structOf({i64_, i64_, i64_, i64_});
  Type structure = structOf(fields);
  auto field = [&](int32_t number) {
    return loadField(structure, args_, {0, number}, ptr_);
  };
  auto dimension = [&](int32_t number) -> Value {
    Value value = loadField(structure, args_, {0, kDims, number}, i64_);
    return arith::IndexCastOp::create(b_, loc_, b_.getIndexType(), value);
  };
  static constexpr std::pair<StepArgument, ArgsField> kBuffers[] = {
      {kTokens, kTokensField},       {kPositions, kPositionsField},
      {kSequences, kSequencesField}, {kOutputs, kOutputsField},
      {kLogits, kLogitsField},       {kArena, kArenaField}};
  for (auto [argument, number] : kBuffers)
    pointers_[step_.getArgument(argument)] = {field(number)};
  parameters_ = field(kParametersField);
  caches_ = field(kCachesField);
  mapping_.map(step_.getArgument(kNumTokens), dimension(0));
  mapping_.map(step_.getArgument(kNumOutputs), dimension(1));

  // One frame array serves all groups of launches, one after the other.
  step_.walk([&](gptoss::ConcurrentOp op) {
    maxLaunches_ =
        std::max<size_t>(maxLaunches_, llvm::range_size(op.getDispatches()));
  });
  maxLaunches_ = std::max<size_t>(maxLaunches_, 1);
  size_t perLaunch = 1;
  step_.walk([&](gptoss::DispatchOp op) {
    // At most two pointers a binding.
    perLaunch = std::max<size_t>(perLaunch, 2 * op.getBindings().size());
  });
  maxPointers_ = perLaunch;
  auto frame = [&](Type type, size_t count) -> Value {
    return LLVM::AllocaOp::create(b_, loc_, ptr_, type,
                                  number(i64_, static_cast<int64_t>(count)));
  };
  launches_ = frame(structOf({i32_, i32_, i64_, ptr_}), maxLaunches_);
  bindings_ = frame(ptr_, maxLaunches_ * maxPointers_);
}

LogicalResult StepLowering::lowerOperation(Operation *op) {
  loc_ = op->getLoc();
  if (auto weight = dyn_cast<gptoss::WeightOp>(op)) {
    auto found = tensorNumbers_.find(weight.getParameter());
    if (found == tensorNumbers_.end())
      return op->emitOpError("names no gptoss.parameter");
    Pointers pointers;
    size_t count = weight.getType().getStorageTypes().size();
    for (size_t i = 0; i < count; ++i)
      pointers.push_back(loadElement(parameters_, ptr_,
                                     static_cast<int32_t>(found->second + i)));
    pointers_[weight.getResult()] = pointers;
    return success();
  }
  if (auto view = dyn_cast<memref::ViewOp>(op)) {
    auto source = pointers_.find(view.getSource());
    if (source == pointers_.end())
      return op->emitOpError("expects a view of an argument of the function");
    Value base = source->second[0];
    Value offset = arith::IndexCastOp::create(
        b_, loc_, i64_, mapping_.lookupOrDefault(view.getByteShift()));
    pointers_[view.getResult()] = {
        element(base, b_.getI8Type(), {LLVM::GEPArg(offset)})};
    return success();
  }
  if (isa<memref::CollapseShapeOp, memref::ExpandShapeOp, memref::CastOp>(op)) {
    auto source = pointers_.find(op->getOperand(0));
    if (source == pointers_.end())
      return op->emitOpError("expects a reshape of a view");
    Pointers same = source->second;
    pointers_[op->getResult(0)] = same;
    return success();
  }
  if (auto group = dyn_cast<gptoss::ConcurrentOp>(op))
    return lowerLaunches(llvm::to_vector(group.getDispatches()));
  if (auto dispatch = dyn_cast<gptoss::DispatchOp>(op))
    return lowerLaunches({dispatch});
  if (isa<func::ReturnOp>(op)) {
    cf::BranchOp::create(b_, loc_, exit_, ValueRange{number(i32_, 0)});
    return success();
  }
  for (Value operand : op->getOperands())
    if (!mapping_.contains(operand))
      return op->emitOpError("cannot be part of the step's host code");
  b_.clone(*op, mapping_);
  return success();
}

/// The layer within the first page of its group, and the group's page table:
/// pages lie at a fixed distance, so the offset holds for all of them.
Pointers StepLowering::cachePointers(gptoss::CacheType cache, int64_t layer) {
  auto group = static_cast<int32_t>(cache.getGroup(layer));
  Type structure = structOf({ptr_, ptr_});
  Value pages = loadField(structure, caches_, {group, 0}, ptr_);
  if (int64_t offset = cache.getSlot(layer) * cache.getLayerBytes()) {
    LLVM::GEPArg bytes = number(i64_, offset);
    pages = element(pages, b_.getI8Type(), {bytes});
  }
  return {pages, loadField(structure, caches_, {group, 1}, ptr_)};
}

FailureOr<Pointers> StepLowering::bindingPointers(gptoss::DispatchOp op,
                                                  Value binding) {
  if (auto cache = dyn_cast<gptoss::CacheType>(binding.getType()))
    return cachePointers(cache, static_cast<int64_t>(*op.getLayer()));
  auto found = pointers_.find(binding);
  if (found == pointers_.end())
    return op.emitOpError("expects bindings to be arguments of the function, "
                          "views of the arena, weights or the cache");
  return found->second;
}

LogicalResult
StepLowering::lowerLaunches(SmallVector<gptoss::DispatchOp> dispatches) {
  Type launch = structOf({i32_, i32_, i64_, ptr_});
  int32_t nextPointer = 0;
  for (auto [i, op] : llvm::enumerate(dispatches)) {
    gptoss::KernelOp kernel = op.lookupKernel();
    if (!kernel)
      return op.emitOpError("names no gptoss.kernel");
    Value first = element(bindings_, ptr_, {nextPointer});
    for (Value binding : op.getBindings()) {
      FailureOr<Pointers> pointers = bindingPointers(op, binding);
      if (failed(pointers))
        return failure();
      for (Value pointer : *pointers)
        storeField(pointer, ptr_, bindings_, {nextPointer++});
    }
    auto at = static_cast<int32_t>(i);
    Value items = arith::IndexCastOp::create(
        b_, loc_, i64_, mapping_.lookupOrDefault(op.getItems()));
    int64_t kernelNumber = kernelNumbers_.lookup(kernel.getSymName());
    storeField(number(i32_, nextLaunch_++), launch, launches_, {at, 0});
    storeField(number(i32_, kernelNumber), launch, launches_, {at, 1});
    storeField(items, launch, launches_, {at, 2});
    storeField(first, launch, launches_, {at, 3});
  }
  callDispatch(dispatches.size());
  return success();
}

void StepLowering::callDispatch(size_t count) {
  // goss_device_table: abi_version, size, context, dispatch.
  Type table = structOf({i32_, i32_, ptr_, ptr_});
  Value context = loadField(table, device_, {0, 2}, ptr_);
  Value dispatch = loadField(table, device_, {0, 3}, ptr_);
  auto type =
      LLVM::LLVMFunctionType::get(i32_, {ptr_, ptr_, i32_, ptr_}, false);
  // The dims are the first member of the arguments.
  Value code = LLVM::CallOp::create(
                   b_, loc_, type,
                   ValueRange{dispatch, context, launches_,
                              number(i32_, static_cast<int64_t>(count)), args_})
                   .getResult();
  Value failed = arith::CmpIOp::create(b_, loc_, arith::CmpIPredicate::ne, code,
                                       number(i32_, 0));
  Block *next = b_.createBlock(exit_);
  b_.setInsertionPointToEnd(next->getPrevNode());
  cf::CondBranchOp::create(b_, loc_, failed, exit_, ValueRange{code}, next,
                           ValueRange{});
  b_.setInsertionPointToEnd(next);
}

namespace {

struct LowerStep final : impl::LowerStepBase<LowerStep> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto step = module.lookupSymbol<func::FuncOp>("step");
    if (!step) {
      module.emitError("expects a function @step at the plan level");
      return signalPassFailure();
    }
    StepLowering lowering(module, step);
    if (failed(lowering.run()))
      return signalPassFailure();
    step.erase();
    for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
      if (isa<gptoss::KernelOp, gptoss::ParameterOp>(op))
        op.erase();
  }
};

} // namespace
} // namespace gossamer::cpu
