//===- MachineLimits.cpp - What this machine can do at most ---------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tools/goss/MachineLimits.h"

#include "tools/goss/MachineLoops.h"
#include "tools/support/Terminal.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace gossamer::tools {

namespace {

using Clock = std::chrono::steady_clock;

/// The processors that this process may use.
std::vector<int> allowedProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> processors;
  if (::sched_getaffinity(0, sizeof(set), &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(i, &set))
        processors.push_back(i);
  return processors;
}

/// Keeps the calling thread on one processor while it lives: two threads that
/// begin together on the same one may stay there for longer than a measurement
/// takes.
class Pinned {
public:
  explicit Pinned(int processor) {
    CPU_ZERO(&before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    isPinned_ = ::sched_getaffinity(0, sizeof(before_), &before_) == 0 &&
                ::sched_setaffinity(0, sizeof(one), &one) == 0;
  }
  Pinned(const Pinned &) = delete;
  Pinned &operator=(const Pinned &) = delete;
  ~Pinned() {
    if (isPinned_)
      ::sched_setaffinity(0, sizeof(before_), &before_);
  }

private:
  cpu_set_t before_;
  bool isPinned_ = false;
};

/// Threads that do the same and are timed together. Those of the model are
/// not used: a measurement needs each of them to take part.
class Team {
public:
  explicit Team(unsigned threads)
      : members_(threads), processors_(allowedProcessors()) {}

  /// Runs `work(i)` on thread i of all, beginning together. Seconds from the
  /// first beginning to the last end; Unavailable without enough threads.
  Expected<double> time(const std::function<void(unsigned)> &work);

private:
  struct Member {
    Team *team = nullptr;
    pthread_t thread{};
    Clock::time_point begin, end;
  };

  static void *enter(void *argument);
  void run(Member &member);

  std::vector<Member> members_;
  std::vector<int> processors_;
  const std::function<void(unsigned)> *work_ = nullptr;
  std::atomic<size_t> ready_{0};
  std::atomic<bool> failed_{false};
};

void *Team::enter(void *argument) {
  auto &member = *static_cast<Member *>(argument);
  member.team->run(member);
  return nullptr;
}

void Team::run(Member &member) {
  auto index = static_cast<size_t>(&member - members_.data());
  std::optional<Pinned> pinned;
  if (members_.size() <= processors_.size())
    pinned.emplace(processors_[index]);
  ++ready_;
  while (ready_ < members_.size() && !failed_)
    ::sched_yield();
  if (failed_)
    return;
  member.begin = Clock::now();
  (*work_)(static_cast<unsigned>(index));
  member.end = Clock::now();
}

Expected<double> Team::time(const std::function<void(unsigned)> &work) {
  work_ = &work;
  ready_ = 0;
  size_t started = 1; // The caller is the first.
  int error = 0;
  for (; started < members_.size() && error == 0; started += error == 0) {
    members_[started].team = this;
    error = ::pthread_create(&members_[started].thread, nullptr, enter,
                             &members_[started]);
  }
  failed_ = error != 0;
  run(members_.front());
  for (size_t i = 1; i < started; ++i)
    ::pthread_join(members_[i].thread, nullptr);
  if (error != 0)
    return unavailable("cannot start " + std::to_string(members_.size()) +
                       " threads: " + std::strerror(error));
  Clock::time_point begin = members_.front().begin;
  Clock::time_point end = members_.front().end;
  for (const Member &member : members_) {
    begin = std::min(begin, member.begin);
    end = std::max(end, member.end);
  }
  return std::chrono::duration<double>(end - begin).count();
}

/// How long and how often something is measured, after one run to warm up.
struct Effort {
  double seconds;
  size_t minRepeats;
};
constexpr Effort readEffort{0.4, 3};
constexpr Effort vectorEffort{0.1, 5};

/// Rate of `work`, which does `amount` of something on each call.
Expected<Rate> measureRate(Team &team, double amount, Effort effort,
                           const std::function<void(unsigned)> &work) {
  GOSS_RETURN_IF_ERROR(team.time(work).status());
  std::vector<double> rates;
  double spent = 0;
  while (rates.size() < effort.minRepeats || spent < effort.seconds) {
    GOSS_RETURN_IF_ERROR(checkInterrupt());
    GOSS_ASSIGN_OR_RETURN(double seconds, team.time(work));
    seconds = std::max(seconds, 1e-9);
    spent += seconds;
    rates.push_back(amount / seconds);
  }
  std::sort(rates.begin(), rates.end());
  return Rate{rates.back(), rates[rates.size() / 2]};
}

/// Bytes that can be had without taking them from anybody; 0 = unknown.
uint64_t readAvailableMemory() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  uint64_t kilobytes = 0;
  while (file >> word)
    if (word == "MemAvailable:" && file >> kilobytes)
      return kilobytes * 1024;
  return 0;
}

constexpr uint64_t hugePage = uint64_t{2} << 20;

/// Four times the last cache (which neighbours share), 512 to 1024 MiB, and
/// never so much that the model's weights would be pushed out of memory.
uint64_t chooseBufferBytes(unsigned threads) {
  auto cache =
      static_cast<uint64_t>(std::max(::sysconf(_SC_LEVEL3_CACHE_SIZE), 0L));
  uint64_t bytes =
      std::clamp<uint64_t>(4 * cache, uint64_t{512} << 20, uint64_t{1} << 30);
  if (uint64_t available = readAvailableMemory())
    bytes = std::min(bytes, available / 4);
  uint64_t share = std::max(bytes / threads / hugePage, uint64_t{1}) * hugePage;
  return share * threads;
}

/// Anonymous memory in huge pages where the system has them.
class Buffer {
public:
  explicit Buffer(uint64_t bytes) : mapped_(bytes + hugePage) {
    data_ = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data_ != MAP_FAILED)
      ::madvise(data_, mapped_, MADV_HUGEPAGE); // No harm without.
  }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  ~Buffer() {
    if (data_ != MAP_FAILED)
      ::munmap(data_, mapped_);
  }

