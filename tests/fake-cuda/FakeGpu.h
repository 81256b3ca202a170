//===- FakeGpu.h - A GPU that only exists in tests --------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The state behind the functions of FakeDriver.cpp. Work on a stream is done as
// late as the driver's rules allow, when somebody waits for it, so that a wait
// that is missing shows. Memory of the GPU can be touched only while the fake
// itself works on it: a host that reads it crashes.
//
// The environment variable GOSSAMER_FAKE_CUDA sets, as "name=value,...":
//   memory=BYTES  driver=12080  capability=90  devices=1  log=FILE
//   jit=fails     the driver's compiler refuses all code, with a log
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TESTS_FAKECUDA_FAKEGPU_H
#define GOSSAMER_TESTS_FAKECUDA_FAKEGPU_H

#include "runtime/device/CudaDriver.h"

#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace gossamer::cuda {

/// Does what a kernel would: its arguments, then blocks and threads.
using FakeKernel = void (*)(const uint64_t *arguments, const unsigned *grid,
                            unsigned block);

struct StreamTag {
  std::deque<std::function<void()>> queue;
  uint64_t added = 0, done = 0; ///< pieces of work so far.
  GraphTag *graph = nullptr;    ///< what is captured goes there.
  bool isOrigin = false;        ///< of the capture.
  bool isJoined = true;         ///< the origin has waited for all of it.
};

struct EventTag {
  StreamTag *stream = nullptr; ///< where it was recorded last, and
  uint64_t ticket = 0;         ///< after how many pieces.
  bool isCaptured = false;
};

struct FunctionTag {
  std::string name;
  size_t parameters = 0;
};

struct ModuleTag {
  std::vector<std::unique_ptr<FunctionTag>> functions;
};

struct GraphTag {
  std::vector<std::function<void()>> work;
  std::set<StreamTag *> streams; ///< that take part.
};

struct GraphExecTag {
  std::vector<std::function<void()>> work;
};

namespace fake {

constexpr Result invalidValue = 1;
constexpr Result invalidPtx = 218;
constexpr Result captureInvalid = 901;
constexpr Result captureUnjoined = 904;

class Gpu {
public:
  static Gpu &get();

  std::recursive_mutex mutex; ///< of all functions.
  size_t memory = size_t{256} << 20;
  int driver = 12080;
  int capability = 90;
  int devices = 1;
  bool refusesCode = false;
  std::map<std::string, FakeKernel> kernels;
  std::vector<std::string> log;

  /// Notes one line.
  void note(const std::string &line);

  size_t used() const { return used_; }
  /// 0 where the memory is used up.
  Address allocate(size_t bytes);
  bool free(Address address);
  Address reserve(size_t bytes, size_t alignment);
  bool map(Address address, size_t bytes);
  bool unmap(Address address);
  /// Takes memory without an address.
  bool take(size_t bytes);
  void giveBack(size_t bytes) { used_ -= bytes; }
  /// Whether all of it is memory that somebody asked for.
  bool isMapped(Address address, size_t bytes) const;
  bool isPinned(const void *data, size_t bytes) const;
  std::map<uintptr_t, size_t> pinned;

  /// Adds work to the stream, or to the graph that is being captured.
  void add(StreamTag &stream, std::function<void()> work);
  /// Works until `ticket` pieces of the stream are done.
  void drain(StreamTag &stream, uint64_t ticket);
  void drainAll();
  std::set<StreamTag *> streams;

private:
  Gpu();
  void readOptions();
  void protect(bool isOpen);

  FILE *logFile_ = nullptr;
  Address base_ = 0, next_ = 0;
  size_t used_ = 0;
  std::map<Address, size_t> mapped_;
  int open_ = 0;
};

} // namespace fake
} // namespace gossamer::cuda

/// What every function of the driver begins with.
#define GOSS_FAKE_LOCKED                                                       \
  ::gossamer::cuda::fake::Gpu &gpu = ::gossamer::cuda::fake::Gpu::get();       \
  std::lock_guard lock(gpu.mutex)

#endif // GOSSAMER_TESTS_FAKECUDA_FAKEGPU_H
