//===- CacheAccess.h - Addresses within the paged cache ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_CACHEACCESS_H
#define GOSSAMER_BACKENDS_CPU_CACHEACCESS_H

#include "backends/cpu/KernelBuilder.h"

namespace gossamer::cpu {

/// Where the keys and values of one layer lie; see !gptoss.cache.
class CacheAccess {
public:
  CacheAccess(KernelBuilder &k, unsigned binding)
      : form(std::get<CacheForm>(k.kernel.bindings[binding])),
        pages(k.args.bindings[binding][0]), k_(k),
        table_(k.args.bindings[binding][1]) {}

  /// Page that holds page_tokens positions from `number` * page_tokens on,
  /// negative when there is none.
  Value page(Value sequence, Value number) const {
    return k_.toIndex(k_.loadScalar(table_, {sequence, number}));
  }
  /// Element of a page where dimension `d` of a head's keys begins; the keys
  /// of one dimension are adjacent.
  Value key(Value head, Value d) const {
    Value row = k_.addi(k_.muli(head, form.headDim), d);
    return k_.muli(row, form.pageTokens);
  }
  /// Element of a page where the value vector of a head begins.
  Value value(Value head, Value slot) const {
    Value row = k_.addi(k_.muli(head, form.pageTokens), slot);
    return k_.addi(k_.muli(row, form.headDimPadded),
                   form.kvHeads * form.headDim * form.pageTokens);
  }

  /// An element of a page as f32.
  Value loadElement(Value page, Value at) const {
    return k_.widen(k_.loadScalar(pages, {page, at}));
  }
  /// A value as the pages hold it.
  Value toElement(Value value) const {
    return form.element == Element::BF16 ? k_.narrowToBF16(value) : value;
  }

  const CacheForm &form;
  const Value pages; ///< memref<? x page elements>.

private:
  KernelBuilder &k_;
  Value table_;
};

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_CACHEACCESS_H
