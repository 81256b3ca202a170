//===- CpuDevice.cpp - Steps on the host's cores --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The compiled step calls `dispatch` with launches that do not depend on each
// other, which are divided among threads (WorkDivision.h). Results do not
// depend on how: each item writes its own outputs in an order fixed at compile
// time.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CpuDevice.h"

#include "runtime/device/CpuFeatures.h"
#include "runtime/device/SharedObject.h"
#include "runtime/device/WorkDivision.h"
#include "runtime/device/WorkerTeam.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <oneapi/tbb/info.h>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>

using namespace gossamer;

namespace {

/// Dispatches up to this long do not wait while the team works for another
/// step.
constexpr uint64_t maxAlonePicoseconds = 50'000'000;

using Clock = FastClock;

/// Does a piece of work that began now and tells the observer; returns when it
/// ended. To read the clock takes as long as the smallest launches do.
template <typename Do>
Clock::time_point runWatched(DispatchObserver &observer,
                             const goss_launch &launch, unsigned worker,
                             int64_t first, int64_t last,
                             Clock::time_point begin, Do doPiece) {
  doPiece();
  Clock::time_point end = Clock::now();
  observer.worked({launch.id, launch.kernel, worker, first, last, begin, end});
  return end;
}

class CpuProgram final : public Program {
public:
  CpuProgram(SharedObject object, goss_step_fn step,
             std::vector<LoadedKernel> kernels, WorkerTeam *team,
             uint64_t inlinePicoseconds)
      : object_(std::move(object)), step_(step), kernels_(std::move(kernels)),
        team_(team), inlinePicoseconds_(inlinePicoseconds) {}

  Status run(const goss_step_args &args,
             DispatchObserver *observer) const override;

private:
  /// The observer of a step, and where the clock stood when it was read last.
  struct Watch {
    explicit Watch(DispatchObserver &observer)
        : observer(observer), wantsWork(observer.wantsWork()),
          takesNotes(observer.takesNotes()), now(Clock::now()) {}

    DispatchObserver &observer;
    bool wantsWork;
    bool takesNotes;
    bool mayBeWhole = false; ///< of the dispatch: it has one launch.
    bool isWhole = false;    ///< which ran by itself on this thread.
    Clock::time_point now;
  };
  /// What one call of `run` passes through the step to `dispatch`.
  struct Call {
    const CpuProgram *program;
    Watch *watch; ///< null without an observer.
  };

  static int32_t dispatch(void *context, const goss_launch *launches,
                          uint32_t count, const goss_dims *dims);
  void runRounds(std::span<const goss_launch> launches, const goss_dims &dims,
                 Watch *watch) const;
  /// `watch`: null where nobody wants to see the work.
  void runRound(std::span<const goss_launch> launches, const goss_dims &dims,
                Watch *watch) const;
  void runInline(std::span<const goss_launch> launches, const goss_dims &dims,
                 Watch *watch) const;

