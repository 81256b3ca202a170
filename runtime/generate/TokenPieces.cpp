//===- TokenPieces.cpp - Tokens as text -----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"

using namespace gossamer;

TokenPieces gossamer::tokenPiecesOf(const Tokenizer &tokenizer,
                                    bool showSpecial) {
  // The copy shares the tables and keeps them alive.
  return [tokenizer, showSpecial](int32_t id) {
    bool special = tokenizer.isSpecial(id);
    if (special && !showSpecial)
      return TokenPiece{{}, true};
    return TokenPiece{tokenizer.tokenBytes(id), special};
  };
}
