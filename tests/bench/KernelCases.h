//===- KernelCases.h - Kernels with data to measure them ---------*- C++
//-*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Kernel operations with the row length of gpt-oss-20b and as many rows as half
// a MiB of weights has, in every form that weights and inputs can have. Which
// kinds a case has is asked of the table of kernel kinds.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_BENCH_KERNELCASES_H
#define GOSSAMER_TESTS_BENCH_KERNELCASES_H

#include "backends/cpu/KernelDescription.h"
#include "runtime/abi/StepAbi.h"

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gossamer::cpu::testing {

/// Memory that begins at a page, as mapped weights do.
class Memory {
public:
  void *allocate(size_t bytes);
  /// Allocates a copy of `from`.
  template <typename T> T *copy(const std::vector<T> &from) {
    return static_cast<T *>(copyBytes(from.data(), from.size() * sizeof(T)));
  }

private:
  void *copyBytes(const void *from, size_t bytes);

  struct Free {
    void operator()(void *block) const { std::free(block); }
  };
  std::vector<std::unique_ptr<void, Free>> blocks_;
};

/// All that one call of a kernel needs, and what it has to do.
struct Launch {
  Memory memory;
  std::vector<const void *> bindings;
  goss_dims dims{};
  int64_t items = 0;
  double bytes = 0;      ///< of weights, cache, or input, read once.
  double operations = 0; ///< 0: not counted.
  /// Where the matrix is among the bindings, and its copies when streaming.
  size_t matrix = 0;
  std::vector<std::vector<const void *>> copies;
};

struct KernelCase {
  KernelDescription kernel;
  std::string form; ///< of the weights or cache; and of the input.
  std::vector<int64_t> tokens;
  /// Makes the data for that many tokens. With poolBytes > 0, so many copies of
  /// the matrix that together they take that much.
  std::function<Launch(int64_t tokens, size_t poolBytes)> prepare;
};

/// The cases of all operations; data is made when a case is prepared.
std::vector<KernelCase> kernelCases();

} // namespace gossamer::cpu::testing

#endif // GOSSAMER_TESTS_BENCH_KERNELCASES_H
