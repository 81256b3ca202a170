//===- KvCacheTest.cpp ----------------------------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "runtime/model/KvCache.h"

#include "FakeRunner.h"

#include <gtest/gtest.h>

using namespace gossamer;
using gossamer::test::FakeRunner;

namespace {

std::shared_ptr<const FakeRunner> runnerWith(std::vector<uint32_t> windows,
                                             uint32_t maxContext = 400) {
  FakeRunner::Sizes sizes;
  sizes.windows = std::move(windows);
  sizes.maxContext = maxContext;
  return FakeRunner::make(sizes);
}

std::shared_ptr<KvCache> cacheWith(std::vector<uint32_t> windows,
                                   KvCacheOptions options = {}) {
  return KvCache::create(runnerWith(std::move(windows)), options).take();
}

/// The first byte of the page that holds `position`.
uint8_t &firstByte(const PageTable &table, size_t group, uint32_t position) {
  const KvCache &cache = *table.cache();
  int32_t page = table.row(group)[position / cache.layout().pageTokens];
  EXPECT_GE(page, 0);
  return cache.pages(group)[static_cast<uint64_t>(page) *
                            cache.layout().groups[group].pageBytes];
}

TEST(KvCache, StartsEmpty) {
  auto cache = cacheWith({0, 64});
  PageTable table = PageTable::create(cache).take();
  EXPECT_EQ(cache->bytesInUse(), 0U);
  EXPECT_EQ(cache->layout().maxPages(), 25U);
  for (size_t group : {0U, 1U})
    for (size_t i = 0; i < 25; ++i)
      EXPECT_EQ(table.row(group)[i], -1);
}

// Token by token: the windowed group holds exactly the pages that the next
// token can see. A window of 64 at pages of 16: the token at 64 sees 1 ... 64,
// so page 0 stays; the one at 79 sees 16 ... 79, and page 0 goes.
TEST(KvCache, WindowReleasesPagesAtTheExactStep) {
  for (uint32_t window : {1U, 16U, 17U, 64U, 128U}) {
    auto cache = cacheWith({0, window});
    PageTable table = PageTable::create(cache).take();
    for (uint32_t n = 1; n <= 300; ++n) {
      ASSERT_TRUE(table.prepare(n - 1, 1).isOk());
      table.evict(n);
      size_t end = (n + 15) / 16;
      size_t begin = n < window ? 0 : (n - window + 1) / 16;
      ASSERT_EQ(cache->pagesInUse(0), end) << n;
      ASSERT_EQ(cache->pagesInUse(1), end - std::min(begin, end)) << n;
      for (size_t i = 0; i < 25; ++i)
        ASSERT_EQ(table.row(1)[i] >= 0, i >= begin && i < end) << n;
    }
  }
}

TEST(KvCache, WindowOf64AtTheStatedBoundaries) {
  auto cache = cacheWith({64});
  PageTable table = PageTable::create(cache).take();
  struct {
    uint32_t tokens;
    size_t pages;
  } expected[] = {{64, 4},  {65, 5},  {78, 5},  {79, 4},
                  {128, 4}, {129, 5}, {256, 4}, {257, 5}};
  uint32_t done = 0;
  for (auto [tokens, pages] : expected) {
    ASSERT_TRUE(table.prepare(done, tokens - done).isOk());
    table.evict(tokens);
    done = tokens;
    EXPECT_EQ(cache->pagesInUse(0), pages) << tokens;
  }
}

TEST(KvCache, ReusedPagesAreCleared) {
  auto cache = cacheWith({0});
  {
    PageTable table = PageTable::create(cache).take();
    ASSERT_TRUE(table.prepare(0, 1).isOk());
    firstByte(table, 0, 0) = 0xff;
  }
  EXPECT_EQ(cache->bytesInUse(), 0U);
  PageTable table = PageTable::create(cache).take();
  ASSERT_TRUE(table.prepare(0, 1).isOk());
  EXPECT_EQ(table.row(0)[0], 0);
  EXPECT_EQ(firstByte(table, 0, 0), 0);
}

TEST(KvCache, ForkSharesPagesUntilOneWrites) {
  auto cache = cacheWith({0});
  PageTable first = PageTable::create(cache).take();
  ASSERT_TRUE(first.prepare(0, 40).isOk()); // two full pages, half a third.
  firstByte(first, 0, 32) = 7;
  PageTable second = first.fork().take();
  EXPECT_EQ(cache->pagesInUse(0), 3U);

  ASSERT_TRUE(second.prepare(40, 1).isOk());
  EXPECT_EQ(cache->pagesInUse(0), 4U);
  EXPECT_EQ(second.row(0)[0], first.row(0)[0]);
  EXPECT_EQ(second.row(0)[1], first.row(0)[1]);
  EXPECT_NE(second.row(0)[2], first.row(0)[2]);
  EXPECT_EQ(firstByte(second, 0, 32), 7);
  firstByte(second, 0, 32) = 8;
  EXPECT_EQ(firstByte(first, 0, 32), 7);

  // The first table owns its page alone again: no further copy.
  int32_t page = first.row(0)[2];
  ASSERT_TRUE(first.prepare(40, 1).isOk());
  EXPECT_EQ(first.row(0)[2], page);
  second.truncate(0);
  EXPECT_EQ(cache->pagesInUse(0), 3U);
}

TEST(KvCache, TruncateGivesPagesBack) {
  auto cache = cacheWith({0, 64});
  PageTable table = PageTable::create(cache).take();
  ASSERT_TRUE(table.prepare(0, 100).isOk());
  table.evict(100); // a token at 100 sees 37 ... 100: page 2 is the first.
  EXPECT_EQ(cache->pagesInUse(1), 5U);
  EXPECT_FALSE(table.canTruncate(90)); // would see 27, page 1.
  EXPECT_TRUE(table.canTruncate(95));  // sees 32, page 2.
  EXPECT_TRUE(table.canTruncate(0));
  table.truncate(96);
  EXPECT_EQ(cache->pagesInUse(0), 6U);
  EXPECT_EQ(cache->pagesInUse(1), 4U);
  table.truncate(0);
  EXPECT_EQ(cache->bytesInUse(), 0U);
  ASSERT_TRUE(table.prepare(0, 1).isOk());
  EXPECT_EQ(cache->pagesInUse(1), 1U);
}

TEST(KvCache, ByteLimitIsOutOfMemory) {
  uint64_t page = 16 * sizeof(int32_t);
  auto cache = cacheWith({0, 0}, {5 * page});
  PageTable table = PageTable::create(cache).take();
  ASSERT_TRUE(table.prepare(0, 32).isOk());
  Status status = table.prepare(32, 1);
  EXPECT_EQ(status.code(), StatusCode::OutOfMemory);
  EXPECT_EQ(status.message(), "KV cache: the limit of 320 bytes is used up");
  EXPECT_LE(cache->bytesInUse(), 5 * page);
  table.truncate(16);
  EXPECT_EQ(cache->bytesInUse(), 2 * page);
  EXPECT_TRUE(table.prepare(16, 16).isOk());
}

TEST(KvCache, LimitBelowOnePageIsRefused) {
  auto cache = KvCache::create(runnerWith({0, 64}), {100});
  ASSERT_FALSE(cache.isOk());
  EXPECT_EQ(cache.status().message(), "KV cache: a page of each group takes "
                                      "128 bytes but the limit is 100");
}

TEST(KvCache, MovedTablesKeepTheirPages) {
  auto cache = cacheWith({0});
  PageTable first = PageTable::create(cache).take();
  ASSERT_TRUE(first.prepare(0, 20).isOk());
  PageTable second = std::move(first);
  EXPECT_EQ(cache->pagesInUse(0), 2U);
  PageTable third = PageTable::create(cache).take();
  ASSERT_TRUE(third.prepare(0, 5).isOk());
  third = std::move(second);
  EXPECT_EQ(cache->pagesInUse(0), 2U);
  third.truncate(0);
  EXPECT_EQ(cache->pagesInUse(0), 0U);
}

} // namespace
