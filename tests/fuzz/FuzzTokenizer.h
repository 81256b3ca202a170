//===- FuzzTokenizer.h - The tokenizer that fuzz targets share --*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H
#define GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H

#include "runtime/support/MappedFile.h"
#include "runtime/text/Tokenizer.h"
#include <cstdlib>

namespace gossamer {

/// A finding: ends the process, which the fuzzer reports.
inline void require(bool condition) {
  if (!condition)
    std::abort();
}

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

} // namespace gossamer

#endif // GOSSAMER_TESTS_FUZZ_FUZZTOKENIZER_H
