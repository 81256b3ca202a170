//===- CpuDevice.cpp - Steps on the host's cores --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The compiled step calls `dispatch` with launches that do not depend on each
// other. Their items form one index space, cut into chunks of about equal
// cost, which the threads of one oneTBB arena take. Results do not depend on
// the cut: each item writes its own outputs in an order fixed at compile time.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CpuDevice.h"

#include "runtime/device/CpuFeatures.h"
#include "runtime/device/SharedObject.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <optional>
#include <sys/mman.h>

using namespace gossamer;

namespace {

/// A chunk costs at least this, a few times what handing it to another thread
/// costs (about a microsecond once the thread is awake).
constexpr uint64_t minChunkPicoseconds = 5'000'000;

/// Chunks a thread gets at least when there is enough work, so that one
/// delayed thread leaves the others something to take over.
constexpr uint64_t chunksPerThread = 4;

/// Launches that form one index space; more of them run in several rounds.
constexpr uint32_t maxRoundLaunches = 64;

/// How often an item of a step does what `kernel` states.
uint64_t repeatsOf(const ProgramKernel &kernel, const goss_dims &dims) {
  int64_t repeats = 1;
  if (kernel.repeats == ProgramKernel::Repeats::EachToken)
    repeats = dims.tokens;
  else if (kernel.repeats == ProgramKernel::Repeats::EachKey)
    repeats =
        kernel.window ? std::min<int64_t>(dims.keys, kernel.window) : dims.keys;
  return static_cast<uint64_t>(std::max<int64_t>(repeats, 1));
}

/// Time of one item by rough figures of one core: 8 bytes and 16 operations a
/// nanosecond. Only the division of work depends on it, never a result. Items
/// of unknown cost count as a microsecond.
uint64_t estimatePicoseconds(const ProgramKernel &kernel,
                             const goss_dims &dims) {
  constexpr uint64_t limit = uint64_t{1} << 28; // keeps products from wrapping.
  uint64_t flops =
      std::min(kernel.flopsPerItem, limit) * repeatsOf(kernel, dims);
  uint64_t cost =
      std::max(std::min(kernel.bytesPerItem, limit) * 125, flops * 125 / 2);
  return cost ? cost : 1'000'000;
}

class CpuProgram final : public Program {
public:
  struct Kernel {
    goss_kernel_fn function;
    ProgramKernel info;
  };

  CpuProgram(SharedObject object, goss_step_fn step,
             std::vector<Kernel> kernels, tbb::task_arena *arena,
             unsigned threads, uint64_t inlinePicoseconds)
      : object_(std::move(object)), step_(step), kernels_(std::move(kernels)),
        arena_(arena), threads_(threads),
        inlinePicoseconds_(inlinePicoseconds) {}

  Status run(const goss_step_args &args,
             DispatchObserver *observer) const override;

private:
  /// What one call of `run` passes through the step to `dispatch`.
  struct Call {
    const CpuProgram *program;
    DispatchObserver *observer;
  };

  static int32_t dispatch(void *context, const goss_launch *launches,
                          uint32_t count, const goss_dims *dims);
  uint64_t estimateItem(const goss_launch &launch,
                        const goss_dims &dims) const {
    return estimatePicoseconds(kernels_[launch.kernel].info, dims);
  }
  void runInline(std::span<const goss_launch> launches,
                 const goss_dims &dims) const;
  void runParallel(std::span<const goss_launch> launches, const goss_dims &dims,
                   uint64_t picoseconds) const;

