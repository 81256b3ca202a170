//===- IntegerProducts.cpp - Products with quantized activations ----------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Activations are int8 numbers, in one part or in two (128 high + low), with a
// scale for each block of 32; weights are unsigned bytes that carry an offset
// z. The product of a block is an integer,
//
//   n = sum_k u[k] q[k] - z sum_k q[k]
//
// where the second term comes with the activation. It is exact, so neither the
// layout of the weights nor the instructions that compute it can change a bit.
// An output adds its blocks in ascending order:
//
//   sum = fma(float(n), weight scale * activation scale, sum)
//
// and with one weight scale a row, which is no matter of a block,
//
//   sum = fma(float(n), activation scale, sum), at the end times weight scale
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
constexpr int64_t kTokenTile = 16, kMiddleTile = 8, kSmallTile = 4;
/// How far ahead of their use weights are fetched; measured.
constexpr int64_t kPrefetchBytes = 8192;

/// 16 rows of a block: the bytes of eight words, and the rows' scales for it,
/// if they have any.
struct PanelBlock {
  SmallVector<Value, kWords> words;
  Value scale;
};

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
  virtual Value rowScales(Value first) { return {}; }
  /// Inputs from which on it pays to decode the rows to memory once: decoding
  /// overlaps with no product then. Measured.
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
  int64_t expandFrom() const override { return 32; }

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
        result.scale = isFourBit ? k_.scaleFromE8M0(scale) : scale;
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
      result.scale = k_.scaleFromE8M0(scale);
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
        scales_(k.scratch({blocks_, kPanelRows}, k.b.getF32Type())) {}

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
        parts_(k.typeAt(0).getDimSize(2) / kScaleBlock) {
    if (form_.layout == Layout::RowPanel)
      reader_ = std::make_unique<PackedReader>(k, binding, expert);
    else
      reader_ = std::make_unique<PublishedReader>(k, binding, expert);
    if (form_.element == Element::MXFP4)
      expanded_ = std::make_unique<ExpandedReader>(k, form_.inputs());
  }

  void forEach(Value first, Value from, Value to, InputRow inputRow,
               Use use) override {
    SmallVector<int64_t, 4> tiles;
    if (k_.features.has("avx512vnni"))
      tiles.append({kTokenTile, kMiddleTile});
    tiles.append({kSmallTile, 1});
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
        [&] {
          run(*reader_, {kSmallTile, 1}, first, from, to, inputRow, use);
        });
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
      for (auto [item, sum] : llvm::zip(items, sums))
        use(item, sum);
    });
  }

  Values multiply(PanelReader &reader, Value first, ArrayRef<Value> rows) {
    int64_t blocks = form_.inputs() / kScaleBlock;
    int64_t stride = reader.stride(), whole = blocks / stride * stride;
    Values sums(rows.size(), k_.constant(k_.f32s(), 0.0));
    auto step = [&](Value block, int64_t count, ValueRange now) {
      // Many rows compute for long; the processor fetches ahead by itself.
      if (static_cast<int64_t>(rows.size()) < kTokenTile)
        reader.prefetch(first, block, count);
      Values next(now);
      for (auto [i, weights] :
           llvm::enumerate(reader.load(first, block, count)))
        for (auto [sum, row] : llvm::zip(next, rows))
          sum = addBlock(weights, row, k_.addi(block, static_cast<int64_t>(i)),
                         sum);
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

  Value addBlock(const PanelBlock &weights, Value row, Value block, Value sum) {
    VectorType ints = k_.vec(kLanes, k_.b.getI32Type());
    Value offset = loadWord(row, block, parts_ * kScaleBlock + 4);
    Value total = k_.splat(offset, ints);
    total = dot(weights, row, parts_ - 1, block, total);
    if (parts_ == 2) {
      Value high = dot(weights, row, 0, block, k_.constantInt(ints, 0));
      high = arith::ShLIOp::create(k_.b, k_.loc, high, k_.constantInt(ints, 7));
      total = arith::AddIOp::create(k_.b, k_.loc, total, high);
    }
    Value step =
        arith::BitcastOp::create(k_.b, k_.loc, k_.b.getF32Type(),
                                 loadWord(row, block, parts_ * kScaleBlock));
    Value scale = k_.splat(step, k_.f32s());
    if (weights.scale)
      scale = k_.mul(weights.scale, scale);
    Value value = arith::SIToFPOp::create(k_.b, k_.loc, k_.f32s(), total);
    return k_.fma(value, scale, sum);
  }

  /// acc + the products with one part of an activation's block.
  Value dot(const PanelBlock &weights, Value row, int64_t part, Value block,
            Value acc) {
    VectorType ints = k_.vec(kLanes, k_.b.getI32Type());
    for (auto [w, word] : llvm::enumerate(weights.words)) {
      int64_t at = part * kScaleBlock + 4 * static_cast<int64_t>(w);
      Value four = k_.splat(loadWord(row, block, at), ints);
      Value bytes = vector::BitCastOp::create(
          k_.b, k_.loc, k_.vec(kWordBytes, k_.b.getI8Type()), four);
      acc = dotBytes(k_, acc, word, bytes);
    }
    return acc;
  }

  /// Four bytes of a block of the input.
  Value loadWord(Value row, Value block, int64_t at) {
    Value bytes = k_.loadVector(input_, {row, block, k_.index(at)}, 4);
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
