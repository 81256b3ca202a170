//===- CacheAccess.h - Addresses within the paged cache ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CUDA_CACHEACCESS_H
#define GOSSAMER_BACKENDS_CUDA_CACHEACCESS_H

#include "backends/cuda/KernelBuilder.h"

namespace gossamer::cuda {

/// Where the keys and values of one layer lie; see !gptoss.cache.
class CacheAccess {
public:
  CacheAccess(KernelBuilder &k, unsigned binding)
      : form(std::get<CacheForm>(k.kernel.bindings[binding])), k_(k),
        pages_(k.arg(binding, 0)), table_(k.arg(binding, 1)) {}

  /// Number of the page of position `key`, negative when there is none.
  Val pageNumber(Val sequence, Val key) const {
    return k_.rowOf(table_, sequence, form.maxPages)
        .load(key / form.pageTokens);
  }
  Array page(Val number) const {
    return k_.rowOf(pages_, number, form.pageElements);
  }
  Val slot(Val key) const { return key % form.pageTokens; }
  /// Element of a page: dimension `d` of the key of a head.
  Val key(Val head, Val d, Val slot) const {
    return (head * form.headDim + d) * form.pageTokens + slot;
  }
  /// Element of a page: dimension `d` of the value of a head.
  Val value(Val head, Val d, Val slot) const {
    return (head * form.pageTokens + slot) * form.headDimPadded + d +
           form.kvHeads * form.headDim * form.pageTokens;
  }

  const CacheForm &form;

private:
  KernelBuilder &k_;
  Array pages_, table_;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_BACKENDS_CUDA_CACHEACCESS_H
