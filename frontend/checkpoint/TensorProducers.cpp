//===- TensorProducers.cpp - Tensors in another layout --------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/TensorProducers.h"

#include "frontend/checkpoint/FloatArrays.h"
#include "runtime/weights/Mxfp4.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>

namespace gossamer {

namespace {

using Bytes = std::span<std::byte>;
using Scratch = std::vector<std::byte>;

/// A producer whose make() is a function, with the sources in its captures.
class FunctionProducer final : public TensorProducer {
public:
  using Function = std::function<void(uint64_t begin, Bytes out)>;
  FunctionProducer(uint64_t size, uint64_t unit, Function function)
      : TensorProducer(size, unit), function_(std::move(function)) {}

private:
  void make(uint64_t begin, Bytes out) const override { function_(begin, out); }

  Function function_;
};

TensorBytes produce(uint64_t size, uint64_t unit,
                    FunctionProducer::Function function) {
  return {std::make_shared<const FunctionProducer>(size, unit,
                                                   std::move(function))};
}

/// Code `element` of a published block.
uint8_t codeOf(const std::byte *block, size_t element) {
  return static_cast<uint8_t>(block[element / 2]) >> (element % 2 * 4) & 15;
}

void addTo(const std::shared_ptr<ConversionLoss> &loss,
           const LossCounts<uint64_t> &counts) {
  if (!loss)
    return;
  loss->overflows += counts.overflows;
  loss->underflows += counts.underflows;
  loss->rounded += counts.changed - counts.overflows - counts.underflows;
}

} // namespace

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

TensorBytes interleaveRows(const TensorBytes &even, const TensorBytes &odd,
                           uint64_t rowBytes) {
  uint64_t size = even.size() + odd.size();
  auto make = [even, odd, rowBytes](uint64_t begin, Bytes out) {
    Scratch evenScratch, oddScratch;
    auto evens = even.view(begin / 2, out.size() / 2, evenScratch);
    auto odds = odd.view(begin / 2, out.size() / 2, oddScratch);
    for (uint64_t at = 0; at < evens.size(); at += rowBytes) {
      std::memcpy(out.data() + 2 * at, evens.data() + at, rowBytes);
      std::memcpy(out.data() + 2 * at + rowBytes, odds.data() + at, rowBytes);
    }
  };
  return produce(size, 2 * rowBytes, make);
}

TensorBytes takeAlternateRows(const TensorBytes &source, uint64_t rowBytes,
                              uint64_t first) {
  auto make = [source, rowBytes, first](uint64_t begin, Bytes out) {
    Scratch scratch;
    auto rows = source.view(2 * begin, 2 * out.size(), scratch);
    for (uint64_t at = 0; at < out.size(); at += rowBytes)
      std::memcpy(out.data() + at, rows.data() + 2 * at + first * rowBytes,
                  rowBytes);
  };
  return produce(source.size() / 2, rowBytes, make);
}

TensorBytes concatenate(std::vector<TensorBytes> parts) {
  uint64_t size = 0;
  for (const TensorBytes &part : parts)
    size += part.size();
  auto make = [parts = std::move(parts)](uint64_t begin, Bytes out) {
    for (const TensorBytes &part : parts) {
      if (begin < part.size()) {
        uint64_t count = std::min<uint64_t>(part.size() - begin, out.size());
        part.read(begin, out.first(count));
        out = out.subspan(count);
        begin = part.size();
      }
      begin -= part.size();
    }
  };
  return produce(size, 1, make);
}

//===----------------------------------------------------------------------===//
// Blocks of GGML
//===----------------------------------------------------------------------===//

TensorBytes publishedBlocks(const TensorBytes &ggml) {
  uint64_t blocks = ggml.size() / ggmlMxfp4BlockBytes;
  auto make = [ggml](uint64_t begin, Bytes out) {
    Scratch scratch;
    uint64_t first = begin / mxfp4BlockBytes;
    uint64_t count = out.size() / mxfp4BlockBytes;
    auto in = ggml.view(first * ggmlMxfp4BlockBytes,
                        count * ggmlMxfp4BlockBytes, scratch);
    for (uint64_t block = 0; block < count; ++block) {
      const std::byte *from = in.data() + block * ggmlMxfp4BlockBytes + 1;
      std::byte *to = out.data() + block * mxfp4BlockBytes;
      // Elements 2j and 2j + 1 are low nibbles in the first half, then high.
      for (size_t j = 0; j < mxfp4BlockBytes / 2; ++j) {
        std::byte a = from[2 * j], b = from[2 * j + 1];
        to[j] = (a & std::byte(15)) | b << 4;
        to[j + mxfp4BlockBytes / 2] = a >> 4 | (b & std::byte(0xF0));
      }
    }
  };
  return produce(blocks * mxfp4BlockBytes, mxfp4BlockBytes, make);
}

TensorBytes publishedScales(const TensorBytes &ggml) {
  auto make = [ggml](uint64_t begin, Bytes out) {
    Scratch scratch;
    auto in = ggml.view(begin * ggmlMxfp4BlockBytes,
                        out.size() * ggmlMxfp4BlockBytes, scratch);
    for (uint64_t block = 0; block < out.size(); ++block)
      out[block] = in[block * ggmlMxfp4BlockBytes];
  };
  return produce(ggml.size() / ggmlMxfp4BlockBytes, 1, make);
}

TensorBytes ggmlMxfp4(const TensorBytes &blocks, const TensorBytes &scales) {
  uint64_t size = scales.size() * ggmlMxfp4BlockBytes;
  auto make = [blocks, scales](uint64_t begin, Bytes out) {
    Scratch codeScratch, scaleScratch;
    uint64_t first = begin / ggmlMxfp4BlockBytes;
    uint64_t count = out.size() / ggmlMxfp4BlockBytes;
    auto codes = blocks.view(first * mxfp4BlockBytes, count * mxfp4BlockBytes,
                             codeScratch);
    auto steps = scales.view(first, count, scaleScratch);
    for (uint64_t block = 0; block < count; ++block) {
      const std::byte *from = codes.data() + block * mxfp4BlockBytes;
      std::byte *to = out.data() + block * ggmlMxfp4BlockBytes;
      to[0] = steps[block];
      for (size_t j = 0; j < mxfp4BlockBytes; ++j)
        to[j + 1] =
            static_cast<std::byte>(codeOf(from, j) | codeOf(from, j + 16) << 4);
    }
  };
  return produce(size, ggmlMxfp4BlockBytes, make);
}

TensorBytes dequantizeQ8(const TensorBytes &ggml) {
  constexpr uint64_t elements = 32, unit = elements * sizeof(float);
  uint64_t size = ggml.size() / ggmlQ8BlockBytes * unit;
  auto make = [ggml](uint64_t begin, Bytes out) {
    Scratch scratch;
    uint64_t count = out.size() / unit;
    auto in = ggml.view(begin / unit * ggmlQ8BlockBytes,
                        count * ggmlQ8BlockBytes, scratch);
    for (uint64_t block = 0; block < count; ++block) {
      const std::byte *from = in.data() + block * ggmlQ8BlockBytes;
      float step = loadFloat(from, DType::F16);
      for (uint64_t i = 0; i < elements; ++i) {
        // 11 bits times 8 bits: exact in float32's 24.
        float value =
            step * static_cast<float>(static_cast<int8_t>(from[2 + i]));
        storeFloat(value, out.data() + block * unit + i * 4, DType::F32);
      }
    }
  };
  return produce(size, unit, make);
}

//===----------------------------------------------------------------------===//
// Floating point
//===----------------------------------------------------------------------===//

TensorBytes convertFloats(const TensorBytes &source, DType from, DType to,
                          const std::shared_ptr<ConversionLoss> &loss) {
  if (from == to)
    return source;
  uint64_t inBytes = dtypeBits(from) / 8, outBytes = dtypeBits(to) / 8;
  uint64_t size = source.size() / inBytes * outBytes;
  auto make = [source, from, to, inBytes, outBytes, loss](uint64_t begin,
                                                          Bytes out) {
    Scratch scratch;
    auto in = source.view(begin / outBytes * inBytes,
                          out.size() / outBytes * inBytes, scratch);
    addTo(loss, convertFloatArray(in, from, out, to));
  };
  return produce(size, outBytes, make);
}

bool isExactInBf16(const TensorBytes &source, DType from) {
  if (from == DType::BF16)
    return true;
  constexpr uint64_t piece = 1 << 20;
  Scratch scratch;
  for (uint64_t begin = 0; begin < source.size(); begin += piece)
    if (!fitsBf16(
            source.view(begin, std::min(piece, source.size() - begin), scratch),
            from))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Experts' matrices
//===----------------------------------------------------------------------===//

TensorBytes dequantizeTransposed(const TensorBytes &blocks,
                                 const TensorBytes &scales, MatrixShape shape) {
  uint64_t rows = shape.rows, perRow = shape.columns / mxfp4BlockElements;
  // A block of every row gives 32 columns, each a row of the result.
  uint64_t unit = mxfp4BlockElements * rows * 2;
  auto make = [=](uint64_t begin, Bytes out) {
    Scratch codeScratch, scaleScratch;
    for (uint64_t done = 0; done < out.size(); done += unit) {
      uint64_t number = (begin + done) / unit;
      uint64_t firstRow = number / perRow * rows, column = number % perRow;
      auto *to = out.data() + done;
      for (uint64_t row = 0; row < rows; ++row) {
        uint64_t block = (firstRow + row) * perRow + column;
        auto codes =
            blocks.view(block * mxfp4BlockBytes, mxfp4BlockBytes, codeScratch);
        auto scale = scales.view(block, 1, scaleScratch);
        float values[mxfp4BlockElements];
        dequantizeMxfp4Block(reinterpret_cast<const uint8_t *>(codes.data()),
                             static_cast<uint8_t>(scale[0]), values);
        for (uint64_t i = 0; i < mxfp4BlockElements; ++i)
          storeFloat(values[i], to + (i * rows + row) * 2, DType::BF16);
      }
    }
  };
  return produce(shape.matrices * shape.rows * shape.columns * 2, unit, make);
}

namespace {

/// Numbers of a block, and the power of two that they are multiples of.
struct QuantizedBlock {
  float values[mxfp4BlockElements];
  uint8_t scale = 127;

  void chooseScale();
  uint8_t code(size_t element) const;
};

void QuantizedBlock::chooseScale() {
  float largest = 0;
  for (float value : values)
    largest = std::max(largest, std::fabs(value));
  bool hasNan = std::any_of(std::begin(values), std::end(values),
                            [](float value) { return std::isnan(value); });
  if (hasNan || std::isinf(largest)) {
    scale = 255;
    return;
  }
  if (largest == 0)
    return;
  int exponent = 0;
  // largest = fraction * 2^exponent with fraction in [0.5, 1): 6 is 0.75 * 8.
  float fraction = std::frexp(largest, &exponent);
  exponent -= fraction <= 0.75f ? 3 : 2;
  scale = static_cast<uint8_t>(std::clamp(exponent + 127, 0, 254));
}

uint8_t QuantizedBlock::code(size_t element) const {
  // Halfway between neighbouring codes, where the even one is taken.
  constexpr float borders[] = {0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5.0f};
  if (scale == 255)
    return 0;
  float value = std::ldexp(std::fabs(values[element]), 127 - scale);
  uint8_t code = 0;
  while (code < 7 &&
         (value > borders[code] || (value == borders[code] && code % 2 == 1)))
    ++code;
  return static_cast<uint8_t>(code | (std::signbit(values[element]) ? 8 : 0));
}

/// Calls `use` with the number and content of every block of the matrices
/// [first, first + count).
template <typename Use>
void forEachBlock(const TensorBytes &plain, DType from, MatrixShape shape,
                  uint64_t first, uint64_t count, const Use &use) {
  uint64_t elementBytes = dtypeBits(from) / 8;
  uint64_t matrixBytes = shape.rows * shape.columns * elementBytes;
  uint64_t perRow = shape.columns / mxfp4BlockElements;
  Scratch scratch;
  for (uint64_t matrix = 0; matrix < count; ++matrix) {
    auto in = plain.view((first + matrix) * matrixBytes, matrixBytes, scratch);
    for (uint64_t row = 0; row < shape.rows; ++row)
      for (uint64_t number = 0; number < perRow; ++number) {
        QuantizedBlock block;
        for (uint64_t i = 0; i < mxfp4BlockElements; ++i) {
          uint64_t column = number * mxfp4BlockElements + i;
          block.values[i] = loadFloat(
              in.data() + (column * shape.rows + row) * elementBytes, from);
        }
        block.chooseScale();
        use((matrix * shape.rows + row) * perRow + number, block);
      }
  }
}

} // namespace

Mxfp4Tensors quantizeTransposed(const TensorBytes &plain, DType from,
                                MatrixShape shape,
                                const std::shared_ptr<ConversionLoss> &loss) {
  uint64_t perMatrix = shape.rows * shape.columns / mxfp4BlockElements;
  uint64_t blocksUnit = perMatrix * mxfp4BlockBytes;
  auto makeBlocks = [=](uint64_t begin, Bytes out) {
    LossCounts<uint64_t> counts;
    auto use = [&](uint64_t number, const QuantizedBlock &block) {
      std::byte *to = out.data() + number * mxfp4BlockBytes;
      for (size_t i = 0; i < mxfp4BlockElements; i += 2)
        to[i / 2] =
            static_cast<std::byte>(block.code(i) | block.code(i + 1) << 4);
      for (size_t i = 0; i < mxfp4BlockElements; ++i)
        counts.compare(block.values[i],
                       e2m1Values[block.code(i)] * e8m0ToF32(block.scale));
    };
    forEachBlock(plain, from, shape, begin / blocksUnit,
                 out.size() / blocksUnit, use);
    addTo(loss, counts);
  };
  auto makeScales = [=](uint64_t begin, Bytes out) {
    auto use = [&](uint64_t number, const QuantizedBlock &block) {
      out[number] = static_cast<std::byte>(block.scale);
    };
    forEachBlock(plain, from, shape, begin / perMatrix, out.size() / perMatrix,
                 use);
  };
  return {produce(shape.matrices * blocksUnit, blocksUnit, makeBlocks),
          produce(shape.matrices * perMatrix, perMatrix, makeScales)};
}

} // namespace gossamer
