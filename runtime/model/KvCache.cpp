//===- KvCache.cpp - Paged keys and values --------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/KvCache.h"

#include <algorithm>
#include <limits>
#include <string>

using namespace gossamer;

namespace {

/// Reserves address space for as many of `wanted` pages as can be had. Memory
/// is only taken when pages are used, so asking for much costs nothing.
Expected<DeviceBuffer> reservePages(Device &device, uint64_t pageBytes,
                                    uint64_t wanted) {
  for (;; wanted /= 2) {
    Expected<DeviceBuffer> memory = device.reserve(wanted * pageBytes);
    if (memory.isOk() || wanted <= 1)
      return memory;
  }
}

/// First page that holds a key which a token at `position` sees.
size_t firstVisiblePage(const KvCacheLayout &layout, size_t group,
                        uint32_t position) {
  uint32_t window = layout.groups[group].window;
  if (window == 0 || position < window)
    return 0;
  return (position - window + 1) / layout.pageTokens;
}

} // namespace

//===----------------------------------------------------------------------===//
// KvCache
//===----------------------------------------------------------------------===//

Expected<std::shared_ptr<KvCache>>
KvCache::create(std::shared_ptr<const StepRunner> runner,
                KvCacheOptions options) {
  std::shared_ptr<KvCache> cache(new KvCache(std::move(runner), options));
  Device &device = cache->runner_->device();
  GOSS_ASSIGN_OR_RETURN(uint64_t memory, device.memoryBytes());
  if (options.byteLimit)
    memory = options.byteLimit;
  uint64_t smallest = 0;
  for (const KvCacheLayout::Group &group : cache->layout().groups)
    smallest += group.pageBytes;
  if (smallest > memory)
    return outOfMemory("KV cache: a page of each group takes " +
                       std::to_string(smallest) + " bytes but the limit is " +
                       std::to_string(memory));
  for (const KvCacheLayout::Group &group : cache->layout().groups) {
    uint64_t most = std::min<uint64_t>(memory / group.pageBytes,
                                       std::numeric_limits<int32_t>::max());
    GOSS_ASSIGN_OR_RETURN(DeviceBuffer pages,
                          reservePages(device, group.pageBytes, most));
    Pool pool;
    pool.pageBytes = group.pageBytes;
    pool.capacity = static_cast<int32_t>(pages.size() / group.pageBytes);
    pool.memory = std::move(pages);
    cache->pools_.push_back(std::move(pool));
  }
  return cache;
}

size_t KvCache::pagesInUse(size_t group) const {
  std::lock_guard lock(mutex_);
  return pools_[group].references.size() - pools_[group].free.size();
}

uint64_t KvCache::bytesInUse() const {
  std::lock_guard lock(mutex_);
  return bytesInUse_;
}

/// Makes room for the bookkeeping of as many pages as the tables can hold, so
/// that no step has to.
void KvCache::addTable() {
  std::lock_guard lock(mutex_);
  size_t pages = ++tables_ * layout().maxPages();
  for (Pool &pool : pools_)
    if (size_t room = pool.references.capacity(); room < pages) {
      // Room for twice as many: making tables takes linear time altogether.
      pool.references.reserve(std::max(pages, 2 * room));
      pool.free.reserve(std::max(pages, 2 * room));
    }
}

void KvCache::removeTable() {
  std::lock_guard lock(mutex_);
  --tables_;
}

Expected<int32_t> KvCache::acquire(size_t group) {
  Pool &pool = pools_[group];
  if (options_.byteLimit && bytesInUse_ + pool.pageBytes > options_.byteLimit)
    return outOfMemory("KV cache: the limit of " +
                       std::to_string(options_.byteLimit) +
                       " bytes is used up");
  if (pool.free.empty()) {
    if (pool.references.size() == static_cast<size_t>(pool.capacity))
      return outOfMemory("KV cache: all " + std::to_string(pool.capacity) +
                         " pages of group " + std::to_string(group) +
                         " are in use");
    GOSS_RETURN_IF_ERROR(runner_->device().commit(
        pool.memory, (pool.references.size() + 1) * pool.pageBytes));
    pool.references.push_back(1);
    bytesInUse_ += pool.pageBytes;
    return static_cast<int32_t>(pool.references.size() - 1);
  }
  int32_t page = pool.free.back();
  // Kernels load whole pages and discard what they must not see by a factor
  // of 0, which a NaN left by an earlier sequence would survive.
  GOSS_RETURN_IF_ERROR(runner_->device().clear(
      pool.memory.data() + static_cast<uint64_t>(page) * pool.pageBytes,
      pool.pageBytes));
  pool.free.pop_back();
  pool.references[static_cast<size_t>(page)] = 1;
  bytesInUse_ += pool.pageBytes;
  return page;
}

Expected<int32_t> KvCache::copyOf(size_t group, int32_t page) {
  GOSS_ASSIGN_OR_RETURN(int32_t copy, acquire(group));
  Pool &pool = pools_[group];
  Status copied = runner_->device().copy(
      pool.memory.data() + static_cast<uint64_t>(copy) * pool.pageBytes,
      pool.memory.data() + static_cast<uint64_t>(page) * pool.pageBytes,
      pool.pageBytes);
  if (!copied.isOk()) {
    release(group, copy);
    return copied;
  }
  return copy;
}

