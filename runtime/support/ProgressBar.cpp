//===- ProgressBar.cpp - Progress on a terminal ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/ProgressBar.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unistd.h>

using namespace gossamer;

namespace {

constexpr auto drawInterval = std::chrono::milliseconds(100);
constexpr auto firstDrawing = std::chrono::seconds(2);
constexpr unsigned barWidth = 20;

std::string format(const char *pattern, double value) {
  char buffer[64];
  std::snprintf(buffer, sizeof(buffer), pattern, value);
  return buffer;
}

struct Scale {
  double divisor;
  const char *suffix;
};

Scale scaleOf(double value, ProgressBar::Unit unit) {
  if (unit == ProgressBar::Unit::Items)
    return {1, ""};
  if (value >= 1e9)
    return {1e9, " GB"};
  if (value >= 1e6)
    return {1e6, " MB"};
  if (value >= 1e3)
    return {1e3, " kB"};
  return {1, " B"};
}

std::string scaled(double value, Scale scale) {
  return format(scale.divisor > 1 ? "%.1f" : "%.0f", value / scale.divisor);
}

std::string duration(double seconds) {
  // A stalled task has no useful estimate.
  if (seconds > 100 * 3600.0)
    return "--:--";
  unsigned whole = static_cast<unsigned>(std::lround(seconds));
  char buffer[32];
  if (whole >= 3600)
    std::snprintf(buffer, sizeof(buffer), "%u:%02u:%02u", whole / 3600,
                  whole / 60 % 60, whole % 60);
  else
    std::snprintf(buffer, sizeof(buffer), "%u:%02u", whole / 60, whole % 60);
  return buffer;
}

} // namespace

ProgressBar::ProgressBar(std::string title, uint64_t total, Unit unit,
                         bool shown)
    : title_(std::move(title)), total_(total), unit_(unit),
      visible_(shown && ::isatty(STDERR_FILENO) == 1) {}

std::string ProgressBar::line(uint64_t done, double seconds) const {
  done = total_ ? std::min(done, total_) : done;
  double amount = static_cast<double>(done);
  double rate = seconds > 0 ? amount / seconds : 0;
  Scale rateScale = scaleOf(rate, unit_);
  std::string speed = scaled(rate, rateScale) + rateScale.suffix + "/s";
  if (total_ == 0) {
    Scale scale = scaleOf(amount, unit_);
    return title_ + "  " + scaled(amount, scale) + scale.suffix + "  " + speed;
  }
  double whole = static_cast<double>(total_);
  unsigned filled = static_cast<unsigned>(barWidth * (amount / whole));
  Scale scale = scaleOf(whole, unit_);
  std::string left = rate > 0 ? duration((whole - amount) / rate) : "--:--";
  return title_ + "  [" + std::string(filled, '#') +
         std::string(barWidth - filled, '-') + "]  " +
         format("%.0f%%", 100 * amount / whole) + "  " + scaled(amount, scale) +
         "/" + scaled(whole, scale) + scale.suffix + "  " + speed + "  " + left;
}

void ProgressBar::add(uint64_t amount) {
  done_ += amount;
  if (visible_)
    draw();
}

void ProgressBar::draw() {
  // Whoever finds the terminal taken leaves the drawing to the other thread.
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  Clock::time_point now = Clock::now();
  if (!lock || now - start_ < firstDrawing || now - drawn_ < drawInterval)
    return;
  drawn_ = now;
  onScreen_ = true;
  double seconds = std::chrono::duration<double>(now - start_).count();
  std::fprintf(stderr, "\r\x1b[K%s", line(done_, seconds).c_str());
  std::fflush(stderr);
}

void ProgressBar::finish() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!onScreen_)
    return;
  onScreen_ = false;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}
