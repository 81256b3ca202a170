//===- TraceRecorder.h - A timeline of dispatches ---------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_TRACERECORDER_H
#define GOSSAMER_TOOLS_GOSS_TRACERECORDER_H

#include "runtime/model/Model.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gossamer::tools {

/// A model that notes when each of its dispatches ran. Put it in the model's
/// place; thread-safe like the model.
class TraceRecorder final : public StepRunner {
public:
  explicit TraceRecorder(std::shared_ptr<const Model> model);

  const StepShape &shape() const override { return model_->shape(); }
  Device &device() const override { return model_->device(); }
  Status run(const goss_step_args &args,
             DispatchObserver *observer = nullptr) const override;

  /// Writes the events in Chrome's trace format (chrome://tracing, Perfetto).
  Status write(const std::string &path) const;

private:
  using Clock = std::chrono::steady_clock;
  struct Event {
    std::vector<uint32_t> launches; ///< ran as one dispatch; at least one.
    int64_t tokens;
    Clock::time_point begin, end;
  };
  class Observer;

  std::shared_ptr<const Model> model_;
  Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  mutable std::vector<Event> events_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_TRACERECORDER_H
