//===- TokenizerJsonFuzz.cpp - Any tokenizer.json works or fails ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/fuzz/FuzzTokenizer.h"

using namespace gossamer;

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  requireUsable(Tokenizer::fromJson(bytes, "input"));
  return 0;
}
