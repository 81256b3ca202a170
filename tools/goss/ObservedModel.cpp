//===- ObservedModel.cpp - A model whose steps are watched ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/ObservedModel.h"

#include <algorithm>

namespace gossamer::tools {
namespace {

/// Passes everything on to several observers, in their order.
class Everyone final : public DispatchObserver {
public:
  explicit Everyone(std::vector<DispatchObserver *> observers)
      : observers_(std::move(observers)) {}

  void dispatched(const DispatchEvent &event) override {
    for (DispatchObserver *observer : observers_)
      observer->dispatched(event);
  }
  bool wantsWork() const override {
    return std::ranges::any_of(observers_, &DispatchObserver::wantsWork);
  }
  bool takesNotes() const override {
    return std::ranges::all_of(observers_, &DispatchObserver::takesNotes);
  }
  void worked(const WorkEvent &event) noexcept override {
    for (DispatchObserver *observer : observers_)
      if (observer->wantsWork())
        observer->worked(event);
  }

private:
  std::vector<DispatchObserver *> observers_;
};

} // namespace

Status ObservedModel::watch(const goss_step_args &args,
                            DispatchObserver *observer,
                            const Step &step) const {
  std::lock_guard turn(turn_);
  for (StepObserver *each : observers_)
    GOSS_RETURN_IF_ERROR(each->stepBegins(args));
  if (observers_.size() == 1 && !observer) {
    GOSS_RETURN_IF_ERROR(step(observers_.front()));
  } else {
    std::vector<DispatchObserver *> all(observers_.begin(), observers_.end());
    if (observer)
      all.push_back(observer);
    Everyone everyone(std::move(all));
    GOSS_RETURN_IF_ERROR(step(&everyone));
  }
  for (StepObserver *each : observers_)
    GOSS_RETURN_IF_ERROR(each->stepEnded());
  return Status::ok();
}

} // namespace gossamer::tools
