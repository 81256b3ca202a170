//===- PanelReaders.cpp - Blocks of weights for integer products ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/PanelReaders.h"

#include "backends/cpu/ByteVectors.h"
#include "backends/cpu/Products.h"

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Bytes of a panel's block, one an element.
constexpr int64_t kBlockBytes = kPanelRows * kScaleBlock;
/// How far ahead of their use weights are fetched; measured. With 8192 bytes of
/// 8-bit weights, rows of 2880 and 4096 come an eighth slower.
constexpr int64_t kFourBitBytesAhead = 8192, kEightBitBytesAhead = 7168;

/// What E8M0 scales, as bytes or as words, add to a float's exponent. Anchors
/// have room for scales up to 2^96, which stands for what is above as well.
Value exponentsOf(KernelBuilder &k, Value scales) {
  VectorType words = k.vec(kLanes, k.b.getI32Type());
  auto c = [&](int64_t value) { return k.constantInt(words, value); };
  if (scales.getType() != words)
    scales = arith::ExtUIOp::create(k.b, k.loc, words, scales);
  scales = arith::MinUIOp::create(k.b, k.loc, scales, c(127 + 96));
  scales = arith::SubIOp::create(k.b, k.loc, scales, c(127));
  return arith::ShLIOp::create(k.b, k.loc, scales, c(23));
}

/// A weight in the layout row_panel.
class PackedReader final : public PanelReader {
public:
  PackedReader(KernelBuilder &k, unsigned binding, Value expert)
      : k_(k), values_(k.args.bindings[binding][0]),
        scales_(k.args.bindings[binding][1]), expert_(expert),
        form_(k.weightAt(binding)) {}

  int64_t stride() const override { return 2; }
  int64_t expandFrom() const override {
    bool overlaps = k_.features.has("avx512vnni");
    return form_.element == Element::MXFP4 && !overlaps ? 32 : 0;
  }

  SmallVector<PanelBlock, 4> load(Value first, Value block,
                                  int64_t count) override {
    SmallVector<PanelBlock, 4> blocks;
    Value panel = k_.divi(first, kPanelRows);
    for (int64_t i = 0; i < count; ++i) {
      Values where;
      if (expert_)
        where.push_back(expert_);
      where.append({panel, k_.addi(block, i), k_.index(0)});
      PanelBlock result;
      bool isFourBit = form_.element == Element::MXFP4;
      if (!form_.hasRowScale()) {
        Value scale = k_.loadVector(scales_, where, kPanelRows);
        result.scale = isFourBit ? exponentsOf(k_, scale) : scale;
      }
      SmallVector<Value, kPanelWords> odd;
      for (int64_t w = 0; w < (isFourBit ? kPanelWords / 2 : kPanelWords);
           ++w) {
        where.back() = k_.index(w * kPanelWordBytes);
        Value word = k_.loadVector(values_, where, kPanelWordBytes);
        if (!isFourBit) {
          result.words.push_back(word);
          continue;
        }
        auto [low, high] = decodeHalves(k_, word);
        result.words.push_back(low);
        odd.push_back(high);
      }
      result.words.append(odd);
      blocks.push_back(std::move(result));
    }
    return blocks;
  }

  Value rowScales(Value first) override {
    if (!form_.hasRowScale())
      return {};
    Values where;
    if (expert_)
      where.push_back(expert_);
    where.append({k_.divi(first, kPanelRows), k_.index(0), k_.index(0)});
    return k_.loadVector(scales_, where, kPanelRows);
  }

