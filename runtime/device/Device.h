//===- Device.h - Where compiled steps run ----------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The runtime's twin of a compiler backend: a Device hands out memory, makes
// weights visible to kernels and loads the compiled code of an artifact; the
// resulting Program runs steps (runtime/abi/StepAbi.h).
//
// Devices and programs are thread-safe. A program keeps its device's resources
// alive; memory and programs must not outlive the Device that made them.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_DEVICE_H
#define GOSSAMER_RUNTIME_DEVICE_DEVICE_H

#include "runtime/abi/StepAbi.h"
#include "runtime/device/TokenChoice.h"
#include "runtime/support/FastClock.h"
#include "runtime/support/Status.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gossamer {

/// One dispatch that just finished: launches that ran as one index space.
/// Only valid during the observer's call.
struct DispatchEvent {
  std::span<const goss_launch> launches; ///< `id` indexes Manifest.launches.
  const goss_dims &dims;
  FastClock::time_point begin;
  FastClock::time_point end;
  /// One launch, all of it by the step's own thread, not told as work.
  bool isWhole = false;
};

/// Items that one thread did of a launch, without a pause.
struct WorkEvent {
  uint32_t launch; ///< index into Manifest.launches.
  uint32_t kernel; ///< index into Manifest.kernels.
  unsigned worker; ///< of the device's threads; 0 runs the step.
  int64_t beginItem;
  int64_t endItem;
  FastClock::time_point begin;
  FastClock::time_point end;
};

/// Sees what a step does.
class DispatchObserver {
public:
  virtual ~DispatchObserver() = default;

  /// A dispatch has finished. Comes in order, on the thread that runs the
  /// step. The bindings' memory holds what the launches wrote.
  virtual void dispatched(const DispatchEvent &event) = 0;

  /// Whether `worked` is wanted, asked before every step: the clock is read for
  /// every piece of work.
  virtual bool wantsWork() const { return false; }

  /// Whether all of this only takes notes, asked before every step. A dispatch
  /// then counts as begun where the one before ended, a launch that ran by
  /// itself on the step's own thread is not told (`isWhole`), and `worked` may
  /// come late: before the step returns. That saves readings of the clock, and
  /// most of those left keep nobody waiting.
  virtual bool takesNotes() const { return false; }

  /// A thread has done a part of a launch. Comes on that thread, in the order
  /// of time: at once for several workers, never for one and the same. All
  /// calls of a dispatch return before its `dispatched`, which sees what they
  /// wrote. Whoever is slow here slows the step.
  virtual void worked([[maybe_unused]] const WorkEvent &event) noexcept {}
};

/// Memory that a device gave out, zeroed and aligned to at least 64 bytes;
/// freed with the object. Only memory of `allocateHost` may be read and written
/// through `data` on every device.
class DeviceBuffer {
public:
  /// `owner`: what the device noted when it made the buffer.
  using Release = void (*)(void *owner, void *data, size_t size);

