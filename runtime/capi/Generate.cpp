//===- Generate.cpp - Generation in C -------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Handles.h"

#include <cstdint>

using namespace gossamer;
using namespace gossamer::capi;

static_assert(GOSS_API_FINISH_STOP == static_cast<int>(FinishReason::Stop));
static_assert(GOSS_API_FINISH_LENGTH == static_cast<int>(FinishReason::Length));
static_assert(GOSS_API_FINISH_STOP_STRING ==
              static_cast<int>(FinishReason::StopString));
static_assert(GOSS_API_FINISH_CANCELLED ==
              static_cast<int>(FinishReason::Cancelled));
static_assert(GOSS_API_FINISH_DEADLINE ==
              static_cast<int>(FinishReason::Deadline));

namespace {

SamplingOptions samplingOf(const goss_api_generate_options &options) {
  SamplingOptions sampling;
  sampling.temperature = options.temperature;
  sampling.topK = options.top_k;
  sampling.topP = options.top_p;
  sampling.minP = options.min_p;
  sampling.repetitionPenalty = options.repetition_penalty;
  sampling.greedy = options.greedy;
  sampling.seed = options.seed;
  return sampling;
}

/// The request that `options` describe.
Expected<GenerationRequest>
requestOf(const goss_api_session &session,
          const goss_api_generate_options &options) {
  GenerationRequest request;
  request.sampling = samplingOf(options);
  if (options.max_new_tokens != UINT32_MAX)
    request.maxNewTokens = options.max_new_tokens;
  request.ignoreStopTokens = options.ignore_stop_tokens;
  if (options.stop_tokens)
    request.stopTokens.assign(options.stop_tokens,
                              options.stop_tokens + options.stop_token_count);
  else
    request.stopTokens = session.model->stopTokens();
  if (options.stop_string_count)
    GOSS_RETURN_IF_ERROR(requireArgument(options.stop_strings, "stop_strings"));
  for (size_t i = 0; i < options.stop_string_count; ++i) {
    GOSS_RETURN_IF_ERROR(
        requireArgument(options.stop_strings[i], "stop_strings"));
    request.stopStrings.emplace_back(options.stop_strings[i]);
  }
  request.cancel = &session.cancelled;
  // Longer than a century overflows the clock, and nobody waits for it.
  constexpr uint64_t longest = uint64_t{100} * 365 * 24 * 3600 * 1000;
  if (options.timeout_ms && options.timeout_ms < longest)
    request.deadline = std::chrono::steady_clock::now() +
                       std::chrono::milliseconds(options.timeout_ms);
  if (options.callback)
    request.onToken = [&options](const TokenEvent &event) {
      return options.callback(options.user_data, event.token,
                              event.text.data() ? event.text.data() : "",
                              event.text.size());
    };
  return request;
}

} // namespace

void goss_api_generate_options_init(goss_api_generate_options *options) {
  if (!options)
    return;
  const SamplingOptions sampling;
  *options = {};
  options->size = sizeof *options;
  options->temperature = sampling.temperature;
  options->top_k = sampling.topK;
  options->top_p = sampling.topP;
  options->min_p = sampling.minP;
  options->repetition_penalty = sampling.repetitionPenalty;
  options->greedy = sampling.greedy;
  options->seed = sampling.seed;
  options->max_new_tokens = UINT32_MAX;
}

goss_api_code goss_api_generate(goss_api_session *session,
                                const int32_t *prompt, size_t count,
                                const goss_api_generate_options *options,
                                goss_api_result **result,
                                goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    GOSS_RETURN_IF_ERROR(requireArgument(options, "options"));
    GOSS_RETURN_IF_ERROR(requireArgument(result, "result"));
    if (count)
      GOSS_RETURN_IF_ERROR(requireArgument(prompt, "prompt"));
    if (options->size != sizeof *options)
      return usageError("options: size: expects " +
                        std::to_string(sizeof *options) + " but got " +
                        std::to_string(options->size));
    GOSS_ASSIGN_OR_RETURN(GenerationRequest request,
                          requestOf(*session, *options));
    request.prompt.assign(prompt, prompt + count);
    TokenPieces pieces;
    if (options->tokenizer)
      pieces =
          tokenPiecesOf(options->tokenizer->tokenizer, options->show_special);
    Generator generator(*session->scheduler, std::move(pieces));
    Expected<GenerationResult> generated =
        generator.generate(session->session, request);
    session->cancelled.store(false, std::memory_order_relaxed);
    if (!generated)
      return generated.status();
    *result = new goss_api_result{generated.take()};
    return Status::ok();
  });
}

size_t goss_api_result_tokens(const goss_api_result *result,
                              const int32_t **tokens) {
  if (!result)
    return 0;
  if (tokens)
    *tokens = result->result.tokens.data();
  return result->result.tokens.size();
}

size_t goss_api_result_text(const goss_api_result *result, const char **text) {
  if (!result)
    return 0;
  if (text)
    *text = result->result.text.c_str();
  return result->result.text.size();
}

goss_api_finish goss_api_result_finish(const goss_api_result *result) {
  return result ? static_cast<goss_api_finish>(result->result.finishReason)
                : GOSS_API_FINISH_LENGTH;
}

void goss_api_result_seconds(const goss_api_result *result, double *prompt,
                             double *generation) {
  if (!result)
    return;
  if (prompt)
    *prompt = result->result.timings.promptSeconds;
  if (generation)
    *generation = result->result.timings.generationSeconds;
}

void goss_api_result_free(goss_api_result *result) { delete result; }
