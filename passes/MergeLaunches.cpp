//===- MergeLaunches.cpp - One launch in place of several -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Works on what outline-kernels leaves: every buffer is written by one
// dispatch, and dispatches stand after those that they depend on. Afterwards
// no kernel is left that nothing launches.
//
//===----------------------------------------------------------------------===//

#include "passes/KernelTable.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"

namespace gossamer {
#define GEN_PASS_DEF_MERGELAUNCHES
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

bool isReshape(Operation *op) {
  return isa_and_present<memref::ExpandShapeOp, memref::CollapseShapeOp>(op);
}

/// The buffer that a binding is a reshape of.
Value bufferOf(Value binding) {
  while (isReshape(binding.getDefiningOp()))
    binding = binding.getDefiningOp()->getOperand(0);
  return binding;
}

bool isLaunchOf(DispatchOp dispatch, StringRef operation) {
  return dispatch && dispatch.lookupKernel().getKernelOperation() == operation;
}

/// Who writes and reads each buffer of a function.
class Accesses {
public:
  explicit Accesses(func::FuncOp function) {
    function.walk([&](DispatchOp dispatch) {
      KernelOp kernel = dispatch.lookupKernel();
      for (auto [i, binding] : llvm::enumerate(dispatch.getBindings())) {
        if (!isa<MemRefType>(binding.getType()))
          continue;
        if (kernel.getBindingAccess(i) == Access::Write)
          writers_[bufferOf(binding)].push_back(dispatch);
        else
          readers_[bufferOf(binding)].push_back(dispatch);
      }
    });
  }

  /// The only launch that writes the buffer, null where there are others, or
  /// where the function's caller sees it.
  DispatchOp writer(Value binding) const {
    Value buffer = bufferOf(binding);
    SmallVector<DispatchOp> writers = writers_.lookup(buffer);
    bool isOwn = buffer.getDefiningOp<memref::AllocOp>() != nullptr;
    return isOwn && writers.size() == 1 ? writers[0] : DispatchOp();
  }
  SmallVector<DispatchOp> readers(Value binding) const {
    return readers_.lookup(bufferOf(binding));
  }
  bool isReadBy(Value binding, DispatchOp only) const {
    SmallVector<DispatchOp> all = readers(binding);
    return all.size() == 1 && all[0] == only;
  }

private:
  DenseMap<Value, SmallVector<DispatchOp>> writers_, readers_;
};

/// A launch that takes the place of several.
struct Merged {
  StringRef operation;
  SmallVector<DispatchOp> parts; ///< the last one's place is its own.
  SmallVector<Value> bindings;
  DictionaryAttr config;
  int64_t outputs = 0; ///< rows of the weights.
};

class Matcher {
public:
  explicit Matcher(const Accesses &accesses) : accesses_(accesses) {}
  /// Why the last match failed.
  StringRef reason() const { return reason_; }

  FailureOr<Merged> matchProjection(DispatchOp append);
  FailureOr<Merged> matchRouting(DispatchOp route);

private:
  LogicalResult refuse(StringRef reason) {
    reason_ = reason;
    return failure();
  }
  /// The product that writes the buffer, which nothing but `reader` reads.
  DispatchOp findProduct(Value buffer, DispatchOp reader);
  FailureOr<DispatchOp> findNorm(DispatchOp product);

