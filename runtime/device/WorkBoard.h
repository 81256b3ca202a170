//===- WorkBoard.h - Work that threads share out ----------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// One thread posts work of numbered grains and takes part in it; other threads
// take part as they come. Every thread starts with a share of its own, a
// contiguous range that is the same in each step (its weights stay in the
// cache of that core), and takes from the ends of other shares when its own is
// used up. The work is done when all grains are, whoever did them: a thread
// that is late or never comes holds nobody up.
//
// What nobody has taken of a share is one atomic word: number of the post,
// begin and end. To take is to compare and exchange the word, and only who has
// taken something looks at the work, which cannot be over before that is done.
// So it does no harm when a late thread takes from a later post than the one it
// has heard of.
//
// A cache line takes 50 to 300 ns from one core to another, so a post costs its
// threads few of them: one that brings the share, one that tells of its end.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_WORKBOARD_H
#define GOSSAMER_RUNTIME_DEVICE_WORKBOARD_H

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace gossamer {

class WorkBoard {
public:
  /// The most grains of one post.
  static constexpr uint32_t maxGrains = UINT16_MAX;

  struct Range {
    uint32_t begin = 0, end = 0;
    bool isEmpty() const { return begin == end; }
    uint32_t size() const { return end - begin; }
  };

  /// What a thread takes of a post, piece by piece.
  class Taker;

  /// Does grains of what `context` describes until there are none to take, and
  /// ends its part of them (Taker::endPart) or leaves that to the board.
  using Function = void (*)(const void *context, Taker &taker);

  /// Seats for the poster (seat 0) and seats-1 other threads. When these are
  /// more than the cores at hand (`crowded`) they wait politely.
  WorkBoard(unsigned seats, bool crowded);

  /// Offers grains 0 ... grains-1, divided among the first `shares` seats.
  /// `context` must stay valid until `finish` returns. One post at a time.
  void post(Function function, const void *context, uint32_t grains,
            unsigned shares);

  /// Takes part in the post from seat 0 and returns when all of it is done.
  /// Tells how long this thread waited for others with nothing to do itself;
  /// the first tens of microseconds do not count.
  std::chrono::nanoseconds finish();

  /// Takes part in this and later posts from a free seat, until none has come
  /// for `patience` or the board is closed.
  void serve(std::chrono::nanoseconds patience);

  /// Waits for what threads do beyond their parts of the posts that are done.
  void settle() const;

  /// Sends all threads away that serve.
  void close() { closed_.store(true, std::memory_order_relaxed); }

private:
  struct Seat {
    // Written by the poster, taken from by all. Whoever sits here waits by
    // reading it.
    alignas(128) std::atomic<uint64_t> share{0};
    std::atomic<Function> function{nullptr};
    std::atomic<const void *> context{nullptr};
    // Written by whoever sits here.
    alignas(128) std::atomic<uint64_t> done{0}; ///< grains of all posts.
    std::atomic<uint32_t> parts{0};             ///< ended.
    std::atomic<bool> taken{false};
    // Nobody reads this while there is work: writing it costs nothing.
    alignas(128) std::atomic<uint32_t> left{0}; ///< parts, and what came after.
  };

  static Range takeFront(Seat &seat);
  static Range takeBack(Seat &seat);
  void takePart(Seat &own);
  bool isDone() const;
  Seat *findSeat();
  bool waitForPost(const Seat &own, uint32_t seen,
                   std::chrono::nanoseconds patience) const;

  std::vector<Seat> seats_;
  bool crowded_;
  std::atomic<bool> closed_{false};
  std::atomic<unsigned> shares_{0}; ///< of the post.

  // The poster's own.
  alignas(128) uint32_t post_ = 0;
  uint32_t grains_ = 0;
  Range first_;         ///< what the poster took while posting.
  uint64_t helped_ = 0; ///< grains of all posts that others took.
};

class WorkBoard::Taker {
public:
  /// Which thread this is: the poster has seat 0.
  unsigned seat() const { return seat_; }

  /// The next grains to do; empty when all are taken. All of them are of one
  /// post, which cannot end before this thread's part of it is told.
  Range next();

  /// Tells, after the last grain, that this thread's part is done; what it does
  /// from here on nobody waits for but `settle`. The context may be gone then,
  /// except for the poster, whom this tells whether all of the post is done.
  bool endPart();

private:
  friend class WorkBoard;
  Taker(WorkBoard &board, Seat &own, Range first = {})
      : board_(board), seat_(static_cast<unsigned>(&own - board.seats_.data())),
        first_(first) {}
  Range takeAny();

  WorkBoard &board_;
  unsigned seat_;
  unsigned at_ = 0;      ///< whose share is next, counted from the own one.
  Seat *from_ = nullptr; ///< whose share it was last.
  Range first_;          ///< taken already.
  uint32_t taken_ = 0;
  bool ended_ = false;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_WORKBOARD_H
