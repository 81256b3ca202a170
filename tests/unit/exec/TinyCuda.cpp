//===- TinyCuda.cpp - A model of a few lines on a fake GPU ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "TinyCuda.h"

#include "runtime/abi/CudaAbi.h"
#include "runtime/generate/TokenWeight.h"

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

/// A token with its logarithm of a probability, and with its weight.
struct Candidate {
  float score;
  int32_t token;
  double distance;
  double weight;
};

/// What the sampler says of one row, without its shortcuts.
int32_t chooseOf(std::vector<Candidate> row, const goss_cuda_choice &choice) {
  std::ranges::sort(row, [](const Candidate &a, const Candidate &b) {
    return a.score != b.score ? a.score > b.score : a.token < b.token;
  });
  if (choice.temperature == 0)
    return row[0].token;
  auto k = static_cast<size_t>(choice.top_k);
  if (k && k < row.size())
    std::erase_if(row, [border = row[k - 1].score](const Candidate &each) {
      return each.score < border;
    });
  double total = 0;
  for (Candidate &each : row) {
    each.distance =
        (double{each.score} - double{row[0].score}) / choice.temperature;
    total += each.weight = static_cast<double>(token_weight::of(each.distance));
  }
  double sum = 0;
  size_t kept = 0;
  while (kept < row.size() &&
         (kept == 0 || choice.top_p == 1 || sum < choice.top_p * total))
    sum += row[kept++].weight;
  row.resize(kept);
  std::erase_if(row, [&](const Candidate &each) {
    return each.distance < choice.log_min_p;
  });
  total = 0;
  for (const Candidate &each : row)
    total += each.weight;
  sum = 0;
  for (const Candidate &each : row)
    if ((sum += each.weight) > choice.uniform * total)
      return each.token;
  return -1;
}

/// As goss_cuda_code.choose says, but for infinities.
void choose(const uint64_t *a, const unsigned *, unsigned) {
  for (int64_t r = 0; r < at<goss_dims>(a[4])->outputs; ++r) {
    const float *logits =
        at<float>(a[0]) + static_cast<size_t>(r) * cudaVocabulary;
    const goss_cuda_choice &choice = at<goss_cuda_choice>(a[1])[r];
    bool isWrong = std::any_of(logits, logits + cudaVocabulary,
                               [](float v) { return v != v; });
    int32_t &token = at<int32_t>(a[3])[r];
    token = -1;
    if (!choice.is_wanted || isWrong)
      continue;
    std::vector<Candidate> row;
    for (uint32_t v = 0; v < cudaVocabulary; ++v) {
      double score = logits[v];
      constexpr uint32_t words = cudaVocabulary / 32 + 1;
      if (choice.penalty != 1 &&
          at<uint32_t>(a[2])[static_cast<size_t>(r) * words] >> v & 1)
        score = score < 0 ? score * choice.penalty : score / choice.penalty;
      row.push_back({static_cast<float>(score), static_cast<int32_t>(v), 0, 0});
    }
    token = chooseOf(std::move(row), choice);
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