  DeviceBuffer() = default;
  DeviceBuffer(void *data, size_t size, Release release, void *owner = nullptr)
      : data_(data), size_(size), release_(release), owner_(owner) {}
  DeviceBuffer(DeviceBuffer &&other) noexcept { swap(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept {
    DeviceBuffer(std::move(other)).swap(*this);
    return *this;
  }
  ~DeviceBuffer() {
    if (data_)
      release_(owner_, data_, size_);
  }

  uint8_t *data() const { return static_cast<uint8_t *>(data_); }
  size_t size() const { return size_; }
  template <typename T> T *as() const { return static_cast<T *>(data_); }

private:
  void swap(DeviceBuffer &other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(release_, other.release_);
    std::swap(owner_, other.owner_);
  }

  void *data_ = nullptr;
  size_t size_ = 0;
  Release release_ = nullptr;
  void *owner_ = nullptr;
};

/// A kernel of the compiled code, as the artifact's manifest lists it. All but
/// the symbol only serves to divide work sensibly.
struct ProgramKernel {
  /// How often a work item does `flopsPerItem`.
  enum class Repeats {
    Once,
    EachToken, ///< for every token of the step.
    EachKey,   ///< for every key that a token sees.
  };

  std::string symbol;
  uint64_t bytesPerItem = 0; ///< estimate of parameter bytes read.
  uint64_t flopsPerItem = 0; ///< estimate of arithmetic.
  Repeats repeats = Repeats::Once;
  uint32_t window = 0; ///< most keys that a token sees; 0 = all.
};

/// Tensors where kernels read them.
struct MappedTensors {
  std::vector<const void *> addresses; ///< in the order asked for.
  DeviceBuffer memory; ///< what they lie in; empty where nothing was copied.
};

/// Sizes of the arrays of a step that the arrays themselves do not tell.
struct StepArrays {
  uint64_t logitsRowBytes = 0; ///< a row of goss_step_args.logits.
  uint32_t cacheGroups = 0;    ///< entries of goss_step_args.caches.
  uint32_t maxPages = 0;       ///< entries of a row of a page table.
  uint32_t pageTokens = 0;     ///< positions of a page.
};

/// Compiled code and what it needs. `code` is only read during `load`.
struct ProgramDescription {
  std::span<const std::byte> code;           ///< verified bytes of the section.
  std::vector<std::string> requiredFeatures; ///< LLVM's names.
  std::vector<ProgramKernel> kernels;        ///< goss_launch.kernel order.
  StepArrays arrays;
};

/// Loaded code of one artifact.
class Program {
public:
  virtual ~Program() = default;

  /// Runs one step; when it returns, the logits are there. `arena`, the
  /// parameters and cache pages must be memory of the device; `logits` and what
  /// tokens, positions, sequences, outputs and page tables point to is memory
  /// of the host, best of `allocateHost`. All must be valid for the sizes in
  /// `args.dims`. What `parameters` points to must not change while the program
  /// is in use. Concurrent calls need separate arenas, logits and cache pages.
  virtual Status run(const goss_step_args &args,
                     DispatchObserver *observer = nullptr) const = 0;

  /// As `run`, for steps of which tokens are wanted: `wanted` and `chosen` have
  /// an entry a row of logits, that of `chosen` not `wholeRow` where the token
  /// will do. Such an entry becomes the token, and the row may be left out of
  /// the logits; or it becomes `wholeRow` and the row is there: where the
  /// device does not choose, and where there is a NaN or +inf, or nothing but
  /// -inf.
  virtual Status
  runAndChoose(const goss_step_args &args,
               [[maybe_unused]] std::span<const TokenChoice> wanted,
               std::span<int32_t> chosen,
               DispatchObserver *observer = nullptr) const {
    std::ranges::fill(chosen, wholeRow);
    return run(args, observer);
  }
};

/// What the maker states of a device beside the host; 0 where that is not
/// known.
struct DeviceFacts {
  std::string chip;  ///< "NVIDIA H200".
  std::string units; ///< "132 multiprocessors at 1980 MHz".
  double float32FlopsPerSecond = 0;
  double bf16FlopsPerSecond = 0; ///< of tensor cores, sums in float32.
};

class Device {
public:
  virtual ~Device() = default;

  virtual std::string_view name() const = 0;
  /// Threads that work on one dispatch (1 where that has no meaning).
  virtual unsigned threadCount() const = 0;

  virtual DeviceFacts facts() const { return {}; }

  /// Bytes of memory that the device has, whoever uses them.
  virtual Expected<uint64_t> memoryBytes() = 0;

  /// Memory of the device. Fails with OutOfMemory.
  virtual Expected<DeviceBuffer> allocate(size_t bytes) = 0;
  /// Memory of the host that the device copies from and to quickly.
  virtual Expected<DeviceBuffer> allocateHost(size_t bytes) = 0;
  /// Addresses for memory of the device, which `commit` then takes: a large
  /// buffer costs only what is used of it.
  virtual Expected<DeviceBuffer> reserve(size_t bytes) = 0;
  /// Makes the first `bytes` of a buffer of `reserve` usable; those that were
  /// not before are zero. Fails with OutOfMemory, and then has changed nothing.
  virtual Status commit(const DeviceBuffer &buffer, size_t bytes) = 0;

  /// Makes read-only host memory readable by kernels. Each tensor of `host`
  /// must stay mapped as long as the result is in use. Fails with OutOfMemory
  /// before anything is taken where all together do not fit.
  virtual Expected<MappedTensors>
  mapTensors(std::span<const std::span<const std::byte>> host) = 0;

  /// Copies within the device's memory; the ranges do not overlap.
  virtual Status copy(void *to, const void *from, size_t bytes) = 0;
  /// Sets device memory to zero.
  virtual Status clear(void *data, size_t bytes) = 0;

  /// Copies memory of the device to the host.
  virtual Status read(void *to, const void *from, size_t bytes) = 0;

  /// Loads code after checking that this machine can run it (Unavailable if
  /// not, InvalidData for code without the symbols it should export).
  virtual Expected<std::shared_ptr<const Program>>
  load(const ProgramDescription &description) = 0;

  /// Waits until all submitted work is done.
  virtual Status synchronize() = 0;
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_DEVICE_DEVICE_H
