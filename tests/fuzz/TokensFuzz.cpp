//===- TokensFuzz.cpp - Any list of tokens is refused or a list -----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/fuzz/FuzzSupport.h"
#include "tools/eval/TokenSequences.h"

using namespace gossamer;
using namespace gossamer::tools;

namespace {

void check(const Expected<TokenSequences> &sequences) {
  if (!sequences)
    return requireMessage(sequences.status());
  StepShape shape;
  shape.vocabularySize = 100;
  shape.cache.maxContext = 16;
  Status status = sequences->check(shape);
  if (!status.isOk())
    return requireMessage(status);
  KeptRows kept(*sequences, 2);
  require(kept.rowCount() <= 2 * sequences->rows.size());
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  check(parseTokenSequences(bytes, "input"));
  // An array is told by its first bytes.
  InputFile file(bytes);
  check(readTokenSequences(file.path()));
  return 0;
}