  SharedObject object_;
  goss_step_fn step_;
  std::vector<LoadedKernel> kernels_;
  WorkerTeam *team_; ///< null with one thread.
  uint64_t inlinePicoseconds_;
};

Status CpuProgram::run(const goss_step_args &args,
                       DispatchObserver *observer) const {
  std::optional<Watch> watch;
  if (observer)
    watch.emplace(*observer);
  Call call{this, watch ? &*watch : nullptr};
  goss_device_table table{GOSS_STEP_ABI_VERSION, sizeof(goss_device_table),
                          &call, &CpuProgram::dispatch};
  int32_t result = step_(&args, &table);
  if (watch && team_)
    team_->settle();
  if (result != 0)
    return internalError("the compiled step returned code " +
                         std::to_string(result));
  return Status::ok();
}

int32_t CpuProgram::dispatch(void *context, const goss_launch *launches,
                             uint32_t count, const goss_dims *dims) {
  const Call &call = *static_cast<const Call *>(context);
  const CpuProgram &program = *call.program;
  std::span<const goss_launch> all(launches, count);
  for (const goss_launch &launch : all)
    if (launch.kernel >= program.kernels_.size())
      return static_cast<int32_t>(StatusCode::Internal);

  Watch *watch = call.watch;
  if (!watch) {
    program.runRounds(all, *dims, nullptr);
    return 0;
  }
  if (!watch->takesNotes)
    watch->now = Clock::now();
  watch->mayBeWhole = watch->takesNotes && count == 1;
  watch->isWhole = false;
  Clock::time_point begin = watch->now;
  program.runRounds(all, *dims, watch->wantsWork ? watch : nullptr);
  if (!watch->wantsWork || watch->isWhole)
    watch->now = Clock::now();
  watch->observer.dispatched({all, *dims, begin, watch->now, watch->isWhole});
  return 0;
}

void CpuProgram::runRounds(std::span<const goss_launch> launches,
                           const goss_dims &dims, Watch *watch) const {
  while (!launches.empty()) {
    auto round = launches.first(
        std::min<size_t>(launches.size(), WorkDivision::maxRoundLaunches));
    launches = launches.subspan(round.size());
    runRound(round, dims, watch);
  }
}

void CpuProgram::runRound(std::span<const goss_launch> launches,
                          const goss_dims &dims, Watch *watch) const {
  if (!team_)
    return runInline(launches, dims, watch);
  WorkDivision division(launches, dims, kernels_);
  if (division.picoseconds() < inlinePicoseconds_)
    return runInline(launches, dims, watch);
  division.cut(team_->threads(), inlinePicoseconds_);
  std::unique_lock turn(team_->turn(), std::defer_lock);
  if (division.shares() < 2 ||
      (!turn.try_lock() && division.picoseconds() < maxAlonePicoseconds))
    return runInline(launches, dims, watch);
  if (!turn)
    turn.lock();
  if (watch)
    division.observe(watch->observer, watch->now, watch->takesNotes);
  team_->run(division.function(), &division, division.grains(),
             division.shares(),
             std::chrono::nanoseconds(division.picoseconds() / 1000));
  if (watch)
    watch->now = division.end() ? *division.end() : Clock::now();
}

void CpuProgram::runInline(std::span<const goss_launch> launches,
                           const goss_dims &dims, Watch *watch) const {
  for (const goss_launch &launch : launches) {
    if (launch.items <= 0)
      continue;
    auto runAll = [&] {
      kernels_[launch.kernel].function(launch.bindings, &dims, 0, launch.items);
    };
    if (watch && !watch->mayBeWhole) {
      watch->now = runWatched(watch->observer, launch, 0, 0, launch.items,
                              watch->now, runAll);
      continue;
    }
    runAll();
    if (watch)
      watch->isWhole = true;
  }
}

/// On most systems that have huge pages at all.
constexpr size_t hugePageBytes = size_t{2} << 20;

/// Bytes from `address` to the next multiple of `unit`.
size_t distanceTo(uintptr_t unit, const void *address) {
  return (unit - reinterpret_cast<uintptr_t>(address) % unit) % unit;
}

/// Of a mapped file the system then reads megabytes at a time, ahead of its
/// use, and maps them by one entry of the TLB. Without huge pages small ones
/// serve as well, so failures do not matter.
void askForHugePages(const void *data, size_t size) {
  auto pageBytes = static_cast<uintptr_t>(::getpagesize());
  size_t inPage = reinterpret_cast<uintptr_t>(data) % pageBytes;
  auto *page = static_cast<char *>(const_cast<void *>(data)) - inPage;
  (void)::madvise(page, size + inPage, MADV_HUGEPAGE);
}

/// Of a mapping of `size` + hugePageBytes bytes, keeps `size` bytes from the
/// first huge page on.
void *alignToHugePage(void *mapping, size_t size) {
  auto pageBytes = static_cast<uintptr_t>(::getpagesize());
  auto *begin = static_cast<char *>(mapping);
  char *aligned = begin + distanceTo(hugePageBytes, begin);
  char *end = aligned + size;
  end += distanceTo(pageBytes, end);
  char *mappingEnd = begin + size + hugePageBytes;
  mappingEnd += distanceTo(pageBytes, mappingEnd);
  if (aligned != begin)
    ::munmap(begin, static_cast<size_t>(aligned - begin));
  if (end != mappingEnd)
    ::munmap(end, static_cast<size_t>(mappingEnd - end));
  return aligned;
}

class CpuDevice final : public Device {
public:
  CpuDevice(unsigned threads, uint64_t inlineNanoseconds)
      : threads_(threads), inlinePicoseconds_(inlineNanoseconds * 1000) {
    if (threads > 1)
      team_ = std::make_unique<WorkerTeam>(threads);
  }

