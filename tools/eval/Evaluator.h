//===- Evaluator.h - Logits of whole sequences ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_EVAL_EVALUATOR_H
#define GOSSAMER_TOOLS_EVAL_EVALUATOR_H

#include "runtime/model/Scheduler.h"
#include "tools/eval/TokenSequences.h"

#include <functional>
#include <memory>
#include <span>

namespace gossamer::tools {

struct EvaluatorOptions {
  /// Sequences computed together.
  uint32_t batch = 1;
  /// Tokens of one step; 0: as many as the model was compiled for and as have
  /// logits of at most 64 MiB.
  uint32_t tokensPerStep = 0;
};

/// The logits of one kept position.
struct EvaluatedRow {
  size_t sequence;
  uint32_t position;
  std::span<const float> logits; ///< valid during the callback.
};

/// Computes the logits of sequences, a bounded number of rows at a time. The
/// rows do not depend on the options; only the order of sequences that are
/// computed together does.
class Evaluator {
public:
  using RowFunction = std::function<Status(const EvaluatedRow &)>;
  /// Called with the tokens computed since the last call; a failure ends all.
  using ProgressFunction = std::function<Status(uint64_t tokens)>;

  static Expected<Evaluator> create(std::shared_ptr<const StepRunner> runner,
                                    const EvaluatorOptions &options = {});

  uint32_t tokensPerStep() const { return scheduler_->maxTokensPerStep(); }

  /// Calls `onRow` with each kept row: those of a sequence in ascending
  /// position. The sequences must have passed TokenSequences::check.
  Status run(const TokenSequences &sequences, const KeptRows &kept,
             const RowFunction &onRow, const ProgressFunction &onProgress = {});

private:
  struct Part;

  Evaluator(std::unique_ptr<Scheduler> scheduler, uint32_t batch)
      : scheduler_(std::move(scheduler)), batch_(batch) {}
  Status runTogether(std::span<Part> parts, const RowFunction &onRow,
                     const ProgressFunction &onProgress);

  std::unique_ptr<Scheduler> scheduler_;
  uint32_t batch_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_EVAL_EVALUATOR_H
