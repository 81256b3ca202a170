//===- ReportMemory.cpp - What lies where in the arena, and when ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/weights/Safetensors.h"
#include "tools/report/ReportPieces.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

namespace gossamer::tools {

namespace {

/// Follows the launches in order. At any time the arena is divided into the
/// buffers that were written last.
class MemoryReader {
public:
  explicit MemoryReader(const proto::Manifest &manifest)
      : manifest_(manifest) {}

  std::vector<proto::Buffer> read();

private:
  void readLaunch(uint32_t index);
  void use(const proto::Binding &binding, uint32_t launch);
  void write(const proto::Binding &binding, uint32_t launch,
             std::string_view name, unsigned &count);
  /// Index of the buffer that holds a byte now.
  std::optional<size_t> find(uint64_t offset) const;

  const proto::Manifest &manifest_;
  std::vector<proto::Buffer> buffers_;
  std::map<uint64_t, size_t> current_; ///< by offset.
  std::vector<bool> used_;             ///< parallel to buffers_.
};

uint64_t bytesOf(const proto::Binding &binding) {
  std::optional<DType> dtype = dtypeFromName(binding.dtype());
  if (!dtype || binding.role() != proto::Binding::ARENA)
    return 0;
  return tensorBytes(*dtype,
                     std::span(binding.shape().data(),
                               static_cast<size_t>(binding.shape_size())))
      .value_or(0);
}

std::optional<size_t> MemoryReader::find(uint64_t offset) const {
  auto next = current_.upper_bound(offset);
  if (next == current_.begin())
    return std::nullopt;
  size_t index = std::prev(next)->second;
  const proto::Buffer &buffer = buffers_[index];
  return offset < buffer.offset() + buffer.size() ? std::optional(index)
                                                  : std::nullopt;
}

void MemoryReader::use(const proto::Binding &binding, uint32_t launch) {
  std::optional<size_t> index = find(binding.arena_offset());
  if (!index)
    return; // Read before it was written: nothing that a plan does.
  buffers_[*index].set_last_launch(launch);
  used_[*index] = true;
}

/// Begins a buffer, or goes on with one that nobody has read yet.
void MemoryReader::write(const proto::Binding &binding, uint32_t launch,
                         std::string_view name, unsigned &count) {
  uint64_t begin = binding.arena_offset();
  uint64_t end = begin + bytesOf(binding);
  std::optional<size_t> old = find(begin);
  if (old && buffers_[*old].offset() == begin &&
      buffers_[*old].size() == end - begin && !used_[*old]) {
    buffers_[*old].set_last_launch(launch);
    return;
  }
  auto first = current_.upper_bound(begin);
  if (old)
    --first;
  current_.erase(first, current_.lower_bound(end));
  current_[begin] = buffers_.size();
  proto::Buffer &buffer = buffers_.emplace_back();
  used_.push_back(false);
  buffer.set_name(std::string(name) +
                  (count ? "#" + std::to_string(count) : ""));
  ++count;
  buffer.set_offset(begin);
  buffer.set_size(end - begin);
  buffer.set_first_launch(launch);
  buffer.set_last_launch(launch);
  buffer.set_dtype(binding.dtype());
  *buffer.mutable_shape() = binding.shape();
}

void MemoryReader::readLaunch(uint32_t index) {
  const proto::Launch &launch = manifest_.launches(static_cast<int>(index));
  for (const proto::Binding &binding : launch.bindings())
    if (!binding.written() && bytesOf(binding) > 0)
      use(binding, index);
  unsigned count = 0;
  for (const proto::Binding &binding : launch.bindings())
    if (binding.written() && bytesOf(binding) > 0)
      write(binding, index, launch.name(), count);
}

std::vector<proto::Buffer> MemoryReader::read() {
  for (int i = 0; i < manifest_.launches_size(); ++i)
    readLaunch(static_cast<uint32_t>(i));
  std::sort(buffers_.begin(), buffers_.end(),
            [](const proto::Buffer &a, const proto::Buffer &b) {
              return std::pair(a.first_launch(), a.offset()) <
                     std::pair(b.first_launch(), b.offset());
            });
  return std::move(buffers_);
}

/// Counts for each buffer the others that use some of its bytes. Those alive at
/// the same time use none in a plan that is right.
void countShared(std::vector<proto::Buffer> &buffers) {
  std::vector<uint64_t> begins, ends;
  for (const proto::Buffer &buffer : buffers) {
    begins.push_back(buffer.offset());
    ends.push_back(buffer.offset() + buffer.size());
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  for (proto::Buffer &buffer : buffers) {
    auto before = std::upper_bound(ends.begin(), ends.end(), buffer.offset()) -
                  ends.begin();
    auto after =
        begins.end() - std::lower_bound(begins.begin(), begins.end(),
                                        buffer.offset() + buffer.size());
    auto others = static_cast<ptrdiff_t>(buffers.size()) - before - after - 1;
    buffer.set_shares_bytes_with(static_cast<uint32_t>(others));
  }
}

void findPeak(const std::vector<proto::Buffer> &buffers, int launches,
              proto::MemoryPlan &plan) {
  std::vector<uint64_t> begun(static_cast<size_t>(launches) + 1);
  std::vector<uint64_t> done(begun.size());
  for (const proto::Buffer &buffer : buffers) {
    begun[buffer.first_launch()] += buffer.size();
    done[buffer.last_launch() + 1] += buffer.size();
  }
  uint64_t alive = 0;
  for (uint32_t i = 0; i < static_cast<uint32_t>(launches); ++i) {
    alive += begun[i] - done[i];
    if (alive > plan.peak_bytes()) {
      plan.set_peak_bytes(alive);
      plan.set_peak_launch(i);
    }
  }
}

} // namespace

void fillMemory(const proto::Manifest &manifest, proto::MemoryPlan &plan) {
  std::vector<proto::Buffer> buffers = MemoryReader(manifest).read();
  countShared(buffers);
  plan.set_arena_bytes(manifest.arena_bytes());
  findPeak(buffers, manifest.launches_size(), plan);
  uint64_t sum = 0;
  for (proto::Buffer &buffer : buffers) {
    sum += buffer.size();
    *plan.add_buffers() = std::move(buffer);
  }
  plan.set_unshared_bytes(sum);
}

} // namespace gossamer::tools