  std::string_view name() const override { return "cpu"; }
  unsigned threadCount() const override { return threads_; }
  Expected<DeviceBuffer> allocate(size_t bytes) override;
  // All memory is the host's, committed when it is touched.
  Expected<DeviceBuffer> allocateHost(size_t bytes) override {
    return allocate(bytes);
  }
  Expected<DeviceBuffer> reserve(size_t bytes) override {
    return allocate(bytes);
  }
  Status commit(const DeviceBuffer &, size_t) override { return Status::ok(); }
  Expected<uint64_t> memoryBytes() override;
  Expected<MappedTensors>
  mapTensors(std::span<const std::span<const std::byte>> host) override;
  Status copy(void *to, const void *from, size_t bytes) override {
    std::memcpy(to, from, bytes);
    return Status::ok();
  }
  Status clear(void *data, size_t bytes) override {
    std::memset(data, 0, bytes);
    return Status::ok();
  }
  Expected<std::shared_ptr<const Program>>
  load(const ProgramDescription &description) override;
  Status read(void *to, const void *from, size_t bytes) override {
    return copy(to, from, bytes);
  }
  Status synchronize() override { return Status::ok(); }

private:
  unsigned threads_;
  uint64_t inlinePicoseconds_;
  std::unique_ptr<WorkerTeam> team_; ///< null with one thread.
};

Expected<DeviceBuffer> CpuDevice::allocate(size_t bytes) {
  size_t size = std::max<size_t>(bytes, 1);
  // Large buffers begin at a huge page, so that they can consist of them: a
  // step touches more of the cache than small pages have room for in the TLB.
  size_t margin = size >= hugePageBytes ? hugePageBytes : 0;
  void *data = MAP_FAILED;
  if (size <= SIZE_MAX - margin)
    data = ::mmap(nullptr, size + margin, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return outOfMemory("cannot allocate " + std::to_string(bytes) +
                       " bytes: " + std::strerror(errno));
  if (margin) {
    data = alignToHugePage(data, size);
    askForHugePages(data, size);
  }
  return DeviceBuffer(data, size, [](void *, void *begin, size_t length) {
    ::munmap(begin, length);
  });
}

Expected<uint64_t> CpuDevice::memoryBytes() {
  long pages = ::sysconf(_SC_PHYS_PAGES);
  long pageSize = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || pageSize <= 0)
    return uint64_t{1} << 36;
  return static_cast<uint64_t>(pages) * static_cast<uint64_t>(pageSize);
}

Expected<MappedTensors>
CpuDevice::mapTensors(std::span<const std::span<const std::byte>> host) {
  MappedTensors mapped;
  mapped.addresses.reserve(host.size());
  for (std::span<const std::byte> tensor : host) {
    askForHugePages(tensor.data(), tensor.size());
    mapped.addresses.push_back(tensor.data());
  }
  return mapped;
}

Expected<std::shared_ptr<const Program>>
CpuDevice::load(const ProgramDescription &description) {
  GOSS_RETURN_IF_ERROR(checkCpuFeatures(description.requiredFeatures));
  GOSS_ASSIGN_OR_RETURN(SharedObject object,
                        SharedObject::load(description.code));
  auto step = reinterpret_cast<goss_step_fn>(object.lookup("goss_step"));
  if (!step)
    return invalidData("code section: exports no symbol goss_step");
  std::vector<LoadedKernel> kernels;
  kernels.reserve(description.kernels.size());
  for (const ProgramKernel &kernel : description.kernels) {
    auto function =
        reinterpret_cast<goss_kernel_fn>(object.lookup(kernel.symbol.c_str()));
    if (!function)
      return invalidData("code section: exports no symbol " + kernel.symbol +
                         ", which the manifest names");
    kernels.push_back({function, kernel});
  }
  return std::shared_ptr<const Program>(
      std::make_shared<CpuProgram>(std::move(object), step, std::move(kernels),
                                   team_.get(), inlinePicoseconds_));
}

} // namespace

Expected<std::shared_ptr<Device>>
gossamer::createCpuDevice(CpuDeviceOptions options) {
  if (options.threads > maxCpuThreads)
    return usageError("threads: expects at most " +
                      std::to_string(maxCpuThreads) + " but got " +
                      std::to_string(options.threads));
  unsigned threads = options.threads;
  if (threads == 0)
    threads =
        static_cast<unsigned>(std::max(1, tbb::info::default_concurrency()));
  return std::shared_ptr<Device>(
      std::make_shared<CpuDevice>(threads, options.inlineNanoseconds));
}
