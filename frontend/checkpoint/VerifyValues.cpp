//===- VerifyValues.cpp - Looks at every weight ---------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Scans all tensors in chunks on all cores. The chunks keep parameter order,
// and the earliest finding wins, so the message does not depend on timing.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/Checkpoint.h"

#include "runtime/weights/Mxfp4.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <tbb/parallel_for.h>

namespace gossamer {

namespace {

/// Large enough to hide the cost of a task, small enough to cancel soon.
constexpr uint64_t chunkBytes = 4 << 20;

enum class ValueKind : uint8_t { BF16, F16, F32, Scale };

struct Chunk {
  const TensorSpec *spec;
  uint32_t file;
  ValueKind kind;
  std::span<const std::byte> bytes;
  uint64_t firstElement;
};

/// Index of the first element whose exponent bits are all ones, or `count`.
/// The common case, none, runs without a branch on the elements.
template <typename T>
size_t findNonFinite(const std::byte *data, size_t count, T exponentMask) {
  constexpr size_t blockElements = 4096;
  T values[blockElements];
  for (size_t begin = 0; begin < count; begin += blockElements) {
    size_t n = std::min(blockElements, count - begin);
    // Elements of a file may be misaligned.
    std::memcpy(values, data + begin * sizeof(T), n * sizeof(T));
    unsigned bad = 0;
    for (size_t i = 0; i < n; ++i)
      bad |= (values[i] & exponentMask) == exponentMask;
    if (!bad)
      continue;
    for (size_t i = 0; i < n; ++i)
      if ((values[i] & exponentMask) == exponentMask)
        return begin + i;
  }
  return count;
}

size_t elementBytes(ValueKind kind) {
  return kind == ValueKind::F32 ? 4 : kind == ValueKind::Scale ? 1 : 2;
}

/// Index within the chunk of its first bad element, or its element count.
size_t findBad(const Chunk &chunk) {
  const std::byte *data = chunk.bytes.data();
  size_t count = chunk.bytes.size() / elementBytes(chunk.kind);
  switch (chunk.kind) {
  case ValueKind::BF16:
    return findNonFinite<uint16_t>(data, count, 0x7F80);
  case ValueKind::F16:
    return findNonFinite<uint16_t>(data, count, 0x7C00);
  case ValueKind::F32:
    return findNonFinite<uint32_t>(data, count, 0x7F800000);
  case ValueKind::Scale:
    return findBadMxfp4Scale({reinterpret_cast<const uint8_t *>(data), count});
  }
  return count;
}

/// "[3, 17]": the indices of an element.
std::string coordinates(const TensorSpec &spec, uint64_t element) {
  std::vector<uint64_t> indices(spec.shape.size());
  for (size_t axis = indices.size(); axis-- > 0;) {
    indices[axis] = element % spec.shape[axis];
    element /= spec.shape[axis];
  }
  return shapeText(indices);
}

Status describe(const Chunk &chunk, size_t element, const std::string &path) {
  std::string where = path + ": tensor \"" + chunk.spec->name + "\": element " +
                      coordinates(*chunk.spec, chunk.firstElement + element);
  if (chunk.kind == ValueKind::Scale)
    return invalidData(
        where + " expects an E8M0 scale of at most " +
        std::to_string(mxfp4LargestScale) + " but got " +
        std::to_string(static_cast<unsigned>(chunk.bytes[element])));
  return invalidData(where +
                     " expects a finite number but got NaN or infinity");
}

void appendChunks(const TensorSpec &spec, const TensorLocation &location,
                  ValueKind kind, std::span<const std::byte> bytes,
                  std::vector<Chunk> &chunks) {
  for (uint64_t begin = 0; begin < bytes.size(); begin += chunkBytes) {
    uint64_t size = std::min<uint64_t>(chunkBytes, bytes.size() - begin);
    chunks.push_back({&spec, location.file, kind, bytes.subspan(begin, size),
                      begin / elementBytes(kind)});
  }
}

std::vector<Chunk> makeChunks(const Checkpoint &checkpoint) {
  std::vector<Chunk> chunks;
  if (!checkpoint.hasWeights())
    return chunks;
  size_t next = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      const TensorLocation &location = checkpoint.locations()[next++];
      // Any MXFP4 code is a number; only the scales can be wrong.
      if (spec.dtype == DType::U8 && &spec == &parameter.tensors.front())
        continue;
      ValueKind kind = spec.dtype == DType::U8    ? ValueKind::Scale
                       : spec.dtype == DType::F32 ? ValueKind::F32
                       : spec.dtype == DType::F16 ? ValueKind::F16
                                                  : ValueKind::BF16;
      appendChunks(spec, location, kind, checkpoint.bytes(location), chunks);
    }
  return chunks;
}

} // namespace

uint64_t Checkpoint::verificationBytes() const {
  uint64_t size = 0;
  for (const Chunk &chunk : makeChunks(*this))
    size += chunk.bytes.size();
  return size;
}

Status Checkpoint::verifyValues(const ProgressFunction &progress) const {
  std::vector<Chunk> chunks = makeChunks(*this);
  std::mutex mutex;
  size_t badChunk = chunks.size(), badElement = 0;
  std::atomic<bool> cancelled{false};
  tbb::parallel_for(size_t(0), chunks.size(), [&](size_t i) {
    if (cancelled.load(std::memory_order_relaxed))
      return;
    const Chunk &chunk = chunks[i];
    size_t element = findBad(chunk);
    if (element < chunk.bytes.size() / elementBytes(chunk.kind)) {
      std::lock_guard<std::mutex> lock(mutex);
      if (i < badChunk) {
        badChunk = i;
        badElement = element;
      }
    }
    if (progress && !progress(chunk.bytes.size()))
      cancelled = true;
  });
  if (cancelled)
    return {StatusCode::Interrupted, path_ + ": verification was cancelled"};
  if (badChunk == chunks.size())
    return Status::ok();
  return describe(chunks[badChunk], badElement,
                  files_[chunks[badChunk].file].path());
}

} // namespace gossamer
