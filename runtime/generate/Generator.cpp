//===- Generator.cpp - The sampling loop ----------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/generate/Generator.h"

#include "runtime/text/StopStrings.h"
#include "runtime/text/Utf8Stream.h"

#include <algorithm>

using namespace gossamer;
using Clock = std::chrono::steady_clock;

namespace {

double secondsBetween(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

} // namespace

std::string_view gossamer::finishReasonName(FinishReason reason) {
  switch (reason) {
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Length:
    return "length";
  case FinishReason::StopString:
    return "stop_string";
  case FinishReason::Cancelled:
    return "cancelled";
  case FinishReason::Deadline:
    return "deadline";
  }
  return "unknown";
}

/// One request under way.
class Generator::Run {
public:
  Run(Session &session, const GenerationRequest &request,
      const TokenPieces &pieces, uint32_t vocabularySize)
      : session_(&session), request_(&request), pieces_(&pieces),
        sampler_(request.sampling, vocabularySize), stops_(request.stopStrings),
        begin_(Clock::now()) {
    limit_ = request.maxNewTokens.value_or(session.maxContext());
    result_.promptTokens = request.prompt;
    result_.seed = request.sampling.seed;
    result_.timings.reusedTokens = session.position();
    result_.tokens.reserve(std::min(limit_, session.remaining() + 1));
    sampler_.observe(request.prompt);
    done_ = limit_ == 0;
  }

  Session &session() const { return *session_; }
  bool isDone() const { return done_; }
  GenerationResult takeResult() { return std::move(result_); }

  void checkInterrupts();
  /// What it asks a step for.
  StepEntry entry() const {
    return {session_, LogitsOf::Token,
            sampler_.choiceAt(session_->tokens().size())};
  }
  Status accept(const LogitsRow &row);

private:
  Expected<int32_t> choose(const LogitsRow &row);
  std::optional<FinishReason> reasonAfter(int32_t token) const;
  bool appendText(int32_t token);
  void end(FinishReason reason);
  void notify(int32_t token);

