//===- CacheChain.cpp - States of the cache in order ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "passes/CacheChain.h"

using namespace mlir;
using namespace mlir::gptoss;

LogicalResult gossamer::CacheChain::append(CacheAppendOp append) {
  if (!isNewest(append.getCache()))
    return append.emitOpError()
           << "expects the newest state of the cache but got an earlier one";
  states_.push_back(
      {append.getResult(), static_cast<int64_t>(append.getLayer())});
  return success();
}

LogicalResult gossamer::CacheChain::read(Operation *op, Value state,
                                         int64_t layer) const {
  for (const State &known : llvm::reverse(states_)) {
    if (known.value == state)
      return success();
    if (known.layer == layer)
      return op->emitOpError()
             << "expects a state of the cache with the newest "
                "keys of layer "
             << layer << " but got an earlier one";
  }
  return op->emitOpError()
         << "expects a state of the function's cache but got another one";
}
