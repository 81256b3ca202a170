//===- KernelCase.h - Device functions against the CPU's kernels *- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Every kind of a kernel runs in the interpreter, and must give what the CPU's
// simplest kernel gives (which tests/unit/cpu compares with scalar references).
// Beyond the rows of a step nothing may change.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_UNIT_CUDA_KERNELCASE_H
#define GOSSAMER_TESTS_UNIT_CUDA_KERNELCASE_H

#include "tests/unit/cpu/KernelRunner.h"
#include "tests/unit/cpu/Reference.h"
#include "tests/unit/cuda/KernelRunner.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace gossamer::cuda::testing {

using cpu::testing::f32;
using cpu::testing::Floats;
using cpu::testing::i32;
using cpu::testing::makeWeights;
using cpu::testing::randomFloats;
using cpu::testing::Weights;
using Ints = std::vector<int32_t>;

/// Rows that buffers have room for.
inline constexpr int64_t kMaxTokens = 48;

template <typename T> std::vector<uint8_t> bytesOf(const std::vector<T> &v) {
  const auto *begin = reinterpret_cast<const uint8_t *>(v.data());
  return {begin, begin + v.size() * sizeof(T)};
}

Ints randomInts(size_t n, int32_t below, unsigned seed);
void roundToBF16(std::vector<uint8_t> &floats);

/// A kernel with its data.
struct Case {
  KernelDescription kernel;
  std::vector<Argument> arguments;
  std::vector<bool> areFloats; ///< of each argument.
  goss_dims dims{};
  int64_t items = 0; ///< of the CPU's kernel.
  double tolerance = 2e-5;
  /// Of kinds that round more to bf16 than the first argument; 0: the same.
  double roundedTolerance = 0;
  unsigned seed = 1;
  /// Replaces what was written and has no meaning.
  void (*normalize)(std::vector<Argument> &) = nullptr;
  /// What the kernel writes, where the CPU has none of that operation: with
  /// the inputs of products rounded to bf16 or not.
  std::function<std::vector<Argument>(bool isRounded)> reference;

  Case(const std::string &operation, int64_t tokens, int64_t items)
      : dims{tokens, 0, 0, 1}, items(items) {
    kernel.operation = operation;
  }

  Case &add(cpu::BindingForm form, std::vector<uint8_t> bytes, bool isWritten,
            bool isFloat);
  /// Another pointer of the same binding.
  Case &addMore(std::vector<uint8_t> bytes, bool isWritten, bool isFloat);
  Case &in(const std::vector<int64_t> &shape);
  Case &in(const std::vector<int64_t> &shape, const Ints &values);
  Case &in(const Weights &weights);
  Case &in(std::initializer_list<int64_t> shape, Element element,
           Layout layout = Layout::RowMajor) {
    return in(makeWeights({shape, element, layout}, ++seed));
  }
  Case &out(const std::vector<int64_t> &shape);
  Case &outInts(const std::vector<int64_t> &shape);

  /// What the CPU's simplest kind writes, with the first argument rounded to
  /// bf16 or not.
  std::vector<Argument> want(bool isRounded) const;
  /// Runs all kinds that can compute it.
  void check(const std::string &what) const;

private:
  std::string compare(std::vector<Argument> got, std::vector<Argument> want,
                      double tolerance) const;
};

/// The lists of experts, from argument `lists` on, have a meaning only as far
/// as experts are active.
template <size_t lists>
void forgetUnusedExperts(std::vector<Argument> &arguments) {
  int32_t active;
  std::memcpy(&active, arguments[lists + 2].bytes.data(), sizeof active);
  auto forget = [&](size_t argument, int32_t first) {
    std::vector<uint8_t> &bytes = arguments[argument].bytes;
    std::fill(bytes.begin() + first * sizeof active, bytes.end(), 0);
  };
  forget(lists, active);
  forget(lists + 1, active + 1);
}

} // namespace gossamer::cuda::testing

#endif // GOSSAMER_TESTS_UNIT_CUDA_KERNELCASE_H
