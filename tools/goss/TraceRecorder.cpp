//===- TraceRecorder.cpp - A timeline of steps and threads ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/TraceRecorder.h"

#include <algorithm>

namespace gossamer::tools {

/// Events whose memory is there before the first step.
static constexpr size_t warmEvents = size_t{1} << 16;

TraceRecorder::TraceRecorder(const proto::Manifest &manifest, unsigned workers,
                             size_t maxEvents)
    : manifest_(manifest), workers_(workers) {
  size_t chunks = (maxEvents + chunkPieces - 1) / chunkPieces;
  pieces_ = std::make_unique_for_overwrite<Piece[]>(chunks * chunkPieces);
  nextChunk_.assign(chunks, noChunk);
  launches_.reserve(maxEvents);
  dispatches_.reserve(maxEvents);
  // To get a page from the system takes longer than to note a hundred events:
  // the first few megabytes are fetched now.
  size_t warm = std::min<size_t>(maxEvents, warmEvents);
  std::fill_n(pieces_.get(), warm, Piece{});
  launches_.resize(warm);
  launches_.clear();
  dispatches_.resize(warm);
  dispatches_.clear();
}

Status TraceRecorder::stepBegins(const goss_step_args &args) {
  auto launches = static_cast<size_t>(manifest_.launches_size());
  // What is missing must be the end: once a step was dropped, all are.
  recording_ = droppedSteps_ == 0 &&
               launches_.capacity() - launches_.size() >= launches &&
               dispatches_.capacity() - dispatches_.size() >= launches;
  if (recording_)
    steps_.push_back({args.dims, Clock::now(), {}, dispatches_.size()});
  else
    ++droppedSteps_;
  return Status::ok();
}

void TraceRecorder::dispatched(const DispatchEvent &event) {
  if (!recording_)
    return;
  // Code that launches more than its manifest lists is not worth a trace.
  if (launches_.capacity() - launches_.size() < event.launches.size() ||
      dispatches_.size() == dispatches_.capacity()) {
    isFull_.store(true, std::memory_order_relaxed);
    return;
  }
  dispatches_.push_back({event.begin, event.end,
                         static_cast<uint32_t>(launches_.size()),
                         static_cast<uint32_t>(event.launches.size())});
  for (const goss_launch &launch : event.launches)
    launches_.push_back({launch.id, launch.items});
}

TraceRecorder::Piece *TraceRecorder::addPiece(Worker &worker) noexcept {
  if (worker.used == chunkPieces) {
    if (isFull_.load(std::memory_order_relaxed))
      return nullptr;
    uint32_t chunk = usedChunks_.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= nextChunk_.size()) {
      isFull_.store(true, std::memory_order_relaxed);
      return nullptr;
    }
    (worker.chunk == noChunk ? worker.firstChunk : nextChunk_[worker.chunk]) =
        chunk;
    worker.chunk = chunk;
    worker.used = 0;
  }
  return &pieces_[size_t{worker.chunk} * chunkPieces + worker.used++];
}

void TraceRecorder::worked(const WorkEvent &event) noexcept {
  if (!recording_ || event.worker >= workers_.size())
    return;
  Worker &worker = workers_[event.worker];
  auto step = static_cast<uint32_t>(steps_.size() - 1);
  // A thread takes its share in ever smaller pieces, one right after another.
  if (Piece *last = worker.last; last && last->launch == event.launch &&
                                 last->step == step &&
                                 last->endItem == event.beginItem) {
    last->endItem = event.endItem;
    last->end = nanosecondsAt(event.end);
    return;
  }
  if (Piece *piece = addPiece(worker)) {
    *piece = {event.launch,
              step,
              event.beginItem,
              event.endItem,
              nanosecondsAt(event.begin),
              nanosecondsAt(event.end)};
    worker.last = piece;
  }
}

Status TraceRecorder::stepEnded() {
  if (!recording_)
    return Status::ok();
  recording_ = false;
  if (isFull_.load(std::memory_order_relaxed)) {
    // Its pieces are left out by their step.
    dispatches_.resize(steps_.back().firstDispatch);
    steps_.pop_back();
    ++droppedSteps_;
    return Status::ok();
  }
  steps_.back().end = Clock::now();
  return Status::ok();
}

} // namespace gossamer::tools