void KvCache::retain(size_t group, int32_t page) {
  ++pools_[group].references[static_cast<size_t>(page)];
}

void KvCache::release(size_t group, int32_t page) {
  Pool &pool = pools_[group];
  if (--pool.references[static_cast<size_t>(page)] != 0)
    return;
  pool.free.push_back(page);
  bytesInUse_ -= pool.pageBytes;
}

//===----------------------------------------------------------------------===//
// PageTable
//===----------------------------------------------------------------------===//

PageTable::PageTable(std::shared_ptr<KvCache> cache, DeviceBuffer entries)
    : cache_(std::move(cache)), entries_(std::move(entries)),
      rowSize_(cache_->layout().maxPages()),
      begin_(cache_->layout().groups.size(), 0) {
  std::fill_n(entries_.as<int32_t>(), rowSize_ * begin_.size(), -1);
}

Expected<PageTable> PageTable::create(std::shared_ptr<KvCache> cache) {
  const KvCacheLayout &layout = cache->layout();
  size_t bytes = layout.maxPages() * layout.groups.size() * sizeof(int32_t);
  GOSS_ASSIGN_OR_RETURN(DeviceBuffer entries,
                        cache->runner().device().allocateHost(bytes));
  cache->addTable();
  return PageTable(std::move(cache), std::move(entries));
}

PageTable::PageTable(PageTable &&other) noexcept = default;

PageTable &PageTable::operator=(PageTable &&other) noexcept {
  if (this != &other) {
    giveUp();
    cache_ = std::move(other.cache_);
    entries_ = std::move(other.entries_);
    rowSize_ = other.rowSize_;
    end_ = other.end_;
    begin_ = std::move(other.begin_);
  }
  return *this;
}

PageTable::~PageTable() { giveUp(); }

/// Gives back all that the cache holds for this table.
void PageTable::giveUp() {
  if (!cache_)
    return;
  truncate(0);
  cache_->removeTable();
}

Expected<PageTable> PageTable::fork() const {
  GOSS_ASSIGN_OR_RETURN(PageTable copy, create(cache_));
  std::lock_guard lock(cache_->mutex_);
  copy.end_ = end_;
  copy.begin_ = begin_;
  for (size_t group = 0; group < begin_.size(); ++group)
    for (size_t i = begin_[group]; i < end_; ++i) {
      int32_t page = row(group)[i];
      copy.entry(group, i) = page;
      if (page >= 0)
        cache_->retain(group, page);
    }
  return copy;
}

Status PageTable::prepare(uint32_t position, uint32_t count) {
  if (count == 0)
    return Status::ok();
  uint32_t pageTokens = cache_->layout().pageTokens;
  size_t first = position / pageTokens;
  size_t last = (position + count - 1) / pageTokens;
  std::lock_guard lock(cache_->mutex_);
  for (size_t index = first; index <= last; ++index) {
    // Pages made before a failure stay: they hold no position yet and the next
    // call finds them.
    end_ = std::max(end_, index + 1);
    for (size_t group = 0; group < begin_.size(); ++group)
      GOSS_RETURN_IF_ERROR(preparePage(group, index));
  }
  return Status::ok();
}

Status PageTable::preparePage(size_t group, size_t index) {
  int32_t &page = entry(group, index);
  if (page < 0) {
    GOSS_ASSIGN_OR_RETURN(page, cache_->acquire(group));
    begin_[group] = std::min(begin_[group], index);
    return Status::ok();
  }
  if (cache_->pools_[group].references[static_cast<size_t>(page)] == 1)
    return Status::ok();
  GOSS_ASSIGN_OR_RETURN(int32_t copy, cache_->copyOf(group, page));
  cache_->release(group, page);
  page = copy;
  return Status::ok();
}

void PageTable::releasePages(size_t group, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    int32_t &page = entry(group, i);
    if (page < 0)
      continue;
    cache_->release(group, page);
    page = -1;
  }
}

void PageTable::evict(uint32_t position) {
  std::lock_guard lock(cache_->mutex_);
  for (size_t group = 0; group < begin_.size(); ++group) {
    size_t visible = firstVisiblePage(cache_->layout(), group, position);
    visible = std::min(visible, end_);
    if (visible <= begin_[group])
      continue;
    releasePages(group, begin_[group], visible);
    begin_[group] = visible;
  }
}

bool PageTable::canTruncate(uint32_t position) const {
  if (position == 0)
    return true;
  for (size_t group = 0; group < begin_.size(); ++group)
    if (firstVisiblePage(cache_->layout(), group, position) < begin_[group])
      return false;
  return true;
}

void PageTable::truncate(uint32_t position) {
  uint32_t pageTokens = cache_->layout().pageTokens;
  size_t end = position / pageTokens + (position % pageTokens != 0);
  if (end >= end_)
    return;
  std::lock_guard lock(cache_->mutex_);
  for (size_t group = 0; group < begin_.size(); ++group) {
    releasePages(group, std::max(begin_[group], end), end_);
    begin_[group] = std::min(begin_[group], end);
  }
  end_ = end;
}
