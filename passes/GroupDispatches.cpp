//===- GroupDispatches.cpp - Group independent dispatches -------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Afterwards: each block has first all that prepares dispatches, then groups of
// dispatches; no dispatch is outside of a group.
//
//===----------------------------------------------------------------------===//

#include "ir/BufferAccess.h"
#include "passes/Passes.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gossamer {
#define GEN_PASS_DEF_GROUPDISPATCHES
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

struct GroupDispatches final : impl::GroupDispatchesBase<GroupDispatches> {
  using GroupDispatchesBase::GroupDispatchesBase;

  void runOnOperation() override {
    for (Block &block : getOperation().getBody())
      if (failed(groupBlock(block)))
        return signalPassFailure();
  }

private:
  /// A dispatch goes to the first group after all that it depends on; moving
  /// it there passes only dispatches that it does not depend on.
  LogicalResult groupBlock(Block &block) {
    SmallVector<DispatchOp> dispatches(block.getOps<DispatchOp>());
    if (dispatches.empty())
      return success();
    if (failed(hoistPreparations(block, dispatches.front())))
      return failure();
    SymbolTableCollection symbols;
    SmallVector<DispatchAccess> accesses;
    SmallVector<SmallVector<DispatchOp>> groups;
    SmallVector<size_t> groupOf;
    for (DispatchOp dispatch : dispatches) {
      auto kernel = symbols.lookupNearestSymbolFrom<KernelOp>(
          dispatch, dispatch.getKernelAttr());
      DispatchAccess access(dispatch, kernel);
      size_t group = 0;
      for (auto [i, other] : llvm::enumerate(accesses))
        if (groupOf[i] >= group && access.conflictsWith(other))
          group = groupOf[i] + 1;
      if (group == groups.size())
        groups.emplace_back();
      groups[group].push_back(dispatch);
      groupOf.push_back(group);
      accesses.push_back(std::move(access));
    }
    makeGroups(block, groups);
    return success();
  }

  /// Moves what has no side effects before the first dispatch, so that
  /// dispatches can move freely.
  static LogicalResult hoistPreparations(Block &block, DispatchOp first) {
    for (Operation &op : llvm::make_early_inc_range(llvm::make_range(
             first->getIterator(), block.getTerminator()->getIterator()))) {
      if (isa<DispatchOp>(op))
        continue;
      if (!isMemoryEffectFree(&op) && !isa<memref::AllocOp>(op))
        return op.emitOpError() << "expects dispatches and operations without "
                                   "side effects but got another";
      op.moveBefore(first);
    }
    return success();
  }

  void makeGroups(Block &block, ArrayRef<SmallVector<DispatchOp>> groups) {
    OpBuilder builder(block.getTerminator());
    for (ArrayRef<DispatchOp> group : groups) {
      SmallVector<Location> locs;
      for (DispatchOp dispatch : group)
        locs.push_back(dispatch.getLoc());
      auto concurrent =
          ConcurrentOp::create(builder, builder.getFusedLoc(locs));
      Block &body = concurrent.getBodyRegion().emplaceBlock();
      for (DispatchOp dispatch : group)
        dispatch->moveBefore(&body, body.end());
      ++numGroups;
    }
  }
};

} // namespace
} // namespace gossamer