  const Accesses &accesses_;
  StringRef reason_;
};

int64_t outputsOf(DispatchOp product) {
  return cast<WeightType>(product.getBindings()[1].getType()).getDimSize(0);
}

NamedAttribute configOf(DispatchOp dispatch, StringRef name) {
  Builder b(dispatch.getContext());
  return b.getNamedAttr(name, dispatch.lookupKernel().getConfigAttr(name));
}

DispatchOp Matcher::findProduct(Value buffer, DispatchOp reader) {
  DispatchOp product = accesses_.writer(buffer);
  if (!isLaunchOf(product, "linear") || !accesses_.isReadBy(buffer, reader))
    return {};
  KernelOp kernel = product.lookupKernel();
  auto has = [&](StringRef name) {
    auto value = kernel.getConfigAttr<BoolAttr>(name);
    return value && value.getValue();
  };
  bool isPlain = has("has_bias") && !has("has_residual") && !has("quantized");
  auto rows = kernel.getConfigAttr<StringAttr>("rows");
  return isPlain && rows.getValue() == "tokens" ? product : DispatchOp();
}

FailureOr<DispatchOp> Matcher::findNorm(DispatchOp product) {
  DispatchOp norm = accesses_.writer(product.getBindings()[0]);
  if (!isLaunchOf(norm, "rms_norm"))
    return refuse("the products' input is not what a norm writes");
  return norm;
}

FailureOr<Merged> Matcher::matchProjection(DispatchOp append) {
  DispatchOp keyRope = accesses_.writer(append.getBindings()[0]);
  if (!isLaunchOf(keyRope, "rope") ||
      !accesses_.isReadBy(append.getBindings()[0], append))
    return refuse("the keys are not rotated, or have other uses");
  DispatchOp key = findProduct(keyRope.getBindings()[0], keyRope);
  DispatchOp value = findProduct(append.getBindings()[1], append);
  if (!key || !value)
    return refuse("keys or values are not products of rows of tokens with a "
                  "bias and one use");
  FailureOr<DispatchOp> norm = findNorm(key);
  if (failed(norm))
    return failure();
  SmallVector<DispatchOp> readers = accesses_.readers(key.getBindings()[0]);
  DispatchOp query;
  for (DispatchOp reader : readers)
    if (reader != key && reader != value)
      query = reader;
  if (readers.size() != 3 || !llvm::is_contained(readers, value))
    return refuse("the norm is not read by three products");
  SmallVector<DispatchOp> users;
  if (isLaunchOf(query, "linear"))
    users = accesses_.readers(query.getBindings().back());
  DispatchOp rope = users.size() == 1 ? users[0] : DispatchOp();
  if (!isLaunchOf(rope, "rope") ||
      findProduct(rope.getBindings()[0], rope) != query)
    return refuse("the third product is not a query's, rotated");
  if (rope.getBindings().slice(1, 2) != keyRope.getBindings().slice(1, 2))
    return refuse("query and key are rotated by other angles");
  for (DispatchOp reader : accesses_.readers(rope.getBindings()[3]))
    if (reader->isBeforeInBlock(append))
      return refuse("the query is used before the keys are stored");

  Merged merged{
      "project", {*norm, query, key, value, rope, keyRope, append}, {}, {}, 0};
  llvm::append_range(merged.bindings, norm->getBindings().take_front(2));
  for (DispatchOp product : {query, key, value}) {
    llvm::append_range(merged.bindings, product.getBindings().slice(1, 2));
    merged.outputs += outputsOf(product);
  }
  llvm::append_range(merged.bindings, rope.getBindings().slice(1, 2));
  llvm::append_range(merged.bindings, append.getBindings().slice(2, 2));
  merged.bindings.push_back(rope.getBindings()[3]);
  merged.bindings.push_back(append.getBindings()[4]);
  merged.config = DictionaryAttr::get(
      append.getContext(), {configOf(*norm, "eps"), configOf(append, "group")});
  return merged;
}

FailureOr<Merged> Matcher::matchRouting(DispatchOp route) {
  DispatchOp router = findProduct(route.getBindings()[0], route);
  if (!router)
    return refuse("the choice is not of a product of rows of tokens with a "
                  "bias and one use");
  FailureOr<DispatchOp> norm = findNorm(router);
  if (failed(norm))
    return failure();
  for (DispatchOp reader : accesses_.readers(router.getBindings()[0]))
    if (reader != router && reader->isBeforeInBlock(route))
      return refuse("the norm is used before experts are chosen");

  Merged merged{"norm_route", {*norm, router, route}, {}, {}, 0};
  llvm::append_range(merged.bindings, norm->getBindings().take_front(2));
  llvm::append_range(merged.bindings, router.getBindings().slice(1, 2));
  merged.bindings.push_back(norm->getBindings()[2]);
  llvm::append_range(merged.bindings, route.getBindings().drop_front());
  merged.outputs = outputsOf(router);
  merged.config = DictionaryAttr::get(
      route.getContext(), {configOf(*norm, "eps"), configOf(route, "k")});
  return merged;
}

struct MergeLaunches final : impl::MergeLaunchesBase<MergeLaunches> {
  using MergeLaunchesBase::MergeLaunchesBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    KernelTable kernels(module);
    for (auto function : module.getOps<func::FuncOp>())
      if (!function.isDeclaration())
        mergeIn(function, kernels);
    DenseSet<Attribute> launched;
    module.walk([&](DispatchOp dispatch) {
      launched.insert(dispatch.getKernelAttr().getAttr());
    });
    for (KernelOp kernel : llvm::to_vector(module.getOps<KernelOp>()))
      if (!launched.contains(kernel.getSymNameAttr()))
        kernel.erase();
  }

private:
  void mergeIn(func::FuncOp function, KernelTable &kernels) {
    SmallVector<DispatchOp> ends;
    function.walk([&](DispatchOp dispatch) {
      if (isLaunchOf(dispatch, "cache_append") || isLaunchOf(dispatch, "route"))
        ends.push_back(dispatch);
    });
    // All are matched before anything is erased.
    Accesses accesses(function);
    Matcher matcher(accesses);
    SmallVector<Merged> groups;
    DenseSet<Operation *> taken;
    for (DispatchOp end : ends) {
      FailureOr<Merged> merged = isLaunchOf(end, "route")
                                     ? matcher.matchRouting(end)
                                     : matcher.matchProjection(end);
      StringRef reason = matcher.reason();
      if (succeeded(merged) &&
          llvm::any_of(merged->parts,
                       [&](DispatchOp part) { return taken.contains(part); })) {
        merged = failure();
        reason = "a launch is part of another group";
      }
      report(end, merged, reason);
      if (failed(merged))
        continue;
      taken.insert_range(merged->parts);
      groups.push_back(std::move(*merged));
    }
    for (const Merged &merged : groups)
      replace(merged, kernels);
    eraseUnused(function);
  }

