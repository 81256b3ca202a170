//===- GgufFuzz.cpp - Any file is refused or safe to read -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/GgufMetadata.h"
#include "tests/fuzz/FuzzSupport.h"
#include <cstring>

using namespace gossamer;

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<std::byte> bytes(size);
  if (size)
    std::memcpy(bytes.data(), data, size);
  // The fuzzer need not find the magic and the version.
  const uint32_t start[] = {0x46554747, ggufVersion};
  if (size >= sizeof(start))
    std::memcpy(bytes.data(), start, sizeof(start));
  Expected<GgufFile> file = GgufFile::read(MappedFile::borrow(bytes, "input"));
  if (!file) {
    requireMessage(file.status());
    return 0;
  }
  unsigned sum = 0;
  for (const GgufTensor &tensor : file->tensors())
    for (std::byte byte : tensor.bytes)
      sum += static_cast<unsigned>(byte);
  volatile unsigned keepReads = sum;
  (void)keepReads;
  CheckpointContents contents;
  (void)readGgufMetadata(*file, contents);
  return 0;
}
