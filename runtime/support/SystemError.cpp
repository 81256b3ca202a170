//===- SystemError.cpp - Status values from errno -------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/SystemError.h"
#include <cerrno>
#include <system_error>

using namespace gossamer;

Status gossamer::systemError(const std::string &path, const std::string &action,
                             int error) {
  StatusCode code = StatusCode::IoError;
  if (error == ENOENT || error == ENOTDIR)
    code = StatusCode::NotFound;
  else if (error == ENOMEM)
    code = StatusCode::OutOfMemory;
  // std::generic_category and not strerror: the latter is not thread-safe.
  return {code,
          path + ": " + action + ": " + std::generic_category().message(error)};
}
