//===- TraceRecorder.cpp - A timeline of dispatches -----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/TraceRecorder.h"

#include "runtime/support/AtomicFile.h"
#include "runtime/support/JsonWriter.h"

namespace gossamer::tools {

/// Notes the dispatches of one step and passes them on.
class TraceRecorder::Observer final : public DispatchObserver {
public:
  Observer(std::vector<Event> &events, DispatchObserver *next)
      : events_(events), next_(next) {}

  void dispatched(const DispatchEvent &event) override {
    Event noted{{}, event.dims.tokens, event.begin, event.end};
    for (const goss_launch &launch : event.launches)
      noted.launches.push_back(launch.id);
    events_.push_back(std::move(noted));
    if (next_)
      next_->dispatched(event);
  }

private:
  std::vector<Event> &events_;
  DispatchObserver *next_;
};

TraceRecorder::TraceRecorder(std::shared_ptr<const Model> model)
    : model_(std::move(model)) {}

Status TraceRecorder::run(const goss_step_args &args,
                          DispatchObserver *observer) const {
  std::vector<Event> events;
  Observer recorder(events, observer);
  Status status = model_->run(args, &recorder);
  std::lock_guard lock(mutex_);
  events_.insert(events_.end(), events.begin(), events.end());
  return status;
}

Status TraceRecorder::write(const std::string &path) const {
  const proto::Manifest &manifest = model_->manifest();
  auto microseconds = [](Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
  };
  JsonWriter json;
  json.beginObject().key("traceEvents").beginArray();
  for (const Event &event : events_) {
    const proto::Launch &first =
        manifest.launches(static_cast<int>(event.launches.front()));
    const proto::Kernel &kernel =
        manifest.kernels(static_cast<int>(first.kernel()));
    json.beginObject()
        .member("name", first.name())
        .member("cat", kernel.operation())
        .member("ph", "X")
        .member("ts", microseconds(event.begin - start_))
        .member("dur", microseconds(event.end - event.begin))
        .member("pid", 1)
        .member("tid", 1);
    json.key("args").beginObject().member("tokens", event.tokens);
    json.key("launches").beginArray();
    for (uint32_t id : event.launches)
      json.value(manifest.launches(static_cast<int>(id)).name());
    json.endArray().endObject().endObject();
  }
  json.endArray().member("displayTimeUnit", "ms").endObject();
  return writeFile(path, json.take() + "\n");
}

} // namespace gossamer::tools