  bool isValid() const { return data_ != MAP_FAILED; }
  std::byte *begin() const {
    auto address = reinterpret_cast<uintptr_t>(data_);
    size_t skipped = (hugePage - address % hugePage) % hugePage;
    return static_cast<std::byte *>(data_) + skipped;
  }

private:
  uint64_t mapped_;
  void *data_;
};

Expected<Rate> measureRead(Team &team, unsigned threads, uint64_t bytes) {
  Buffer buffer(bytes);
  if (!buffer.isValid())
    return outOfMemory(
        "cannot allocate " + std::to_string(bytes) +
        " bytes to measure the read bandwidth: " + std::strerror(errno));
  uint64_t share = bytes / threads;
  auto shareOf = [&](unsigned i) { return buffer.begin() + i * share; };
  // Pages that were never written would all be the one page of zeros.
  auto touch = [&](unsigned i) {
    for (uint64_t at = 0; at < share; at += 4096)
      shareOf(i)[at] = std::byte{1};
  };
  GOSS_RETURN_IF_ERROR(team.time(touch).status());
  ReadLoop read = chooseReadLoop();
  return measureRate(team, static_cast<double>(bytes), readEffort,
                     [&](unsigned i) { read(shareOf(i), share); });
}

Expected<Rate> measureVector(Team &team, unsigned threads,
                             const VectorLoop &loop) {
  // As many iterations as take a hundredth of a second in this build.
  constexpr uint64_t trial = 50'000;
  GOSS_ASSIGN_OR_RETURN(double seconds,
                        team.time([&](unsigned) { loop.run(trial); }));
  auto times = static_cast<uint64_t>(0.01 / std::max(seconds, 1e-5)) + 1;
  uint64_t iterations = trial * times;
  double operations = loop.operations * static_cast<double>(iterations);
  return measureRate(team, operations * threads, vectorEffort,
                     [&](unsigned) { loop.run(iterations); });
}

} // namespace

Expected<MachineLimits> measureMachineLimits(unsigned threads) {
  MachineLimits limits;
  limits.threads = threads;
  limits.streamedBytes = chooseBufferBytes(threads);
  Team team(threads);
  GOSS_ASSIGN_OR_RETURN(limits.read,
                        measureRead(team, threads, limits.streamedBytes));
  VectorLoop int8 = chooseInt8Loop();
  limits.int8Instruction = int8.instruction;
  GOSS_ASSIGN_OR_RETURN(limits.int8, measureVector(team, threads, int8));
  VectorLoop float32 = chooseFloat32Loop();
  limits.float32Instruction = float32.instruction;
  GOSS_ASSIGN_OR_RETURN(limits.float32, measureVector(team, threads, float32));
  return limits;
}

Status measureReadAgain(MachineLimits &limits) {
  Team team(limits.threads);
  GOSS_ASSIGN_OR_RETURN(limits.readAfter, measureRead(team, limits.threads,
                                                      limits.streamedBytes));
  return Status::ok();
}

} // namespace gossamer::tools
