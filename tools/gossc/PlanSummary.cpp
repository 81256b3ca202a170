//===- PlanSummary.cpp - The plan level as a table ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/gossc/PlanSummary.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace gossamer {
namespace {

/// Arguments of the plan's `step`, in order.
enum StepArgument : unsigned {
  Tokens,
  Positions,
  Sequences,
  Outputs,
  Cache,
  Logits,
  Arena,
  TokenCount,
  OutputCount,
  NumStepArguments,
};

class PlanReader {
public:
  explicit PlanReader(ModuleOp plan) : plan_(plan) {}

  Expected<PlanSummary> read();

private:
  void readParameters();
  Status readKernels();
  Status readLaunch(gptoss::DispatchOp dispatch);
  Status addBinding(Value value, bool written, proto::Launch &launch);
  Status addMemory(Value value, bool written, proto::Launch &launch);

  ModuleOp plan_;
  func::FuncOp step_;
  PlanSummary summary_;
  llvm::StringMap<uint32_t> firstTensor_; ///< of a parameter's symbol.
  llvm::StringMap<uint32_t> kernels_;     ///< index by symbol.
};

void PlanReader::readParameters() {
  for (auto parameter : plan_.getOps<gptoss::ParameterOp>()) {
    firstTensor_[parameter.getSymName()] = summary_.tensors.size();
    gptoss::WeightType weight = parameter.getWeightType();
    ArrayAttr sources = parameter.getSources();
    for (auto [i, type] : llvm::enumerate(weight.getStorageTypes())) {
      auto source = cast<StringAttr>(sources[std::min(i, sources.size() - 1)]);
      summary_.tensors.push_back(
          {parameter.getSymName().str(), source.getValue().str(),
           weight.getLayout() == gptoss::WeightLayout::RowPanel,
           static_cast<unsigned>(i), weight.getBlockSize(), type});
    }
  }
}

/// Adds the sum's terms to `bound`; fails where they are not linear with
/// coefficients from zero on.
LogicalResult addTerms(AffineExpr expr, uint64_t factor,
                       proto::WorkBound &bound) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    if (constant.getValue() < 0)
      return failure();
    bound.set_constant(bound.constant() + factor * constant.getValue());
    return success();
  }
  if (auto size = dyn_cast<AffineDimExpr>(expr)) {
    if (size.getPosition() == 0)
      bound.set_per_token(bound.per_token() + factor);
    else
      bound.set_per_output(bound.per_output() + factor);
    return success();
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (binary && binary.getKind() == AffineExprKind::Add)
    return success(succeeded(addTerms(binary.getLHS(), factor, bound)) &&
                   succeeded(addTerms(binary.getRHS(), factor, bound)));
  // A constant factor stands on the right.
  auto scale = binary ? dyn_cast<AffineConstantExpr>(binary.getRHS())
                      : AffineConstantExpr();
  if (!scale || binary.getKind() != AffineExprKind::Mul || scale.getValue() < 0)
    return failure();
  return addTerms(binary.getLHS(), factor * scale.getValue(), bound);
}

Status PlanReader::readKernels() {
  for (auto kernel : plan_.getOps<gptoss::KernelOp>()) {
    kernels_[kernel.getSymName()] = summary_.kernels.size();
    proto::Kernel &entry = summary_.kernels.emplace_back();
    entry.set_symbol(kernel.getSymName().str());
    entry.set_operation(kernel.getKernelOperation().str());
    for (AffineExpr result : kernel.getWork().getResults())
      if (failed(addTerms(result, 1, *entry.add_work())))
        return internalError("plan: kernel '" + entry.symbol() +
                             "' has a number of work items that is not linear");
  }
  return Status::ok();
}

/// The storage behind a chain of views, and the bytes to its first element.
std::pair<Value, uint64_t> findStorage(Value value) {
  uint64_t offset = 0;
  while (Operation *op = value.getDefiningOp()) {
    if (auto view = dyn_cast<memref::ViewOp>(op)) {
      APInt shift;
      if (matchPattern(view.getByteShift(), m_ConstantInt(&shift)))
        offset += shift.getZExtValue();
      value = view.getSource();
    } else if (auto view = dyn_cast<ViewLikeOpInterface>(op)) {
      value = view.getViewSource();
    } else {
      break;
    }
  }
  return {value, offset};
}

std::string getDTypeName(Type type) {
  if (type.isF32())
    return "F32";
  if (type.isInteger(32))
    return "I32";
  return "U8";
}

void describeBuffer(Value value, proto::Binding &binding) {
  auto type = cast<MemRefType>(value.getType());
  binding.set_dtype(getDTypeName(type.getElementType()));
  for (int64_t extent : type.getShape())
    binding.add_shape(static_cast<uint64_t>(extent));
}

