//===- TensorBytes.cpp - A tensor's bytes, mapped or made -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorBytes.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace gossamer {

void TensorProducer::read(uint64_t begin, std::span<std::byte> out) const {
  assert(begin <= size_ && out.size() <= size_ - begin);
  std::vector<std::byte> whole;
  while (!out.empty()) {
    uint64_t skipped = begin % unit_;
    uint64_t count = out.size() / unit_ * unit_;
    if (skipped == 0 && count != 0) {
      make(begin, out.first(count));
    } else {
      // A part of a unit, at either end.
      whole.resize(unit_);
      make(begin - skipped, whole);
      count = std::min<uint64_t>(unit_ - skipped, out.size());
      std::memcpy(out.data(), whole.data() + skipped, count);
    }
    begin += count;
    out = out.subspan(count);
  }
}

std::span<const std::byte>
TensorBytes::view(uint64_t begin, uint64_t size,
                  std::vector<std::byte> &scratch) const {
  if (isMapped())
    return mapped_.subspan(begin, size);
  scratch.resize(size);
  producer_->read(begin, scratch);
  return scratch;
}

void TensorBytes::read(uint64_t begin, std::span<std::byte> out) const {
  if (producer_)
    return producer_->read(begin, out);
  if (!out.empty())
    std::memcpy(out.data(), mapped_.data() + begin, out.size());
}

} // namespace gossamer
