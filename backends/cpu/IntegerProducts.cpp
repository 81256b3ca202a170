//===- IntegerProducts.cpp - Products with quantized activations ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Activations are what QuantizeKernel.cpp says: int8 numbers q in one part or
// in two (256 high + low), whose unit is the row's step, halved as often as
// their block of 32 says. Weights are unsigned bytes u that carry an offset z.
// The product of a block is an integer for each part,
//
//   n = sum_k u[k] q[k] - z sum_k q[k]
//
// so neither the layout of the weights nor the instructions that compute it can
// change a bit. It is never multiplied by the powers of two that it counts in,
// nor converted: an integer that is added to the bits of the float
//
//   anchor = 1.5 * 2^23 * unit
//
// moves that float by as many units while it is below 2^22. Products are added
// to the bits of an anchor, and what is beyond the anchor, n * unit, is exact.
// Multiplications would wait for the ports that the products need.
//
// The unit of a 4-bit weight's block has the weight's scale in it, a power of
// two as well. An output adds its blocks in ascending order,
//
//   sum = sum + (n[high] * unit[high] + n[low] * unit[low])
//
// or, with 8-bit weights, fma(that, weight scale, sum), and is multiplied by
// the row's step at the end. One weight scale for a whole row is no matter of a
// block either: the sum is multiplied by it at the end.
//
//===----------------------------------------------------------------------===//

#include "backends/cpu/ByteVectors.h"
#include "backends/cpu/Products.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Bytes of a panel's block, one an element.
constexpr int64_t kBlockBytes = kPanelRows * kScaleBlock;
/// Words of four inputs of a block.
constexpr int64_t kWords = kScaleBlock / 4;
constexpr int64_t kWordBytes = kPanelRows * 4;
/// Inputs that share decoded weights: their sums stay in registers. Without the
/// instruction for four products a step is long enough for fewer.
constexpr int64_t kTokenTile = 16, kMiddleTile = 8, kSmallTile = 4, kPair = 2;
/// Chains of dependent products that are written side by side.
constexpr size_t kChains = 4;
/// How far ahead of their use weights are fetched; measured.
constexpr int64_t kPrefetchBytes = 8192;

/// 16 rows of a block: the bytes of eight words, and the rows' scales for it,
/// if they have any: f32, or of 4-bit weights what they add to the bits of an
/// anchor.
struct PanelBlock {
  SmallVector<Value, kWords> words;
  Value scale;
};

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

