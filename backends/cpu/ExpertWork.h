//===- ExpertWork.h - Items and slots of the expert kernels -----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The bindings of expert_gate_up and expert_down, and the loops over the
// slots that `route` wrote. Slot t * K + rank is token t's rank-th expert;
// slots are listed by expert, then by token.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_EXPERTWORK_H
#define GOSSAMER_BACKENDS_CPU_EXPERTWORK_H

#include "backends/cpu/KernelBuilder.h"

namespace gossamer::cpu {

/// Weight rows of one item.
inline constexpr int64_t kItemRows = kPanelRows;

inline int64_t ceilDiv(int64_t n, int64_t d) { return (n + d - 1) / d; }

class ExpertWork {
public:
  explicit ExpertWork(KernelBuilder &k) : k_(k) {}

  /// Number of the a-th active expert.
  Value expert(Value a) { return entry(0, a); }
  /// Where its slots begin and end.
  Value firstSlot(Value a) { return entry(1, a); }
  Value endSlot(Value a) { return entry(1, k_.addi(a, 1)); }
  /// Experts that have work.
  Value active() { return entry(2, k_.index(0)); }
  /// Slot at place `i` of the list.
  Value slot(Value i) { return entry(3, i); }
  Value token(Value slot) { return k_.divi(slot, k_.kernel.topK); }

  /// Items of expert_gate_up: blocks of rows of the active experts.
  void forGateUpItems(
      int64_t rows,
      llvm::function_ref<void(Value a, Value expert, Value row)> body) {
    int64_t blocks = ceilDiv(rows, kItemRows);
    k_.forItems([&](Value item) {
      Value a = k_.divi(item, blocks);
      Value row = k_.muli(k_.remi(item, blocks), kItemRows);
      k_.ifThen(k_.less(a, active()), [&] { body(a, expert(a), row); });
    });
  }

private:
  /// The lists follow the input.
  Value entry(unsigned list, Value i) {
    unsigned binding = 1 + list;
    return k_.toIndex(k_.loadScalar(k_.arg(binding), i));
  }

  KernelBuilder &k_;
};

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_EXPERTWORK_H
