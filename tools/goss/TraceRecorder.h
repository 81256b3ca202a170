//===- TraceRecorder.h - A timeline of steps and threads --------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Notes when steps, their dispatches and the work of each thread began and
// ended. All memory is set aside in the beginning (the system commits most of
// it when it is first written), each thread writes to a part of its own, and no
// thread waits for another. When the memory is used up, recording stops at the
// end of the last step that is there in full.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_TRACERECORDER_H
#define GOSSAMER_TOOLS_GOSS_TRACERECORDER_H

#include "runtime/artifact/manifest.pb.h"
#include "runtime/support/AtomicFile.h"
#include "runtime/support/FastClock.h"
#include "tools/goss/ObservedModel.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace gossamer::tools {

class TraceRecorder final : public StepObserver {
public:
  /// Pieces of work that are kept, and also the most dispatches: at most 65 MB.
  static constexpr size_t defaultEvents = size_t{1} << 20;

  /// For a model on a device of `workers` threads. `maxEvents` is rounded up
  /// to whole chunks.
  TraceRecorder(const proto::Manifest &manifest, unsigned workers,
                size_t maxEvents = defaultEvents);

  Status stepBegins(const goss_step_args &args) override;
  void dispatched(const DispatchEvent &event) override;
  bool wantsWork() const override { return recording_; }
  bool takesNotes() const override { return true; }
  void worked(const WorkEvent &event) noexcept override;
  Status stepEnded() override;

  size_t steps() const { return steps_.size(); }
  /// Steps that found no room.
  uint64_t droppedSteps() const { return droppedSteps_; }

  /// Appends all of it in Chrome's trace format, which Perfetto reads. `model`
  /// is the name of the process.
  Status write(AtomicFile &file, const std::string &model) const;

private:
  using Clock = FastClock;

  struct Step {
    goss_dims dims;
    Clock::time_point begin, end;
    size_t firstDispatch;
  };
  struct Dispatch {
    Clock::time_point begin, end;
    uint32_t firstLaunch;
    uint32_t count;     ///< of launches, numbered one after the other.
    int64_t wholeItems; ///< if it is whole, else -1.
  };
  struct Piece {
    uint32_t launch;
    uint32_t step;
    int64_t beginItem, endItem;
    Clock::time_point begin, end;
  };

  static constexpr uint32_t chunkPieces = 512;
  static constexpr uint32_t noChunk = std::numeric_limits<uint32_t>::max();

  /// The pieces of one worker: a list of chunks.
  struct alignas(128) Worker {
    uint32_t firstChunk = noChunk;
    uint32_t chunk = noChunk;
    uint32_t used = chunkPieces; ///< of the last chunk.
  };

  int64_t nanosecondsAt(Clock::time_point time) const {
    return (time - start_).count();
  }
  Piece *addPiece(Worker &worker) noexcept;

  // TraceWriter.cpp
  class Writer;

  const proto::Manifest &manifest_;
  Clock::time_point start_ = Clock::now();
  uint64_t droppedSteps_ = 0;
  // Read by all threads, so apart from what the step's own writes all the time.
  alignas(128) bool recording_ = false;
  std::vector<Step> steps_;
  std::vector<Worker> workers_;
  std::unique_ptr<Piece[]> pieces_;
  std::vector<uint32_t> nextChunk_; ///< of each chunk's list.
  std::atomic<uint32_t> usedChunks_{0};
  std::atomic<bool> isFull_{false}; ///< a piece found no room.
  alignas(128) std::vector<Dispatch> dispatches_;
};

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_TRACERECORDER_H
