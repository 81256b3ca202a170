//===- BufferAccess.h - What dispatches read and write ----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Dependences between dispatches: buffers are compared by the bytes that they
// view of their base (the arena, an allocation, an argument), the cache by
// layer.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_BUFFERACCESS_H
#define GOSSAMER_IR_BUFFERACCESS_H

#include "ir/GptOss.h"

namespace mlir::gptoss {

/// Bytes [begin, end) of a base buffer.
struct ByteRange {
  Value base;
  int64_t begin = 0;
  int64_t end = 0;

  bool overlaps(const ByteRange &other) const {
    return base == other.base && begin < other.end && other.begin < end;
  }
};

/// Bytes of a statically shaped memref.
int64_t getByteSize(MemRefType type);

/// The bytes that a memref covers: looks through memref.view with constant
/// offsets and reshapes of whole buffers. A view at an unknown offset covers
/// all of its base.
ByteRange getByteRange(Value buffer);

/// What one dispatch reads and writes.
class DispatchAccess {
public:
  /// The kernel is the dispatch's, with as many bindings.
  DispatchAccess(DispatchOp dispatch, KernelOp kernel);

  /// Whether one writes what the other reads or writes.
  bool conflictsWith(const DispatchAccess &other) const;

  ArrayRef<ByteRange> getReads() const { return reads_; }
  ArrayRef<ByteRange> getWrites() const { return writes_; }

private:
  SmallVector<ByteRange> reads_;
  SmallVector<ByteRange> writes_;
};

} // namespace mlir::gptoss

#endif // GOSSAMER_IR_BUFFERACCESS_H
