//===- TinyCuda.cpp - A model of a few lines on a fake GPU ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TinyCuda.h"

#include <algorithm>

using namespace gossamer;
using namespace gossamer::test;

namespace {

/// The driver is opened once a process, so before any test.
const bool isFake = ::setenv("GOSSAMER_LIBCUDA", GOSSAMER_FAKE_LIBCUDA, 1) == 0;

template <typename T> T *at(uint64_t address) {
  return reinterpret_cast<T *>(address);
}

int32_t *keyAt(const int32_t *table, uint64_t pages, int32_t sequence,
               int32_t position) {
  auto index = static_cast<size_t>(sequence) * cudaMaxPages +
               static_cast<size_t>(position) / cudaPageTokens;
  return at<int32_t>(pages) +
         static_cast<size_t>(table[index]) * cudaPageTokens +
         static_cast<size_t>(position) % cudaPageTokens;
}

void storeTokens(const uint64_t *a, const int32_t *tokens) {
  const auto *dims = at<goss_dims>(a[5]);
  for (int64_t i = 0; i < dims->tokens; ++i)
    *keyAt(at<int32_t>(a[3]), a[4], at<int32_t>(a[2])[i],
           at<int32_t>(a[1])[i]) = tokens[i];
}

void append(const uint64_t *a, const unsigned *, unsigned) {
  storeTokens(a, at<int32_t>(a[0]));
}
void appendToScratch(const uint64_t *a, const unsigned *, unsigned) {
  std::copy_n(at<int32_t>(a[0]), at<goss_dims>(a[5])->tokens,
              at<int32_t>(a[6]));
}
void appendFromScratch(const uint64_t *a, const unsigned *, unsigned) {
  storeTokens(a, at<int32_t>(a[6]));
}
/// Fills its scratch memory, which must not be anyone else's.
void mark(const uint64_t *a, const unsigned *, unsigned) {
  std::fill_n(at<uint8_t>(a[2]), 256, 0xff);
  *at<int64_t>(a[0]) = at<goss_dims>(a[1])->keys;
}
void attend(const uint64_t *a, const unsigned *, unsigned) {
  const auto *dims = at<goss_dims>(a[7]);
  for (int64_t r = 0; r < dims->outputs; ++r) {
    int32_t token = at<int32_t>(a[2])[r];
    float sum = 0;
    for (int32_t k = 0; k <= at<int32_t>(a[0])[token]; ++k)
      sum += static_cast<float>(
                 *keyAt(at<int32_t>(a[3]), a[4], at<int32_t>(a[1])[token], k)) *
             static_cast<float>(k + 1);
    for (size_t v = 0; v < cudaVocabulary; ++v)
      at<float>(a[6])[static_cast<size_t>(r) * cudaVocabulary + v] =
          at<float>(a[5])[v] * sum;
  }
}

/// As goss_cuda_code.greedy says, but for infinities.
void choose(const uint64_t *a, const unsigned *, unsigned) {
  for (int64_t r = 0; r < at<goss_dims>(a[2])->outputs; ++r) {
    const float *row =
        at<float>(a[0]) + static_cast<size_t>(r) * cudaVocabulary;
    const float *end = row + cudaVocabulary;
    bool isWrong = std::any_of(row, end, [](float v) { return v != v; });
    at<int32_t>(a[1])[r] =
        isWrong ? -1 : static_cast<int32_t>(std::max_element(row, end) - row);
  }
}

} // namespace

void test::setTinyKernels() {
  ASSERT_TRUE(isFake);
  const FakeCuda &fake = FakeCuda::get();
  fake.setKernel("tiny_append", append);
  fake.setKernel("tiny_append_1_0", appendToScratch);
  fake.setKernel("tiny_append_1_1", appendFromScratch);
  fake.setKernel("tiny_mark", mark);
  fake.setKernel("tiny_attend", attend);
  fake.setKernel("tiny_choose", choose);
  fake.setMemory(size_t{64} << 20);
  fake.takeLog();
}