Status PlanReader::addMemory(Value value, bool written, proto::Launch &launch) {
  auto [storage, offset] = findStorage(value);
  auto argument = dyn_cast<BlockArgument>(storage);
  if (!argument)
    return internalError("plan: launch '" + launch.name() +
                         "' binds memory that is no argument of step");
  proto::Binding &binding = *launch.add_bindings();
  describeBuffer(value, binding);
  binding.set_written(written);
  switch (argument.getArgNumber()) {
  case Tokens:
    binding.set_role(proto::Binding::TOKENS);
    break;
  case Positions:
    binding.set_role(proto::Binding::POSITIONS);
    break;
  case Sequences:
    binding.set_role(proto::Binding::SEQUENCES);
    break;
  case Outputs:
    binding.set_role(proto::Binding::OUTPUTS);
    break;
  case Logits:
    binding.set_role(proto::Binding::LOGITS);
    break;
  case Arena:
    binding.set_role(proto::Binding::ARENA);
    binding.set_arena_offset(offset);
    break;
  default:
    return internalError("plan: launch '" + launch.name() +
                         "' binds a size as memory");
  }
  return Status::ok();
}

Status PlanReader::addBinding(Value value, bool written,
                              proto::Launch &launch) {
  if (auto weight = value.getDefiningOp<gptoss::WeightOp>()) {
    uint32_t first = firstTensor_.lookup(weight.getParameter());
    size_t count = weight.getType().getStorageTypes().size();
    for (size_t i = 0; i < count; ++i) {
      proto::Binding &binding = *launch.add_bindings();
      binding.set_role(proto::Binding::PARAMETER);
      binding.set_index(first + i);
    }
    return Status::ok();
  }
  return addMemory(value, written, launch);
}

Status PlanReader::readLaunch(gptoss::DispatchOp dispatch) {
  gptoss::KernelOp kernel = dispatch.lookupKernel();
  if (!kernel)
    return internalError("plan: a launch names no kernel");
  proto::Launch launch;
  if (auto name = dispatch.getLoc()->findInstanceOf<NameLoc>())
    launch.set_name(name.getName().str());
  launch.set_kernel(kernels_.lookup(kernel.getSymName()));
  for (auto [i, value] : llvm::enumerate(dispatch.getBindings())) {
    gptoss::Access access = kernel.getBindingAccess(i);
    bool written =
        access == gptoss::Access::Write || access == gptoss::Access::ReadWrite;
    auto cache = dyn_cast<gptoss::CacheType>(value.getType());
    if (!cache) {
      GOSS_RETURN_IF_ERROR(addBinding(value, written, launch));
      continue;
    }
    for (auto role :
         {proto::Binding::CACHE_PAGES, proto::Binding::PAGE_TABLE}) {
      proto::Binding &binding = *launch.add_bindings();
      binding.set_role(role);
      binding.set_index(cache.getGroup(*dispatch.getLayer()));
      binding.set_written(written && role == proto::Binding::CACHE_PAGES);
    }
  }
  summary_.launches.push_back(std::move(launch));
  return Status::ok();
}

Expected<PlanSummary> PlanReader::read() {
  step_ = plan_.lookupSymbol<func::FuncOp>("step");
  if (!step_ || step_.getNumArguments() != NumStepArguments)
    return internalError("plan: expects a function step of " +
                         std::to_string(NumStepArguments) + " arguments");
  summary_.cache =
      dyn_cast<gptoss::CacheType>(step_.getArgument(Cache).getType());
  auto arena = dyn_cast<MemRefType>(step_.getArgument(Arena).getType());
  if (!summary_.cache || !arena || !arena.hasStaticShape())
    return internalError("plan: expects a cache and an arena of fixed size");
  summary_.arenaBytes = static_cast<uint64_t>(arena.getNumElements());
  readParameters();
  GOSS_RETURN_IF_ERROR(readKernels());
  Status status;
  step_.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<gptoss::ConcurrentOp>(op))
      ++summary_.groupCount;
    auto dispatch = dyn_cast<gptoss::DispatchOp>(op);
    if (!dispatch)
      return WalkResult::advance();
    if (!isa<gptoss::ConcurrentOp>(op->getParentOp()))
      ++summary_.groupCount;
    status = readLaunch(dispatch);
    return status ? WalkResult::advance() : WalkResult::interrupt();
  });
  GOSS_RETURN_IF_ERROR(status);
  return std::move(summary_);
}

} // namespace

Expected<PlanSummary> PlanSummary::create(ModuleOp plan) {
  return PlanReader(plan).read();
}

void fillCacheLayout(gptoss::CacheType cache, proto::CacheLayout &layout) {
  layout.set_page_tokens(cache.getPageTokens());
  layout.set_kv_heads(cache.getKvHeads());
  layout.set_head_dim(cache.getHeadDim());
  layout.set_dtype(cache.getElementType().isBF16() ? "BF16" : "F32");
  layout.set_max_pages(cache.getMaxPages());
  for (int64_t group = 0; group < cache.getNumGroups(); ++group) {
    proto::CacheGroup &entry = *layout.add_groups();
    entry.set_window(cache.getWindows()[group]);
    entry.set_page_bytes(cache.getPageBytes(group));
    for (int64_t layer = 0; layer < cache.getNumLayers(); ++layer)
      if (cache.getGroup(layer) == group)
        entry.add_layers(layer);
  }
}

} // namespace gossamer
