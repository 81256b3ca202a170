//===- ChiSquare.h - Do draws follow a distribution? ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Pearson's test of goodness of fit: with n draws, counts O_i and probabilities
// p_i, X^2 = sum of (O_i - n p_i)^2 / (n p_i) follows, for large n, the
// chi-square distribution with (bins - 1) degrees of freedom when the draws
// have those probabilities.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_VALIDATE_CHISQUARE_H
#define GOSSAMER_TOOLS_VALIDATE_CHISQUARE_H

#include <cstdint>
#include <span>
#include <vector>

namespace gossamer::tools {

/// The probability that a chi-square variable with `degrees` degrees of freedom
/// is at least `statistic`: Q(degrees / 2, statistic / 2), the regularised
/// upper incomplete gamma function. 1 for no degrees or a statistic of 0.
double chiSquareTail(double statistic, uint64_t degrees);

/// Outcomes that are counted together.
struct FrequencyBin {
  std::vector<uint32_t> outcomes; ///< in descending order of probability.
  double expected = 0;            ///< n p.
  uint64_t observed = 0;
};

struct ChiSquareResult {
  /// In descending order of the outcomes' probabilities.
  std::vector<FrequencyBin> bins;
  /// Draws whose probability is 0: one is enough to fail.
  uint64_t impossible = 0;
  double statistic = 0;
  uint64_t degrees = 0;
  /// Of counts as far off or farther; 0 where something impossible was drawn.
  double pValue = 1;
};

/// Compares how often each outcome was drawn with its probability. Outcomes are
/// put together, the least probable first, until each bin expects at least
/// `leastExpected` draws, below which the distribution is not that of the
/// formula. Both spans have one entry an outcome; probabilities sum to 1.
ChiSquareResult testFrequencies(std::span<const uint64_t> counts,
                                std::span<const double> probabilities,
                                double leastExpected = 5);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_VALIDATE_CHISQUARE_H
