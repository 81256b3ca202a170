//===- CudaContext.cpp - One NVIDIA GPU of this process -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaContext.h"

#include <array>

using namespace gossamer;
using namespace gossamer::cuda;

Expected<std::shared_ptr<const CudaContext>>
CudaContext::create(unsigned ordinal) {
  GOSS_ASSIGN_OR_RETURN(const Driver *driver, openDriver());
  int count = 0;
  GOSS_CUDA_CALL(*driver, deviceGetCount, &count);
  if (ordinal >= static_cast<unsigned>(count))
    return unavailable("cuda:" + std::to_string(ordinal) +
                       ": no such GPU; this machine has cuda:0" +
                       (count > 1 ? " to cuda:" + std::to_string(count - 1)
                                  : std::string(" only")));
  std::shared_ptr<CudaContext> context(new CudaContext(*driver, ordinal));
  if (Status status = context->open(); !status.isOk())
    return status.withContext("cuda:" + std::to_string(ordinal));
  return std::shared_ptr<const CudaContext>(std::move(context));
}

Status CudaContext::open() {
  GOSS_CUDA_CALL(driver_, deviceGet, &device_, static_cast<int>(ordinal_));
  std::array<char, 256> name{};
  GOSS_CUDA_CALL(driver_, deviceGetName, name.data(), name.size() - 1, device_);
  name_ = name.data();
  int major = 0, minor = 0, shared = 0, virtualMemory = 0;
  for (auto [attribute, value] : {std::pair{capabilityMajor, &major},
                                  {capabilityMinor, &minor},
                                  {multiprocessorCount, &multiprocessors_},
                                  {clockRate, &clockKilohertz_},
                                  {maxSharedBytesOptIn, &shared},
                                  {virtualMemorySupported, &virtualMemory}})
    GOSS_CUDA_CALL(driver_, deviceGetAttribute, value, attribute, device_);
  capability_ = major * 10 + minor;
  maxSharedBytes_ = static_cast<uint32_t>(shared);
  if (!virtualMemory)
    return unavailable(name_ + ": has no virtual memory management, which the "
                               "cache of keys and values needs");
  size_t bytes = 0;
  GOSS_CUDA_CALL(driver_, deviceTotalMem, &bytes, device_);
  memoryBytes_ = bytes;
  Result result = driver_.primaryCtxRetain(&context_, device_);
  if (result == errorOutOfMemory)
    return outOfMemory(name_ + ": others have taken so much of its " +
                       std::to_string(memoryBytes_ / 1'000'000) +
                       " MB of GPU memory that no context fits");
  GOSS_RETURN_IF_ERROR(driver_.check("primaryCtxRetain", result));
  return enter();
}

CudaContext::~CudaContext() {
  if (context_)
    driver_.primaryCtxRelease(device_);
}
