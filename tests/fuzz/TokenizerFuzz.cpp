//===- TokenizerFuzz.cpp - Hostile tokenizers and texts -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The first byte of the input chooses what the rest is: an image, a
// tokenizer.json, edits of a valid image, or a text.
//
//===----------------------------------------------------------------------===//

#include "runtime/text/StopStrings.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"
#include "runtime/text/Utf8Stream.h"
#include "tests/fuzz/FuzzTokenizer.h"

using namespace gossamer;

namespace {

/// A tokenizer that loaded must work on any text, or fail with a message.
void use(const Expected<Tokenizer> &tokenizer) {
  if (!tokenizer) {
    require(!tokenizer.status().message().empty());
    return;
  }
  std::string image = tokenizer->serialize();
  Expected<Tokenizer> copy =
      Tokenizer::fromImage(std::as_bytes(std::span(image)));
  require(copy.isOk() && copy->serialize() == image);
  for (bool allowSpecial : {false, true})
    if (auto ids = tokenizer->encode("ab <|end|> it's \xF0\x9F\x98\x80 12345\n",
                                     {.allowSpecial = allowSpecial}))
      (void)tokenizer->decode(*ids);
}

/// Each three bytes replace the byte at a 16-bit offset.
void useEdited(std::string_view edits) {
  std::string image = validTokenizer().serialize();
  for (; edits.size() >= 3; edits.remove_prefix(3)) {
    size_t low = static_cast<uint8_t>(edits[0]);
    size_t high = static_cast<uint8_t>(edits[1]);
    image[(low | high << 8) % image.size()] = edits[2];
  }
  use(Tokenizer::fromImage(std::as_bytes(std::span(image))));
}

void encodeText(std::string_view text) {
  std::string repaired;
  appendValidUtf8(repaired, text);
  for (bool allowSpecial : {false, true}) {
    Expected<std::vector<TokenId>> ids =
        validTokenizer().encode(text, {.allowSpecial = allowSpecial});
    require(ids.isOk());
    require(validTokenizer().decode(*ids) == repaired);
  }
  Utf8Stream stream;
  StopStrings stops({"ab", "\n\n"});
  std::string streamed, out;
  for (char c : text)
    streamed += stream.push(std::string_view(&c, 1));
  stream.flush(streamed);
  require(streamed == repaired);
  if (!stops.push(streamed, out))
    stops.flush(out);
  require(streamed.starts_with(out) && isValidUtf8(out));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view rest(reinterpret_cast<const char *>(data) + 1, size - 1);
  switch (data[0] % 4) {
  case 0:
    use(Tokenizer::fromImage(std::as_bytes(std::span(rest))));
    break;
  case 1:
    use(Tokenizer::fromJson(rest, "input"));
    break;
  case 2:
    useEdited(rest);
    break;
  case 3:
    encodeText(rest);
    break;
  }
  return 0;
}
