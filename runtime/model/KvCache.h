//===- KvCache.h - Paged keys and values ------------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Keys and values lie in pages of a fixed number of positions, one pool of
// pages for each group of layers that keep the same keys. A sequence has a
// page table for each group. Sequences with a common beginning share its pages
// by reference; a page is copied when one of them writes to it. Groups with a
// sliding window give back pages as soon as no later token can see them.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_RUNTIME_MODEL_KVCACHE_H
#define GOSSAMER_RUNTIME_MODEL_KVCACHE_H

#include "runtime/model/StepRunner.h"

#include <memory>
#include <mutex>
#include <vector>

namespace gossamer {

struct KvCacheOptions {
  /// Bytes that pages in use may take together; 0 = as much as there is.
  uint64_t byteLimit = 0;
};

/// The pools of pages that sequences share. Thread-safe; kept alive by the
/// page tables that use it. The runner's device must outlive it.
class KvCache {
public:
  /// Fails with OutOfMemory when not even one page of each group fits.
  static Expected<std::shared_ptr<KvCache>>
  create(std::shared_ptr<const StepRunner> runner, KvCacheOptions options = {});

  const KvCacheLayout &layout() const { return runner_->shape().cache; }
  const StepRunner &runner() const { return *runner_; }

  /// Start of a group's pages; page p lies at p * pageBytes.
  uint8_t *pages(size_t group) const { return pools_[group].memory.data(); }

  /// Pages in use of one group, and bytes of all groups.
  size_t pagesInUse(size_t group) const;
  uint64_t bytesInUse() const;

private:
  friend class PageTable;

  struct Pool {
    DeviceBuffer memory; ///< addresses; committed as pages are used.
    uint64_t pageBytes = 0;
    int32_t capacity = 0;
    std::vector<uint32_t> references; ///< one a page ever used; 0 = free.
    std::vector<int32_t> free;        ///< pages to use again, last first.
  };

  KvCache(std::shared_ptr<const StepRunner> runner, KvCacheOptions options)
      : runner_(std::move(runner)), options_(options) {}

  void addTable();
  void removeTable();

  // All of these need mutex_.
  Expected<int32_t> acquire(size_t group);
  Expected<int32_t> copyOf(size_t group, int32_t page);
  void retain(size_t group, int32_t page);
  void release(size_t group, int32_t page);

  std::shared_ptr<const StepRunner> runner_;
  KvCacheOptions options_;
  mutable std::mutex mutex_;
  std::vector<Pool> pools_;
  uint64_t bytesInUse_ = 0;
  size_t tables_ = 0; ///< page tables that exist.
};

/// The pages of one sequence. Not thread-safe, but different tables of one
/// cache may be used at the same time.
class PageTable {
public:
  static Expected<PageTable> create(std::shared_ptr<KvCache> cache);

  PageTable(PageTable &&other) noexcept;
  PageTable &operator=(PageTable &&other) noexcept;
  ~PageTable();

  /// Another table for the same positions; pages are shared.
  Expected<PageTable> fork() const;

  /// Makes pages for positions [position, position + count) that only this
  /// table refers to, ready to be written. On OutOfMemory the table still
  /// describes the same positions as before.
  Status prepare(uint32_t position, uint32_t count);

  /// Gives back pages that no token at `position` or later can see.
  void evict(uint32_t position);

  /// Whether all keys that a token at `position` sees are still there.
  bool canTruncate(uint32_t position) const;

  /// Gives back the pages of positions from `position` on.
  void truncate(uint32_t position);

  /// Page of each pageTokens positions, maxPages() entries, -1 = none.
  const int32_t *row(size_t group) const {
    return entries_.as<int32_t>() + group * rowSize_;
  }
  const std::shared_ptr<KvCache> &cache() const { return cache_; }

private:
  PageTable(std::shared_ptr<KvCache> cache, DeviceBuffer entries);

  int32_t &entry(size_t group, size_t index) {
    return entries_.as<int32_t>()[group * rowSize_ + index];
  }
  Status preparePage(size_t group, size_t index);
  void releasePages(size_t group, size_t begin, size_t end);
  void giveUp();

  std::shared_ptr<KvCache> cache_; ///< null after a move.
  DeviceBuffer entries_;           ///< [groups][maxPages] page numbers.
  size_t rowSize_;
  size_t end_ = 0;            ///< entries from here on are -1 in every group.
  std::vector<size_t> begin_; ///< entries before this are -1, one a group.
};

} // namespace gossamer

#endif // GOSSAMER_RUNTIME_MODEL_KVCACHE_H
