//===- WorkBoard.cpp - Work that threads share out ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/WorkBoard.h"

#include <thread>
#include <utility>

using namespace gossamer;

namespace {

/// The processor's hint that this thread spins.
void pauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb" ::: "memory");
#endif
}

/// Looks that a waiting thread takes, some tens of nanoseconds apart, before
/// it offers its core to others between looks: about what a small dispatch
/// takes.
constexpr unsigned patientLooks = 1000;

/// Looks between two readings of the clock.
constexpr unsigned looksPerReading = 64;

/// Part of a share that is taken at once: large pieces first, small ones at
/// the end.
constexpr uint32_t pieceOf(uint32_t grains) { return (grains + 1) / 2; }

// The word of a share: post << 32 | begin << 16 | end.
constexpr uint64_t pack(uint32_t post, uint32_t begin, uint32_t end) {
  return uint64_t{post} << 32 | uint64_t{begin} << 16 | end;
}
constexpr uint32_t postOf(uint64_t word) {
  return static_cast<uint32_t>(word >> 32);
}
constexpr uint32_t beginOf(uint64_t word) { return (word >> 16) & 0xFFFF; }
constexpr uint32_t endOf(uint64_t word) { return word & 0xFFFF; }

} // namespace

WorkBoard::WorkBoard(unsigned seats, bool crowded)
    : seats_(seats), crowded_(crowded) {}

void WorkBoard::post(Function function, const void *context, uint32_t grains,
                     unsigned shares) {
  ++post_;
  grains_ = grains;
  shares_.store(shares, std::memory_order_relaxed);
  for (unsigned i = shares; i-- > 0;) {
    auto begin = static_cast<uint32_t>(uint64_t{grains} * i / shares);
    auto end = static_cast<uint32_t>(uint64_t{grains} * (i + 1) / shares);
    if (i == 0) {
      // A locked instruction would wait until the other cores have let go of
      // the lines written here, so the poster takes its first piece before
      // anybody could.
      first_ = {begin, begin + pieceOf(end - begin)};
      begin = first_.end;
    }
    Seat &seat = seats_[i];
    seat.function.store(function, std::memory_order_relaxed);
    seat.context.store(context, std::memory_order_relaxed);
    seat.share.store(pack(post_, begin, end), std::memory_order_release);
  }
}

std::chrono::nanoseconds WorkBoard::finish() {
  Seat &own = seats_[0];
  Taker taker(*this, own, first_);
  own.function.load(std::memory_order_relaxed)(
      own.context.load(std::memory_order_relaxed), taker);
  if (taker.endPart())
    return {};
  // What is not done are grains that other threads are at.
  for (unsigned looks = crowded_ ? patientLooks : 0; looks < patientLooks;
       ++looks) {
    if (isDone())
      return {};
    pauseBriefly();
  }
  auto begin = std::chrono::steady_clock::now();
  while (!isDone())
    std::this_thread::yield();
  return std::chrono::steady_clock::now() - begin;
}

bool WorkBoard::isDone() const {
  uint64_t helped = 0;
  for (size_t i = 1; i < seats_.size(); ++i)
    helped += seats_[i].done.load(std::memory_order_acquire);
  return helped == helped_;
}

/// The owner's side.
WorkBoard::Range WorkBoard::takeFront(Seat &seat) {
  uint64_t word = seat.share.load(std::memory_order_relaxed);
  for (;;) {
    uint32_t begin = beginOf(word), end = endOf(word);
    if (begin == end)
      return {};
    uint32_t count = pieceOf(end - begin);
    if (seat.share.compare_exchange_weak(word, word + (uint64_t{count} << 16),
                                         std::memory_order_acquire,
                                         std::memory_order_relaxed))
      return {begin, begin + count};
  }
}

