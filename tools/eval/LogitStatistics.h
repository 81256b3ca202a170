//===- LogitStatistics.h - What rows of logits say --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Likelihoods of tokens and distances between distributions. All sums are in
// double and in the order of the calls, so that equal rows give equal bits.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_EVAL_LOGITSTATISTICS_H
#define GOSSAMER_TOOLS_EVAL_LOGITSTATISTICS_H

#include "runtime/support/Status.h"

#include <cstdint>
#include <optional>
#include <span>

namespace gossamer::tools {

/// What normalises one row: log softmax(i) = logits[i] - max - logSum.
struct LogitRow {
  std::span<const float> logits;
  double max = 0;
  double logSum = 0; ///< of exp(logits[i] - max).
  uint32_t top = 0;  ///< index of the largest, the lowest among equals.

  /// InvalidData, naming the token, for a logit that is not finite.
  static Expected<LogitRow> create(std::span<const float> logits);

  /// -log softmax(token), in nats.
  double getNll(uint32_t token) const {
    return logSum - (static_cast<double>(logits[token]) - max);
  }
};

/// Kullback-Leibler divergence KL(reference || ours) in nats, of rows of equal
/// size. Never negative.
double getKlDivergence(const LogitRow &reference, const LogitRow &ours);

/// Negative log-likelihood of some tokens.
struct Likelihood {
  double nllSum = 0;
  uint64_t count = 0;

  void add(double nll) {
    nllSum += nll;
    ++count;
  }
  void add(const Likelihood &other) {
    nllSum += other.nllSum;
    count += other.count;
  }
  /// exp(mean); nothing without tokens.
  std::optional<double> getPerplexity() const;
};

/// Distance of rows from reference rows.
class Comparison {
public:
  /// Adds a row; `sequence` and `position` say where it stands.
  void add(const LogitRow &reference, const LogitRow &ours, size_t sequence,
           uint64_t position);
  void add(const Comparison &other);

  uint64_t rowCount() const { return rows_; }
  double meanKl() const { return perRow(klSum_); }
  double maxKl() const { return maxKl_; }
  /// Where the divergence is largest, the first among equals.
  size_t maxKlSequence() const { return maxKlSequence_; }
  uint64_t maxKlPosition() const { return maxKlPosition_; }
  /// Share of rows with the same largest logit, the lowest index among equals.
  double topAgreement() const { return perRow(static_cast<double>(sameTop_)); }
  double maxError() const { return maxError_; }
  double rmsError() const;

private:
  double perRow(double sum) const {
    return rows_ ? sum / static_cast<double>(rows_) : 0;
  }

  uint64_t rows_ = 0;
  uint64_t elements_ = 0;
  uint64_t sameTop_ = 0;
  double klSum_ = 0;
  double maxKl_ = -1;
  size_t maxKlSequence_ = 0;
  uint64_t maxKlPosition_ = 0;
  double maxError_ = 0;
  double squaredError_ = 0;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_EVAL_LOGITSTATISTICS_H
