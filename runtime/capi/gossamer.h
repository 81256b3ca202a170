/*===- gossamer.h - C interface of the runtime --------------------*- C -*-===*\
|*                                                                            *|
|* Part of the Gossamer project.                                              *|
|*                                                                            *|
|*===----------------------------------------------------------------------===*|
|*                                                                            *|
|* Load a compiled model, generate tokens and text. docs/examples/generate.c  *|
|* is a whole program. Link with libgossamer.so.                              *|
|*                                                                            *|
|* Rules that hold for every function:                                        *|
|*  - Functions that can fail return a goss_api_code, GOSS_API_OK on success. *|
|*    Their last parameter may be null; else it receives an error object on   *|
|*    failure and null on success. Other outputs are set only on success.     *|
|*  - A handle that a function puts out belongs to the caller, who frees it   *|
|*    with the function named after its type. Freeing null does nothing.      *|
|*    Handles keep alive what they need: a model may be freed before its      *|
|*    sessions.                                                               *|
|*  - Memory put out with type char or int32_t and called "owned" is freed    *|
|*    with goss_api_free. Everything else that is pointed to belongs to the   *|
|*    handle it came from.                                                    *|
|*  - Artifacts, models and tokenizers are immutable: all threads may use     *|
|*    them at the same time. The others may be used by one thread at a time,  *|
|*    unless a function says otherwise.                                       *|
|*  - Text is UTF-8. Text that goes in has a length and may hold zero bytes;  *|
|*    owned text that comes out has a length and a zero byte behind it.       *|
|*  - No function throws or aborts.                                           *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef GOSSAMER_RUNTIME_CAPI_GOSSAMER_H
#define GOSSAMER_RUNTIME_CAPI_GOSSAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NOLINTBEGIN(readability-identifier-naming): names of a C library. */

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GOSS_API __attribute__((visibility("default")))
#else
#define GOSS_API
#endif

/*===----------------------------------------------------------------------===*\
|* Errors and memory
\*===----------------------------------------------------------------------===*/

/** What went wrong; the values are the exit codes of the command line. */
typedef enum goss_api_code {
  GOSS_API_OK = 0,
  GOSS_API_USAGE = 64,         /**< wrong arguments. */
  GOSS_API_INVALID_DATA = 65,  /**< input that breaks its format. */
  GOSS_API_NOT_FOUND = 66,     /**< a file or an entry is missing. */
  GOSS_API_UNAVAILABLE = 69,   /**< this machine cannot run it. */
  GOSS_API_INTERNAL = 70,      /**< a fault of the library. */
  GOSS_API_OUT_OF_MEMORY = 71, /**< memory or a limit is used up. */
  GOSS_API_IO_ERROR = 74,      /**< the system refused to read or write. */
  GOSS_API_INTERRUPTED = 130,  /**< cancelled. */
} goss_api_code;

/** A failure. */
typedef struct goss_api_error goss_api_error;

GOSS_API goss_api_code goss_api_error_code(const goss_api_error *error);
/** One line without a line end; lives as long as the error. */
GOSS_API const char *goss_api_error_message(const goss_api_error *error);
GOSS_API void goss_api_error_free(goss_api_error *error);

/** Frees owned text and tokens. */
GOSS_API void goss_api_free(void *memory);

/** The library's version, "1.2.3"; never freed. */
GOSS_API const char *goss_api_version(void);

/*===----------------------------------------------------------------------===*\
|* Artifacts
\*===----------------------------------------------------------------------===*/

/** A checked .goss file. */
typedef struct goss_api_artifact goss_api_artifact;

/** Facts of an artifact. Strings live as long as the artifact or model. */
typedef struct goss_api_info {
  uint32_t vocabulary_size;
  uint32_t max_context;         /**< positions of a sequence. */
  uint32_t max_tokens_per_step; /**< tokens computed at once. */
  uint32_t layers;
  bool has_tokenizer;
  bool weights_embedded;
  const char *target; /**< "cpu". */
  const char *cpu;    /**< processor that the code is for. */
  const char *compiler_version;
} goss_api_info;

