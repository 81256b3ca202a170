//===- Evaluator.cpp - Logits of whole sequences --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/eval/Evaluator.h"

#include <algorithm>

namespace gossamer::tools {

/// Logits that a step may make.
static constexpr uint64_t logitsLimitBytes = 64 << 20;

/// A sequence being computed.
struct Evaluator::Part {
  size_t number; ///< of the sequence.
  std::span<const int32_t> tokens;
  uint64_t keptBegin; ///< first position whose logits are wanted.
  Session session;

  /// Queues what comes next: the tokens whose logits nobody wants, then, once
  /// they are computed, the others.
  Status queue() {
    if (!session.pending().empty() || isDone())
      return Status::ok();
    size_t begin = session.position();
    size_t end = begin < keptBegin ? keptBegin : tokens.size();
    return session.append(tokens.subspan(begin, end - begin));
  }
  bool isDone() const { return session.position() == tokens.size(); }
  StepEntry entry() {
    return {&session, session.position() < keptBegin ? LogitsOf::None
                                                     : LogitsOf::EveryToken};
  }
};

Expected<Evaluator> Evaluator::create(std::shared_ptr<const StepRunner> runner,
                                      const EvaluatorOptions &options) {
  const StepShape &shape = runner->shape();
  SchedulerOptions steps;
  steps.maxTokensPerStep = options.tokensPerStep;
  if (steps.maxTokensPerStep == 0)
    steps.maxTokensPerStep = static_cast<uint32_t>(std::clamp<uint64_t>(
        logitsLimitBytes / (sizeof(float) * shape.vocabularySize), 1,
        shape.maxTokensPerStep));
  GOSS_ASSIGN_OR_RETURN(std::unique_ptr<Scheduler> scheduler,
                        Scheduler::create(std::move(runner), steps));
  return Evaluator(std::move(scheduler), std::max(options.batch, 1U));
}

Status Evaluator::runTogether(std::span<Part> parts, const RowFunction &onRow,
                              const ProgressFunction &onProgress) {
  auto countComputed = [&] {
    uint64_t count = 0;
    for (const Part &part : parts)
      count += part.session.position();
    return count;
  };
  std::vector<StepEntry> entries;
  while (true) {
    entries.clear();
    for (Part &part : parts) {
      GOSS_RETURN_IF_ERROR(part.queue());
      if (!part.isDone())
        entries.push_back(part.entry());
    }
    if (entries.empty())
      return Status::ok();
    uint64_t before = countComputed();
    GOSS_ASSIGN_OR_RETURN(std::span<const LogitsRow> rows,
                          scheduler_->step(entries));
    for (const LogitsRow &row : rows) {
      auto part = std::ranges::find(parts, row.session,
                                    [](Part &each) { return &each.session; });
      GOSS_RETURN_IF_ERROR(onRow({part->number, row.position, row.values}));
    }
    if (onProgress)
      GOSS_RETURN_IF_ERROR(onProgress(countComputed() - before));
  }
}

Status Evaluator::run(const TokenSequences &sequences, const KeptRows &kept,
                      const RowFunction &onRow,
                      const ProgressFunction &onProgress) {
  for (size_t begin = 0; begin < sequences.rows.size(); begin += batch_) {
    size_t end = std::min<size_t>(begin + batch_, sequences.rows.size());
    std::vector<Part> parts;
    for (size_t i = begin; i < end; ++i) {
      GOSS_ASSIGN_OR_RETURN(Session session, scheduler_->newSession());
      parts.push_back(
          {i, sequences.rows[i], kept.beginOf(i), std::move(session)});
    }
    GOSS_RETURN_IF_ERROR(runTogether(parts, onRow, onProgress));
  }
  return Status::ok();
}

} // namespace gossamer::tools
