//===- SamplingOracle.cpp - Exact probabilities of the next token ---------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/SamplingOracle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace gossamer::tools {
namespace {

constexpr double dropped = -std::numeric_limits<double>::infinity();

std::vector<double> softmax(const std::vector<double> &scores) {
  double top = *std::ranges::max_element(scores);
  std::vector<double> result(scores.size());
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i)
    sum += result[i] = std::exp(scores[i] - top);
  for (double &value : result)
    value /= sum;
  return result;
}

void penalize(std::vector<double> &scores, std::span<const int32_t> seen,
              double penalty) {
  for (int32_t id : std::set<int32_t>(seen.begin(), seen.end())) {
    if (id < 0 || static_cast<size_t>(id) >= scores.size())
      continue;
    double &score = scores[static_cast<size_t>(id)];
    score = score < 0 ? score * penalty : score / penalty;
  }
}

void keepTopK(std::vector<double> &scores, int64_t k) {
  if (k == 0 || static_cast<size_t>(k) >= scores.size())
    return;
  std::vector<double> sorted = scores;
  std::ranges::sort(sorted, std::greater<>());
  double border = sorted[static_cast<size_t>(k - 1)];
  for (double &score : scores)
    if (score < border)
      score = dropped;
}

/// Of equal scores at the border the lower id stays.
void keepTopP(std::vector<double> &scores, double p) {
  if (p >= 1)
    return;
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : a > b;
  });
  std::vector<double> probabilities = softmax(scores);
  double cumulative = 0;
  order.pop_back(); // The most probable always stays.
  for (size_t i : order) {
    cumulative += probabilities[i];
    if (cumulative <= 1 - p)
      scores[i] = dropped;
  }
}

void keepMinP(std::vector<double> &scores, double part) {
  std::vector<double> probabilities = softmax(scores);
  double least = part * *std::ranges::max_element(probabilities);
  for (size_t i = 0; i < scores.size(); ++i)
    if (probabilities[i] < least)
      scores[i] = dropped;
}

} // namespace

std::vector<double> exactProbabilities(std::span<const float> logits,
                                       const SamplingOptions &options,
                                       std::span<const int32_t> seen) {
  std::vector<double> scores(logits.begin(), logits.end());
  penalize(scores, seen, options.repetitionPenalty);
  if (options.greedy || options.temperature == 0) {
    std::vector<double> result(scores.size(), 0);
    result[static_cast<size_t>(std::ranges::max_element(scores) -
                               scores.begin())] = 1;
    return result;
  }
  for (double &score : scores)
    score /= options.temperature;
  keepTopK(scores, options.topK);
  keepTopP(scores, options.topP);
  keepMinP(scores, options.minP);
  return softmax(scores);
}

} // namespace gossamer::tools