/** Opens and checks an artifact without its weights. */
GOSS_API goss_api_code goss_api_artifact_open(const char *path,
                                              goss_api_artifact **artifact,
                                              goss_api_error **error);
GOSS_API void goss_api_artifact_free(goss_api_artifact *artifact);
GOSS_API void goss_api_artifact_info(const goss_api_artifact *artifact,
                                     goss_api_info *info);
/** Also checks the digest of embedded weights: reads the whole file. */
GOSS_API goss_api_code goss_api_artifact_verify(
    const goss_api_artifact *artifact, goss_api_error **error);

/*===----------------------------------------------------------------------===*\
|* Models
\*===----------------------------------------------------------------------===*/

/** An artifact with its weights mapped and its code loaded. */
typedef struct goss_api_model goss_api_model;

/** Loads a model.
    weights_directory: checkpoint that the artifact was compiled from; null: the
    artifact's folder. Unused when the weights are embedded.
    threads: threads that compute, the caller's included; 0: all cores. */
GOSS_API goss_api_code goss_api_model_load(const char *path,
                                           const char *weights_directory,
                                           uint32_t threads,
                                           goss_api_model **model,
                                           goss_api_error **error);
GOSS_API void goss_api_model_free(goss_api_model *model);
GOSS_API void goss_api_model_info(const goss_api_model *model,
                                  goss_api_info *info);
/** Tokens that end a generation by the checkpoint; returns their number. */
GOSS_API size_t goss_api_model_stop_tokens(const goss_api_model *model,
                                           const int32_t **tokens);

/*===----------------------------------------------------------------------===*\
|* Tokenizers
\*===----------------------------------------------------------------------===*/

typedef struct goss_api_tokenizer goss_api_tokenizer;

/** The model's tokenizer; NOT_FOUND when it has none. */
GOSS_API goss_api_code goss_api_tokenizer_of_model(
    const goss_api_model *model, goss_api_tokenizer **tokenizer,
    goss_api_error **error);
/** Reads a tokenizer.json. */
GOSS_API goss_api_code goss_api_tokenizer_open(const char *path,
                                               goss_api_tokenizer **tokenizer,
                                               goss_api_error **error);
GOSS_API void goss_api_tokenizer_free(goss_api_tokenizer *tokenizer);

/** Encodes text; `tokens` is owned. Names of control tokens such as
    "<|start|>" become those tokens only if allow_special is set: leave it off
    for text that users type. */
GOSS_API goss_api_code
goss_api_tokenizer_encode(const goss_api_tokenizer *tokenizer, const char *text,
                          size_t length, bool allow_special, int32_t **tokens,
                          size_t *count, goss_api_error **error);
/** Decodes tokens; `text` is owned and well-formed: what is no UTF-8 becomes
    U+FFFD. Unknown ids give nothing. */
GOSS_API goss_api_code goss_api_tokenizer_decode(
    const goss_api_tokenizer *tokenizer, const int32_t *tokens, size_t count,
    bool skip_special, char **text, size_t *length, goss_api_error **error);

/*===----------------------------------------------------------------------===*\
|* Sessions
\*===----------------------------------------------------------------------===*/

/** One sequence of tokens and the memory of what was computed for it. */
typedef struct goss_api_session goss_api_session;

/** Makes an empty session. cache_byte_limit bounds the keys and values of the
    session and its forks together; 0: no limit. */
GOSS_API goss_api_code goss_api_session_create(const goss_api_model *model,
                                               uint64_t cache_byte_limit,
                                               goss_api_session **session,
                                               goss_api_error **error);
/** Makes another session at the same point. The two share the computed part,
    and because of that may not be used at the same time either. */
GOSS_API goss_api_code goss_api_session_fork(const goss_api_session *session,
                                             goss_api_session **fork,
                                             goss_api_error **error);
