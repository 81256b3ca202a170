//===- CudaMemory.cpp - Memory of a GPU and of the host -------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaMemory.h"
#include "runtime/support/CheckedMath.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

/// Of a large buffer of the host only the beginning is pinned, where the
/// logits of a decoding step are: pinned memory is taken at once, all of it.
constexpr size_t mostPinned = size_t{64} << 20;
/// Smaller ones are not worth the call.
constexpr size_t leastPinned = size_t{64} << 10;
/// A reservation grows by what it has, at most this.
constexpr size_t mostGrowth = size_t{256} << 20;

/// Rounded up, as what is needed must not look like what is there.
std::string megabytes(uint64_t bytes) {
  return std::to_string(bytes / 1'000'000 + (bytes % 1'000'000 != 0));
}

} // namespace

Expected<std::unique_ptr<CudaMemory>>
CudaMemory::create(std::shared_ptr<const CudaContext> context) {
  std::unique_ptr<CudaMemory> memory(new CudaMemory(std::move(context)));
  GOSS_RETURN_IF_ERROR(memory->open());
  return memory;
}

Status CudaMemory::open() {
  GOSS_RETURN_IF_ERROR(context_->enter());
  GOSS_RETURN_IF_ERROR(stream_.create());
  GOSS_RETURN_IF_ERROR(done_.create());
  AllocationProperties wanted = properties();
  constexpr int minimum = 0;
  GOSS_CUDA_CALL(context_->driver(), memGetAllocationGranularity, &granularity_,
                 &wanted, minimum);
  granularity_ = std::max<size_t>(granularity_, 1);
  return Status::ok();
}

AllocationProperties CudaMemory::properties() const {
  AllocationProperties wanted{};
  wanted.type = 1;
  wanted.location = {1, static_cast<int>(context_->ordinal())};
  return wanted;
}

Status CudaMemory::tooLittle(uint64_t bytes, const char *what) const {
  size_t free = 0, total = 0;
  GOSS_CUDA_CALL(context_->driver(), memGetInfo, &free, &total);
  return outOfMemory("cuda:" + std::to_string(context_->ordinal()) + ": " +
                     what + ": needs " + megabytes(bytes) +
                     " MB of GPU memory but " +
                     std::to_string(free / 1'000'000) + " of " +
                     std::to_string(total / 1'000'000) + " MB are free");
}

