//===- FuzzTokenizer.h - The tokenizer that fuzz targets share --*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H
#define GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H

#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"
#include "tests/TestPaths.h"
#include "tests/fuzz/FuzzSupport.h"

namespace gossamer {

/// The tokenizer of models/tiny-stories, read once.
inline const Tokenizer &validTokenizer() {
  static const Tokenizer tokenizer = [] {
    std::string path =
        GOSSAMER_SOURCE_DIR "/models/tiny-stories/tokenizer.json";
    Expected<MappedFile> file = MappedFile::open(path);
    require(file.isOk());
    Expected<Tokenizer> read = Tokenizer::fromJson(file->text(), path);
    require(read.isOk());
    return read.take();
  }();
  return tokenizer;
}

/// A tokenizer that loaded must work on any text, or fail with a message.
inline void requireUsable(const Expected<Tokenizer> &tokenizer) {
  if (!tokenizer)
    return requireMessage(tokenizer.status());
  std::string image = tokenizer->serialize();
  Expected<Tokenizer> copy =
      Tokenizer::fromImage(std::as_bytes(std::span(image)));
  require(copy.isOk() && copy->serialize() == image);
  for (bool allowSpecial : {false, true})
    if (auto ids = tokenizer->encode("ab <|end|> it's \xF0\x9F\x98\x80 12345\n",
                                     {.allowSpecial = allowSpecial}))
      (void)tokenizer->decode(*ids);
}

} // namespace gossamer

#endif // GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H