GOSS_API void goss_api_session_free(goss_api_session *session);

/** All tokens of the session, valid until it changes; returns their number. */
GOSS_API size_t goss_api_session_tokens(const goss_api_session *session,
                                        const int32_t **tokens);
/** Adds tokens. INVALID_DATA for ids outside the vocabulary and for more
    tokens than the context holds; then none is added. */
GOSS_API goss_api_code goss_api_session_append(goss_api_session *session,
                                               const int32_t *tokens,
                                               size_t count,
                                               goss_api_error **error);
/** Forgets all tokens from `position` on. INVALID_DATA when a sliding window
    no longer has what the remaining ones need; 0 always works. */
GOSS_API goss_api_code goss_api_session_truncate(goss_api_session *session,
                                                 size_t position,
                                                 goss_api_error **error);
/** Computes the tokens added since the last time (USAGE if there are none) and
    puts out the logits after the last one, one a vocabulary entry. They are
    valid until the session or one of its forks computes again. */
GOSS_API goss_api_code goss_api_session_logits(goss_api_session *session,
                                               const float **logits,
                                               size_t *count,
                                               goss_api_error **error);

/*===----------------------------------------------------------------------===*\
|* Generation
\*===----------------------------------------------------------------------===*/

/** Why a generation ended. */
typedef enum goss_api_finish {
  GOSS_API_FINISH_STOP = 0,        /**< a stop token. */
  GOSS_API_FINISH_LENGTH = 1,      /**< the limit, or the context is full. */
  GOSS_API_FINISH_STOP_STRING = 2, /**< a stop string. */
  GOSS_API_FINISH_CANCELLED =
      3,                        /**< the callback or goss_api_session_cancel. */
  GOSS_API_FINISH_DEADLINE = 4, /**< the time was up. */
} goss_api_finish;

/** Called with each new token and its text (`length` bytes, well-formed, may
    be empty). token is -1 for text that was held back when generation ended.
    Returns false to cancel. Must not use the session. */
typedef bool (*goss_api_token_callback)(void *user_data, int32_t token,
                                        const char *text, size_t length);

/** How to generate. Set it up with goss_api_generate_options_init. */
typedef struct goss_api_generate_options {
  size_t size; /**< of this structure; set by init, checked. */

  double temperature;        /**< >= 0; 0 = greedy. Default 1. */
  int64_t top_k;             /**< >= 0; 0 = off. Default 0. */
  double top_p;              /**< in [0, 1]; 1 = off. Default 1. */
  double min_p;              /**< in [0, 1]; 0 = off. Default 0. */
  double repetition_penalty; /**< > 0; 1 = off. Default 1. */
  bool greedy;               /**< most probable token. Default false. */
  uint64_t seed;             /**< equal seeds, equal tokens. Default 0. */

  /** Most tokens to generate; UINT32_MAX: until the context is full. That is
      the default. */
  uint32_t max_new_tokens;
  bool ignore_stop_tokens;    /**< Default false. */
  const int32_t *stop_tokens; /**< null (default): the model's. */
  size_t stop_token_count;
  const char *const *stop_strings; /**< zero-terminated; default none. */
  size_t stop_string_count;
  /** Gives results and callbacks text; null (default): tokens only. */
  const goss_api_tokenizer *tokenizer;
  bool show_special;   /**< control tokens by name in text. Default false. */
  uint64_t timeout_ms; /**< 0 (default): none. */
  goss_api_token_callback callback; /**< may be null. */
  void *user_data;
} goss_api_generate_options;

GOSS_API void
goss_api_generate_options_init(goss_api_generate_options *options);

/** What a generation gave. */
typedef struct goss_api_result goss_api_result;

/** Generates after the tokens of `prompt`, which become the session's tokens:
    what the session has computed of them already is used. Options that are out
    of range give USAGE; a prompt that is empty or longer than the context gives
    INVALID_DATA. The result does not depend on threads or on what the session
    held before. */
