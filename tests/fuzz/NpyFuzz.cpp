//===- NpyFuzz.cpp - Any file is refused or safe to read ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Npy.h"
#include "tests/fuzz/FuzzSupport.h"
#include <cstring>

using namespace gossamer;

namespace {

void read(std::string_view bytes) {
  InputFile file(bytes);
  Expected<NpyArray> array = readNpy(file.path());
  if (!array)
    return requireMessage(array.status());
  uint64_t count = array->floats.size() + array->integers.size();
  uint64_t product = 1;
  for (uint64_t extent : array->shape)
    product *= extent;
  require(product == count && bytes.size() >= 4 * count);
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  read(bytes);
  // Again as the header of a file of version 2 that ends with the input's last
  // brace: the fuzzer then only has to find the dictionary.
  auto length = static_cast<uint32_t>(bytes.rfind('}') + 1);
  std::string file("\x93NUMPY\x02\0", 8);
  file.append(reinterpret_cast<const char *>(&length), sizeof(length));
  read(file.append(bytes));
  return 0;
}
