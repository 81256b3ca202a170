//===- CudaUpload.cpp - Weights on their way to a GPU ---------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/CudaUpload.h"

#include "runtime/support/ProgressBar.h"

#include <algorithm>
#include <cstring>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

using namespace gossamer;
using namespace gossamer::cuda;

namespace {

constexpr size_t tensorAlignment = 256;
/// Pieces that are on their way, and of one of them.
constexpr size_t pieceBytes = size_t{16} << 20;
/// What one thread reads at a time.
constexpr size_t grainBytes = size_t{1} << 20;

/// Two pieces of pinned memory that are filled and sent in turn.
class Uploader {
public:
  explicit Uploader(CudaMemory &memory)
      : memory_(memory), stream_(memory.context()) {}

  Status open();
  Status send(Address to, std::span<const std::byte> tensor, ProgressBar &bar);
  Status finish();

private:
  struct Slot {
    explicit Slot(const CudaContext &context) : sent(context) {}
    DeviceBuffer staging;
    CudaEvent sent;
  };

  CudaMemory &memory_;
  CudaStream stream_;
  std::vector<std::unique_ptr<Slot>> slots_;
  size_t next_ = 0;
};

Status Uploader::open() {
  const CudaContext &context = memory_.context();
  GOSS_RETURN_IF_ERROR(context.enter());
  GOSS_RETURN_IF_ERROR(stream_.create());
  for (int i = 0; i < 2; ++i) {
    auto slot = std::make_unique<Slot>(context);
    GOSS_ASSIGN_OR_RETURN(slot->staging, memory_.allocateHost(pieceBytes));
    GOSS_RETURN_IF_ERROR(slot->sent.create());
    slots_.push_back(std::move(slot));
  }
  return memory_.orderBefore(stream_.get());
}

/// Pages of a mapped file are read when they are touched, so to copy is to
/// read.
void readInto(uint8_t *to, std::span<const std::byte> from) {
  tbb::parallel_for(tbb::blocked_range<size_t>(0, from.size(), grainBytes),
                    [&](const tbb::blocked_range<size_t> &range) {
                      std::memcpy(to + range.begin(),
                                  from.data() + range.begin(), range.size());
                    });
}

Status Uploader::send(Address to, std::span<const std::byte> tensor,
                      ProgressBar &bar) {
  const Driver &driver = memory_.context().driver();
  for (size_t done = 0; done < tensor.size();) {
    Slot &slot = *slots_[next_++ % slots_.size()];
    auto piece =
        tensor.subspan(done, std::min(pieceBytes, tensor.size() - done));
    GOSS_CUDA_CALL(driver, eventSynchronize, slot.sent.get());
    readInto(slot.staging.data(), piece);
    GOSS_CUDA_CALL(driver, memcpyHtoDAsync, to + done, slot.staging.data(),
                   piece.size(), stream_.get());
    GOSS_CUDA_CALL(driver, eventRecord, slot.sent.get(), stream_.get());
    done += piece.size();
    bar.add(piece.size());
  }
  return Status::ok();
}

Status Uploader::finish() {
  GOSS_CUDA_CALL(memory_.context().driver(), streamSynchronize, stream_.get());
  return Status::ok();
}

} // namespace

Expected<MappedTensors>
cuda::uploadTensors(CudaMemory &memory,
                    std::span<const std::span<const std::byte>> host,
                    bool showProgress) {
  std::vector<size_t> offsets;
  offsets.reserve(host.size());
  size_t total = 0;
  size_t payload = 0;
  for (std::span<const std::byte> tensor : host) {
    offsets.push_back(total);
    total += (tensor.size() + tensorAlignment - 1) / tensorAlignment *
             tensorAlignment;
    payload += tensor.size();
  }
  GOSS_RETURN_IF_ERROR(memory.requireFree(total, "weights"));
  MappedTensors mapped;
  GOSS_ASSIGN_OR_RETURN(mapped.memory, memory.allocate(total, "weights"));
  ProgressBar bar("weights to the GPU", payload, ProgressBar::Unit::Bytes,
                  showProgress);
  Uploader uploader(memory);
  GOSS_RETURN_IF_ERROR(uploader.open());
  mapped.addresses.reserve(host.size());
  for (size_t i = 0; i < host.size(); ++i) {
    const uint8_t *address = mapped.memory.data() + offsets[i];
    mapped.addresses.push_back(address);
    Status sent = uploader.send(addressOf(address), host[i], bar);
    // The buffers that are read from must stay until nobody does.
    if (!sent.isOk()) {
      (void)uploader.finish();
      return sent;
    }
  }
  GOSS_RETURN_IF_ERROR(uploader.finish());
  return mapped;
}
