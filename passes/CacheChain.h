//===- CacheChain.h - States of the cache in order --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to passes/: in the IR over tensors the cache is a value, in the plan
// it is updated in place. That is the same only if no state is read or appended
// to after it was overwritten; this class checks it.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_PASSES_CACHECHAIN_H
#define GOSSAMER_PASSES_CACHECHAIN_H

#include "ir/GptOss.h"

namespace gossamer {

class CacheChain {
public:
  /// Begins a chain with an argument of the function.
  void begin(mlir::Value state) { states_.push_back({state, -1}); }

  /// `append` makes the next state; an error unless it extends the newest.
  mlir::LogicalResult append(mlir::gptoss::CacheAppendOp append);

  /// `op` reads `layer` of `state`; an error if that was overwritten since.
  mlir::LogicalResult read(mlir::Operation *op, mlir::Value state,
                           int64_t layer) const;

  /// Whether the state is the newest one.
  bool isNewest(mlir::Value state) const {
    return !states_.empty() && states_.back().value == state;
  }

private:
  struct State {
    mlir::Value value;
    int64_t layer; ///< that was appended to, -1 for the first state.
  };
  llvm::SmallVector<State> states_;
};

} // namespace gossamer

#endif // GOSSAMER_PASSES_CACHECHAIN_H
