//===- SafetensorsFuzz.cpp - Any file is refused or safe to read ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Safetensors.h"
#include "tests/fuzz/FuzzSupport.h"
#include <cstring>

using namespace gossamer;

namespace {

void read(std::span<const std::byte> bytes) {
  Expected<SafetensorsFile> file =
      SafetensorsFile::read(MappedFile::borrow(bytes, "input"));
  if (!file)
    return requireMessage(file.status());
  uint64_t total = file->headerSize();
  unsigned sum = 0;
  for (const TensorView &tensor : file->tensors()) {
    for (std::byte byte : tensor.bytes())
      sum += static_cast<unsigned>(byte);
    total += tensor.size;
    require(file->find(tensor.name) == &tensor);
  }
  volatile unsigned keepReads = sum;
  (void)keepReads;
  require(total == bytes.size());
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<std::byte> bytes(size);
  if (size)
    std::memcpy(bytes.data(), data, size);
  read(bytes);
  // Again with a size prefix that ends the header at its last brace: the
  // fuzzer then only has to find the JSON.
  size_t brace = size;
  while (brace > 8 && data[brace - 1] != '}')
    --brace;
  if (brace > 8) {
    uint64_t header = brace - 8;
    std::memcpy(bytes.data(), &header, sizeof(header));
    read(bytes);
  }
  return 0;
}