  void prefetch(Value first, Value block, int64_t count,
                int64_t rows) override {
    int64_t blocks = form_.inputs() / kScaleBlock;
    int64_t panels = llvm::divideCeil(form_.outputs(), kPanelRows);
    bool isFourBit = form_.element == Element::MXFP4;
    int64_t bytes = isFourBit ? kBlockBytes / 2 : kBlockBytes;
    int64_t ahead = isFourBit ? kFourBitBytesAhead : kEightBitBytesAhead;
    Value panel = k_.divi(first, kPanelRows);
    if (expert_)
      panel = k_.addi(k_.muli(expert_, panels), panel);
    Value at = k_.addi(k_.addi(k_.muli(panel, blocks), block), ahead / bytes);
    // With little arithmetic beside it, requests of every line would be in the
    // way of the processor's own; with more, those come too late. Measured.
    bool isLight = rows == 1 && !isFourBit;
    prefetchLines(k_, values_, k_.muli(at, bytes), count * bytes / 64,
                  isLight ? 2 : 1);
    if (!form_.hasRowScale())
      prefetchLines(k_, scales_, k_.muli(at, kPanelRows), 1);
  }

private:
  KernelBuilder &k_;
  Value values_, scales_, expert_;
  const WeightForm &form_;
};

/// An MXFP4 weight as published, turned into panels in registers.
class PublishedReader final : public PanelReader {
public:
  PublishedReader(KernelBuilder &k, unsigned binding, Value expert)
      : k_(k), scales_(k.args.bindings[binding][1]), expert_(expert),
        form_(k.weightAt(binding)) {
    // The bytes of a row as one dimension.
    Value blocks = k.args.bindings[binding][0];
    int64_t rank = cast<MemRefType>(blocks.getType()).getRank();
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 0; d + 1 < rank; ++d)
      groups.push_back({d});
    groups.back().push_back(rank - 1);
    rows_ = memref::CollapseShapeOp::create(k.b, k.loc, blocks, groups);
  }

  int64_t stride() const override { return 4; }
  int64_t expandFrom() const override { return 12; }

  SmallVector<PanelBlock, 4> load(Value first, Value block,
                                  int64_t count) override {
    VectorType words = k_.vec(kLanes, k_.b.getI32Type());
    SmallVector<Value, 16> rows, scaleWords;
    for (int64_t r = 0; r < kPanelRows; ++r) {
      Value row = k_.addi(first, r);
      // Rows that do not exist repeat the last one.
      if (form_.outputs() % kPanelRows != 0)
        row = k_.mini(row, k_.index(form_.outputs() - 1));
      rows.push_back(vector::BitCastOp::create(k_.b, k_.loc, words,
                                               loadRow(row, block, count)));
      scaleWords.push_back(loadScales(row, block, count));
    }
    auto transposed = transposeBlocks(k_, rows);
    Value scales =
        vector::FromElementsOp::create(k_.b, k_.loc, words, scaleWords);
    SmallVector<PanelBlock, 4> blocks;
    for (int64_t i = 0; i < count; ++i) {
      PanelBlock result;
      SmallVector<Value, kPanelWords> odd;
      for (Value word : transposed[i]) {
        Value bytes = vector::BitCastOp::create(
            k_.b, k_.loc, k_.vec(kPanelWordBytes, k_.b.getI8Type()), word);
        auto [low, high] = decodeHalves(k_, bytes);
        result.words.push_back(low);
        odd.push_back(high);
      }
      result.words.append(odd);
      Value scale = arith::ShRUIOp::create(k_.b, k_.loc, scales,
                                           k_.constantInt(words, 8 * i));
      scale = arith::AndIOp::create(k_.b, k_.loc, scale,
                                    k_.constantInt(words, 255));
      result.scale = exponentsOf(k_, scale);
      blocks.push_back(std::move(result));
    }
    return blocks;
  }

  void prefetch(Value first, Value block, int64_t count,
                int64_t /*rows*/) override {
    // The rows of an item are adjacent: its successor follows in memory, and
    // is fetched line by line.
    int64_t blocks = form_.inputs() / kScaleBlock;
    Value row = k_.addi(first, kPanelRows);
    if (expert_)
      row = k_.addi(k_.muli(expert_, form_.outputs()), row);
    Value start = k_.muli(row, blocks);
    Value done = k_.muli(block, kPanelRows);
    prefetchLines(k_, rows_, k_.muli(k_.addi(start, done), kScaleBlock / 2),
                  count * kPanelRows * kScaleBlock / 2 / 64);
    prefetchLines(k_, scales_, k_.addi(start, done), 1);
  }

