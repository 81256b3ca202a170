//===- BytePairEncoder.cpp - From pieces to tokens ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/BytePairEncoder.h"
#include <algorithm>
#include <functional>

using namespace gossamer;

void BytePairEncoder::encode(std::string_view piece,
                             std::vector<int32_t> &out) {
  if (piece.empty())
    return;
  if (wholePieces_ || piece.size() == 1) {
    uint32_t token = tokens_.find(piece);
    if (token != TokenTable::kNone) {
      out.push_back(static_cast<int32_t>(token));
      return;
    }
  }

  const auto size = static_cast<uint32_t>(piece.size());
  nodes_.clear();
  for (uint32_t i = 0; i < size; ++i)
    nodes_.push_back({tokens_.byteToken(static_cast<uint8_t>(piece[i])),
                      i == 0 ? kEnd : i - 1, i + 1 == size ? kEnd : i + 1, kEnd,
                      0});
  heap_.clear();
  for (uint32_t i = 0; i < size; ++i)
    if (findMerge(i))
      heap_.push_back(uint64_t(nodes_[i].rank) << 32 | i);
  std::make_heap(heap_.begin(), heap_.end(), std::greater<>());

  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
    auto rank = static_cast<uint32_t>(heap_.back() >> 32);
    auto i = static_cast<uint32_t>(heap_.back());
    heap_.pop_back();
    if (nodes_[i].rank == rank)
      mergeWithNext(i);
  }
  for (uint32_t i = 0; i != kEnd; i = nodes_[i].next)
    out.push_back(static_cast<int32_t>(nodes_[i].token));
}

bool BytePairEncoder::findMerge(uint32_t i) {
  Node &node = nodes_[i];
  node.rank = kEnd;
  if (node.next == kEnd)
    return false;
  std::optional<MergeTable::Merge> merge =
      merges_.find(node.token, nodes_[node.next].token);
  if (!merge)
    return false;
  node.rank = merge->rank;
  node.merged = merge->token;
  return true;
}

void BytePairEncoder::pushCandidate(uint32_t i) {
  if (!findMerge(i))
    return;
  heap_.push_back(uint64_t(nodes_[i].rank) << 32 | i);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

void BytePairEncoder::mergeWithNext(uint32_t i) {
  Node &node = nodes_[i];
  Node &gone = nodes_[node.next];
  node.token = node.merged;
  node.next = gone.next;
  gone.rank = kEnd; // its candidates are out of date.
  if (node.next != kEnd)
    nodes_[node.next].previous = i;
  pushCandidate(i);
  if (node.previous != kEnd)
    pushCandidate(node.previous);
}
