//===- TokenizerTables.h - The parts of a tokenizer -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Shared by the readers and writers of tokenizers only.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_TEXT_TOKENIZERTABLES_H
#define GOSSAMER_RUNTIME_TEXT_TOKENIZERTABLES_H

#include "runtime/text/Pretokenizer.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Vocabulary.h"

namespace gossamer {

struct Tokenizer::Tables {
  std::string pattern;
  Pretokenizer pretokenizer;
  TokenTable tokens;
  MergeTable merges;
  bool wholePieces; ///< "ignore_merges": a piece that is a token stays whole.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_TEXT_TOKENIZERTABLES_H
