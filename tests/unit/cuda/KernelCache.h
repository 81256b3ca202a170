//===- KernelCache.h - A cache for tests of kernels -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CUDA_KERNELCACHE_H
#define GOSSAMER_TESTS_UNIT_CUDA_KERNELCACHE_H

#include "tests/unit/cuda/KernelCase.h"

#include <cstring>
#include <numeric>

namespace gossamer::cuda::testing {

inline constexpr int64_t kPage = 16, kMaxPages = 10;

/// Sequences in a cache of two layers, whose second is used.
struct Cache {
  cpu::CacheForm form;
  std::vector<uint8_t> pages; ///< from the second layer on.
  Ints table;

  Cache(int64_t kvHeads, int64_t headDim, int64_t sequences, Element element) {
    form.kvHeads = kvHeads;
    form.headDim = headDim;
    form.headDimPadded = (headDim + 15) / 16 * 16;
    form.maxPages = kMaxPages;
    form.element = element;
    int64_t layer = kvHeads * kPage * (headDim + form.headDimPadded);
    form.pageElements = 2 * layer;
    int64_t numPages = sequences * kMaxPages;
    Floats numbers = randomFloats(numPages * form.pageElements - layer, 9);
    pages = bytesOf(numbers);
    if (element == Element::BF16) {
      for (size_t i = 0; i < numbers.size(); ++i)
        std::memcpy(&pages[2 * i], &pages[4 * i + 2], 2);
      pages.resize(2 * numbers.size());
    }
    // Pages in a scattered order.
    for (int64_t i = 0; i < numPages; ++i)
      table.push_back(static_cast<int32_t>((i * 7 + 3) % numPages));
    if (numPages % 7 == 0)
      std::iota(table.rbegin(), table.rend(), 0);
  }

  /// Makes NaN of what lies behind the last key of a sequence in its page:
  /// nobody has written it.
  void forgetAfter(int64_t sequence, int64_t position) {
    int64_t page = table[sequence * kMaxPages + position / kPage];
    size_t size = form.element == Element::BF16 ? 2 : 4;
    auto forget = [&](int64_t element) {
      auto at = static_cast<size_t>(page * form.pageElements + element) * size;
      std::fill_n(pages.begin() + static_cast<std::ptrdiff_t>(at), size, 0xff);
    };
    for (int64_t slot = position % kPage + 1; slot < kPage; ++slot)
      for (int64_t row = 0; row < form.kvHeads * form.headDim; ++row) {
        int64_t head = row / form.headDim, d = row % form.headDim;
        forget(row * kPage + slot);
        forget(form.kvHeads * form.headDim * kPage +
               (head * kPage + slot) * form.headDimPadded + d);
      }
  }

  /// `isFloat`: written elements, of f32, may differ by rounding.
  void addTo(Case &c, bool isWritten, bool isFloat = false) const {
    c.add(form, pages, isWritten, isFloat);
    c.addMore(bytesOf(table), false, false);
  }
};

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_UNIT_CUDA_KERNELCACHE_H
