//===- BufferAccess.cpp - What dispatches read and write --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/BufferAccess.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;
using namespace mlir::gptoss;

int64_t gptoss::getByteSize(MemRefType type) {
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

ByteRange gptoss::getByteRange(Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  int64_t size = type.hasStaticShape() ? getByteSize(type)
                                       : std::numeric_limits<int64_t>::max();
  // Reshapes cover the same bytes.
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp>(
            op))
      break;
    buffer = op->getOperand(0);
  }
  if (auto view = buffer.getDefiningOp<memref::ViewOp>()) {
    IntegerAttr offset;
    if (!matchPattern(view.getByteShift(), m_Constant(&offset)))
      return {view.getSource(), 0, std::numeric_limits<int64_t>::max()};
    int64_t begin = offset.getInt();
    return {view.getSource(), begin, begin + size};
  }
  return {buffer, 0, size};
}

DispatchAccess::DispatchAccess(DispatchOp dispatch, KernelOp kernel) {
  for (auto [i, value] : llvm::enumerate(dispatch.getBindings())) {
    Access access = kernel.getBindingAccess(i);
    if (access == Access::Parameter)
      continue;
    ByteRange range{value, 0, 1};
    if (isa<CacheType>(value.getType())) {
      // Layers of the cache never share bytes.
      std::optional<uint64_t> layer = dispatch.getLayer();
      int64_t begin = layer ? static_cast<int64_t>(*layer) : 0;
      int64_t end = layer ? begin + 1 : std::numeric_limits<int64_t>::max();
      range = {value, begin, end};
    } else if (isa<MemRefType>(value.getType())) {
      range = getByteRange(value);
    } else {
      // Not a buffer: the kernel's own verifier refuses it.
      continue;
    }
    if (access != Access::Write)
      reads_.push_back(range);
    if (access != Access::Read)
      writes_.push_back(range);
  }
}

static bool overlap(ArrayRef<ByteRange> first, ArrayRef<ByteRange> second) {
  return llvm::any_of(first, [&](const ByteRange &range) {
    return llvm::any_of(
        second, [&](const ByteRange &other) { return range.overlaps(other); });
  });
}

bool DispatchAccess::conflictsWith(const DispatchAccess &other) const {
  return overlap(writes_, other.writes_) || overlap(writes_, other.reads_) ||
         overlap(reads_, other.writes_);
}
