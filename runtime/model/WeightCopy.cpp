//===- WeightCopy.cpp - Weights in memory of the process ------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/WeightCopy.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <oneapi/tbb/parallel_for.h>
#include <optional>
#include <sys/mman.h>
#include <unistd.h>

using namespace gossamer;

namespace {

/// Alignment of a copy, and the bytes that are copied at once.
constexpr uint64_t alignment = 64;
constexpr uint64_t pieceBytes = uint64_t(8) << 20;

/// Place of each different tensor in the buffer.
struct Layout {
  struct Entry {
    std::span<const std::byte> tensor;
    uint64_t place;
  };
  std::vector<Entry> entries;
  std::map<const std::byte *, uint64_t> places; ///< by the original's address.
  uint64_t size = 0;
};

Layout layOut(std::span<const std::span<const std::byte>> tensors) {
  Layout layout;
  for (std::span<const std::byte> tensor : tensors) {
    if (!layout.places.try_emplace(tensor.data(), layout.size).second)
      continue;
    layout.entries.push_back({tensor, layout.size});
    layout.size += (tensor.size() + alignment - 1) / alignment * alignment;
  }
  return layout;
}

/// Bytes that programs can still get without swapping, or nothing.
std::optional<uint64_t> availableBytes() {
  std::FILE *file = std::fopen("/proc/meminfo", "re");
  if (!file)
    return std::nullopt;
  std::optional<uint64_t> result;
  char line[128];
  unsigned long long kilobytes = 0;
  while (!result && std::fgets(line, sizeof line, file))
    if (std::sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1)
      result = kilobytes * 1024;
  (void)std::fclose(file);
  return result;
}

/// Gives whole pages of a mapping back; the file keeps their contents.
void releasePages(std::span<const std::byte> bytes) {
  auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  auto begin =
      (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  auto end =
      reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end)
    // Advice: nothing depends on its success.
    (void)::madvise(reinterpret_cast<void *>(begin), end - begin,
                    MADV_DONTNEED);
}

} // namespace

uint64_t
gossamer::copiedBytes(std::span<const std::span<const std::byte>> tensors) {
  return layOut(tensors).size;
}

Expected<DeviceBuffer>
gossamer::copyTensors(Device &device,
                      std::vector<std::span<const std::byte>> &tensors,
                      const CopyProgress &progress) {
  Layout layout = layOut(tensors);
  if (std::optional<uint64_t> available = availableBytes();
      available && *available < layout.size)
    return outOfMemory(
        "copying the weights expects " + std::to_string(layout.size) +
        " bytes of free memory but got " + std::to_string(*available) +
        "; --load=map reads them where they lie");
  GOSS_ASSIGN_OR_RETURN(DeviceBuffer buffer, device.allocate(layout.size));
  auto *base = reinterpret_cast<std::byte *>(buffer.data());
  for (const Layout::Entry &entry : layout.entries) {
    uint64_t pieces = (entry.tensor.size() + pieceBytes - 1) / pieceBytes;
    tbb::parallel_for(uint64_t(0), pieces, [&](uint64_t i) {
      auto piece = entry.tensor.subspan(i * pieceBytes);
      piece = piece.first(std::min<uint64_t>(piece.size(), pieceBytes));
      std::memcpy(base + entry.place + i * pieceBytes, piece.data(),
                  piece.size());
      releasePages(piece);
      if (progress)
        progress(piece.size());
    });
  }
  for (std::span<const std::byte> &tensor : tensors)
    tensor = {base + layout.places.at(tensor.data()), tensor.size()};
  return buffer;
}
