//===- BytePairEncoder.h - From pieces to tokens ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_BYTEPAIRENCODER_H
#define GOSSAMER_RUNTIME_TEXT_BYTEPAIRENCODER_H

#include "runtime/text/Vocabulary.h"
#include <cstdint>
#include <string_view>
#include <vector>

namespace gossamer {

/// Merges the bytes of a piece into tokens: always the neighbours with the
/// lowest rank, the leftmost of equals. A linked list of the tokens so far and
/// a heap of candidate merges make that O(n log n) for a piece of n bytes.
/// Keeps its buffers between pieces; not thread-safe.
class BytePairEncoder {
public:
  /// Both tables must outlive the encoder. With `wholePieces`, a piece that is
  /// a token itself is not merged at all.
  BytePairEncoder(const TokenTable &tokens, const MergeTable &merges,
                  bool wholePieces)
      : tokens_(tokens), merges_(merges), wholePieces_(wholePieces) {}

  /// Appends the tokens of `piece` (shorter than 4 GiB) to `out`.
  void encode(std::string_view piece, std::vector<int32_t> &out);

private:
  static constexpr uint32_t kEnd = UINT32_MAX;

  /// A token of the piece, at the index of its first byte.
  struct Node {
    uint32_t token;
    uint32_t previous; ///< kEnd at the front.
    uint32_t next;     ///< kEnd at the back.
    uint32_t rank;     ///< of the merge with `next`; kEnd: none.
    uint32_t merged;   ///< what that merge gives.
  };

  /// Looks up the merge of node `i` with its next node; true if there is one.
  bool findMerge(uint32_t i);
  void pushCandidate(uint32_t i);
  void mergeWithNext(uint32_t i);

  const TokenTable &tokens_;
  const MergeTable &merges_;
  bool wholePieces_;
  std::vector<Node> nodes_;
  /// Min-heap of rank << 32 | node. An entry whose rank is no longer the
  /// node's is out of date.
  std::vector<uint64_t> heap_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_BYTEPAIRENCODER_H
