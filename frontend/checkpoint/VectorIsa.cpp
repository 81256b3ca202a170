//===- VectorIsa.cpp - Loops compiled for several instruction sets --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/VectorIsa.h"

namespace gossamer {

VectorIsa bestVectorIsa() {
#ifdef __x86_64__
  static const VectorIsa best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
      return VectorIsa::Avx512;
    return __builtin_cpu_supports("avx2") ? VectorIsa::Avx2
                                          : VectorIsa::Baseline;
  }();
  return best;
#else
  return VectorIsa::Baseline;
#endif
}

} // namespace gossamer
