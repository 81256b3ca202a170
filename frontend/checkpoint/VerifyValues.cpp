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
  size_t tensor; ///< index into the locations.
  ValueKind kind;
  uint64_t begin, size; ///< of the tensor's bytes.

  uint64_t firstElement() const;
  uint64_t count() const;
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

uint64_t Chunk::firstElement() const { return begin / elementBytes(kind); }
uint64_t Chunk::count() const { return size / elementBytes(kind); }

/// Index within the chunk of its first bad element, or its element count.
size_t findBad(const Chunk &chunk, const std::byte *data) {
  size_t count = chunk.count();
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

Status describe(const Chunk &chunk, size_t element,
                const TensorLocation &location, const std::string &origin) {
  std::string where = origin + ": element " +
                      coordinates(*chunk.spec, chunk.firstElement() + element);
  if (chunk.kind == ValueKind::Scale) {
    std::vector<std::byte> scratch;
    auto scale = location.bytes.view(chunk.begin + element, 1, scratch);
    return invalidData(where + " expects an E8M0 scale of at most " +
                       std::to_string(mxfp4LargestScale) + " but got " +
                       std::to_string(static_cast<unsigned>(scale[0])));
  }
  return invalidData(
      where + " expects a finite number but got NaN or infinity" +
      (chunk.kind == ValueKind::F16 ? " (float16 ends at 65504)" : ""));
}

void appendChunks(const TensorSpec &spec, size_t tensor, uint64_t size,
                  ValueKind kind, std::vector<Chunk> &chunks) {
  for (uint64_t begin = 0; begin < size; begin += chunkBytes)
    chunks.push_back(
        {&spec, tensor, kind, begin, std::min(chunkBytes, size - begin)});
}

std::vector<Chunk> makeChunks(const Checkpoint &checkpoint) {
  std::vector<Chunk> chunks;
  if (!checkpoint.hasWeights())
    return chunks;
  size_t next = 0;
  for (const Parameter &parameter : checkpoint.parameters().parameters())
    for (const TensorSpec &spec : parameter.tensors) {
      size_t tensor = next++;
      // Any MXFP4 code is a number; only the scales can be wrong.
      if (spec.dtype == DType::U8 && &spec == &parameter.tensors.front())
        continue;
      ValueKind kind = spec.dtype == DType::U8    ? ValueKind::Scale
                       : spec.dtype == DType::F32 ? ValueKind::F32
                       : spec.dtype == DType::F16 ? ValueKind::F16
                                                  : ValueKind::BF16;
      appendChunks(spec, tensor, spec.byteSize(), kind, chunks);
    }
  return chunks;
}

} // namespace

uint64_t Checkpoint::verificationBytes() const {
  uint64_t size = 0;
  for (const Chunk &chunk : makeChunks(*this))
    size += chunk.size;
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
    std::vector<std::byte> scratch;
    size_t element =
        findBad(chunk, locations_[chunk.tensor]
                           .bytes.view(chunk.begin, chunk.size, scratch)
                           .data());
    if (element < chunk.count()) {
      std::lock_guard<std::mutex> lock(mutex);
      if (i < badChunk) {
        badChunk = i;
        badElement = element;
      }
    }
    if (progress && !progress(chunk.size))
      cancelled = true;
  });
  if (cancelled)
    return {StatusCode::Interrupted, path_ + ": verification was cancelled"};
  if (badChunk == chunks.size())
    return Status::ok();
  const Chunk &bad = chunks[badChunk];
  return describe(bad, badElement, locations_[bad.tensor],
                  origins_[bad.tensor]);
}

} // namespace gossamer
