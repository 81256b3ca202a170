//===- CudaChoice.h - Choices of tokens for a GPU ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDACHOICE_H
#define GOSSAMER_RUNTIME_DEVICE_CUDACHOICE_H

#include "runtime/abi/CudaAbi.h"
#include "runtime/device/TokenChoice.h"

#include <algorithm>

namespace gossamer::cuda {

/// A choice as goss_cuda_code.choose reads it.
inline goss_cuda_choice encode(const TokenChoice &choice) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  return {choice.temperature, choice.topP,
          choice.logMinP,     choice.penalty,
          choice.uniform,     static_cast<int32_t>(std::min(choice.topK, most)),
          /*is_wanted=*/1};
}

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDACHOICE_H
