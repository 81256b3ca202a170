//===- ChiSquare.cpp - Do draws follow a distribution? --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/validate/ChiSquare.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace gossamer::tools {

// For half-integer a the function needs no series that has to converge:
//   Q(1/2, x) = erfc(sqrt x),  Q(1, x) = exp(-x),
//   Q(a + 1, x) = Q(a, x) + x^a exp(-x) / Gamma(a + 1)
// (Abramowitz and Stegun, 6.5.21, 26.4.4 and 26.4.5). All terms are positive,
// so that nothing cancels.
double chiSquareTail(double statistic, uint64_t degrees) {
  if (degrees == 0 || !(statistic > 0))
    return 1;
  if (std::isinf(statistic))
    return 0;
  double x = statistic / 2;
  bool isOdd = degrees % 2 != 0;
  double tail = isOdd ? std::erfc(std::sqrt(x)) : std::exp(-x);
  double logX = std::log(x);
  // 2 a takes the values 1, 3, ... or 2, 4, ... below the degrees.
  for (uint64_t twice = isOdd ? 1 : 2; twice < degrees; twice += 2) {
    double a = static_cast<double>(twice) / 2;
    tail += std::exp(a * logX - x - std::lgamma(a + 1));
  }
  return std::min(tail, 1.0);
}

/// Outcomes that can be drawn, the most probable first, the lowest index among
/// equals.
static std::vector<uint32_t>
sortByProbability(std::span<const double> probabilities) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < probabilities.size(); ++i)
    if (probabilities[i] > 0)
      order.push_back(i);
  std::ranges::sort(order, [&](uint32_t a, uint32_t b) {
    return probabilities[a] != probabilities[b]
               ? probabilities[a] > probabilities[b]
               : a < b;
  });
  return order;
}

/// Fills bins from the least probable outcome on; what is left over at the end
/// goes into the last bin.
static std::vector<FrequencyBin> makeBins(std::span<const uint64_t> counts,
                                          std::span<const double> probabilities,
                                          double draws, double leastExpected) {
  std::vector<uint32_t> order = sortByProbability(probabilities);
  std::vector<FrequencyBin> bins;
  bool isOpen = false;
  for (uint32_t outcome : std::vector(order.rbegin(), order.rend())) {
    if (!isOpen)
      bins.emplace_back();
    FrequencyBin &bin = bins.back();
    bin.outcomes.push_back(outcome);
    bin.expected += draws * probabilities[outcome];
    bin.observed += counts[outcome];
    isOpen = bin.expected < leastExpected;
  }
  if (isOpen && bins.size() > 1) {
    FrequencyBin last = std::move(bins.back());
    bins.pop_back();
    FrequencyBin &bin = bins.back();
    bin.outcomes.insert(bin.outcomes.end(), last.outcomes.begin(),
                        last.outcomes.end());
    bin.expected += last.expected;
    bin.observed += last.observed;
  }
  std::ranges::reverse(bins);
  for (FrequencyBin &bin : bins)
    std::ranges::reverse(bin.outcomes);
  return bins;
}

ChiSquareResult testFrequencies(std::span<const uint64_t> counts,
                                std::span<const double> probabilities,
                                double leastExpected) {
  assert(counts.size() == probabilities.size());
  auto draws = static_cast<double>(
      std::accumulate(counts.begin(), counts.end(), uint64_t{0}));
  ChiSquareResult result;
  for (size_t i = 0; i < counts.size(); ++i)
    if (!(probabilities[i] > 0))
      result.impossible += counts[i];
  result.bins = makeBins(counts, probabilities, draws, leastExpected);
  for (const FrequencyBin &bin : result.bins) {
    double difference = static_cast<double>(bin.observed) - bin.expected;
    result.statistic += difference * difference / bin.expected;
  }
  result.degrees = result.bins.empty() ? 0 : result.bins.size() - 1;
  result.pValue =
      result.impossible ? 0 : chiSquareTail(result.statistic, result.degrees);
  return result;
}

} // namespace gossamer::tools
