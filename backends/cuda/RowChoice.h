//===- RowChoice.h - A row of logits of which a token is chosen -*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What the stages of ChoiceKernel.cpp share: a row's memory, the numbers that
// say how to choose, and scores and weights of its tokens.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_ROWCHOICE_H
#define GOSSAMER_BACKENDS_CUDA_ROWCHOICE_H

#include "backends/cuda/Candidates.h"
#include "backends/cuda/KernelBuilder.h"
#include "runtime/abi/CudaAbi.h"

#include <cstddef>

namespace gossamer::cuda {

/// Scratch memory of a row, in bytes from its begin.
struct RowMemory {
  explicit RowMemory(int64_t vocabulary);

  /// Logits of a part.
  int64_t share() const { return ceilDiv(vocabulary, parts); }

  int64_t vocabulary;
  int64_t parts;
  int64_t best = 0; ///< [part][order, token].
  int64_t kept;     ///< [part]: weight of what min-p keeps.
  int64_t weights;  ///< [part][bin].
  int64_t counts;   ///< [part][bin]; only for top-k.
  int64_t bins;     ///< [token]: a byte.
  int64_t list;     ///< tokens of a bin.
  int64_t size;
};

/// The choice of one row, from the view of a thread.
class RowChoice {
public:
  RowChoice(KernelBuilder &k, const RowMemory &memory, Val row)
      : k(k), memory(memory), logits_(k.row(0, row)), numbers_(k.row(1, row)),
        seen_(k.row(2, row)),
        scratch_(k.rowOf(k.scratch(k.i8Type()), row, memory.size)),
        penalty_(number(offsetof(goss_cuda_choice, penalty))) {}

  Val number(size_t offset) {
    return numbers_.load(k.i32(static_cast<int64_t>(offset / sizeof(double))));
  }
  Val integer(size_t offset) {
    return numbers_.as(k.i32Type())
        .load(k.i32(static_cast<int64_t>(offset / sizeof(int32_t))));
  }
  Val isWanted() { return integer(offsetof(goss_cuda_choice, is_wanted)) != 0; }
  Val temperature() { return number(offsetof(goss_cuda_choice, temperature)); }
  /// 0 where it keeps everything.
  Val topK() {
    Val count = integer(offsetof(goss_cuda_choice, top_k));
    return k.select(count < memory.vocabulary, count, k.i32(0));
  }

  Array part(int64_t offset, mlir::Type element) {
    return scratch_.at(k.i32(offset)).as(element);
  }

  Val logit(Val token) { return logits_.load(token); }
  /// The logit with its penalty.
  Val score(Val token, Val logit);
  Candidate bestOfParts();
  static Val isLogit(Candidate best) {
    return (best.order > kMinusInfinityOrder) & (best.order < kInfinityOrder);
  }
  /// Logarithm of the probability relative to that of `best`.
  Val distance(Val score, Candidate best);
  Val weight(Val distance);

  KernelBuilder &k;
  const RowMemory &memory;

private:
  Array logits_, numbers_, seen_, scratch_;
  Val penalty_;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_ROWCHOICE_H