  SharedObject object_;
  goss_step_fn step_;
  std::vector<Kernel> kernels_;
  tbb::task_arena *arena_; ///< null with one thread.
  unsigned threads_;
  uint64_t inlinePicoseconds_;
};

Status CpuProgram::run(const goss_step_args &args,
                       DispatchObserver *observer) const {
  Call call{this, observer};
  goss_device_table table{GOSS_STEP_ABI_VERSION, sizeof(goss_device_table),
                          &call, &CpuProgram::dispatch};
  int32_t result = 0;
  // The whole step runs inside the arena: entering it once a dispatch would
  // cost as much as a small kernel.
  if (arena_)
    arena_->execute([&] { result = step_(&args, &table); });
  else
    result = step_(&args, &table);
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

  std::chrono::steady_clock::time_point begin;
  if (call.observer)
    begin = std::chrono::steady_clock::now();
  for (auto rest = all; !rest.empty();) {
    auto round = rest.first(std::min<size_t>(rest.size(), maxRoundLaunches));
    rest = rest.subspan(round.size());
    uint64_t cost = 0;
    for (const goss_launch &launch : round)
      cost += static_cast<uint64_t>(std::max<int64_t>(launch.items, 0)) *
              program.estimateItem(launch, *dims);
    if (program.arena_ && cost >= program.inlinePicoseconds_)
      program.runParallel(round, *dims, cost);
    else
      program.runInline(round, *dims);
  }
  if (call.observer)
    call.observer->dispatched(
        {all, *dims, begin, std::chrono::steady_clock::now()});
  return 0;
}

void CpuProgram::runInline(std::span<const goss_launch> launches,
                           const goss_dims &dims) const {
  for (const goss_launch &launch : launches)
    if (launch.items > 0)
      kernels_[launch.kernel].function(launch.bindings, &dims, 0, launch.items);
}

void CpuProgram::runParallel(std::span<const goss_launch> launches,
                             const goss_dims &dims,
                             uint64_t picoseconds) const {
  uint64_t chunkCost =
      std::max(minChunkPicoseconds, picoseconds / (chunksPerThread * threads_));
  // Chunks of launch i are numbered firstChunk[i] ... firstChunk[i + 1] - 1.
  std::array<int64_t, maxRoundLaunches> grain;
  std::array<int64_t, maxRoundLaunches + 1> firstChunk;
  firstChunk[0] = 0;
  for (size_t i = 0; i < launches.size(); ++i) {
    uint64_t itemCost = estimateItem(launches[i], dims);
    grain[i] =
        static_cast<int64_t>(std::max<uint64_t>(1, chunkCost / itemCost));
    int64_t items = std::max<int64_t>(launches[i].items, 0);
    int64_t chunks = items / grain[i] + (items % grain[i] != 0);
    firstChunk[i + 1] = firstChunk[i] + chunks;
  }
  auto runChunk = [&](int64_t chunk) {
    auto first = firstChunk.begin();
    auto next = std::upper_bound(first, first + launches.size() + 1, chunk);
    size_t i = static_cast<size_t>(next - first) - 1;
    int64_t begin = (chunk - firstChunk[i]) * grain[i];
    const goss_launch &launch = launches[i];
    kernels_[launch.kernel].function(launch.bindings, &dims, begin,
                                     std::min(begin + grain[i], launch.items));
  };
  tbb::parallel_for(int64_t{0}, firstChunk[launches.size()], runChunk,
                    tbb::simple_partitioner());
}

class CpuDevice final : public Device {
public:
  CpuDevice(unsigned threads, uint64_t inlineNanoseconds)
      : threads_(threads), inlinePicoseconds_(inlineNanoseconds * 1000) {
    if (threads <= 1)
      return;
    // oneTBB keeps to the number of cores unless told otherwise.
    if (static_cast<int>(threads) > tbb::info::default_concurrency())
      parallelism_.emplace(tbb::global_control::max_allowed_parallelism,
                           threads);
    arena_.emplace(static_cast<int>(threads));
  }

  std::string_view name() const override { return "cpu"; }
  unsigned threadCount() const override { return threads_; }
  Expected<DeviceBuffer> allocate(size_t bytes) override;
  Expected<const void *> mapTensor(std::span<const std::byte> host) override {
    return static_cast<const void *>(host.data());
  }
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
  Status synchronize() override { return Status::ok(); }

private:
  unsigned threads_;
  uint64_t inlinePicoseconds_;
  std::optional<tbb::global_control> parallelism_;
  std::optional<tbb::task_arena> arena_;
};

Expected<DeviceBuffer> CpuDevice::allocate(size_t bytes) {
  size_t size = std::max<size_t>(bytes, 1);
  void *data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return outOfMemory("cannot allocate " + std::to_string(bytes) +
                       " bytes: " + std::strerror(errno));
  return DeviceBuffer(
      data, size, [](void *begin, size_t length) { ::munmap(begin, length); });
}

Expected<std::shared_ptr<const Program>>
CpuDevice::load(const ProgramDescription &description) {
  GOSS_RETURN_IF_ERROR(checkCpuFeatures(description.requiredFeatures));
  GOSS_ASSIGN_OR_RETURN(SharedObject object,
                        SharedObject::load(description.code));
  auto step = reinterpret_cast<goss_step_fn>(object.lookup("goss_step"));
  if (!step)
    return invalidData("code section: exports no symbol goss_step");
  std::vector<CpuProgram::Kernel> kernels;
  kernels.reserve(description.kernels.size());
  for (const ProgramKernel &kernel : description.kernels) {
    auto function =
        reinterpret_cast<goss_kernel_fn>(object.lookup(kernel.symbol.c_str()));
    if (!function)
      return invalidData("code section: exports no symbol " + kernel.symbol +
                         ", which the manifest names");
    kernels.push_back({function, kernel});
  }
  return std::shared_ptr<const Program>(std::make_shared<CpuProgram>(
      std::move(object), step, std::move(kernels), arena_ ? &*arena_ : nullptr,
      threads_, inlinePicoseconds_));
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
