//===- ExpertWork.h - Slots of the expert kernels ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_EXPERTWORK_H
#define GOSSAMER_BACKENDS_CUDA_EXPERTWORK_H

#include "backends/cuda/KernelBuilder.h"

namespace gossamer::cuda {

/// What `route` wrote, as expert_gate_up and expert_down bind it. Slot
/// t * K + rank is token t's rank-th expert; slots are listed by expert, then
/// ascending.
class ExpertWork {
public:
  explicit ExpertWork(KernelBuilder &k)
      : k_(k), experts_(k.arg(1)), offsets_(k.arg(2)), active_(k.arg(3)),
        slots_(k.arg(4)) {}

  /// Experts that have work.
  Val active() const { return active_.load(k_.i32(0)); }
  /// Number of the a-th of them.
  Val expert(Val a) const { return experts_.load(a); }
  /// Where its slots begin and end.
  Val firstSlot(Val a) const { return offsets_.load(a); }
  Val endSlot(Val a) const { return offsets_.load(a + 1); }
  /// Slot at place `i` of the list.
  Val slot(Val i) const { return slots_.load(i); }
  Val token(Val slot) const { return slot / k_.kernel.topK; }

private:
  KernelBuilder &k_;
  Array experts_, offsets_, active_, slots_;
};

/// The end of expert_down: a token's products summed by weight, in the order of
/// rank, onto the residual.
class DownSum {
public:
  explicit DownSum(const KernelDescription &kernel)
      : ranks_(kernel.topK), residual_(kernel.hasResidual ? 8 : 0),
        y_(kernel.hasResidual ? 9 : 8) {}

  unsigned output() const { return y_; } ///< binding.

  /// Stores an output of token `t`; the product of rank r is at r * `stride`.
  void emit(KernelBuilder &k, Val t, Val output, Array products,
            int64_t stride) const {
    Val sum = residual_ ? k.row(residual_, t).load(output) : k.f32(0.0);
    for (int64_t rank = 0; rank < ranks_; ++rank)
      sum = k.fma(k.row(kFactors, t).load(k.i32(rank)),
                  products.load(k.i32(rank * stride)), sum);
    k.row(y_, t).store(output, sum);
  }

private:
  static constexpr unsigned kFactors = 5;
  int64_t ranks_;
  unsigned residual_, y_;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_EXPERTWORK_H
