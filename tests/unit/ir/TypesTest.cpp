//===- TypesTest.cpp - Types of the dialect -------------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace mlir::gptoss;

namespace {

class TypesTest : public testing::Test {
protected:
  TypesTest() : builder(&context) { context.loadDialect<GptOssDialect>(); }

  static std::string print(WeightType type) {
    std::string text;
    llvm::raw_string_ostream os(text);
    llvm::interleave(type.getStorageTypes(), os, ";");
    return text;
  }

  MLIRContext context;
  Builder builder;
};

TEST_F(TypesTest, StorageOfWeights) {
  auto matrix = WeightType::get(&context, {256, 192}, builder.getBF16Type());
  EXPECT_EQ(print(matrix), "memref<256x192xbf16>");
  EXPECT_EQ(matrix.getStorageBytes(), 256 * 192 * 2);
  auto transposed =
      WeightType::get(&context, {16, 256, 192}, builder.getBF16Type(),
                      WeightLayout::Transposed);
  EXPECT_EQ(print(transposed), "memref<16x192x256xbf16>");
  auto mxfp4 = WeightType::getMxFp4(&context, {16, 256, 192});
  EXPECT_TRUE(mxfp4.isMxFp4());
  EXPECT_EQ(print(mxfp4), "memref<16x256x6x16xi8>;memref<16x256x6xi8>");
  // 17 bytes hold 32 weights.
  EXPECT_EQ(mxfp4.getStorageBytes(), 16 * 256 * 192 / 32 * 17);
  EXPECT_EQ(mxfp4.getNumElements(), 16 * 256 * 192);
  // 250 rows are 16 panels; six groups of 32 inputs.
  auto blocks = WeightType::getInt8(&context, {250, 192}, WeightType::kBlock);
  EXPECT_EQ(print(blocks), "memref<16x6x8x16x4xi8>;memref<16x6x16xbf16>");
  auto rows = WeightType::getInt8(&context, {250, 192}, 192);
  EXPECT_EQ(print(rows), "memref<16x6x8x16x4xi8>;memref<16x1x16xbf16>");
  EXPECT_EQ(rows.getStorageBytes(), 256 * (192 + 2));
  EXPECT_EQ(blocks.getStorageBytes(), 256 * (192 + 6 * 2));
}

TEST_F(TypesTest, LayoutOfTheCache) {
  auto cache = CacheType::get(&context, builder.getF32Type(), 2, 20, 16, 2041,
                              {64, 0}, {0, 1, 0, 1, 1});
  EXPECT_EQ(cache.getNumLayers(), 5);
  EXPECT_EQ(cache.getNumGroups(), 2);
  EXPECT_EQ(cache.getGroup(2), 0);
  EXPECT_EQ(cache.getWindow(2), 64);
  EXPECT_EQ(cache.getWindow(3), 0);
  const int64_t slots[] = {0, 0, 1, 1, 2};
  for (int layer = 0; layer < 5; ++layer)
    EXPECT_EQ(cache.getSlot(layer), slots[layer]) << "layer " << layer;
  EXPECT_EQ(cache.getNumSlots(0), 2);
  EXPECT_EQ(cache.getNumSlots(1), 3);
  EXPECT_EQ(cache.getHeadDimPadded(), 32);
  EXPECT_EQ(cache.getLayerBytes(), 4 * 2 * 16 * (20 + 32));
  EXPECT_EQ(cache.getPageBytes(1), 3 * cache.getLayerBytes());
  EXPECT_EQ(cache.getMaxPages(), 128);

  auto half = CacheType::get(&context, builder.getBF16Type(), 2, 20, 16, 2041,
                             {64, 0}, {0, 1, 0, 1, 1});
  EXPECT_EQ(half.getElementBytes(), 2);
  EXPECT_EQ(2 * half.getLayerBytes(), cache.getLayerBytes());
  EXPECT_EQ(2 * half.getPageBytes(1), cache.getPageBytes(1));
}

} // namespace
