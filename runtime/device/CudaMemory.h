//===- CudaMemory.h - Memory of a GPU and of the host -----------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_DEVICE_CUDAMEMORY_H
#define GOSSAMER_RUNTIME_DEVICE_CUDAMEMORY_H

#include "runtime/device/CudaContext.h"
#include "runtime/device/Device.h"

#include <map>
#include <mutex>
#include <vector>

namespace gossamer::cuda {

inline Address addressOf(const void *data) {
  return reinterpret_cast<uintptr_t>(data);
}
inline void *pointerTo(Address address) {
  return reinterpret_cast<void *>(address); // NOLINT(performance-no-int-to-ptr)
}

/// The buffers of one device. Buffers must not outlive it. Thread-safe.
class CudaMemory {
public:
  static Expected<std::unique_ptr<CudaMemory>>
  create(std::shared_ptr<const CudaContext> context);

  const CudaContext &context() const { return *context_; }

  /// As in Device. `what` is named when there is too little.
  Expected<DeviceBuffer> allocate(size_t bytes, const char *what);
  Expected<DeviceBuffer> allocateHost(size_t bytes);
  Expected<DeviceBuffer> reserve(size_t bytes);
  Status commit(const DeviceBuffer &buffer, size_t bytes);
  Status copy(void *to, const void *from, size_t bytes);
  Status clear(void *data, size_t bytes);
  Status read(void *to, const void *from, size_t bytes);
  Status synchronize();

  /// Lets what follows on `stream` wait for all copies and clearings so far.
  Status orderBefore(Stream stream);
  /// Copies to the host on `stream`. All of it is done when the stream is.
  Status copyToHost(void *to, Address from, size_t bytes, Stream stream);

  /// "cuda:0: KV cache: needs 12 MB but 10 of 20 MB are free"
  Status tooLittle(uint64_t bytes, const char *what) const;
  /// OutOfMemory unless this much is free.
  Status requireFree(uint64_t bytes, const char *what) const;

private:
  /// Memory behind a part of a reservation.
  struct Chunk {
    MemoryHandle handle;
    Address address;
    size_t bytes;
  };
  struct Reservation {
    size_t committed = 0;
    std::vector<Chunk> chunks;
  };

  explicit CudaMemory(std::shared_ptr<const CudaContext> context)
      : context_(std::move(context)), stream_(*context_), done_(*context_) {}
  Status open();
  Status addChunk(Address address, size_t bytes, Reservation &reservation);
  AllocationProperties properties() const;

  static void releaseDevice(void *owner, void *data, size_t size);
  static void releaseHost(void *owner, void *data, size_t size);
  static void releaseReserved(void *owner, void *data, size_t size);

  std::shared_ptr<const CudaContext> context_;
  CudaStream stream_; ///< of copies and clearings.
  CudaEvent done_;    ///< after the last of them.
  size_t granularity_ = 0;
  std::mutex mutex_;                            ///< guards what follows.
  std::map<Address, Reservation> reservations_; ///< by their beginning.
  std::map<uintptr_t, uintptr_t> pinned_;       ///< begin and end.
};

} // namespace gossamer::cuda

#endif // GOSSAMER_RUNTIME_DEVICE_CUDAMEMORY_H
