//===- Sampler.cpp - From logits to the next token ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Candidates have one total order, descending logit then ascending id, in which
// probabilities are accumulated for top-p and for the draw. Only as much of
// that order is made as is walked: a vocabulary has 200,000 entries and a draw
// usually ends in the first dozens.
//
// What is kept, and which token is drawn, depends on nothing but single logits
// and on sums of whole numbers, compared with a limit as doubles. All that is
// kept is a beginning of the order. A device computes the same
// (backends/cuda/ChoiceKernel.cpp); what changes here changes there.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Sampler.h"

#include "runtime/generate/Random.h"
#include "runtime/generate/TokenWeight.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>

using namespace gossamer;

namespace {

/// Candidates sorted at first; each further round sorts four times as many.
constexpr size_t firstSortedCandidates = 64;

constexpr uint32_t wordBits = 32;

std::string format(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

Status outOfRange(const char *name, double value, const char *range) {
  return usageError(std::string(name) + ": expects " + range + " but got " +
                    format(value));
}

/// The largest of `logits`; NaN when they are not all numbers or -inf. In lanes
/// that compilers make vectors of: greedy decoding of a small model notices.
float largestOf(std::span<const float> logits) {
  constexpr size_t lanes = 16;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::array<float, lanes> top;
  std::array<uint32_t, lanes> wrong{};
  top.fill(-infinity);
  auto look = [&](float logit, size_t lane) {
    wrong[lane] |= static_cast<uint32_t>(!(logit < infinity));
    top[lane] = logit > top[lane] ? logit : top[lane];
  };
  size_t whole = logits.size() / lanes * lanes;
  for (size_t i = 0; i < whole; i += lanes)
    for (size_t lane = 0; lane < lanes; ++lane)
      look(logits[i + lane], lane);
  for (size_t i = whole; i < logits.size(); ++i)
    look(logits[i], 0);
  if (std::any_of(wrong.begin(), wrong.end(), [](uint32_t w) { return w; }))
    return std::numeric_limits<float>::quiet_NaN();
  return *std::max_element(top.begin(), top.end());
}

/// The first place of `value`, which is one of `logits`.
size_t placeOf(float value, std::span<const float> logits) {
  constexpr size_t block = 64;
  size_t begin = 0;
  for (; begin + block <= logits.size(); begin += block) {
    uint32_t found = 0;
    for (size_t i = 0; i < block; ++i)
      found |= static_cast<uint32_t>(logits[begin + i] == value);
    if (found)
      break;
  }
  auto first = logits.begin() + static_cast<std::ptrdiff_t>(begin);
  return static_cast<size_t>(std::find(first, logits.end(), value) -
                             logits.begin());
}

} // namespace

Status SamplingOptions::validate() const {
  // Written so that NaN fails.
  if (!(temperature >= 0 && std::isfinite(temperature)))
    return outOfRange("temperature", temperature, "a finite number >= 0");
  if (topK < 0)
    return usageError("top-k: expects an integer >= 0 but got " +
                      std::to_string(topK));
  if (!(topP >= 0 && topP <= 1))
    return outOfRange("top-p", topP, "a number in [0, 1]");
  if (!(minP >= 0 && minP <= 1))
    return outOfRange("min-p", minP, "a number in [0, 1]");
  if (!(repetitionPenalty > 0 && std::isfinite(repetitionPenalty)))
    return outOfRange("repetition-penalty", repetitionPenalty,
                      "a finite number > 0");
  return Status::ok();
}

Sampler::Sampler(const SamplingOptions &options, uint32_t vocabularySize)
    : options_(options),
      logMinP_(options.minP > 0 ? std::log(options.minP)
                                : -std::numeric_limits<double>::infinity()) {
  if (options_.temperature == 0)
    options_.greedy = true;
  if (options_.repetitionPenalty != 1)
    seen_.resize(seenWords(vocabularySize));
  scores_.reserve(vocabularySize);
}

void Sampler::observe(std::span<const int32_t> tokens) {
  if (options_.repetitionPenalty == 1)
    return;
  for (int32_t token : tokens) {
    auto index = static_cast<uint32_t>(token);
    uint32_t bit = uint32_t{1} << index % wordBits;
    // A token beyond the vocabulary that has a bit has no logit.
    if (token < 0 || index / wordBits >= seen_.size() ||
        (seen_[index / wordBits] & bit) != 0)
      continue;
    seen_[index / wordBits] |= bit;
    distinct_.push_back(token);
  }
}

TokenChoice Sampler::choiceAt(uint64_t position) const {
  TokenChoice choice;
  choice.penalty = options_.repetitionPenalty;
  choice.seen = seen_;
  if (options_.greedy)
    return choice;
  choice.temperature = options_.temperature;
  choice.topK = options_.topK;
  choice.topP = options_.topP;
  choice.logMinP = logMinP_;
  choice.uniform = uniformAt(options_.seed, position);
  return choice;
}

Expected<int32_t> Sampler::sample(std::span<const float> logits,
                                  uint64_t position) {
  GOSS_RETURN_IF_ERROR(prepare(logits, position));
  return draw(position);
}

Status Sampler::prepare(std::span<const float> logits, uint64_t position) {
  if (options_.greedy && distinct_.empty()) {
    float largest = largestOf(logits);
    if (std::isfinite(largest)) {
      largest_ = static_cast<int32_t>(placeOf(largest, logits));
      return Status::ok();
    }
  }
  GOSS_RETURN_IF_ERROR(score(logits, position));
  if (options_.greedy) {
    largest_ = largest();
    return Status::ok();
  }
  sorted_ = 0;
  sums_.clear();
  keepTopK();
  sums_.reserve(candidates_.capacity());
  total_ = keepMinP(keepTopP(weigh()));
  return Status::ok();
}

/// Fills scores_ with the penalised logits.
Status Sampler::score(std::span<const float> logits, uint64_t position) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  bool finite = false;
  for (size_t id = 0; id < logits.size(); ++id) {
    float logit = logits[id];
    if (std::isnan(logit) || logit == infinity)
      return invalidData("logits for position " + std::to_string(position) +
                         ": expects numbers but got " +
                         (std::isnan(logit) ? "NaN" : "inf") + " for token " +
                         std::to_string(id));
    finite |= logit != -infinity;
  }
  if (!finite)
    return invalidData("logits for position " + std::to_string(position) +
                       ": expects a finite value but all are -inf");
  scores_.assign(logits.begin(), logits.end());
  double penalty = options_.repetitionPenalty;
  constexpr double most = std::numeric_limits<float>::max();
  for (int32_t token : distinct_) {
    auto id = static_cast<size_t>(token);
    if (id >= scores_.size() || !std::isfinite(scores_[id]))
      continue;
    double score = scores_[id];
    // Extreme penalties must not make infinities of finite logits.
    scores_[id] = static_cast<float>(
        std::clamp(score < 0 ? score * penalty : score / penalty, -most, most));
  }
  return Status::ok();
}