Status CudaMemory::requireFree(uint64_t bytes, const char *what) const {
  GOSS_RETURN_IF_ERROR(context_->enter());
  size_t free = 0, total = 0;
  GOSS_CUDA_CALL(context_->driver(), memGetInfo, &free, &total);
  return bytes <= free ? Status::ok() : tooLittle(bytes, what);
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Expected<DeviceBuffer> CudaMemory::allocate(size_t bytes, const char *what) {
  GOSS_RETURN_IF_ERROR(context_->enter());
  const Driver &driver = context_->driver();
  // Kernels may read up to the next multiple of 16 bytes.
  if (bytes > SIZE_MAX - 16)
    return tooLittle(bytes, what);
  size_t size = roundUp(std::max<size_t>(bytes, 1), 16);
  Address address = 0;
  Result result = driver.memAlloc(&address, size);
  if (result == errorOutOfMemory)
    return tooLittle(bytes, what);
  GOSS_RETURN_IF_ERROR(driver.check("memAlloc", result));
  DeviceBuffer buffer(pointerTo(address), size, releaseDevice, this);
  GOSS_RETURN_IF_ERROR(clear(buffer.data(), size));
  return buffer;
}

void CudaMemory::releaseDevice(void *owner, void *data, size_t) {
  auto &self = *static_cast<CudaMemory *>(owner);
  (void)self.context_->enter();
  self.context_->driver().memFree(addressOf(data));
}

Expected<DeviceBuffer> CudaMemory::allocateHost(size_t bytes) {
  size_t size = std::max<size_t>(bytes, 1);
  void *data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    return outOfMemory("cannot allocate " + std::to_string(bytes) +
                       " bytes: " + std::strerror(errno));
  DeviceBuffer buffer(data, size, releaseHost, this);
  if (size < leastPinned)
    return buffer;
  size_t pinned = std::min(size, mostPinned);
  GOSS_RETURN_IF_ERROR(context_->enter());
  // Only copies are slower without: the system may limit it.
  if (context_->driver().memHostRegister(data, pinned, 0) == 0) {
    auto begin = reinterpret_cast<uintptr_t>(data);
    std::lock_guard lock(mutex_);
    pinned_.emplace(begin, begin + pinned);
  }
  return buffer;
}

void CudaMemory::releaseHost(void *owner, void *data, size_t size) {
  auto &self = *static_cast<CudaMemory *>(owner);
  bool wasPinned = false;
  {
    std::lock_guard lock(self.mutex_);
    wasPinned = self.pinned_.erase(reinterpret_cast<uintptr_t>(data)) != 0;
  }
  if (wasPinned) {
    (void)self.context_->enter();
    self.context_->driver().memHostUnregister(data);
  }
  ::munmap(data, size);
}

Expected<DeviceBuffer> CudaMemory::reserve(size_t bytes) {
  GOSS_RETURN_IF_ERROR(context_->enter());
  if (bytes > SIZE_MAX - granularity_)
    return outOfMemory("cannot reserve " + std::to_string(bytes) + " bytes");
  size_t size = roundUp(std::max<size_t>(bytes, 1), granularity_);
  Address address = 0;
  GOSS_CUDA_CALL(context_->driver(), memAddressReserve, &address, size,
                 granularity_, 0, 0);
  std::lock_guard lock(mutex_);
  reservations_.try_emplace(address);
  return DeviceBuffer(pointerTo(address), size, releaseReserved, this);
}

void CudaMemory::releaseReserved(void *owner, void *data, size_t size) {
  auto &self = *static_cast<CudaMemory *>(owner);
  const Driver &driver = self.context_->driver();
  (void)self.context_->enter();
  // Memory must not be unmapped under a clearing that is under way.
  driver.streamSynchronize(self.stream_.get());
  std::lock_guard lock(self.mutex_);
  auto found = self.reservations_.find(addressOf(data));
  for (const Chunk &chunk : found->second.chunks) {
    driver.memUnmap(chunk.address, chunk.bytes);
    driver.memRelease(chunk.handle);
  }
  self.reservations_.erase(found);
  driver.memAddressFree(addressOf(data), size);
}

Status CudaMemory::commit(const DeviceBuffer &buffer, size_t bytes) {
  std::lock_guard lock(mutex_);
  auto found = reservations_.find(addressOf(buffer.data()));
  if (found == reservations_.end() || bytes > buffer.size())
    return internalError("commit: expects a buffer of reserve that has " +
                         std::to_string(bytes) + " bytes");
  Reservation &reservation = found->second;
  size_t committed = reservation.committed;
  if (bytes <= committed)
    return Status::ok();
  GOSS_RETURN_IF_ERROR(context_->enter());
  size_t least = roundUp(bytes - committed, granularity_);
  size_t room = buffer.size() - committed;
  size_t most =
      std::min(std::max(least, std::min(committed, mostGrowth)), room);
  most = roundUp(most, granularity_);
  Address address = found->first + committed;
  Status status = addChunk(address, most, reservation);
  if (status.code() == StatusCode::OutOfMemory && most > least)
    status = addChunk(address, least, reservation);
  if (status.code() == StatusCode::OutOfMemory)
    return tooLittle(least, "KV cache");
  return status;
}

/// Puts memory behind addresses that follow those committed.
Status CudaMemory::addChunk(Address address, size_t bytes,
                            Reservation &reservation) {
  const Driver &driver = context_->driver();
  AllocationProperties wanted = properties();
  Chunk chunk{0, address, bytes};
  GOSS_CUDA_CALL(driver, memCreate, &chunk.handle, bytes, &wanted, 0);
  Status status =
      driver.check("memMap", driver.memMap(address, bytes, 0, chunk.handle, 0));
  if (!status.isOk()) {
    driver.memRelease(chunk.handle);
    return status;
  }
  constexpr int readWrite = 3;
  AccessDescription access{wanted.location, readWrite};
  status = driver.check("memSetAccess",
                        driver.memSetAccess(address, bytes, &access, 1));
  if (status.isOk())
    status = clear(pointerTo(address), bytes);
  if (!status.isOk()) {
    driver.memUnmap(address, bytes);
    driver.memRelease(chunk.handle);
    return status;
  }
  reservation.chunks.push_back(chunk);
  reservation.committed += bytes;
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

Status CudaMemory::copy(void *to, const void *from, size_t bytes) {
  GOSS_RETURN_IF_ERROR(context_->enter());
  GOSS_CUDA_CALL(context_->driver(), memcpyDtoDAsync, addressOf(to),
                 addressOf(from), bytes, stream_.get());
  return Status::ok();
}

Status CudaMemory::clear(void *data, size_t bytes) {
  GOSS_RETURN_IF_ERROR(context_->enter());
  GOSS_CUDA_CALL(context_->driver(), memsetD8Async, addressOf(data), 0, bytes,
                 stream_.get());
  return Status::ok();
}

Status CudaMemory::read(void *to, const void *from, size_t bytes) {
  GOSS_RETURN_IF_ERROR(context_->enter());
  GOSS_RETURN_IF_ERROR(copyToHost(to, addressOf(from), bytes, stream_.get()));
  return synchronize();
}

Status CudaMemory::synchronize() {
  GOSS_RETURN_IF_ERROR(context_->enter());
  GOSS_CUDA_CALL(context_->driver(), streamSynchronize, stream_.get());
  return Status::ok();
}

Status CudaMemory::orderBefore(Stream stream) {
  const Driver &driver = context_->driver();
  std::lock_guard lock(mutex_);
  GOSS_CUDA_CALL(driver, eventRecord, done_.get(), stream_.get());
  GOSS_CUDA_CALL(driver, streamWaitEvent, stream, done_.get(), 0);
  return Status::ok();
}

Status CudaMemory::copyToHost(void *to, Address from, size_t bytes,
                              Stream stream) {
  // A copy must not cross the end of pinned memory.
  size_t first = bytes;
  auto begin = reinterpret_cast<uintptr_t>(to);
  {
    std::lock_guard lock(mutex_);
    auto next = pinned_.upper_bound(begin);
    if (next != pinned_.begin()) {
      uintptr_t end = std::prev(next)->second;
      if (begin < end)
        first = std::min<size_t>(bytes, end - begin);
    }
  }
  const Driver &driver = context_->driver();
  GOSS_CUDA_CALL(driver, memcpyDtoHAsync, to, from, first, stream);
  if (first < bytes)
    GOSS_CUDA_CALL(driver, memcpyDtoHAsync, static_cast<char *>(to) + first,
                   from + first, bytes - first, stream);
  return Status::ok();
}