  void replace(const Merged &merged, KernelTable &kernels) {
    DispatchOp end = merged.parts.back();
    OpBuilder b(end);
    int64_t items = llvm::divideCeil(merged.outputs, rowsPerItem);
    AffineMap work = AffineMap::get(2, 0, b.getAffineConstantExpr(items));
    KernelOp kernel = kernels.getOrCreate(
        end.getLoc(), *lookupKernelOperation(merged.operation),
        TypeRange(ValueRange(merged.bindings)), merged.config, work);
    Value count = arith::ConstantIndexOp::create(b, end.getLoc(), items);
    DispatchOp::create(b, end.getLoc(), FlatSymbolRefAttr::get(kernel), count,
                       merged.bindings, end.getLayerAttr());
    for (DispatchOp part : merged.parts)
      part.erase();
    ++numMerged;
  }

  static void eraseUnused(func::FuncOp function) {
    for (Operation &op : llvm::make_early_inc_range(
             llvm::reverse(function.front().getOperations())))
      if ((isReshape(&op) || isa<memref::AllocOp>(op)) && op.use_empty())
        op.erase();
  }

  static void report(DispatchOp end, const FailureOr<Merged> &merged,
                     StringRef reason) {
    auto function = end->getParentOfType<func::FuncOp>().getName();
    auto options = [&](StringRef name) {
      return remark::RemarkOpts::name(name)
          .category("merge-launches")
          .function(function);
    };
    if (succeeded(merged)) {
      if (auto remark = remark::passed(end.getLoc(), options("merged")))
        remark << (Twine(merged->parts.size()) + " launches are " +
                   merged->operation)
                      .str();
    } else if (auto remark = remark::missed(end.getLoc(), options("apart"))) {
      remark << ("not merged: " + reason).str();
    }
  }
};

} // namespace
} // namespace gossamer