GOSS_API goss_api_code
goss_api_generate(goss_api_session *session, const int32_t *prompt,
                  size_t count, const goss_api_generate_options *options,
                  goss_api_result **result, goss_api_error **error);

/** Cancels the session's generation under way, or else its next one. May be
    called by any thread and by signal handlers. */
GOSS_API void goss_api_session_cancel(goss_api_session *session);

/** Generated tokens, a stop token included; returns their number. */
GOSS_API size_t goss_api_result_tokens(const goss_api_result *result,
                                       const int32_t **tokens);
/** Their text, without stop tokens and strings; returns its length. */
GOSS_API size_t goss_api_result_text(const goss_api_result *result,
                                     const char **text);
GOSS_API goss_api_finish goss_api_result_finish(const goss_api_result *result);
/** Seconds until the first token, and from there to the last one. Either
    pointer may be null. */
GOSS_API void goss_api_result_seconds(const goss_api_result *result,
                                      double *prompt, double *generation);
GOSS_API void goss_api_result_free(goss_api_result *result);

/*===----------------------------------------------------------------------===*\
|* Conversations
\*===----------------------------------------------------------------------===*/

/** A chat in the Harmony format. */
typedef struct goss_api_conversation goss_api_conversation;

GOSS_API goss_api_code goss_api_conversation_create(
    goss_api_conversation **conversation, goss_api_error **error);
/** Reads an array of messages, or an object {"messages": [...]}; messages have
    "role", "content" and optionally "name", "recipient", "channel" and
    "content_type". */
GOSS_API goss_api_code goss_api_conversation_from_json(
    const char *json, size_t length, goss_api_conversation **conversation,
    goss_api_error **error);
GOSS_API void goss_api_conversation_free(goss_api_conversation *conversation);

/** What the system message says; null leaves a part as it is: the published
    identity, no date, medium reasoning.
    date: "YYYY-MM-DD". reasoning: "low", "medium" or "high". */
GOSS_API goss_api_code goss_api_conversation_set_system(
    goss_api_conversation *conversation, const char *identity, const char *date,
    const char *reasoning, goss_api_error **error);
/** Adds a message. role: "developer" (instructions), "user" or "assistant".
    channel: "analysis", "commentary", "final"; null: none, which for the
    assistant means "final". */
GOSS_API goss_api_code goss_api_conversation_add(
    goss_api_conversation *conversation, const char *role, const char *channel,
    const char *text, size_t length, goss_api_error **error);
/** The prompt that lets the model answer; `tokens` is owned. */
GOSS_API goss_api_code goss_api_conversation_render(
    const goss_api_conversation *conversation,
    const goss_api_tokenizer *tokenizer, int32_t **tokens, size_t *count,
    goss_api_error **error);

/** Tells the messages apart that the model writes after such a prompt. */
typedef struct goss_api_parser goss_api_parser;

/** Called with text of a message's content as it comes. channel and recipient
    are those of the message, "" if it has none. */
typedef void (*goss_api_message_callback)(void *user_data, const char *channel,
                                          const char *recipient,
                                          const char *text, size_t length);

GOSS_API goss_api_code
goss_api_parser_create(const goss_api_tokenizer *tokenizer,
                       goss_api_parser **parser, goss_api_error **error);
GOSS_API void goss_api_parser_free(goss_api_parser *parser);
/** Takes the next generated token; any value is allowed. */
GOSS_API goss_api_code goss_api_parser_push(goss_api_parser *parser,
                                            int32_t token,
                                            goss_api_message_callback callback,
                                            void *user_data,
                                            goss_api_error **error);
/** Ends the tokens: tells what was held back. */
GOSS_API goss_api_code goss_api_parser_finish(
    goss_api_parser *parser, goss_api_message_callback callback,
    void *user_data, goss_api_error **error);

#ifdef __cplusplus
}
#endif

/* NOLINTEND(readability-identifier-naming) */

#endif /* GOSSAMER_RUNTIME_CAPI_GOSSAMER_H */
