//===- ConfigFuzz.cpp - Any config is refused or means something ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/ModelConfig.h"
#include "frontend/checkpoint/ParameterList.h"
#include "tests/fuzz/FuzzSupport.h"

using namespace gossamer;

namespace {

/// What is written of a config reads back as the same.
void check(const ModelConfig &config) {
  std::string written = config.toJson(config.claimsMxfp4);
  Expected<ModelConfig> again = ModelConfig::parse(written, "written");
  require(again.isOk());
  require(again->toJson(again->claimsMxfp4) == written);
  // The sanitizer sees a product of sizes that overflows.
  ModelConfig small = config;
  small.setNumLayers(std::min<int64_t>(config.numLayers, 3));
  for (ExpertForm form : {ExpertForm::Mxfp4, ExpertForm::Plain}) {
    ParameterList list = ParameterList::create(small, form);
    require(list.tensorCount() > 0 && list.byteSize() > 0 &&
            list.elementCount() > 0);
  }
}

} // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the library asks for it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  Expected<ModelConfig> config = ModelConfig::parse(bytes, "input");
  if (config)
    check(*config);
  else
    requireMessage(config.status());
  // The same text as a generation_config.json beside a config without any.
  ModelConfig plain;
  plain.vocabSize = 1000;
  Status status = plain.applyGenerationConfig(bytes, "input");
  if (!status.isOk())
    requireMessage(status);
  return 0;
}
