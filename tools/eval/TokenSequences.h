//===- TokenSequences.h - The tokens of an evaluation -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_EVAL_TOKENSEQUENCES_H
#define GOSSAMER_TOOLS_EVAL_TOKENSEQUENCES_H

#include "runtime/model/StepRunner.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer::tools {

/// Sequences of token ids, each of which begins at position 0.
struct TokenSequences {
  std::string source; ///< what messages call them.
  std::vector<std::vector<int32_t>> rows;

  uint64_t tokenCount() const;

  /// Refuses (InvalidData) what `shape` cannot run: no token, ids outside the
  /// vocabulary, a sequence longer than the context.
  Status check(const StepShape &shape) const;
};

/// Reads a .npy file of int32 with shape [T] or [N, T], or text: ids between
/// commas and white space, a sequence on each line that is not empty. "-" is
/// text on standard input.
Expected<TokenSequences> readTokenSequences(const std::string &path);

/// Reads the text form; failures name `source` and the line.
Expected<TokenSequences> parseTokenSequences(std::string_view text,
                                             const std::string &source);

/// Which logits of an evaluation are kept, and where they stand in an array:
/// those of the last positions of every sequence, sequence after sequence.
class KeptRows {
public:
  /// Keeps `last` positions of each sequence, or as many as it has; 0 keeps
  /// all.
  KeptRows(const TokenSequences &sequences, uint64_t last);

  size_t sequenceCount() const { return firstRows_.size() - 1; }
  /// First kept position of a sequence.
  uint64_t beginOf(size_t sequence) const { return begins_[sequence]; }
  /// Row of the array that holds this position.
  uint64_t rowOf(size_t sequence, uint64_t position) const {
    return firstRows_[sequence] + position - begins_[sequence];
  }
  uint64_t rowCount() const { return firstRows_.back(); }

  /// [rows, columns] of a single sequence or of unequal ones, else
  /// [sequences, rows of each, columns].
  std::vector<uint64_t> getShape(uint64_t columns) const;

  /// Whether all sequences keep the same number of rows.
  bool isUniform() const;

private:
  std::vector<uint64_t> begins_;
  std::vector<uint64_t> firstRows_; ///< one more than sequences.
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_EVAL_TOKENSEQUENCES_H
