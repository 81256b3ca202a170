//===- Generator.h - The sampling loop --------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_GENERATE_GENERATOR_H
#define GOSSAMER_RUNTIME_GENERATE_GENERATOR_H

#include "runtime/generate/Sampler.h"
#include "runtime/model/Scheduler.h"
#include "runtime/text/Tokenizer.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

/// What a token is as text.
struct TokenPiece {
  std::string_view bytes; ///< perhaps only a part of a character.
  bool special = false;   ///< a control token: characters end before it.
};

/// Looks tokens up; the bytes stay valid as long as the function.
using TokenPieces = std::function<TokenPiece(int32_t)>;

/// Pieces of a tokenizer. Control tokens give no text unless `showSpecial` is
/// set; ids without a string give none.
TokenPieces tokenPiecesOf(const Tokenizer &tokenizer, bool showSpecial = false);

enum class FinishReason {
  Stop,       ///< a stop token.
  Length,     ///< maxNewTokens, or the context is full.
  StopString, ///< a stop string.
  Cancelled,  ///< by the flag or the callback.
  Deadline,   ///< the time was up.
};

/// "stop", "length", "stop_string", "cancelled" or "deadline".
std::string_view finishReasonName(FinishReason reason);

/// One generated token.
struct TokenEvent {
  /// The token, or -1 for text that was held back when generation ended.
  int32_t token;
  /// New text, well-formed UTF-8; all of them together are the result's text.
  /// Only valid during the callback.
  std::string_view text;
};

struct GenerationRequest {
  /// All tokens of the sequence so far; at least one.
  std::vector<int32_t> prompt;
  SamplingOptions sampling;
  /// Most tokens to generate; nullopt: until the context is full.
  std::optional<uint32_t> maxNewTokens;
  /// Tokens that end generation, such as Model::stopTokens().
  std::vector<int32_t> stopTokens;
  /// Treats stop tokens like any other.
  bool ignoreStopTokens = false;
  /// Strings that end generation and are not part of the text.
  std::vector<std::string> stopStrings;
  /// Called with each token; returning false cancels.
  std::function<bool(const TokenEvent &)> onToken;
  /// Cancels when it becomes true; may be set by another thread or by a signal
  /// handler. Looked at before each step.
  const std::atomic<bool> *cancel = nullptr;
  /// Ends generation before the first step after this time.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

struct GenerationTimings {
  double promptSeconds = 0;     ///< until the first token.
  double generationSeconds = 0; ///< from the first to the last token.
  uint32_t reusedTokens = 0;    ///< prompt tokens found in the cache.
};

struct GenerationResult {
  std::vector<int32_t> promptTokens;
  /// Generated tokens, the stop token included.
  std::vector<int32_t> tokens;
  /// Their text, without stop tokens and strings; empty without pieces.
  std::string text;
  FinishReason finishReason = FinishReason::Length;
  uint64_t seed = 0;
  GenerationTimings timings;
};

/// Generates over the sessions of one scheduler. What a request yields depends
/// on nothing but the model and the request: not on chunks, on threads, on
/// what shares its steps, nor on what the session held before. Not
/// thread-safe. The scheduler must outlive the generator.
class Generator {
public:
  /// Without `pieces` results have no text, and stop strings are refused.
  explicit Generator(Scheduler &scheduler, TokenPieces pieces = {})
      : scheduler_(scheduler), pieces_(std::move(pieces)) {}

  /// Generates in a session of its own.
  Expected<GenerationResult> generate(const GenerationRequest &request);

  /// Generates in `session`, whose tokens become the prompt and then the
  /// generated ones (the last not necessarily): a prompt that goes on where
  /// the session ended is computed from there.
  Expected<GenerationResult> generate(Session &session,
                                      const GenerationRequest &request);

  /// Generates all requests together, each in a session of its own. Results
  /// are those of one at a time, in the requests' order. The first failure
  /// ends all.
  Expected<std::vector<GenerationResult>>
  generateBatch(std::span<const GenerationRequest> requests);

private:
  class Run;

  Expected<Run> start(Session &session, const GenerationRequest &request) const;
  Status finish(std::span<Run> runs);

  Scheduler &scheduler_;
  TokenPieces pieces_;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_GENERATE_GENERATOR_H