/// Where the blocks of 16 rows come from.
class PanelReader {
public:
  virtual ~PanelReader() = default;
  /// Blocks that are best read together.
  virtual int64_t stride() const = 0;
  /// Blocks block ... block+count-1 of the rows from `first` on.
  virtual SmallVector<PanelBlock, 4> load(Value first, Value block,
                                          int64_t count) = 0;
  /// The scales of the rows from `first` on where blocks have none.
  virtual Value rowScales([[maybe_unused]] Value first) { return {}; }
  /// Inputs from which on it pays to decode the rows to memory once; 0: never.
  /// Decoding overlaps with no product then. Measured.
  virtual int64_t expandFrom() const { return 0; }
  /// Fetches what is read some time after these blocks.
  virtual void prefetch(Value first, Value block, int64_t count) {}
};

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
      SmallVector<Value, kWords> odd;
      for (int64_t w = 0; w < (isFourBit ? kWords / 2 : kWords); ++w) {
        where.back() = k_.index(w * kWordBytes);
        Value word = k_.loadVector(values_, where, kWordBytes);
        if (!isFourBit) {
          result.words.push_back(word);
          continue;
        }
        auto [low, high] = splitNibbles(k_, word);
        result.words.push_back(decodeToBytes(k_, low));
        odd.push_back(decodeToBytes(k_, high));
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

  void prefetch(Value first, Value block, int64_t count) override {
    int64_t blocks = form_.inputs() / kScaleBlock;
    int64_t panels = llvm::divideCeil(form_.outputs(), kPanelRows);
    int64_t bytes =
        form_.element == Element::MXFP4 ? kBlockBytes / 2 : kBlockBytes;
    Value panel = k_.divi(first, kPanelRows);
    if (expert_)
      panel = k_.addi(k_.muli(expert_, panels), panel);
    Value at =
        k_.addi(k_.addi(k_.muli(panel, blocks), block), kPrefetchBytes / bytes);
    prefetchLines(k_, values_, k_.muli(at, bytes), count * bytes / 64);
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
      SmallVector<Value, kWords> odd;
      for (Value word : transposed[i]) {
        Value bytes = vector::BitCastOp::create(
            k_.b, k_.loc, k_.vec(kWordBytes, k_.b.getI8Type()), word);
        auto [low, high] = splitNibbles(k_, bytes);
        result.words.push_back(decodeToBytes(k_, low));
        odd.push_back(decodeToBytes(k_, high));
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

  void prefetch(Value first, Value block, int64_t count) override {
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
    if (n == kWordBytes)
      return bytes;
    SmallVector<int64_t, 64> order(kWordBytes, 0);
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

/// A panel that another reader has decoded into the frame.
class ExpandedReader final : public PanelReader {
public:
  ExpandedReader(KernelBuilder &k, int64_t inputs)
      : k_(k), blocks_(inputs / kScaleBlock),
        bytes_(k.scratch({blocks_, kBlockBytes}, k.b.getI8Type())),
        scales_(k.scratch({blocks_, kPanelRows}, k.b.getI32Type())) {}

  int64_t stride() const override { return 1; }

  /// Takes over all blocks of the rows from `first` on.
  void fill(PanelReader &from, Value first) {
    auto copy = [&](Value block, int64_t count) {
      from.prefetch(first, block, count);
      for (auto [i, source] : llvm::enumerate(from.load(first, block, count))) {
        Value at = k_.addi(block, static_cast<int64_t>(i));
        for (auto [w, word] : llvm::enumerate(source.words))
          k_.storeVector(word, bytes_,
                         {at, k_.index(static_cast<int64_t>(w) * kWordBytes)});
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

  SmallVector<PanelBlock, 4> load(Value, Value block, int64_t) override {
    PanelBlock result;
    for (int64_t w = 0; w < kWords; ++w)
      result.words.push_back(
          k_.loadVector(bytes_, {block, k_.index(w * kWordBytes)}, kWordBytes));
    result.scale = k_.loadVector(scales_, {block, k_.index(0)}, kPanelRows);
    return {result};
  }

private:
  KernelBuilder &k_;
  int64_t blocks_;
  Value bytes_, scales_;
};

class IntegerProducts final : public Products {
public:
  IntegerProducts(KernelBuilder &k, unsigned binding, Value expert)
      : k_(k), form_(k.weightAt(binding)), input_(k.arg(0)),
        parts_(quantizedParts(k.rowSize(0), form_.inputs())) {
    if (form_.layout == Layout::RowPanel)
      reader_ = std::make_unique<PackedReader>(k, binding, expert);
    else
      reader_ = std::make_unique<PublishedReader>(k, binding, expert);
    if (reader_->expandFrom() > 0)
      expanded_ = std::make_unique<ExpandedReader>(k, form_.inputs());
  }

  void forEach(Value first, Value from, Value to, InputRow inputRow,
               Use use) override {
    SmallVector<int64_t, 5> small = {kSmallTile, kPair, 1}, tiles;
    if (k_.features.has("avx512vnni"))
      tiles = {kTokenTile, kMiddleTile};
    tiles.append(small);
    if (!expanded_) {
      run(*reader_, tiles, first, from, to, inputRow, use);
      return;
    }
    Value isMany =
        k_.less(k_.index(reader_->expandFrom() - 1), k_.subi(to, from));
    k_.ifThenElse(
        isMany,
        [&] {
          expanded_->fill(*reader_, first);
          run(*expanded_, tiles, first, from, to, inputRow, use);
        },
        [&] { run(*reader_, small, first, from, to, inputRow, use); });
  }

private:
  void run(PanelReader &reader, ArrayRef<int64_t> tiles, Value first,
           Value from, Value to, InputRow inputRow, Use use) {
    forTiles(k_, from, to, tiles, [&](Value i0, int64_t size) {
      Values items, rows;
      for (int64_t i = 0; i < size; ++i) {
        items.push_back(k_.addi(i0, i));
        rows.push_back(inputRow(items.back()));
      }
      Values sums = multiply(reader, first, rows);
      for (auto [item, row, sum] : llvm::zip(items, rows, sums))
        use(item, k_.mul(sum, k_.splat(stepOf(row), k_.f32s())));
    });
  }

  Values multiply(PanelReader &reader, Value first, ArrayRef<Value> rows) {
    int64_t blocks = form_.inputs() / kScaleBlock;
    int64_t stride = reader.stride(), whole = blocks / stride * stride;
    Values sums(rows.size(), k_.constant(k_.f32s(), 0.0));
    auto step = [&](Value block, int64_t count, ValueRange now) {
      reader.prefetch(first, block, count);
      Values next(now);
      for (auto [i, weights] :
           llvm::enumerate(reader.load(first, block, count))) {
        Value at = k_.addi(block, static_cast<int64_t>(i));
        for (size_t row = 0, n; row < rows.size(); row += n) {
          n = std::min(rowsAtOnce(rows.size()), rows.size() - row);
          addBlock(weights, rows.slice(row, n), at,
                   llvm::MutableArrayRef(next).slice(row, n));
        }
      }
      return next;
    };
    if (whole > 0)
      sums = k_.forCarry(k_.index(0), k_.index(whole), stride, sums,
                         [&](Value block, ValueRange now) {
                           return step(block, stride, now);
                         });
    if (whole < blocks)
      sums = step(k_.index(whole), blocks - whole, sums);
    if (Value scales = reader.rowScales(first))
      for (Value &sum : sums)
        sum = k_.mul(sum, scales);
    return sums;
  }

  /// A long tile has other chains at hand, and no registers to spare.
  size_t rowsAtOnce(size_t rows) const {
    return rows == kTokenTile ? 1 : kChains / parts_;
  }

  /// Adds the products of a block with some rows to their sums.
  void addBlock(const PanelBlock &weights, ArrayRef<Value> rows, Value block,
                llvm::MutableArrayRef<Value> sums) {
    SmallVector<Values, 4> totals;
    for (Value row : rows) {
      totals.emplace_back();
      for (int64_t part = 0; part < parts_; ++part)
        totals.back().push_back(
            inUnits(weights, loadWord(row, block, part, kScaleBlock + 4)));
    }
    for (auto [w, word] : llvm::enumerate(weights.words))
      for (auto [row, total] : llvm::zip(rows, totals))
        for (int64_t part = 0; part < parts_; ++part)
          total[part] = dotBytes(k_, total[part], word,
                                 bytesOf(loadWord(row, block, part, 4 * w)));
    for (auto [row, total, sum] : llvm::zip(rows, totals, sums)) {
      Value product;
      for (int64_t part = 0; part < parts_; ++part) {
        Value anchor =
            inUnits(weights, loadWord(row, block, part, kScaleBlock));
        Value value = k_.sub(floatsOf(total[part]), floatsOf(anchor));
        product = product ? k_.add(product, value) : value;
      }
      sum = isFourBit() || !weights.scale ? k_.add(sum, product)
                                          : k_.fma(product, weights.scale, sum);
    }
  }

  bool isFourBit() const { return form_.element == Element::MXFP4; }

  /// An anchor of the activation, in the units of each row's products.
  Value inUnits(const PanelBlock &weights, Value anchor) {
    return isFourBit()
               ? arith::AddIOp::create(k_.b, k_.loc, weights.scale, anchor)
                     .getResult()
               : anchor;
  }

  Value floatsOf(Value words) {
    return arith::BitcastOp::create(k_.b, k_.loc, k_.f32s(), words);
  }
  Value bytesOf(Value words) {
    return vector::BitCastOp::create(
        k_.b, k_.loc, k_.vec(kWordBytes, k_.b.getI8Type()), words);
  }

  /// A word of a part of the input's block, for all rows of the weight.
  Value loadWord(Value row, Value block, int64_t part, int64_t at) {
    Value start = k_.muli(block, parts_ * kPartBytes);
    Value word = loadWord(row, k_.addi(start, part * kPartBytes + at));
    return k_.splat(word, k_.vec(kLanes, k_.b.getI32Type()));
  }

  /// The step of a row of the input.
  Value stepOf(Value row) {
    Value word = loadWord(row, k_.index(k_.rowSize(0) - 4));
    return arith::BitcastOp::create(k_.b, k_.loc, k_.b.getF32Type(), word);
  }

  Value loadWord(Value row, Value at) {
    Value bytes = k_.loadVector(input_, {row, at}, 4);
    Value word = vector::BitCastOp::create(k_.b, k_.loc,
                                           k_.vec(1, k_.b.getI32Type()), bytes);
    return vector::ExtractOp::create(k_.b, k_.loc, word, ArrayRef<int64_t>{0});
  }

  KernelBuilder &k_;
  const WeightForm &form_;
  Value input_;
  int64_t parts_;
  std::unique_ptr<PanelReader> reader_;
  std::unique_ptr<ExpandedReader> expanded_;
};

} // namespace

std::unique_ptr<Products> makeIntegerProducts(KernelBuilder &k, unsigned weight,
                                              Value expert) {
  return std::make_unique<IntegerProducts>(k, weight, expert);
}

} // namespace gossamer::cpu
