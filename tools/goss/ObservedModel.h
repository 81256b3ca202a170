//===- ObservedModel.h - A model whose steps are watched --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_OBSERVEDMODEL_H
#define GOSSAMER_TOOLS_GOSS_OBSERVEDMODEL_H

#include "runtime/model/StepRunner.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace gossamer::tools {

/// Sees where steps begin and end besides their dispatches.
class StepObserver : public DispatchObserver {
public:
  virtual Status stepBegins(const goss_step_args &args) = 0;
  /// After the last dispatch; not called for a step that failed.
  virtual Status stepEnded() = 0;
};

/// Stands in a model's place where steps are run by somebody who has no
/// observer to pass (a Generator). Steps run one after another: observers need
/// not be thread-safe.
class ObservedModel final : public StepRunner {
public:
  /// The observers must outlive the model.
  ObservedModel(std::shared_ptr<const StepRunner> model,
                std::vector<StepObserver *> observers)
      : model_(std::move(model)), observers_(std::move(observers)) {}

  const StepShape &shape() const override { return model_->shape(); }
  Device &device() const override { return model_->device(); }
  /// Fails also when an observer does.
  Status run(const goss_step_args &args,
             DispatchObserver *observer = nullptr) const override {
    return watch(args, observer,
                 [&](DispatchObserver *all) { return model_->run(args, all); });
  }
  Status runAndChoose(const goss_step_args &args,
                      std::span<const TokenChoice> wanted,
                      std::span<int32_t> chosen,
                      DispatchObserver *observer = nullptr) const override {
    return watch(args, observer, [&](DispatchObserver *all) {
      return model_->runAndChoose(args, wanted, chosen, all);
    });
  }

private:
  using Step = std::function<Status(DispatchObserver *)>;
  Status watch(const goss_step_args &args, DispatchObserver *observer,
               const Step &step) const;

  std::shared_ptr<const StepRunner> model_;
  std::vector<StepObserver *> observers_;
  mutable std::mutex turn_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_OBSERVEDMODEL_H
