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

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_EXPERTWORK_H
