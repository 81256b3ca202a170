/* Streams the continuation of a text from a compiled model, in C11.
 *
 *   cc -std=c11 -I. docs/examples/generate.c -Lbuild/release/lib -lgossamer
 *   ./a.out model.goss "Once upon a time" [CHECKPOINT_DIRECTORY]
 *
 * The directory is needed when the weights are not in the artifact. Ctrl-C ends
 * the generation early; what there is of it stays.
 */

#include "runtime/capi/gossamer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static goss_api_session *session;

static void onInterrupt(int signal) {
  (void)signal;
  /* Safe in signal handlers, as its description says. */
  goss_api_session_cancel(session); /* NOLINT(bugprone-signal-handler) */
}

static bool onToken(void *stream, int32_t token, const char *text,
                    size_t length) {
  (void)token;
  fwrite(text, 1, length, stream);
  fflush(stream);
  return true;
}

static int fail(goss_api_code code, goss_api_error *error) {
  fprintf(stderr, "generate: %s\n", goss_api_error_message(error));
  goss_api_error_free(error);
  return code;
}

static int generate(const goss_api_model *model,
                    const goss_api_tokenizer *tokenizer, const char *text) {
  goss_api_error *error = NULL;
  goss_api_code code =
      goss_api_session_create(model, /*cache_byte_limit=*/0, &session, &error);
  if (code)
    return fail(code, error);
  signal(SIGINT, onInterrupt);

  int32_t *prompt = NULL;
  size_t count = 0;
  code = goss_api_tokenizer_encode(tokenizer, text, strlen(text),
                                   /*allow_special=*/false, &prompt, &count,
                                   &error);
  goss_api_result *result = NULL;
  if (!code) {
    goss_api_generate_options options;
    goss_api_generate_options_init(&options);
    options.greedy = true;
    options.max_new_tokens = 64;
    options.tokenizer = tokenizer;
    options.callback = onToken;
    options.user_data = stdout;
    code = goss_api_generate(session, prompt, count, &options, &result, &error);
  }
  if (!code) {
    double seconds = 0;
    size_t tokens = goss_api_result_tokens(result, NULL);
    goss_api_result_seconds(result, NULL, &seconds);
    puts("");
    fflush(stdout);
    if (tokens > 1 && seconds > 0)
      fprintf(stderr, "%zu tokens, %.1f a second\n", tokens,
              (double)(tokens - 1) / seconds);
  }

  signal(SIGINT, SIG_DFL);
  goss_api_result_free(result);
  goss_api_free(prompt);
  goss_api_session_free(session);
  return code ? fail(code, error) : 0;
}

int main(int argc, char **argv) {
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: %s MODEL.goss TEXT [CHECKPOINT_DIRECTORY]\n",
            argv[0]);
    return GOSS_API_USAGE;
  }
  goss_api_error *error = NULL;
  goss_api_model *model = NULL;
  goss_api_code code = goss_api_model_load(argv[1], argc > 3 ? argv[3] : NULL,
                                           /*threads=*/0, &model, &error);
  if (code)
    return fail(code, error);
  goss_api_tokenizer *tokenizer = NULL;
  code = goss_api_tokenizer_of_model(model, &tokenizer, &error);
  int result = code ? fail(code, error) : generate(model, tokenizer, argv[2]);
  goss_api_tokenizer_free(tokenizer);
  goss_api_model_free(model);
  return result;
}
