//===- TraceWriter.cpp - A timeline in Chrome's trace format --------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One track shows the steps, one the dispatches, and one each worker's pieces
// of work; all events are complete ones ("X"). Indices of launches and kernels
// are those of the manifest, and so of the report.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/JsonWriter.h"
#include "tools/goss/TraceRecorder.h"

#include <algorithm>
#include <unordered_map>

namespace gossamer::tools {
namespace {

constexpr unsigned stepTrack = 1;
constexpr unsigned dispatchTrack = 2;
constexpr unsigned firstWorkerTrack = 16;

} // namespace

class TraceRecorder::Writer {
public:
  Writer(const TraceRecorder &trace, AtomicFile &file)
      : trace_(trace), file_(file) {}
  Status write(const std::string &model);

private:
  Status emit();
  Status writeNames(const std::string &model);
  Status writeMetadata(const char *what, unsigned track, const char *key,
                       const std::string &name);
  Status writeTrack(unsigned track, const std::string &name);
  Status writeStep(size_t index);
  Status writeDispatch(size_t step, const Dispatch &dispatch);
  Status writeWorker(size_t worker);
  void gatherLaunches();
  template <typename Do> void forEachDispatch(Do doDispatch) const;
  template <typename Do> Status forEachPiece(size_t worker, Do doPiece) const;
  Status writePiece(size_t worker, const Piece &piece);
  /// Opens an event up to its arguments, which the caller adds and closes.
  void begin(const std::string &name, const std::string &category,
             unsigned track, int64_t begin, int64_t end);

  const proto::Launch &launch(uint32_t id) const {
    return trace_.manifest_.launches(static_cast<int>(id));
  }
  const std::string &operationOf(const proto::Launch &launch) const {
    return trace_.manifest_.kernels(static_cast<int>(launch.kernel()))
        .operation();
  }
  static uint64_t keyOf(size_t step, uint32_t launch) {
    return uint64_t{step} << 32 | launch;
  }
  /// Where the dispatches of a step end.
  size_t endOf(size_t step) const {
    return step + 1 < trace_.steps_.size()
               ? trace_.steps_[step + 1].firstDispatch
               : trace_.dispatches_.size();
  }
  bool isKnown(uint32_t id) const {
    return id < static_cast<uint32_t>(trace_.manifest_.launches_size());
  }

