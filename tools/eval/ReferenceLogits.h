//===- ReferenceLogits.h - Logits to compare with ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_EVAL_REFERENCELOGITS_H
#define GOSSAMER_TOOLS_EVAL_REFERENCELOGITS_H

#include "runtime/weights/Npy.h"
#include "tools/eval/LogitStatistics.h"
#include "tools/eval/TokenSequences.h"

#include <vector>

namespace gossamer::tools {

/// Stored logits of the kept rows of an evaluation, read row by row.
class ReferenceLogits {
public:
  /// Opens a .npy file of float32 with shape [rows, columns] or, where all
  /// sequences keep as many, [sequences, rows of each, columns]. InvalidData
  /// for any other.
  static Expected<ReferenceLogits> open(const std::string &path,
                                        const KeptRows &kept, uint64_t columns);

  const std::string &path() const { return file_.path(); }
  /// A row, valid until the next call; a failure names the row.
  Expected<LogitRow> read(uint64_t row);

private:
  ReferenceLogits(NpyFile file, uint64_t columns)
      : file_(std::move(file)), values_(columns) {}

  NpyFile file_;
  std::vector<float> values_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_EVAL_REFERENCELOGITS_H
