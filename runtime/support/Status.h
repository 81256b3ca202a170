//===- Status.h - Error values of the runtime -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Functions that can fail return Status or Expected<T>. A message is one line
// that names the file, the field or offset, what was found and what was
// expected; it starts lower-case and ends without a full stop.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_STATUS_H
#define GOSSAMER_RUNTIME_SUPPORT_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace gossamer {

/// Kinds of failure; the values are the exit codes of the command line tools.
enum class StatusCode : int {
  Ok = 0,
  Different = 1,     ///< two things that were compared are not equal.
  Usage = 64,        ///< wrong arguments.
  InvalidData = 65,  ///< input that breaks its format or its contract.
  NotFound = 66,     ///< a file or entry that should exist does not.
  Unavailable = 69,  ///< no such device, or one that lacks a feature.
  Internal = 70,     ///< a broken invariant of ours.
  OutOfMemory = 71,  ///< memory or a documented limit is used up.
  IoError = 74,      ///< the operating system refused to read or write.
  Interrupted = 130, ///< the user or the caller cancelled.
};

/// A failure, or Ok. Cheap to move; not thread-safe to mutate.
class [[nodiscard]] Status {
public:
  Status() = default;
  Status(StatusCode code, std::string message)
      : code_(code), message_(std::move(message)) {}

  static Status ok() { return Status(); }

  bool isOk() const { return code_ == StatusCode::Ok; }
  explicit operator bool() const { return isOk(); }
  StatusCode code() const { return code_; }
  int exitCode() const { return static_cast<int>(code_); }
  const std::string &message() const { return message_; }

  /// Returns the same failure with "context: " in front of its message.
  Status withContext(const std::string &context) const {
    return isOk() ? *this : Status(code_, context + ": " + message_);
  }

private:
  StatusCode code_ = StatusCode::Ok;
  std::string message_;
};

inline Status different(std::string message) {
  return {StatusCode::Different, std::move(message)};
}
inline Status invalidData(std::string message) {
  return {StatusCode::InvalidData, std::move(message)};
}
inline Status usageError(std::string message) {
  return {StatusCode::Usage, std::move(message)};
}
inline Status notFound(std::string message) {
  return {StatusCode::NotFound, std::move(message)};
}
inline Status unavailable(std::string message) {
  return {StatusCode::Unavailable, std::move(message)};
}
inline Status internalError(std::string message) {
  return {StatusCode::Internal, std::move(message)};
}
inline Status outOfMemory(std::string message) {
  return {StatusCode::OutOfMemory, std::move(message)};
}
inline Status ioError(std::string message) {
  return {StatusCode::IoError, std::move(message)};
}

/// A value, or the Status that says why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : state_(std::move(value)) {}
  Expected(Status status) : state_(std::move(status)) {
    assert(!std::get<Status>(state_).isOk() && "Ok carries no value");
  }

  bool isOk() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return isOk(); }
  Status status() const { return isOk() ? Status() : std::get<Status>(state_); }

  T &operator*() { return std::get<T>(state_); }
  const T &operator*() const { return std::get<T>(state_); }
  T *operator->() { return &std::get<T>(state_); }
  const T *operator->() const { return &std::get<T>(state_); }
  /// Moves the value out.
  T take() { return std::move(std::get<T>(state_)); }

private:
  std::variant<T, Status> state_;
};

} // namespace gossamer

/// Returns from the enclosing function when `expr` (a Status) is a failure.
#define GOSS_RETURN_IF_ERROR(expr)                                             \
  do {                                                                         \
    if (::gossamer::Status gossStatus_ = (expr); !gossStatus_.isOk())          \
      return gossStatus_;                                                      \
  } while (false)

#define GOSS_CONCAT_IMPL(a, b) a##b
#define GOSS_CONCAT(a, b) GOSS_CONCAT_IMPL(a, b)

/// Declares `decl` from an Expected, or returns its Status:
///   GOSS_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
// A declaration cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define GOSS_ASSIGN_OR_RETURN(decl, expr)                                      \
  auto GOSS_CONCAT(gossExpected_, __LINE__) = (expr);                          \
  if (!GOSS_CONCAT(gossExpected_, __LINE__).isOk())                            \
    return GOSS_CONCAT(gossExpected_, __LINE__).status();                      \
  decl = GOSS_CONCAT(gossExpected_, __LINE__).take()
// NOLINTEND(bugprone-macro-parentheses)

#endif // GOSSAMER_RUNTIME_SUPPORT_STATUS_H
