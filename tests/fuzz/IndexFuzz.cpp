//===- IndexFuzz.cpp - Any index is refused or stays in its folder --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/WeightIndex.h"
#include "runtime/support/MappedFile.h"
#include "tests/fuzz/FuzzSupport.h"

using namespace gossamer;

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  InputFile file(bytes);
  Expected<WeightIndex> index = WeightIndex::load(file.path());
  if (!index) {
    requireMessage(index.status());
    return 0;
  }
  require(!index->fileNames().empty());
  for (const std::string &name : index->fileNames())
    require(checkRelativeName(name).isOk());
  return 0;
}