private:
  Values place(Value row, Value at) {
    Values where;
    if (expert_)
      where.push_back(expert_);
    where.append({row, at});
    return where;
  }

  /// 16 bytes of each of `count` blocks; the rest of the 64 does not matter.
  Value loadRow(Value row, Value block, int64_t count) {
    int64_t n = count * kScaleBlock / 2;
    Value bytes =
        k_.loadVector(rows_, place(row, k_.muli(block, kScaleBlock / 2)), n);
    if (n == kPanelWordBytes)
      return bytes;
    SmallVector<int64_t, 64> order(kPanelWordBytes, 0);
    for (int64_t i = 0; i < n; ++i)
      order[i] = i;
    return k_.shuffle(bytes, bytes, order);
  }

  /// The bytes of `count` scales as a word, the first one lowest.
  Value loadScales(Value row, Value block, int64_t count) {
    Type i32 = k_.b.getI32Type();
    if (count == 4) {
      Value bytes = k_.loadVector(scales_, place(row, block), count);
      Value word =
          vector::BitCastOp::create(k_.b, k_.loc, k_.vec(1, i32), bytes);
      return vector::ExtractOp::create(k_.b, k_.loc, word,
                                       ArrayRef<int64_t>{0});
    }
    Value word = k_.integer(0, 32);
    for (int64_t i = 0; i < count; ++i) {
      Value byte = k_.loadScalar(scales_, place(row, k_.addi(block, i)));
      byte = arith::ExtUIOp::create(k_.b, k_.loc, i32, byte);
      byte = arith::ShLIOp::create(k_.b, k_.loc, byte, k_.integer(8 * i, 32));
      word = arith::OrIOp::create(k_.b, k_.loc, word, byte);
    }
    return word;
  }

  KernelBuilder &k_;
  Value rows_, scales_, expert_;
  const WeightForm &form_;
};

} // namespace

std::unique_ptr<PanelReader> makePanelReader(KernelBuilder &k, unsigned binding,
                                             Value expert) {
  if (k.weightAt(binding).layout == Layout::RowPanel)
    return std::make_unique<PackedReader>(k, binding, expert);
  return std::make_unique<PublishedReader>(k, binding, expert);
}

ExpandedReader::ExpandedReader(KernelBuilder &k, int64_t inputs)
    : k_(k), blocks_(inputs / kScaleBlock),
      bytes_(k.scratch({blocks_, kBlockBytes}, k.b.getI8Type())),
      scales_(k.scratch({blocks_, kPanelRows}, k.b.getI32Type())) {}

void ExpandedReader::fill(PanelReader &from, Value first) {
  auto copy = [&](Value block, int64_t count) {
    from.prefetch(first, block, count, from.expandFrom());
    for (auto [i, source] : llvm::enumerate(from.load(first, block, count))) {
      Value at = k_.addi(block, static_cast<int64_t>(i));
      for (auto [w, word] : llvm::enumerate(source.words))
        k_.storeVector(
            word, bytes_,
            {at, k_.index(static_cast<int64_t>(w) * kPanelWordBytes)});
      k_.storeVector(source.scale, scales_, {at, k_.index(0)});
    }
  };
  int64_t stride = from.stride(), whole = blocks_ / stride * stride;
  if (whole > 0)
    k_.forEach(k_.index(0), k_.index(whole), stride,
               [&](Value block) { copy(block, stride); });
  if (whole < blocks_)
    copy(k_.index(whole), blocks_ - whole);
}

SmallVector<PanelBlock, 4> ExpandedReader::load(Value, Value block, int64_t) {
  PanelBlock result;
  for (int64_t w = 0; w < kPanelWords; ++w)
    result.words.push_back(k_.loadVector(
        bytes_, {block, k_.index(w * kPanelWordBytes)}, kPanelWordBytes));
  result.scale = k_.loadVector(scales_, {block, k_.index(0)}, kPanelRows);
  return {result};
}

} // namespace gossamer::cpu