int32_t Sampler::largest() const {
  auto best = std::max_element(scores_.begin(), scores_.end());
  return static_cast<int32_t>(best - scores_.begin());
}

/// Makes the candidates: every finite score, or those that top-k leaves.
void Sampler::keepTopK() {
  float lowest = -std::numeric_limits<float>::infinity();
  auto k = static_cast<uint64_t>(options_.topK);
  if (k != 0 && k < scores_.size()) {
    selection_ = scores_;
    auto border = selection_.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(selection_.begin(), border, selection_.end(),
                     std::greater<>());
    lowest = *border;
  }
  candidates_.clear();
  for (size_t id = 0; id < scores_.size(); ++id)
    if (scores_[id] >= lowest && std::isfinite(scores_[id]))
      candidates_.push_back({scores_[id], static_cast<int32_t>(id), 0});
}

/// Logarithm of the probability relative to the largest. The largest score is
/// subtracted before the division, so that no temperature overflows.
double Sampler::distanceOf(const Candidate &candidate) const {
  return (double{candidate.score} - double{top_}) / options_.temperature;
}

/// Sets weights and returns their sum.
uint64_t Sampler::weigh() {
  top_ = -std::numeric_limits<float>::infinity();
  for (const Candidate &candidate : candidates_)
    top_ = std::max(top_, candidate.score);
  uint64_t total = 0;
  for (Candidate &candidate : candidates_) {
    candidate.weight = token_weight::of(distanceOf(candidate));
    total += candidate.weight;
  }
  return total;
}

/// Keeps a token if what comes before it has less than topP of the total: the
/// one that crosses stays, and at least one. Returns the new total.
uint64_t Sampler::keepTopP(uint64_t total) {
  if (options_.topP >= 1)
    return total;
  double limit = options_.topP * static_cast<double>(total);
  uint64_t sum = 0;
  size_t kept = 0;
  while (kept < candidates_.size() &&
         (kept == 0 || static_cast<double>(sum) < limit)) {
    sortUpTo(kept + 1);
    sum += candidates_[kept++].weight;
  }
  candidates_.resize(kept);
  return sum;
}

/// Keeps what is at least minP times as probable as the largest. Returns the
/// new total.
uint64_t Sampler::keepMinP(uint64_t total) {
  if (options_.minP <= 0)
    return total;
  // Order is kept, so a sorted beginning stays one.
  size_t sorted = 0, kept = 0;
  uint64_t sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (distanceOf(candidates_[i]) < logMinP_)
      continue;
    sorted += i < sorted_;
    sum += candidates_[i].weight;
    candidates_[kept++] = candidates_[i];
  }
  candidates_.resize(kept);
  sorted_ = sorted;
  return sum;
}

/// The first candidate at which the running sum exceeds uniform * total. There
/// is one: less than 1 times the total is less than the total, rounded or not.
int32_t Sampler::draw(uint64_t position) {
  if (options_.greedy)
    return largest_;
  double target =
      uniformAt(options_.seed, position) * static_cast<double>(total_);
  auto isBeyond = [target](uint64_t sum) {
    return static_cast<double>(sum) > target;
  };
  uint64_t sum = sums_.empty() ? 0 : sums_.back();
  while (!isBeyond(sum)) {
    size_t next = sums_.size();
    sortUpTo(next + 1);
    sums_.push_back(sum += candidates_[next].weight);
  }
  auto found = std::ranges::partition_point(
      sums_, [&](uint64_t each) { return !isBeyond(each); });
  return candidates_[static_cast<size_t>(found - sums_.begin())].id;
}

/// Puts at least the first `count` candidates in their final order.
void Sampler::sortUpTo(size_t count) {
  if (count <= sorted_)
    return;
  size_t end = std::max(sorted_ * 4, firstSortedCandidates);
  end = std::min(std::max(end, count), candidates_.size());
  auto before = [](const Candidate &a, const Candidate &b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  auto first = candidates_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(end);
  if (middle != candidates_.end())
    std::nth_element(first, middle, candidates_.end(), before);
  std::sort(first, middle, before);
  sorted_ = end;
}
