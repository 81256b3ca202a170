//===- LogitStatistics.cpp - What rows of logits say ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/eval/LogitStatistics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <string>

namespace gossamer::tools {

Expected<LogitRow> LogitRow::create(std::span<const float> logits) {
  assert(!logits.empty());
  LogitRow row{logits};
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!std::isfinite(logits[i]))
      return invalidData("expects finite logits but got " +
                         std::to_string(logits[i]) + " for token " +
                         std::to_string(i));
    if (logits[i] > logits[row.top])
      row.top = static_cast<uint32_t>(i);
  }
  row.max = logits[row.top];
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(static_cast<double>(logit) - row.max);
  row.logSum = std::log(sum);
  return row;
}

double getKlDivergence(const LogitRow &reference, const LogitRow &ours) {
  assert(reference.logits.size() == ours.logits.size());
  double sum = 0;
  for (size_t i = 0; i < ours.logits.size(); ++i) {
    double logP = reference.logits[i] - reference.max - reference.logSum;
    double logQ = ours.logits[i] - ours.max - ours.logSum;
    sum += std::exp(logP) * (logP - logQ);
  }
  // Of nearly equal rows rounding can leave less than nothing.
  return std::max(sum, 0.0);
}

std::optional<double> Likelihood::getPerplexity() const {
  if (count == 0)
    return std::nullopt;
  return std::exp(nllSum / static_cast<double>(count));
}

void Comparison::add(const LogitRow &reference, const LogitRow &ours,
                     size_t sequence, uint64_t position) {
  double kl = getKlDivergence(reference, ours);
  klSum_ += kl;
  if (kl > maxKl_) {
    maxKl_ = kl;
    maxKlSequence_ = sequence;
    maxKlPosition_ = position;
  }
  sameTop_ += reference.top == ours.top;
  for (size_t i = 0; i < ours.logits.size(); ++i) {
    double error = static_cast<double>(ours.logits[i]) - reference.logits[i];
    maxError_ = std::max(maxError_, std::abs(error));
    squaredError_ += error * error;
  }
  ++rows_;
  elements_ += ours.logits.size();
}

void Comparison::add(const Comparison &other) {
  rows_ += other.rows_;
  elements_ += other.elements_;
  sameTop_ += other.sameTop_;
  klSum_ += other.klSum_;
  if (other.maxKl_ > maxKl_) {
    maxKl_ = other.maxKl_;
    maxKlSequence_ = other.maxKlSequence_;
    maxKlPosition_ = other.maxKlPosition_;
  }
  maxError_ = std::max(maxError_, other.maxError_);
  squaredError_ += other.squaredError_;
}

double Comparison::rmsError() const {
  return elements_ ? std::sqrt(squaredError_ / static_cast<double>(elements_))
                   : 0;
}

} // namespace gossamer::tools