  Session *session_;
  const GenerationRequest *request_;
  const TokenPieces *pieces_;
  Sampler sampler_;
  Utf8Stream characters_;
  StopStrings stops_;
  std::string piece_; ///< text that the current token completes.
  std::string delta_; ///< what of it can be told.
  uint32_t limit_;
  bool done_;
  GenerationResult result_;
  Clock::time_point begin_;
  Clock::time_point firstToken_;
};

void Generator::Run::checkInterrupts() {
  bool cancelled =
      request_->cancel && request_->cancel->load(std::memory_order_relaxed);
  bool late = request_->deadline && Clock::now() >= *request_->deadline;
  if (!cancelled && !late)
    return;
  delta_.clear();
  end(cancelled ? FinishReason::Cancelled : FinishReason::Deadline);
  if (!delta_.empty())
    notify(-1);
}

/// The next token, which the device may have chosen already.
Expected<int32_t> Generator::Run::choose(const LogitsRow &row) {
  if (row.token != wholeRow)
    return row.token;
  return sampler_.sample(row.values, session_->tokens().size());
}

/// Takes the next token and decides how to go on.
Status Generator::Run::accept(const LogitsRow &row) {
  GOSS_ASSIGN_OR_RETURN(int32_t token, choose(row));
  Clock::time_point now = Clock::now();
  if (result_.tokens.empty()) {
    firstToken_ = now;
    result_.timings.promptSeconds = secondsBetween(begin_, now);
  }
  result_.timings.generationSeconds = secondsBetween(firstToken_, now);
  result_.tokens.push_back(token);
  sampler_.observe({&token, 1});
  delta_.clear();

  std::optional<FinishReason> reason = reasonAfter(token);
  // A stop token is a token of the result but not of its text.
  if (reason != FinishReason::Stop && appendText(token))
    reason = FinishReason::StopString;
  if (reason)
    end(*reason);
  notify(token);
  return done_ ? Status::ok() : session_->append({&token, 1});
}

std::optional<FinishReason> Generator::Run::reasonAfter(int32_t token) const {
  const std::vector<int32_t> &stops = request_->stopTokens;
  if (!request_->ignoreStopTokens &&
      std::find(stops.begin(), stops.end(), token) != stops.end())
    return FinishReason::Stop;
  if (result_.tokens.size() >= limit_ || session_->remaining() == 0)
    return FinishReason::Length;
  return std::nullopt;
}

/// Adds the token's text to the delta; true when a stop string is complete.
bool Generator::Run::appendText(int32_t token) {
  if (!*pieces_)
    return false;
  TokenPiece piece = (*pieces_)(token);
  piece_.clear();
  if (piece.special)
    characters_.flush(piece_);
  characters_.push(piece.bytes, piece_);
  return stops_.push(piece_, delta_);
}

/// Ends the run and adds to the delta what was held back.
void Generator::Run::end(FinishReason reason) {
  done_ = true;
  result_.finishReason = reason;
  if (reason == FinishReason::StopString)
    return;
  piece_.clear();
  characters_.flush(piece_);
  // The held back bytes may be the ones that complete a stop string.
  if (stops_.push(piece_, delta_))
    result_.finishReason = FinishReason::StopString;
  else
    stops_.flush(delta_);
}

void Generator::Run::notify(int32_t token) {
  result_.text += delta_;
  if (!request_->onToken || request_->onToken({token, delta_}) || done_)
    return;
  delta_.clear();
  end(FinishReason::Cancelled);
  if (!delta_.empty())
    notify(-1);
}

Expected<Generator::Run>
Generator::start(Session &session, const GenerationRequest &request) const {
  GOSS_RETURN_IF_ERROR(request.sampling.validate());
  if (!request.stopStrings.empty() && !pieces_)
    return unavailable("stop strings need a tokenizer, which the model lacks");
  GOSS_RETURN_IF_ERROR(session.assign(request.prompt));
  return Run(session, request, pieces_,
             scheduler_.runner().shape().vocabularySize);
}

/// Steps until every run is done.
Status Generator::finish(std::span<Run> runs) {
  std::vector<StepEntry> entries;
  entries.reserve(runs.size());
  for (;;) {
    entries.clear();
    for (Run &run : runs) {
      if (!run.isDone())
        run.checkInterrupts();
      if (!run.isDone())
        entries.push_back(run.entry());
    }
    if (entries.empty())
      return Status::ok();
    GOSS_ASSIGN_OR_RETURN(std::span<const LogitsRow> rows,
                          scheduler_.step(entries));
    for (const LogitsRow &row : rows)
      for (Run &run : runs)
        if (&run.session() == row.session)
          GOSS_RETURN_IF_ERROR(run.accept(row));
  }
}

Expected<GenerationResult>
Generator::generate(const GenerationRequest &request) {
  GOSS_ASSIGN_OR_RETURN(Session session, scheduler_.newSession());
  return generate(session, request);
}

Expected<GenerationResult>
Generator::generate(Session &session, const GenerationRequest &request) {
  GOSS_ASSIGN_OR_RETURN(Run run, start(session, request));
  GOSS_RETURN_IF_ERROR(finish({&run, 1}));
  return run.takeResult();
}

Expected<std::vector<GenerationResult>>
Generator::generateBatch(std::span<const GenerationRequest> requests) {
  std::vector<Session> sessions;
  std::vector<Run> runs;
  sessions.reserve(requests.size()); // runs point to them.
  runs.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    GOSS_ASSIGN_OR_RETURN(Session session, scheduler_.newSession());
    sessions.push_back(std::move(session));
    Expected<Run> run = start(sessions.back(), requests[i]);
    if (!run)
      return run.status().withContext("request " + std::to_string(i));
    runs.push_back(run.take());
  }
  GOSS_RETURN_IF_ERROR(finish(runs));
  std::vector<GenerationResult> results;
  results.reserve(runs.size());
  for (Run &run : runs)
    results.push_back(run.takeResult());
  return results;
}
