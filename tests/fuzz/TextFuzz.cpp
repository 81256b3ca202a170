//===- TextFuzz.cpp - Any text is encoded and streamed --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/Utf8.h"
#include "runtime/text/Utf8Stream.h"
#include "tests/fuzz/FuzzTokenizer.h"

using namespace gossamer;

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  std::string repaired;
  appendValidUtf8(repaired, bytes);
  require(isValidUtf8(repaired) && (repaired == bytes) == isValidUtf8(bytes));
  for (bool allowSpecial : {false, true}) {
    Expected<std::vector<TokenId>> ids =
        validTokenizer().encode(bytes, {.allowSpecial = allowSpecial});
    require(ids.isOk());
    require(validTokenizer().decode(*ids) == repaired);
  }
  // Pieces of a size that the text chooses itself.
  Utf8Stream stream;
  std::string streamed;
  for (std::string_view rest = bytes; !rest.empty();) {
    size_t count = std::min<size_t>(rest.size(), 1 + (rest[0] & 3));
    std::string delta = stream.push(rest.substr(0, count));
    require(isValidUtf8(delta));
    streamed += delta;
    rest.remove_prefix(count);
  }
  stream.flush(streamed);
  require(streamed == repaired);
  (void)repairJsonSurrogates(bytes);
  return 0;
}
