//===- Progress.h - How long tasks report -----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_FRONTEND_CHECKPOINT_PROGRESS_H
#define GOSSAMER_FRONTEND_CHECKPOINT_PROGRESS_H

#include <cstdint>
#include <functional>

namespace gossamer {

/// Called with the bytes done since the last call, from any thread, also from
/// several at once. Returns false to cancel: the task then fails with
/// Interrupted. May be empty.
using ProgressFunction = std::function<bool(uint64_t bytes)>;

} // namespace gossamer

#endif // GOSSAMER_FRONTEND_CHECKPOINT_PROGRESS_H
