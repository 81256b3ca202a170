//===- TraceRecorder.cpp - A timeline of steps and threads ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/TraceRecorder.h"

#include <algorithm>
#include <type_traits>

namespace gossamer::tools {

/// Events whose memory is there before the first step.
static constexpr size_t warmEvents = size_t{1} << 16;

/// Whoever waits for this thread also waits until its stores have reached the
/// cache: memory that will be written soon is fetched now.
template <typename T> static void fetchAhead(const T *written) {
  __builtin_prefetch(reinterpret_cast<const char *>(written) + 128, 1);
}

TraceRecorder::TraceRecorder(const proto::Manifest &manifest, unsigned workers,
                             size_t maxEvents)
    : manifest_(manifest), workers_(workers) {
  size_t chunks = (maxEvents + chunkPieces - 1) / chunkPieces;
  static_assert(std::is_trivially_default_constructible_v<Piece>,
                "else all of the memory is written here");
  pieces_ = std::make_unique_for_overwrite<Piece[]>(chunks * chunkPieces);
  nextChunk_.assign(chunks, noChunk);
  dispatches_.reserve(maxEvents);
  // To get a page from the system takes longer than to note a hundred events:
  // the first few megabytes are fetched now.
  size_t warm = std::min<size_t>(maxEvents, warmEvents);
  std::fill_n(pieces_.get(), warm, Piece{});
  dispatches_.resize(warm);
  dispatches_.clear();
}

Status TraceRecorder::stepBegins(const goss_step_args &args) {
  auto launches = static_cast<size_t>(manifest_.launches_size());
  // What is missing must be the end: once a step was dropped, all are.
  recording_ = droppedSteps_ == 0 &&
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
  int64_t wholeItems = event.isWhole ? event.launches.front().items : -1;
  // The compiler numbers the launches of a dispatch one after the other; of
  // other code each run of numbers counts as a dispatch.
  for (auto rest = event.launches; !rest.empty();) {
    uint32_t first = rest.front().id, count = 1;
    while (count < rest.size() && rest[count].id == first + count)
      ++count;
    rest = rest.subspan(count);
    // Code that launches more than its manifest lists is not worth a trace.
    if (dispatches_.size() == dispatches_.capacity()) {
      isFull_.store(true, std::memory_order_relaxed);
      return;
    }
    dispatches_.push_back({event.begin, event.end, first, count, wholeItems});
  }
  fetchAhead(dispatches_.data() + dispatches_.size());
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
  if (Piece *piece = addPiece(worker)) {
    *piece = {event.launch,  step,        event.beginItem,
              event.endItem, event.begin, event.end};
    fetchAhead(piece);
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
