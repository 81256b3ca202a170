//===- TensorProducersTest.cpp - Tensors in another layout ----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorProducers.h"
#include "frontend/checkpoint/TensorNames.h"
#include "runtime/weights/FloatTypes.h"
#include "runtime/weights/Mxfp4.h"

#include "gtest/gtest.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <random>

using namespace gossamer;

namespace {

using Bytes = std::vector<std::byte>;

Bytes bytesOf(std::initializer_list<int> values) {
  Bytes bytes;
  for (int value : values)
    bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes randomBytes(size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  Bytes bytes(count);
  for (std::byte &byte : bytes)
    byte = static_cast<std::byte>(generator());
  return bytes;
}

TensorBytes mapped(const Bytes &bytes) { return {std::span(bytes)}; }

Bytes readAll(const TensorBytes &tensor) {
  Bytes bytes(tensor.size());
  tensor.read(0, bytes);
  return bytes;
}

/// Any range, also one that begins and ends within a unit, is that of the
/// whole.
void expectRanges(const TensorBytes &tensor) {
  Bytes whole = readAll(tensor), scratch;
  for (uint64_t begin = 0; begin < whole.size(); begin += 1 + begin / 3)
    for (uint64_t size : {uint64_t(1), whole.size() / 3, whole.size() - begin})
      if (size <= whole.size() - begin) {
        auto part = tensor.view(begin, size, scratch);
        EXPECT_TRUE(std::equal(part.begin(), part.end(),
                               whole.begin() + static_cast<ptrdiff_t>(begin)))
            << begin << " + " << size;
      }
}

template <typename T> Bytes pack(std::initializer_list<T> values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

// The block of the format's test vector, published and in GGML's order.
const Bytes publishedBlock =
    bytesOf({0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE, 0x7F, 0x7F, 0x7F,
             0x7F, 0x7F, 0x7F, 0x7F, 0x7F});
const Bytes ggmlBlockBytes =
    bytesOf({0x7E, 0xF0, 0x71, 0xF2, 0x73, 0xF4, 0x75, 0xF6, 0x77, 0xF8, 0x79,
             0xFA, 0x7B, 0xFC, 0x7D, 0xFE, 0x7F});

} // namespace

TEST(TensorProducers, OrderOfNibbles) {
  Bytes scale = bytesOf({0x7E});
  EXPECT_EQ(readAll(ggmlMxfp4(mapped(publishedBlock), mapped(scale))),
            ggmlBlockBytes);
  EXPECT_EQ(readAll(publishedBlocks(mapped(ggmlBlockBytes))), publishedBlock);
  EXPECT_EQ(readAll(publishedScales(mapped(ggmlBlockBytes))), scale);
}

TEST(TensorProducers, EveryByteOfABlockComesBack) {
  // All 256 bytes at each of the 16 places, with all scales.
  Bytes blocks, scales;
  for (int place = 0; place < 16; ++place)
    for (int value = 0; value < 256; ++value) {
      Bytes block = randomBytes(16, static_cast<unsigned>(value));
      block[static_cast<size_t>(place)] = static_cast<std::byte>(value);
      blocks.insert(blocks.end(), block.begin(), block.end());
      scales.push_back(static_cast<std::byte>(255 - value));
    }
  TensorBytes ggml = ggmlMxfp4(mapped(blocks), mapped(scales));
  EXPECT_EQ(ggml.size(), scales.size() * 17);
  EXPECT_EQ(readAll(publishedBlocks(ggml)), blocks);
  EXPECT_EQ(readAll(publishedScales(ggml)), scales);
}

TEST(TensorProducers, RowsAlternate) {
  Bytes even = bytesOf({1, 2, 3, 7, 8, 9}),
        odd = bytesOf({4, 5, 6, 10, 11, 12});
  TensorBytes both = interleaveRows(mapped(even), mapped(odd), 3);
  EXPECT_EQ(readAll(both), bytesOf({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(readAll(takeAlternateRows(both, 3, 0)), even);
  EXPECT_EQ(readAll(takeAlternateRows(both, 3, 1)), odd);
  EXPECT_EQ(readAll(concatenate({mapped(odd), both, mapped(even)})).size(),
            24u);
}

TEST(TensorProducers, AnyRangeCanBeRead) {
  Bytes a = randomBytes(17 * 24, 1), b = randomBytes(17 * 24, 2);
  Bytes scales = randomBytes(24, 3);
  expectRanges(mapped(a));
  expectRanges(publishedBlocks(mapped(a)));
  expectRanges(publishedScales(mapped(a)));
  expectRanges(interleaveRows(publishedBlocks(mapped(a)),
                              publishedBlocks(mapped(b)), 32));
  expectRanges(takeAlternateRows(mapped(a), 17, 1));
  expectRanges(concatenate({mapped(a), publishedBlocks(mapped(b)), mapped(b)}));
  expectRanges(convertFloats(mapped(a), DType::BF16, DType::F32));
  Bytes blocks = randomBytes(24 * 16, 4);
  for (std::byte &scale : scales)
    scale = std::byte(100);
  expectRanges(
      dequantizeTransposed(mapped(blocks), mapped(scales), {2, 4, 96}));
}

TEST(TensorProducers, TransposesExperts) {
  // 2 experts, 3 rows, 64 columns.
  Bytes blocks = randomBytes(2 * 3 * 2 * 16, 5), scales(2 * 3 * 2);
  for (size_t i = 0; i < scales.size(); ++i)
    scales[i] = static_cast<std::byte>(120 + i);
  Bytes plain =
      readAll(dequantizeTransposed(mapped(blocks), mapped(scales), {2, 3, 64}));
  ASSERT_EQ(plain.size(), 2u * 3 * 64 * 2);
  for (size_t e = 0; e < 2; ++e)
    for (size_t row = 0; row < 3; ++row)
      for (size_t column = 0; column < 64; ++column) {
        size_t block = (e * 3 + row) * 2 + column / 32;
        auto byte = static_cast<unsigned>(blocks[block * 16 + column % 32 / 2]);
        double want = double(e2m1Values[column % 2 ? byte >> 4 : byte & 15]) *
                      std::ldexp(1.0, static_cast<int>(scales[block]) - 127);
        uint16_t got;
        std::memcpy(&got, &plain[((e * 64 + column) * 3 + row) * 2], 2);
        EXPECT_EQ(double(bf16ToF32(got)), want) << e << row << column;
      }
}

TEST(TensorProducers, EveryMxfp4BlockStaysTheSameNumbers) {
  // 254 scales are rows; a number leaves bf16's normal range at both ends.
  constexpr uint64_t rows = 250, columns = 64;
  Bytes blocks = randomBytes(rows * columns / 2, 8), scales;
  for (uint64_t i = 0; i < rows * 2; ++i)
    scales.push_back(static_cast<std::byte>(3 + i / 2));
  MatrixShape shape{1, rows, columns};
  TensorBytes plain =
      dequantizeTransposed(mapped(blocks), mapped(scales), shape);
  auto loss = std::make_shared<ConversionLoss>();
  Mxfp4Tensors made = quantizeTransposed(plain, DType::BF16, shape, loss);
  EXPECT_EQ(readAll(dequantizeTransposed(made.blocks, made.scales, shape)),
            readAll(plain));
  readAll(made.blocks);
  EXPECT_EQ(loss->overflows + loss->underflows + loss->rounded, 0u);
}

// All 256 bytes with all 256 scales: each byte alone in a block, where small
// codes allow another scale, and among other ones.
TEST(TensorProducers, EveryByteWithEveryScaleStaysTheSameNumbers) {
  constexpr uint64_t bytes = 256, rows = 2 * bytes, columns = 32;
  MatrixShape shape{1, rows, columns};
  for (int scale = 0; scale < 256; ++scale) {
    Bytes blocks, scales(rows, static_cast<std::byte>(scale));
    Bytes others = randomBytes(bytes * 16, static_cast<unsigned>(scale));
    for (uint64_t byte = 0; byte < bytes; ++byte) {
      blocks.insert(blocks.end(), 16, static_cast<std::byte>(byte));
      auto mixed = blocks.insert(blocks.end(), others.begin() + 16 * byte,
                                 others.begin() + 16 * byte + 16);
      *mixed = static_cast<std::byte>(byte);
    }
    // Each step once: producers make a range anew for every reader.
    Bytes decoded =
        readAll(dequantizeTransposed(mapped(blocks), mapped(scales), shape));
    auto loss = std::make_shared<ConversionLoss>();
    Mxfp4Tensors made =
        quantizeTransposed(mapped(decoded), DType::BF16, shape, loss);
    Bytes madeBlocks = readAll(made.blocks), madeScales = readAll(made.scales);
    Bytes again = readAll(
        dequantizeTransposed(mapped(madeBlocks), mapped(madeScales), shape));
    auto numberAt = [&](const Bytes &of, uint64_t row, uint64_t column) {
      uint16_t bits;
      std::memcpy(&bits, &of[(column * rows + row) * 2], 2);
      return bf16ToF32(bits);
    };
    for (uint64_t row = 0; row < rows; ++row) {
      double largest = 0;
      for (uint64_t column = 0; column < columns; ++column) {
        auto byte = static_cast<unsigned>(blocks[row * 16 + column / 2]);
        double want =
            double(e2m1Values[column % 2 ? byte >> 4 : byte & 15]) *
            (scale == 255 ? std::nan("") : std::ldexp(1.0, scale - 127));
        float got = numberAt(decoded, row, column);
        if (scale == 255) {
          ASSERT_TRUE(std::isnan(got));
          continue;
        }
        // Beyond the largest float an infinity stands for it.
        ASSERT_EQ(got, static_cast<float>(want)) << scale << " " << row;
        ASSERT_EQ(std::signbit(got), std::signbit(want));
        largest = std::max(largest, std::fabs(want));
      }
      if (scale == 255 || largest >= 0x1p128) {
        // Nothing is made of what is no number.
        ASSERT_EQ(madeScales[row], std::byte{255}) << scale << " " << row;
        continue;
      }
      for (uint64_t column = 0; column < columns; ++column) {
        float before = numberAt(decoded, row, column);
        float after = numberAt(again, row, column);
        ASSERT_EQ(after, before) << scale << " " << row << " " << column;
        ASSERT_EQ(std::signbit(after), std::signbit(before));
      }
    }
    if (scale <= mxfp4LargestScale)
      EXPECT_EQ(loss->overflows + loss->underflows + loss->rounded, 0U);
  }
}

TEST(TensorProducers, QuantizesToTheNearest) {
  // One row of 32 columns: largest 6, so that the scale is 1.
  Bytes plain(32 * 4);
  const float numbers[] = {6.0f,  0.25f, 0.26f, 0.75f, -1.25f, 1.75f, 2.5f,
                           2.51f, 3.5f,  5.0f,  5.01f, -0.0f,  0.1f};
  std::memcpy(plain.data(), numbers, sizeof(numbers));
  auto loss = std::make_shared<ConversionLoss>();
  Mxfp4Tensors made =
      quantizeTransposed(mapped(plain), DType::F32, {1, 1, 32}, loss);
  EXPECT_EQ(readAll(made.scales), bytesOf({127}));
  Bytes blocks = readAll(made.blocks);
  const int want[] = {7, 0, 1, 2, 10, 4, 4, 5, 6, 6, 7, 8, 0};
  for (size_t i = 0; i < std::size(want); ++i)
    EXPECT_EQ(static_cast<int>(blocks[i / 2]) >> (i % 2 * 4) & 15, want[i])
        << i;
  EXPECT_EQ(loss->underflows, 2u); // 0.25 and 0.1.
  EXPECT_EQ(loss->rounded, 9u);
  float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(plain.data() + 8, &infinity, 4);
  EXPECT_EQ(
      readAll(quantizeTransposed(mapped(plain), DType::F32, {1, 1, 32}).scales),
      bytesOf({255}));
  // Numbers that share a block with a NaN are lost as well; it is not.
  float nan = std::nanf("");
  std::memcpy(plain.data() + 8, &nan, 4);
  auto lost = std::make_shared<ConversionLoss>();
  readAll(
      quantizeTransposed(mapped(plain), DType::F32, {1, 1, 32}, lost).blocks);
  EXPECT_EQ(lost->overflows + lost->underflows, 0U);
  EXPECT_EQ(lost->rounded, 31U);
}

TEST(TensorProducers, Q8IsExact) {
  Bytes block(34);
  uint16_t step = f32ToF16(0.0123f);
  std::memcpy(block.data(), &step, 2);
  for (int i = 0; i < 32; ++i)
    block[static_cast<size_t>(2 + i)] =
        static_cast<std::byte>(i == 0 ? -128 : i * 8 - 128);
  Bytes wide = readAll(dequantizeQ8(mapped(block)));
  ASSERT_EQ(wide.size(), 128u);
  for (int i = 0; i < 32; ++i) {
    float got;
    std::memcpy(&got, &wide[static_cast<size_t>(i) * 4], 4);
    // A double holds the product of any two floats.
    EXPECT_EQ(double(got),
              double(f16ToF32(step)) * (i == 0 ? -128 : i * 8 - 128));
  }
}

TEST(TensorProducers, CountsWhatANarrowTypeLoses) {
  float infinity = std::numeric_limits<float>::infinity();
  Bytes floats = pack<float>(
      {1.5f, 65504.0f, 65520.0f, -1e30f, 1e-9f, 0.0f, 0.1f, infinity, -2.0f});
  auto loss = std::make_shared<ConversionLoss>();
  Bytes halves =
      readAll(convertFloats(mapped(floats), DType::F32, DType::F16, loss));
  EXPECT_EQ(loss->overflows, 2u);
  EXPECT_EQ(loss->underflows, 1u);
  EXPECT_EQ(loss->rounded, 1u);
  EXPECT_EQ(halves, (pack<uint16_t>({0x3E00, 0x7BFF, 0x7C00, 0xFC00, 0, 0,
                                     0x2E66, 0x7C00, 0xC000})));
  EXPECT_EQ(readAll(convertFloats(mapped(floats), DType::F32, DType::F32)),
            floats);
}

TEST(TensorProducers, EveryBf16ComesBackFromF32) {
  Bytes all(65536 * 2);
  for (uint32_t i = 0; i < 65536; ++i) {
    auto half = static_cast<uint16_t>(i);
    std::memcpy(&all[i * 2], &half, 2);
  }
  TensorBytes wide = convertFloats(mapped(all), DType::BF16, DType::F32);
  Bytes back = readAll(convertFloats(wide, DType::F32, DType::BF16));
  EXPECT_EQ(back, all);
}

TEST(TensorProducers, FindsWhatFitsBf16) {
  Bytes exact = pack<float>({1.0f, -0.5f, 0.0f, 1.9921875f});
  Bytes wider = pack<float>({1.0f, 1.99609375f});
  EXPECT_TRUE(isExactInBf16(mapped(exact), DType::F32));
  EXPECT_FALSE(isExactInBf16(mapped(wider), DType::F32));
  Bytes halves = pack<uint16_t>({0x3C00, 0x3C08, 0x0001});
  EXPECT_TRUE(isExactInBf16(mapped(halves), DType::F16));
  Bytes finer = pack<uint16_t>({0x3C01});
  EXPECT_FALSE(isExactInBf16(mapped(finer), DType::F16));
}

TEST(TensorNames, GoThereAndBack) {
  for (const TensorNames *names : {&originalNames, &ggufNames}) {
    for (const TensorNames::Pair &pair : names->layerNames) {
      std::string own =
          std::string(names->layerPrefix).append("17.").append(pair.own);
      std::string name =
          std::string("model.layers.17.").append(pair.huggingFace);
      EXPECT_EQ(names->toHuggingFace(own), name);
      EXPECT_EQ(names->fromHuggingFace(name), own);
    }
    for (const TensorNames::Pair &pair : names->otherNames)
      EXPECT_EQ(names->toHuggingFace(pair.own), pair.huggingFace);
    for (const char *unknown :
         {"", "blk", "blk.", "blk.1", "blk.x.attn_q.weight", "block.3.",
          "block..attn.sinks", "blk.-1.attn_q.weight"})
      EXPECT_EQ(names->toHuggingFace(unknown), "") << unknown;
  }
  EXPECT_EQ(originalNames.toHuggingFace("block.3.mlp.gate.weight"),
            "model.layers.3.mlp.router.weight");
  EXPECT_EQ(ggufNames.toHuggingFace("blk.0.ffn_gate_inp.bias"),
            "model.layers.0.mlp.router.bias");
}