/// The side of the others.
WorkBoard::Range WorkBoard::takeBack(Seat &seat) {
  uint64_t word = seat.share.load(std::memory_order_relaxed);
  for (;;) {
    uint32_t begin = beginOf(word), end = endOf(word);
    if (begin == end)
      return {};
    uint32_t count = pieceOf(end - begin);
    if (seat.share.compare_exchange_weak(word, word - count,
                                         std::memory_order_acquire,
                                         std::memory_order_relaxed))
      return {end - count, end};
  }
}

/// From the front of its own share, then from the back of others'.
WorkBoard::Range WorkBoard::Taker::takeAny() {
  std::vector<Seat> &seats = board_.seats_;
  if (at_ == 0) {
    from_ = &seats[seat_];
    if (Range range = takeFront(*from_); !range.isEmpty())
      return range;
    at_ = 1;
  }
  unsigned shares = board_.shares_.load(std::memory_order_relaxed);
  for (; at_ <= shares; ++at_) {
    from_ = &seats[(seat_ + at_) % shares];
    if (Range range = takeBack(*from_); !range.isEmpty())
      return range;
  }
  return {};
}

WorkBoard::Range WorkBoard::Taker::next() {
  Range range = first_.isEmpty() ? takeAny() : std::exchange(first_, {});
  taken_ += range.size();
  return range;
}

bool WorkBoard::Taker::endPart() {
  Seat &own = board_.seats_[seat_];
  bool isFirst = !std::exchange(ended_, true);
  if (seat_ == 0) {
    if (isFirst)
      board_.helped_ += board_.grains_ - taken_;
    return board_.isDone();
  }
  if (isFirst) {
    own.parts.store(own.parts.load(std::memory_order_relaxed) + 1,
                    std::memory_order_relaxed);
    own.done.store(own.done.load(std::memory_order_relaxed) + taken_,
                   std::memory_order_release);
  }
  return false;
}

void WorkBoard::settle() const {
  for (size_t i = 1; i < seats_.size(); ++i)
    while (static_cast<int32_t>(
               seats_[i].parts.load(std::memory_order_relaxed) -
               seats_[i].left.load(std::memory_order_acquire)) > 0)
      std::this_thread::yield();
}

/// A helper's part of the post. What there is to do is read from where the
/// first grains came from: that post cannot end now.
void WorkBoard::takePart(Seat &own) {
  Taker taker(*this, own);
  taker.first_ = taker.takeAny();
  if (taker.first_.isEmpty())
    return;
  taker.from_->function.load(std::memory_order_relaxed)(
      taker.from_->context.load(std::memory_order_relaxed), taker);
  taker.endPart();
  own.left.store(own.parts.load(std::memory_order_relaxed),
                 std::memory_order_release);
}

WorkBoard::Seat *WorkBoard::findSeat() {
  // The lowest seats come first: small posts have shares for them only.
  for (size_t i = 1; i < seats_.size(); ++i)
    if (!seats_[i].taken.exchange(true, std::memory_order_acquire))
      return &seats_[i];
  return nullptr;
}

void WorkBoard::serve(std::chrono::nanoseconds patience) {
  Seat *seat = findSeat();
  if (!seat)
    return;
  uint32_t seen;
  do {
    // Read first, so that a post that comes meanwhile is seen afterwards.
    seen = postOf(seat->share.load(std::memory_order_acquire));
    takePart(*seat);
  } while (waitForPost(*seat, seen, patience));
  seat->taken.store(false, std::memory_order_release);
}

/// Waits for a post after `seen` that has a share for this seat.
bool WorkBoard::waitForPost(const Seat &own, uint32_t seen,
                            std::chrono::nanoseconds patience) const {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end{};
  for (unsigned looks = 1;; ++looks) {
    if (postOf(own.share.load(std::memory_order_acquire)) != seen)
      return true;
    if (looks % looksPerReading == 0) {
      if (closed_.load(std::memory_order_relaxed))
        return false;
      Clock::time_point now = Clock::now();
      if (end == Clock::time_point{})
        end = now + patience;
      else if (now >= end)
        return false;
    }
    if (crowded_ || looks > patientLooks)
      std::this_thread::yield();
    else
      pauseBriefly();
  }
}
