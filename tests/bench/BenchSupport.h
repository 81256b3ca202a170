//===- BenchSupport.h - What benchmarks share -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_BENCH_BENCHSUPPORT_H
#define GOSSAMER_TESTS_BENCH_BENCHSUPPORT_H

#include "runtime/support/Status.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gossamer::bench {

inline void require(const Status &status) {
  if (status.isOk())
    return;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  std::abort();
}

/// The value; without one there is nothing to measure.
template <typename T> T require(Expected<T> result) {
  require(result.status());
  return result.take();
}

/// Of a list, whose order it changes.
template <typename List> auto median(List &values) {
  auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace gossamer::bench

#endif // GOSSAMER_TESTS_BENCH_BENCHSUPPORT_H
