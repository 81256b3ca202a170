//===- SystemError.h - Status values from errno -----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_SYSTEMERROR_H
#define GOSSAMER_RUNTIME_SUPPORT_SYSTEMERROR_H

#include "runtime/support/Status.h"
#include <string>

namespace gossamer {

/// Returns the failure "PATH: ACTION: <text of error>". The code is NotFound
/// for a missing file or directory, OutOfMemory for ENOMEM, else IoError.
Status systemError(const std::string &path, const std::string &action,
                   int error);

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_SYSTEMERROR_H
