//===- Sampler.h - From logits to the next token ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Order and meaning are those of Hugging Face transformers: repetition
// penalty, then (when sampling) temperature, top-k, top-p, min-p, softmax.
// Penalised logits are rounded to float32. Probabilities are whole numbers
// (runtime/generate/TokenWeight.h), so that a device can choose the same token.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_GENERATE_SAMPLER_H
#define GOSSAMER_RUNTIME_GENERATE_SAMPLER_H

#include "runtime/device/TokenChoice.h"
#include "runtime/support/Status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace gossamer {

/// How to choose a token. The defaults sample from the model's distribution.
struct SamplingOptions {
  /// Divides the logits; at least 0; 0 means greedy.
  double temperature = 1;
  /// Keeps the k largest logits and all equal to the k-th; 0 = off.
  int64_t topK = 0;
  /// Keeps the most probable tokens up to and with the one at which their sum
  /// reaches p; in [0, 1]; 1 = off; 0 keeps one token.
  double topP = 1;
  /// Keeps tokens with at least this part of the largest probability; [0, 1].
  double minP = 0;
  /// Applied once to each distinct id of the sequence so far, prompt included:
  /// negative logits are multiplied, others divided; above 0; 1 = off.
  double repetitionPenalty = 1;
  /// Takes the largest (penalised) logit, the lowest id among equals.
  bool greedy = false;
  /// With the token's position, determines every draw.
  uint64_t seed = 0;

  /// Usage, naming the option, its value and its range.
  Status validate() const;
};

/// Chooses the tokens of one sequence. Equal options, seen tokens, logits and
/// position give the equal token. Not thread-safe.
class Sampler {
public:
  /// `options` must be valid. `vocabularySize` bounds ids and logits.
  Sampler(const SamplingOptions &options, uint32_t vocabularySize);

  const SamplingOptions &options() const { return options_; }

  /// What `sample` does for `position`, to be done elsewhere; refers to the
  /// sampler and the tokens that it has observed so far.
  TokenChoice choiceAt(uint64_t position) const;

  /// Adds tokens to those that the repetition penalty applies to.
  void observe(std::span<const int32_t> tokens);

  /// The token for `position` of the sequence, given the vocabulary's logits
  /// (raw, finite or -inf). InvalidData when they hold NaN or +inf, or no
  /// finite value. Does not allocate after the first call.
  Expected<int32_t> sample(std::span<const float> logits, uint64_t position);

  /// sample() in its two parts, for many draws from one row: draw(p) gives what
  /// sample(logits, p) gives. `position` is for the message of a failure.
  Status prepare(std::span<const float> logits, uint64_t position);
  /// Only after prepare() went well.
  int32_t draw(uint64_t position);

private:
  struct Candidate {
    float score; ///< penalised logit.
    int32_t id;
    uint64_t weight; ///< in proportion to the probability.
  };

  Status score(std::span<const float> logits, uint64_t position);
  int32_t largest() const;
  void keepTopK();
  double distanceOf(const Candidate &candidate) const;
  uint64_t weigh();
  uint64_t keepTopP(uint64_t total);
  uint64_t keepMinP(uint64_t total);
  void sortUpTo(size_t count);

  SamplingOptions options_;
  double logMinP_;
  std::vector<uint32_t> seen_;    ///< a bit a token; empty without a penalty.
  std::vector<int32_t> distinct_; ///< ids set in seen_.
  std::vector<float> scores_;     ///< penalised logits.
  std::vector<float> selection_;  ///< scratch of top-k.
  std::vector<Candidate> candidates_;
  size_t sorted_ = 0;          ///< candidates before this are in final order.
  float top_ = 0;              ///< the largest score.
  uint64_t total_ = 0;         ///< of the candidates' weights.
  std::vector<uint64_t> sums_; ///< of the weights up to each, as far as drawn.
  int32_t largest_ = 0;        ///< what greedy takes.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_GENERATE_SAMPLER_H
