//===- ProgressBar.h - Progress on a terminal -------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_SUPPORT_PROGRESSBAR_H
#define GOSSAMER_RUNTIME_SUPPORT_PROGRESSBAR_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace gossamer {

/// One line on standard error that shows how far a long task is, its rate and
/// the time left:
///   writing weights  [#########-----------]  45%  5.9/13.1 GB  412 MB/s  0:17
/// Prints nothing when standard error is no terminal, nor in the first two
/// seconds: what is done by then needs no bar. add() may be called from any
/// thread.
class ProgressBar {
public:
  enum class Unit { Items, Bytes };

  /// `total` 0: the amount is not known, only count and rate are shown. Prints
  /// nothing unless `shown`: for who was asked to be quiet.
  ProgressBar(std::string title, uint64_t total, Unit unit = Unit::Items,
              bool shown = true);
  ProgressBar(const ProgressBar &) = delete;
  ProgressBar &operator=(const ProgressBar &) = delete;
  /// Erases the line.
  ~ProgressBar() { finish(); }

  void add(uint64_t amount);
  /// Erases the line now, so that other text can follow.
  void finish();

  /// The line for `done` after `seconds`, without control characters.
  std::string line(uint64_t done, double seconds) const;

private:
  using Clock = std::chrono::steady_clock;
  void draw();

  std::string title_;
  uint64_t total_;
  Unit unit_;
  bool visible_;
  Clock::time_point start_ = Clock::now();
  std::atomic<uint64_t> done_{0};
  std::mutex mutex_;          ///< guards the members below and the terminal.
  Clock::time_point drawn_{}; ///< time of the last drawing.
  bool onScreen_ = false;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_SUPPORT_PROGRESSBAR_H
