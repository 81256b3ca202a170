//===- TokenizerImageFuzz.cpp - Any image works or fails ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// An input that does not begin like an image is a list of changes of a valid
// one: three bytes each, a 16-bit offset and the byte that goes there.
//
//===----------------------------------------------------------------------===//

#include "tests/TestPaths.h"
#include "tests/fuzz/FuzzTokenizer.h"

using namespace gossamer;

namespace {

/// Small: most changes hit something.
const std::string &validImage() {
  static const std::string image = [] {
    std::string path =
        GOSSAMER_SOURCE_DIR "/tests/data/malformed/base/tokenizer.json";
    Expected<MappedFile> file = MappedFile::open(path);
    require(file.isOk());
    Expected<Tokenizer> tokenizer = Tokenizer::fromJson(file->text(), path);
    require(tokenizer.isOk());
    return tokenizer->serialize();
  }();
  return image;
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  std::string image(bytes);
  if (!bytes.starts_with("GTOK")) {
    image = validImage();
    for (; bytes.size() >= 3; bytes.remove_prefix(3)) {
      size_t low = static_cast<uint8_t>(bytes[0]);
      size_t high = static_cast<uint8_t>(bytes[1]);
      image[(low | high << 8) % image.size()] = bytes[2];
    }
  }
  requireUsable(Tokenizer::fromImage(std::as_bytes(std::span(image))));
  return 0;
}
