//===- Handles.h - What the C handles hold ----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_CAPI_HANDLES_H
#define GOSSAMER_RUNTIME_CAPI_HANDLES_H

#include "runtime/capi/gossamer.h"
#include "runtime/generate/Generator.h"
#include "runtime/model/Model.h"
#include "runtime/model/Scheduler.h"
#include "runtime/text/Conversation.h"
#include "runtime/text/HarmonyParser.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

struct goss_api_error {
  gossamer::Status status;
};

struct goss_api_artifact {
  gossamer::Artifact artifact;
};

struct goss_api_model {
  std::shared_ptr<const gossamer::Model> model;
};

struct goss_api_tokenizer {
  gossamer::Tokenizer tokenizer;
};

struct goss_api_session {
  // Destroyed after the session that uses it. Forks share it.
  std::shared_ptr<gossamer::Scheduler> scheduler;
  std::shared_ptr<const gossamer::Model> model;
  gossamer::Session session;
  std::atomic<bool> cancelled{false};
};

struct goss_api_result {
  gossamer::GenerationResult result;
};

struct goss_api_conversation {
  gossamer::Conversation conversation;
  gossamer::SystemContent system;
};

struct goss_api_parser {
  gossamer::HarmonyParser parser;
  std::string channel; ///< of the message being read.
  std::string recipient;
  std::vector<gossamer::HarmonyEvent> events;
};

namespace gossamer::capi {

/// Puts a failure out and returns its code.
inline goss_api_code report(const Status &status, goss_api_error **error) {
  if (error)
    *error =
        status.isOk() ? nullptr : new (std::nothrow) goss_api_error{status};
  return static_cast<goss_api_code>(status.exitCode());
}

/// Runs `body`, a function that returns Status, and lets nothing else out.
template <typename Body>
goss_api_code guarded(goss_api_error **error, Body body) noexcept {
  try {
    return report(body(), error);
  } catch (const std::bad_alloc &) {
    // Without memory for the message, the code has to do.
    if (error)
      *error = nullptr;
    return GOSS_API_OUT_OF_MEMORY;
  } catch (const std::exception &exception) {
    try {
      return report(internalError(exception.what()), error);
    } catch (...) {
      return GOSS_API_INTERNAL;
    }
  } catch (...) {
    return GOSS_API_INTERNAL;
  }
}

/// Usage for a null argument.
inline Status requireArgument(const void *argument, const char *name) {
  if (argument)
    return Status::ok();
  return usageError(std::string(name) + ": expects a pointer but got null");
}

/// The text of a pointer and length, where null stands for no text.
inline std::string_view textOf(const char *text, size_t length) {
  return text ? std::string_view(text, length) : std::string_view();
}

/// Copies into memory that goss_api_free frees, with a zero element behind.
template <typename T>
Status copyOut(std::span<const T> values, T **out, size_t *count) {
  auto *memory = static_cast<T *>(std::calloc(values.size() + 1, sizeof(T)));
  if (!memory)
    return outOfMemory("cannot allocate the result");
  std::copy(values.begin(), values.end(), memory);
  *out = memory;
  *count = values.size();
  return Status::ok();
}

} // namespace gossamer::capi

#endif // GOSSAMER_RUNTIME_CAPI_HANDLES_H
