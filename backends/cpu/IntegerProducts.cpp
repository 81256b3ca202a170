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
#include "backends/cpu/PanelReaders.h"
#include "backends/cpu/Products.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cpu {

namespace {

/// Inputs that share decoded weights: their sums stay in registers. Without the
/// instruction for four products a step is long enough for fewer.
constexpr int64_t kTokenTile = 16, kMiddleTile = 8, kSmallTile = 4, kPair = 2;
/// Chains of dependent products that are written side by side.
constexpr size_t kChains = 4;

class IntegerProducts final : public Products {
public:
  IntegerProducts(KernelBuilder &k, unsigned binding, Value expert)
      : k_(k), form_(k.weightAt(binding)), input_(k.arg(0)),
        parts_(quantizedParts(k.rowSize(0), form_.inputs())),
        reader_(makePanelReader(k, binding, expert)) {
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
      reader.prefetch(first, block, count, static_cast<int64_t>(rows.size()));
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
        k_.b, k_.loc, k_.vec(kPanelWordBytes, k_.b.getI8Type()), words);
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
