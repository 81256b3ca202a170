//===- CudaContext.h - One NVIDIA GPU of this process -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDACONTEXT_H
#define GOSSAMER_RUNTIME_DEVICE_CUDACONTEXT_H

#include "runtime/device/CudaDriver.h"

#include <memory>

namespace gossamer::cuda {

/// A GPU with its primary context, which all users in a process share.
/// Immutable and thread-safe.
class CudaContext {
public:
  /// Fails with Usage for a GPU that is not there.
  static Expected<std::shared_ptr<const CudaContext>> create(unsigned ordinal);
  CudaContext(const CudaContext &) = delete;
  CudaContext &operator=(const CudaContext &) = delete;
  ~CudaContext();

  const Driver &driver() const { return driver_; }
  unsigned ordinal() const { return ordinal_; }
  /// "NVIDIA H200".
  const std::string &chipName() const { return name_; }
  /// 90 for compute capability 9.0.
  int capability() const { return capability_; }
  int multiprocessors() const { return multiprocessors_; }
  double clockHertz() const { return 1000.0 * clockKilohertz_; }
  /// Shared memory that a block can ask for.
  uint32_t maxSharedBytes() const { return maxSharedBytes_; }
  uint64_t memoryBytes() const { return memoryBytes_; }

  /// Makes the context that of the calling thread; before all calls below it.
  Status enter() const {
    GOSS_CUDA_CALL(driver_, ctxSetCurrent, context_);
    return Status::ok();
  }

private:
  CudaContext(const Driver &driver, unsigned ordinal)
      : driver_(driver), ordinal_(ordinal) {}
  Status open();

  const Driver &driver_;
  unsigned ordinal_;
  DeviceHandle device_ = 0;
  Context context_ = nullptr;
  std::string name_;
  int capability_ = 0;
  int multiprocessors_ = 0;
  int clockKilohertz_ = 0;
  uint32_t maxSharedBytes_ = 0;
  uint64_t memoryBytes_ = 0;
};

/// A stream that orders itself with no other by default; destroyed with the
/// object, whose context must be the current one.
class CudaStream {
public:
  explicit CudaStream(const CudaContext &context) : context_(context) {}
  CudaStream(const CudaStream &) = delete;
  CudaStream &operator=(const CudaStream &) = delete;
  ~CudaStream() {
    if (stream_)
      context_.driver().streamDestroy(stream_);
  }
  Status create() {
    constexpr unsigned nonBlocking = 1;
    GOSS_CUDA_CALL(context_.driver(), streamCreate, &stream_, nonBlocking);
    return Status::ok();
  }
  Stream get() const { return stream_; }

private:
  const CudaContext &context_;
  Stream stream_ = nullptr;
};

/// The same for an event.
class CudaEvent {
public:
  explicit CudaEvent(const CudaContext &context) : context_(context) {}
  CudaEvent(const CudaEvent &) = delete;
  CudaEvent &operator=(const CudaEvent &) = delete;
  ~CudaEvent() {
    if (event_)
      context_.driver().eventDestroy(event_);
  }
  /// `takesTime`: eventElapsedTime will be asked.
  Status create(bool takesTime = false) {
    constexpr unsigned disableTiming = 2;
    GOSS_CUDA_CALL(context_.driver(), eventCreate, &event_,
                   takesTime ? 0 : disableTiming);
    return Status::ok();
  }
  Event get() const { return event_; }

private:
  const CudaContext &context_;
  Event event_ = nullptr;
};

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDACONTEXT_H
