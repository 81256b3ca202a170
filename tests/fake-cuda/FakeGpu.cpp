//===- FakeGpu.cpp - A GPU that only exists in tests ----------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "tests/fake-cuda/FakeGpu.h"

#include <cstdlib>
#include <string_view>
#include <sys/mman.h>

using namespace gossamer::cuda;
using namespace gossamer::cuda::fake;

/// Addresses of the GPU.
static constexpr size_t addressBytes = size_t{1} << 40;

Gpu &Gpu::get() {
  // Never destroyed: programs end with work that nobody waits for.
  static Gpu &gpu = *new Gpu;
  return gpu;
}

Gpu::Gpu() {
  readOptions();
  void *base = ::mmap(nullptr, addressBytes, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  base_ = next_ = reinterpret_cast<uintptr_t>(base);
}

void Gpu::readOptions() {
  const char *text = std::getenv("GOSSAMER_FAKE_CUDA");
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    size_t equals = std::min(item.find('='), item.size());
    std::string_view name = item.substr(0, equals);
    std::string value(item.substr(std::min(equals + 1, item.size())));
    if (name == "memory")
      memory = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "driver")
      driver = std::atoi(value.c_str());
    else if (name == "capability")
      capability = std::atoi(value.c_str());
    else if (name == "devices")
      devices = std::atoi(value.c_str());
    else if (name == "jit")
      refusesCode = value == "fails";
    else if (name == "log")
      logFile_ = std::fopen(value.c_str(), "w");
  }
}

void Gpu::note(const std::string &line) {
  log.push_back(line);
  if (!logFile_)
    return;
  std::fprintf(logFile_, "%s\n", line.c_str());
  std::fflush(logFile_);
}

bool Gpu::take(size_t bytes) {
  if (bytes > memory - used_)
    return false;
  used_ += bytes;
  return true;
}

Address Gpu::reserve(size_t bytes, size_t alignment) {
  if (bytes > base_ + addressBytes - next_)
    return 0;
  alignment = alignment ? alignment : 4096;
  Address address = (next_ + alignment - 1) / alignment * alignment;
  // A page between buffers: what runs over the end of one is found.
  next_ = (address + bytes + 8191) / 4096 * 4096;
  return address;
}

Address Gpu::allocate(size_t bytes) {
  if (!take(bytes))
    return 0;
  Address address = reserve(bytes, 4096);
  map(address, bytes);
  return address;
}

bool Gpu::free(Address address) {
  auto found = mapped_.find(address);
  if (found == mapped_.end())
    return false;
  giveBack(found->second);
  return unmap(address);
}

bool Gpu::map(Address address, size_t bytes) {
  return mapped_.emplace(address, bytes).second;
}

bool Gpu::unmap(Address address) {
  auto found = mapped_.find(address);
  if (found == mapped_.end())
    return false;
  ::madvise(reinterpret_cast<void *>(address), found->second, MADV_DONTNEED);
  mapped_.erase(found);
  return true;
}

bool Gpu::isMapped(Address address, size_t bytes) const {
  // Chunks of one reservation lie side by side.
  for (Address at = address, end = address + bytes; at < end;) {
    auto next = mapped_.upper_bound(at);
    if (next == mapped_.begin())
      return false;
    --next;
    if (at >= next->first + next->second)
      return false;
    at = next->first + next->second;
  }
  return true;
}

bool Gpu::isPinned(const void *data, size_t bytes) const {
  auto begin = reinterpret_cast<uintptr_t>(data);
  auto next = pinned.upper_bound(begin);
  return next != pinned.begin() &&
         begin + bytes <= std::prev(next)->first + std::prev(next)->second;
}

/// Lets the fake itself touch what is the GPU's.
void Gpu::protect(bool isOpen) {
  open_ += isOpen ? 1 : -1;
  if (open_ == (isOpen ? 1 : 0) && next_ > base_)
    ::mprotect(reinterpret_cast<void *>(base_), next_ - base_,
               isOpen ? PROT_READ | PROT_WRITE : PROT_NONE);
}

void Gpu::add(StreamTag &stream, std::function<void()> work) {
  if (stream.graph) {
    stream.graph->work.push_back(std::move(work));
    stream.isJoined = stream.isOrigin;
    return;
  }
  stream.queue.push_back(std::move(work));
  ++stream.added;
}

void Gpu::drain(StreamTag &stream, uint64_t ticket) {
  protect(true);
  while (stream.done < ticket && !stream.queue.empty()) {
    std::function<void()> work = std::move(stream.queue.front());
    stream.queue.pop_front();
    ++stream.done;
    work();
  }
  protect(false);
}

void Gpu::drainAll() {
  for (StreamTag *stream : streams)
    drain(*stream, stream->added);
}
