//===- PackedWeights.cpp - Weights in row panels --------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "frontend/checkpoint/PackedWeights.h"

#include "runtime/weights/FloatTypes.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <tbb/parallel_for.h>

namespace gossamer {

namespace {

constexpr int64_t panelRows = 16;
/// Inputs of a row that lie together.
constexpr int64_t groupInputs = 32;
constexpr int64_t wordBytes = 4; ///< of one row.

/// One panel of one matrix: rows firstRow ... of which `rows` exist.
struct Panel {
  const PackedTensor &tensor;
  int64_t matrix, firstRow, rows;
  const std::byte *source = nullptr; ///< of those rows, one after another.

  int64_t groups() const { return tensor.inputs / groupInputs; }
  /// Scales of a row.
  int64_t blocks() const { return tensor.inputs / tensor.block; }
  /// Bytes of a row of the source.
  int64_t rowBytes() const {
    if (tensor.element != ElementType::F4E2M1)
      return tensor.inputs * (tensor.element == ElementType::F32 ? 4 : 2);
    return tensor.part == PackedTensor::Part::Values ? tensor.inputs / 2
                                                     : blocks();
  }
  /// Bytes of the source before those rows.
  uint64_t sourceBegin() const {
    return static_cast<uint64_t>((matrix * tensor.outputs + firstRow) *
                                 rowBytes());
  }
};

//===----------------------------------------------------------------------===//
// MXFP4
//===----------------------------------------------------------------------===//

void packCodes(const Panel &panel, std::byte *out) {
  constexpr int64_t groupBytes = 16, words = groupBytes / wordBytes;
  int64_t groups = panel.groups();
  for (int64_t row = 0; row < panel.rows; ++row) {
    const std::byte *in = panel.source + row * panel.rowBytes();
    std::byte *to = out + row * wordBytes;
    for (int64_t word = 0; word < groups * words; ++word)
      std::memcpy(to + word * panelRows * wordBytes, in + word * wordBytes,
                  wordBytes);
  }
}

void packCodeScales(const Panel &panel, std::byte *out) {
  int64_t blocks = panel.blocks();
  for (int64_t row = 0; row < panel.rows; ++row) {
    const std::byte *in = panel.source + row * panel.rowBytes();
    for (int64_t block = 0; block < blocks; ++block)
      out[block * panelRows + row] = in[block];
  }
}

//===----------------------------------------------------------------------===//
// Dense matrices
//===----------------------------------------------------------------------===//

using Group = std::array<float, groupInputs>;

template <typename T> T loadElement(const std::byte *at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

Group readGroup(const Panel &panel, int64_t row, int64_t group) {
  Group values;
  auto first =
      static_cast<size_t>(row * panel.tensor.inputs + group * groupInputs);
  const std::byte *data = panel.source;
  for (size_t i = 0; i < values.size(); ++i)
    switch (panel.tensor.element) {
    case ElementType::BF16:
      values[i] = bf16ToF32(loadElement<uint16_t>(data + (first + i) * 2));
      break;
    case ElementType::F16:
      values[i] = f16ToF32(loadElement<uint16_t>(data + (first + i) * 2));
      break;
    default:
      values[i] = loadElement<float>(data + (first + i) * 4);
    }
  return values;
}

/// Bits of a block's step. A block with an infinity or NaN has such a step.
uint16_t stepOf(const Panel &panel, int64_t row, int64_t block) {
  int64_t groups = panel.tensor.block / groupInputs;
  uint32_t largest = 0; // as integers, infinity and NaN are the largest.
  for (int64_t group = block * groups; group < (block + 1) * groups; ++group)
    for (float value : readGroup(panel, row, group))
      largest = std::max(largest, std::bit_cast<uint32_t>(value) & 0x7FFFFFFF);
  if (largest >= 0x7F800000)
    return static_cast<uint16_t>(largest >> 16 | (largest > 0x7F800000));
  auto bits = std::bit_cast<uint32_t>(std::bit_cast<float>(largest) / 127.0f);
  return static_cast<uint16_t>((bits + 0xFFFF) >> 16);
}

/// Writes a row's group of integers into its words.
void packGroup(const Group &values, float step, std::byte *to) {
  bool isNumber = step > 0 && std::isfinite(step);
  // The even inputs first.
  for (int64_t i = 0; i < groupInputs; ++i) {
    int64_t input = i < 16 ? 2 * i : 2 * (i - 16) + 1;
    float w = isNumber ? std::nearbyint(values[input] / step) : 1.0f;
    if (step == 0)
      w = 0;
    to[i / wordBytes * panelRows * wordBytes + i % wordBytes] =
        static_cast<std::byte>(static_cast<int>(w) + 128);
  }
}

void packBytes(const Panel &panel, std::byte *out) {
  constexpr int64_t groupBytes = panelRows * groupInputs;
  // Rows that do not exist are zeros, which are stored as 128.
  std::memset(out, 128, static_cast<size_t>(panel.groups() * groupBytes));
  int64_t perBlock = panel.tensor.block / groupInputs;
  for (int64_t row = 0; row < panel.rows; ++row)
    for (int64_t block = 0; block < panel.blocks(); ++block) {
      float step = bf16ToF32(stepOf(panel, row, block));
      int64_t first = block * perBlock;
      for (int64_t group = first; group < first + perBlock; ++group)
        packGroup(readGroup(panel, row, group), step,
                  out + group * groupBytes + row * wordBytes);
    }
}

void packSteps(const Panel &panel, std::byte *out) {
  for (int64_t row = 0; row < panel.rows; ++row)
    for (int64_t block = 0; block < panel.blocks(); ++block) {
      uint16_t step = stepOf(panel, row, block);
      std::memcpy(out + (block * panelRows + row) * 2, &step, 2);
    }
}

void packPanel(Panel panel, std::byte *out) {
  std::vector<std::byte> scratch;
  auto rowsBytes = static_cast<uint64_t>(panel.rows * panel.rowBytes());
  panel.source =
      panel.tensor.source.view(panel.sourceBegin(), rowsBytes, scratch).data();
  std::memset(out, 0, panel.tensor.panelBytes());
  bool values = panel.tensor.part == PackedTensor::Part::Values;
  if (panel.tensor.element == ElementType::F4E2M1)
    (values ? packCodes : packCodeScales)(panel, out);
  else
    (values ? packBytes : packSteps)(panel, out);
}

int64_t panelsOf(const PackedTensor &tensor) {
  return (tensor.outputs + panelRows - 1) / panelRows;
}

} // namespace

uint64_t PackedTensor::panelBytes() const {
  bool isFourBit = element == ElementType::F4E2M1;
  auto elements = static_cast<uint64_t>(panelRows * inputs);
  if (part == Part::Values)
    return isFourBit ? elements / 2 : elements;
  return elements / static_cast<uint64_t>(block) * (isFourBit ? 1 : 2);
}

uint64_t PackedTensor::byteSize() const {
  return static_cast<uint64_t>(matrices * panelsOf(*this)) * panelBytes();
}

uint64_t PackedTensor::wholePanels(uint64_t bytes) const {
  return std::max<uint64_t>(bytes / panelBytes(), 1) * panelBytes();
}

size_t PackedTensor::pack(uint64_t begin, std::span<std::byte> out) const {
  auto first = static_cast<int64_t>(begin / panelBytes());
  int64_t perMatrix = panelsOf(*this);
  int64_t count =
      std::min<int64_t>(static_cast<int64_t>(out.size() / panelBytes()),
                        matrices * perMatrix - first);
  tbb::parallel_for(int64_t(0), count, [&](int64_t i) {
    int64_t number = first + i;
    int64_t row = number % perMatrix * panelRows;
    Panel panel{*this, number / perMatrix, row,
                std::min(panelRows, outputs - row), nullptr};
    packPanel(panel, out.data() + static_cast<size_t>(i) * panelBytes());
  });
  return static_cast<size_t>(count) * panelBytes();
}

} // namespace gossamer
