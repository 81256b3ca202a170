//===- Session.cpp - Sessions in C ----------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Handles.h"

#include <limits>

using namespace gossamer;
using namespace gossamer::capi;

goss_api_code goss_api_session_create(const goss_api_model *model,
                                      uint64_t cache_byte_limit,
                                      goss_api_session **session,
                                      goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(model, "model"));
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    SchedulerOptions options;
    options.cache.byteLimit = cache_byte_limit;
    GOSS_ASSIGN_OR_RETURN(std::shared_ptr<Scheduler> scheduler,
                          Scheduler::create(model->model, options));
    GOSS_ASSIGN_OR_RETURN(Session made, scheduler->newSession());
    *session = new goss_api_session{std::move(scheduler), model->model,
                                    std::move(made)};
    return Status::ok();
  });
}

goss_api_code goss_api_session_fork(const goss_api_session *session,
                                    goss_api_session **fork,
                                    goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    GOSS_RETURN_IF_ERROR(requireArgument(fork, "fork"));
    GOSS_ASSIGN_OR_RETURN(Session copy, session->session.fork());
    *fork = new goss_api_session{session->scheduler, session->model,
                                 std::move(copy)};
    return Status::ok();
  });
}

void goss_api_session_free(goss_api_session *session) { delete session; }

size_t goss_api_session_tokens(const goss_api_session *session,
                               const int32_t **tokens) {
  if (!session)
    return 0;
  std::span<const int32_t> all = session->session.tokens();
  if (tokens)
    *tokens = all.data();
  return all.size();
}

goss_api_code goss_api_session_append(goss_api_session *session,
                                      const int32_t *tokens, size_t count,
                                      goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    if (count)
      GOSS_RETURN_IF_ERROR(requireArgument(tokens, "tokens"));
    return session->session.append({tokens, count});
  });
}

goss_api_code goss_api_session_truncate(goss_api_session *session,
                                        size_t position,
                                        goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    size_t most = std::numeric_limits<uint32_t>::max();
    return session->session.truncate(
        static_cast<uint32_t>(std::min(position, most)));
  });
}

goss_api_code goss_api_session_logits(goss_api_session *session,
                                      const float **logits, size_t *count,
                                      goss_api_error **error) {
  return guarded(error, [&]() -> Status {
    GOSS_RETURN_IF_ERROR(requireArgument(session, "session"));
    GOSS_RETURN_IF_ERROR(requireArgument(logits, "logits"));
    if (session->session.pending().empty())
      return usageError("logits: no tokens were added since the last ones");
    GOSS_ASSIGN_OR_RETURN(std::span<const float> values,
                          session->scheduler->drain(session->session));
    *logits = values.data();
    if (count)
      *count = values.size();
    return Status::ok();
  });
}

void goss_api_session_cancel(goss_api_session *session) {
  if (session)
    session->cancelled.store(true, std::memory_order_relaxed);
}
