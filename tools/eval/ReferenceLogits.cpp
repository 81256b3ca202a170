//===- ReferenceLogits.cpp - Logits to compare with -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/eval/ReferenceLogits.h"

#include "runtime/weights/Safetensors.h"

#include <algorithm>

namespace gossamer::tools {

Expected<ReferenceLogits> ReferenceLogits::open(const std::string &path,
                                                const KeptRows &kept,
                                                uint64_t columns) {
  GOSS_ASSIGN_OR_RETURN(NpyFile file, NpyFile::open(path));
  if (file.type() != NpyType::F32)
    return invalidData(path + ": expects float32 logits but got int32");
  std::vector<std::vector<uint64_t>> shapes = {{kept.rowCount(), columns}};
  if (kept.isUniform())
    shapes.push_back({kept.sequenceCount(),
                      kept.rowCount() / kept.sequenceCount(), columns});
  bool fits = false;
  std::string expected;
  for (const std::vector<uint64_t> &shape : shapes) {
    fits |= std::ranges::equal(shape, file.shape());
    expected += (expected.empty() ? "" : " or ") + shapeText(shape);
  }
  if (!fits)
    return invalidData(path + ": expects logits of shape " + expected +
                       " for these tokens but got " + shapeText(file.shape()));
  return ReferenceLogits(std::move(file), columns);
}

Expected<LogitRow> ReferenceLogits::read(uint64_t row) {
  file_.read(row * values_.size(), std::span(values_));
  Expected<LogitRow> result = LogitRow::create(values_);
  if (!result)
    return result.status().withContext(path() + ": row " + std::to_string(row));
  return result;
}

} // namespace gossamer::tools