  const TraceRecorder &trace_;
  AtomicFile &file_;
  JsonWriter json_;
  bool first_ = true;
  /// What was recorded of a launch in a step.
  struct Done {
    int64_t items = 0;
    Clock::time_point end{}; ///< of its dispatch.
  };
  std::unordered_map<uint64_t, Done> done_; ///< of each step and launch.
};

/// Writes the event that json_ holds.
Status TraceRecorder::Writer::emit() {
  std::string text = first_ ? "\n" : ",\n";
  first_ = false;
  return file_.write(text + json_.take());
}

void TraceRecorder::Writer::begin(const std::string &name,
                                  const std::string &category, unsigned track,
                                  int64_t begin, int64_t end) {
  // The format's unit is the microsecond.
  json_.beginObject()
      .member("name", name)
      .member("cat", category)
      .member("ph", "X")
      .member("pid", 1)
      .member("tid", track)
      .member("ts", static_cast<double>(begin) / 1000)
      .member("dur", static_cast<double>(end - begin) / 1000);
  json_.key("args").beginObject();
}

Status TraceRecorder::Writer::writeMetadata(const char *what, unsigned track,
                                            const char *key,
                                            const std::string &name) {
  json_.beginObject()
      .member("name", what)
      .member("ph", "M")
      .member("pid", 1)
      .member("tid", track);
  json_.key("args").beginObject().member(key, name).endObject().endObject();
  return emit();
}

Status TraceRecorder::Writer::writeTrack(unsigned track,
                                         const std::string &name) {
  GOSS_RETURN_IF_ERROR(writeMetadata("thread_name", track, "name", name));
  json_.beginObject()
      .member("name", "thread_sort_index")
      .member("ph", "M")
      .member("pid", 1)
      .member("tid", track);
  json_.key("args").beginObject().member("sort_index", track).endObject();
  json_.endObject();
  return emit();
}

Status TraceRecorder::Writer::writeNames(const std::string &model) {
  GOSS_RETURN_IF_ERROR(
      writeMetadata("process_name", 0, "name", "goss " + model));
  GOSS_RETURN_IF_ERROR(writeTrack(stepTrack, "steps"));
  GOSS_RETURN_IF_ERROR(writeTrack(dispatchTrack, "dispatches"));
  for (unsigned worker = 0; worker < trace_.workers_.size(); ++worker)
    GOSS_RETURN_IF_ERROR(writeTrack(firstWorkerTrack + worker,
                                    "worker " + std::to_string(worker)));
  return Status::ok();
}

Status TraceRecorder::Writer::writeStep(size_t index) {
  const Step &step = trace_.steps_[index];
  begin("step " + std::to_string(index), "step", stepTrack,
        trace_.nanosecondsAt(step.begin), trace_.nanosecondsAt(step.end));
  json_.member("step", index)
      .member("tokens", step.dims.tokens)
      .member("sequences", step.dims.sequences)
      .member("outputs", step.dims.outputs)
      .member("keys", step.dims.keys);
  // Of several sequences each has its own.
  if (step.dims.sequences == 1)
    json_.member("depth", step.dims.keys - step.dims.tokens);
  json_.endObject().endObject();
  GOSS_RETURN_IF_ERROR(emit());
  for (size_t i = step.firstDispatch; i < endOf(index); ++i)
    GOSS_RETURN_IF_ERROR(writeDispatch(index, trace_.dispatches_[i]));
  return Status::ok();
}

Status TraceRecorder::Writer::writeDispatch(size_t step,
                                            const Dispatch &dispatch) {
  std::vector<uint32_t> launches;
  for (uint32_t i = 0; i < dispatch.count; ++i)
    if (isKnown(dispatch.firstLaunch + i))
      launches.push_back(dispatch.firstLaunch + i);
  if (launches.empty())
    return Status::ok();
  const proto::Launch &first = launch(launches.front());
  std::string name = first.name();
  if (launches.size() > 1)
    name += " and " + std::to_string(launches.size() - 1) + " more";
  begin(name, operationOf(first), dispatchTrack,
        trace_.nanosecondsAt(dispatch.begin),
        trace_.nanosecondsAt(dispatch.end));
  json_.member("step", step);
  auto writeList = [&](const char *key, auto get) {
    json_.key(key).beginArray();
    for (uint32_t each : launches)
      json_.value(get(each));
    json_.endArray();
  };
  writeList("launches", [](uint32_t each) { return each; });
  writeList("kernels", [&](uint32_t each) { return launch(each).kernel(); });
  writeList("names", [&](uint32_t each) { return launch(each).name(); });
  writeList("items",
            [&](uint32_t each) { return done_[keyOf(step, each)].items; });
  json_.endObject().endObject();
  return emit();
}

Status TraceRecorder::Writer::writePiece(size_t worker, const Piece &piece) {
  if (piece.step >= trace_.steps_.size() || !isKnown(piece.launch))
    return Status::ok();
  const proto::Launch &of = launch(piece.launch);
  // A thread reads the clock when it has told the others that it is done: they
  // may have gone on by then.
  Clock::time_point end =
      std::min(piece.end, done_[keyOf(piece.step, piece.launch)].end);
  begin(of.name(), operationOf(of),
        firstWorkerTrack + static_cast<unsigned>(worker),
        trace_.nanosecondsAt(piece.begin), trace_.nanosecondsAt(end));
  json_.member("step", piece.step)
      .member("launch", piece.launch)
      .member("kernel", of.kernel())
      .member("begin", piece.beginItem)
      .member("end", piece.endItem)
      .endObject()
      .endObject();
  return emit();
}

template <typename Do>
Status TraceRecorder::Writer::forEachPiece(size_t index, Do doPiece) const {
  const Worker &worker = trace_.workers_[index];
  for (uint32_t chunk = worker.firstChunk; chunk != noChunk;
       chunk = trace_.nextChunk_[chunk]) {
    uint32_t used = chunk == worker.chunk ? worker.used : chunkPieces;
    for (uint32_t i = 0; i < used; ++i)
      GOSS_RETURN_IF_ERROR(
          doPiece(trace_.pieces_[size_t{chunk} * chunkPieces + i]));
  }
  return Status::ok();
}

/// In the order of time; the first worker's have launches among them that were
/// not told as work.
Status TraceRecorder::Writer::writeWorker(size_t index) {
  std::vector<Piece> pieces;
  (void)forEachPiece(index, [&](const Piece &piece) {
    pieces.push_back(piece);
    return Status::ok();
  });
  if (index == 0)
    forEachDispatch([&](uint32_t step, const Dispatch &each) {
      if (each.wholeItems >= 0)
        pieces.push_back(
            {each.firstLaunch, step, 0, each.wholeItems, each.begin, each.end});
    });
  std::ranges::sort(pieces, {}, [](const Piece &piece) {
    return std::pair(piece.begin, piece.end);
  });
  for (const Piece &piece : pieces)
    GOSS_RETURN_IF_ERROR(writePiece(index, piece));
  return Status::ok();
}

template <typename Do>
void TraceRecorder::Writer::forEachDispatch(Do doDispatch) const {
  for (size_t step = 0; step < trace_.steps_.size(); ++step)
    for (size_t i = trace_.steps_[step].firstDispatch; i < endOf(step); ++i)
      doDispatch(static_cast<uint32_t>(step), trace_.dispatches_[i]);
}

/// The pieces of a launch are its items, each once.
void TraceRecorder::Writer::gatherLaunches() {
  forEachDispatch([&](uint32_t step, const Dispatch &each) {
    for (uint32_t i = 0; i < each.count; ++i)
      done_[keyOf(step, each.firstLaunch + i)] = {
          std::max<int64_t>(each.wholeItems, 0), each.end};
  });
  for (size_t worker = 0; worker < trace_.workers_.size(); ++worker)
    (void)forEachPiece(worker, [&](const Piece &piece) {
      int64_t &items = done_[keyOf(piece.step, piece.launch)].items;
      items = std::max(items, piece.endItem);
      return Status::ok();
    });
}

Status TraceRecorder::Writer::write(const std::string &model) {
  json_.beginObject()
      .member("model", model)
      .member("compiler", trace_.manifest_.compiler_version())
      .member("target", trace_.manifest_.target())
      .member("cpu", trace_.manifest_.cpu())
      .member("math", trace_.manifest_.math_mode())
      .member("steps", trace_.steps())
      .member("dropped_steps", trace_.droppedSteps())
      .endObject();
  GOSS_RETURN_IF_ERROR(file_.write(R"({"displayTimeUnit":"ns","otherData":)" +
                                   json_.take() + ",\n\"traceEvents\":["));
  GOSS_RETURN_IF_ERROR(writeNames(model));
  gatherLaunches();
  for (size_t step = 0; step < trace_.steps_.size(); ++step)
    GOSS_RETURN_IF_ERROR(writeStep(step));
  for (size_t worker = 0; worker < trace_.workers_.size(); ++worker)
    GOSS_RETURN_IF_ERROR(writeWorker(worker));
  return file_.write(std::string_view("\n]}\n"));
}

Status TraceRecorder::write(AtomicFile &file, const std::string &model) const {
  return Writer(*this, file).write(model);
}

} // namespace gossamer::tools
