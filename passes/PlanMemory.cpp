//===- PlanMemory.cpp - Place all buffers in one arena ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Afterwards: no memref.alloc is left; each buffer is a memref.view of the
// arena at a constant offset that is a multiple of 64; buffers that live at the
// same time do not overlap.
//
//===----------------------------------------------------------------------===//

#include "ir/BufferAccess.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace gossamer {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"
} // namespace gossamer

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
namespace {

/// Cache lines: neighbours never share one, vector loads are aligned.
constexpr int64_t alignment = 64;

/// A buffer, the steps of the block during which it lives, and its place.
struct Buffer {
  memref::AllocOp alloc;
  int64_t size = 0;
  unsigned first = 0, last = 0;
  int64_t offset = 0;

  bool livesWith(const Buffer &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Extends the life of `buffer` by all uses of `value` and of its reshapes.
void addUses(Buffer &buffer, Value value, Block &block,
             const DenseMap<Operation *, unsigned> &order) {
  for (Operation *user : value.getUsers()) {
    if (isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(user)) {
      addUses(buffer, user->getResult(0), block, order);
      continue;
    }
    // A dispatch lives as long as its group runs.
    unsigned step = order.lookup(block.findAncestorOpInBlock(*user));
    buffer.first = std::min(buffer.first, step);
    buffer.last = std::max(buffer.last, step);
  }
}

/// Gives every buffer its offset and returns the bytes of the arena.
int64_t placeBuffers(SmallVectorImpl<Buffer> &buffers) {
  SmallVector<Buffer *> bySize;
  for (Buffer &buffer : buffers)
    bySize.push_back(&buffer);
  // Equal sizes stay in program order, which is that of `buffers`.
  llvm::sort(bySize, [](const Buffer *a, const Buffer *b) {
    return a->size != b->size ? a->size > b->size : a < b;
  });
  SmallVector<Buffer *> placed; // by ascending offset
  int64_t peak = 0;
  for (Buffer *buffer : bySize) {
    int64_t offset = 0;
    for (const Buffer *other : placed) {
      if (!buffer->livesWith(*other))
        continue;
      if (offset + buffer->size <= other->offset)
        break;
      offset = std::max(offset, other->offset + other->size);
    }
    buffer->offset = offset;
    placed.insert(llvm::upper_bound(placed, offset,
                                    [](int64_t value, const Buffer *other) {
                                      return value < other->offset;
                                    }),
                  buffer);
    peak = std::max(peak, offset + buffer->size);
  }
  return peak;
}

/// Replaces a buffer and its reshapes by views of the arena.
void replaceByView(OpBuilder &builder, Operation *op, Value arena,
                   Value offset) {
  for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
    if (isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(user))
      replaceByView(builder, user, arena, offset);
  builder.setInsertionPoint(op);
  auto view = memref::ViewOp::create(
      builder, op->getLoc(), cast<MemRefType>(op->getResult(0).getType()),
      arena, offset, ValueRange());
  op->replaceAllUsesWith(view);
  op->erase();
}

struct PlanMemory final : impl::PlanMemoryBase<PlanMemory> {
  using PlanMemoryBase::PlanMemoryBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isDeclaration() || function.getOps<memref::AllocOp>().empty())
      return;
    if (!function.getBody().hasOneBlock()) {
      function.emitOpError() << "expects one block but got "
                             << function.getBody().getBlocks().size();
      return signalPassFailure();
    }
    SmallVector<Buffer> buffers = collectBuffers(function.front());
    int64_t peak = placeBuffers(buffers);
    report(function, buffers, peak);
    if (failed(rewrite(function, buffers, peak)))
      signalPassFailure();
  }

private:
  void report(func::FuncOp function, ArrayRef<Buffer> buffers, int64_t peak) {
    int64_t total = 0;
    for (const Buffer &buffer : buffers)
      total += buffer.size;
    arenaBytes += peak;
    bufferBytes += total;
    if (auto remark = remark::analysis(function.getLoc(),
                                       remark::RemarkOpts::name("arena")
                                           .category("plan-memory")
                                           .function(function.getName())))
      remark << llvm::formatv("{0} bytes hold {1} buffers of {2} bytes", peak,
                              buffers.size(), total)
                    .str();
  }

  static SmallVector<Buffer> collectBuffers(Block &block) {
    DenseMap<Operation *, unsigned> order;
    for (auto [i, op] : llvm::enumerate(block))
      order[&op] = i;
    SmallVector<Buffer> buffers;
    for (auto alloc :
         llvm::make_early_inc_range(block.getOps<memref::AllocOp>())) {
      if (alloc->use_empty()) {
        alloc->erase();
        continue;
      }
      Buffer buffer;
      buffer.alloc = alloc;
      buffer.size = llvm::alignTo(getByteSize(alloc.getType()), alignment);
      buffer.first = order.size();
      addUses(buffer, alloc, block, order);
      buffers.push_back(buffer);
    }
    return buffers;
  }

  /// Adds the arena before the sizes of the step, which come last.
  static LogicalResult rewrite(func::FuncOp function, ArrayRef<Buffer> buffers,
                               int64_t peak) {
    OpBuilder builder(function.getContext());
    unsigned index = function.getNumArguments();
    while (index > 0 && function.getArgumentTypes()[index - 1].isIndex())
      --index;
    auto type = MemRefType::get({peak}, builder.getI8Type());
    if (failed(function.insertArgument(index, type, {}, function.getLoc())))
      return failure();
    Value arena = function.getArgument(index);
    DenseMap<int64_t, Value> offsets;
    Operation *last = nullptr;
    for (const Buffer &buffer : buffers) {
      Value &offset = offsets[buffer.offset];
      if (!offset) {
        // An insertion point at the block's first operation would not outlive
        // it: that may be an allocation.
        if (last)
          builder.setInsertionPointAfter(last);
        else
          builder.setInsertionPointToStart(&function.front());
        offset = arith::ConstantIndexOp::create(builder, function.getLoc(),
                                                buffer.offset);
        last = offset.getDefiningOp();
      }
      replaceByView(builder, buffer.alloc, arena, offset);
    }
    return success();
  }
};

} // namespace
} // namespace gossamer
