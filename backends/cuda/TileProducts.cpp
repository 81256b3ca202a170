//===- TileProducts.cpp - Products with many rows, by tensor cores --------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A block computes 128 outputs of 64 rows of the input, its four warps 64 by 32
// each. Weights are bf16, or MXFP4 expanded to bf16 in shared memory, where
// they are exact. An f32 input is the sum of up to three bf16 parts: products
// with one part round the input to 8 bits, those with three lose nothing that
// an f32 sum would keep.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/ExpertWork.h"
#include "backends/cuda/KernelEmitters.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace gossamer::cuda {

static constexpr int64_t kTileOutputs = 128, kTileRows = 64, kTileInputs = 32;
static constexpr int64_t kThreads = 128;
/// Outputs and rows of a warp, in units of an instruction's 16 and 8.
static constexpr int64_t kWarpOutputTiles = 4, kWarpRowTiles = 4;
/// Words of a row in shared memory. 16 of them are used; with 20 from row to
/// row no two lanes that read a fragment share a bank.
static constexpr int64_t kRowWords = 20;

/// Rows of experts up to which products by vectors read less.
static constexpr uint32_t kFewExpertRows = 8;

namespace {

class TileProduct {
public:
  /// `inputRow` maps 0 ... kTileRows-1 to a row of the input. `expert` may be
  /// null.
  TileProduct(KernelBuilder &k, int64_t parts, unsigned weight, Val expert,
              Val firstOutput, llvm::function_ref<Array(Val)> inputRow);

  /// Sums of the block's tile; holds barriers.
  void compute();
  /// Hands (output, row, sum) to `body`, both counted within the tile, lane by
  /// lane. Lanes l and l ^ 4 have outputs 2i and 2i + 1.
  void forSums(llvm::function_ref<void(Val, Val, Val)> body);

private:
  /// What a thread loads of a step's weights and inputs.
  Vals loadStep(Val step);
  void stageStep(ArrayRef<Val> loaded);
  void stageInputs(ArrayRef<Val> loaded);
  void stageMxFp4(Val words, Val scale);
  void multiply(Vals &sums);
  Vals fragment(Array tile, Val row, int64_t rowTile, Val word, bool isWeight);
  bool isMxFp4() const { return form_.element == Element::MXFP4; }
  size_t weightLoads() const { return isMxFp4() ? 2 : 4; }

  KernelBuilder &k_;
  const WeightForm &form_;
  Array weightTile_;
  SmallVector<Array, 3> inputTiles_;
  SmallVector<Array, 4> weights_, inputs_;
  Array scales_;
  Vals sums_;
};

} // namespace

TileProduct::TileProduct(KernelBuilder &k, int64_t parts, unsigned weight,
                         Val expert, Val firstOutput,
                         llvm::function_ref<Array(Val)> inputRow)
    : k_(k), form_(k.weightAt(weight)),
      weightTile_(k.shared(k.i32Type(), kTileOutputs * kRowWords)) {
  for (int64_t part = 0; part < parts; ++part)
    inputTiles_.push_back(k.shared(k.i32Type(), kTileRows * kRowWords));
  int64_t outputs = form_.outputs(), inputs = form_.inputs();
  auto number = [&](Val row) {
    // Beyond the end the last one is computed again, not stored.
    Val output = k.toI64(k.min(firstOutput + row, k.i32(outputs - 1)));
    return expert ? output + k.toI64(expert) * outputs : output;
  };
  if (isMxFp4()) {
    Val row = number(k.thread());
    weights_ = {k.arg(weight, 0).at(row * (inputs / 2))};
    scales_ = k.arg(weight, 1).at(row * (inputs / cpu::kScaleBlock));
  } else {
    for (int64_t i = 0; i < 4; ++i)
      weights_.push_back(
          k.arg(weight).at(number(k.thread() / 4 + i * 32) * inputs));
  }
  for (int64_t i = 0; i < 4; ++i)
    inputs_.push_back(inputRow(k.thread() / 8 + i * 16));
}

Vals TileProduct::loadStep(Val step) {
  Vals loaded;
  if (isMxFp4()) {
    loaded.push_back(
        weights_[0].at(step * 16).as(k_.i32Type()).loadVector(k_.i32(0), 4));
    loaded.push_back(k_.extend(scales_.load(step), k_.i32Type()));
  } else {
    Val at = step * kTileInputs + k_.thread() % 4 * 8;
    for (const Array &weight : weights_)
      loaded.push_back(weight.at(at).as(k_.i32Type()).loadVector(k_.i32(0), 4));
  }
  Val at = step * kTileInputs + k_.thread() % 8 * 4;
  for (const Array &input : inputs_)
    loaded.push_back(input.loadVector(at, 4));
  return loaded;
}

/// Two f32 that a bf16 holds exactly, in a word.
static Val packExact(KernelBuilder &k, Val low, Val high) {
  Val bits = k.bitcast(high, k.i32Type()) & k.i32(0xffff0000LL);
  return bits | (k.bitcast(low, k.i32Type()) >> 16);
}

void TileProduct::stageMxFp4(Val words, Val scale) {
  Val factor = k_.scaleFromE8M0(scale) * 0x1p14;
  for (int64_t w = 0; w < 4; ++w) {
    Vals values(8);
    for (int64_t j = 0; j < 4; ++j) {
      auto [low, high] = k_.decodeE2M1Pair(k_.extract(words, w), j);
      values[j] = low * factor;
      values[j + 4] = high * factor;
    }
    Vals packed;
    for (int64_t pair = 0; pair < 4; ++pair)
      packed.push_back(packExact(k_, values[2 * pair], values[2 * pair + 1]));
    weightTile_.storeVector(k_.thread() * kRowWords + w * 4, k_.vector(packed));
  }
}

void TileProduct::stageInputs(ArrayRef<Val> loaded) {
  for (auto [i, four] : llvm::enumerate(loaded)) {
    Val row = k_.thread() / 8 + i * 16;
    Val at = row * kRowWords + k_.thread() % 8 * 2;
    Vals rest;
    for (int64_t e = 0; e < 4; ++e)
      rest.push_back(k_.extract(four, e));
    for (const Array &tile : inputTiles_) {
      Vals rounded;
      for (Val &value : rest) {
        Val part = k_.toF32(k_.toBF16(value));
        rounded.push_back(part);
        value = value - part;
      }
      tile.storeVector(at, k_.vector({packExact(k_, rounded[0], rounded[1]),
                                      packExact(k_, rounded[2], rounded[3])}));
    }
  }
}

void TileProduct::stageStep(ArrayRef<Val> loaded) {
  if (isMxFp4()) {
    stageMxFp4(loaded[0], loaded[1]);
  } else {
    Val at = k_.thread() / 4 * kRowWords + k_.thread() % 4 * 4;
    for (int64_t i = 0; i < 4; ++i)
      weightTile_.storeVector(at + i * 32 * kRowWords, loaded[i]);
  }
  stageInputs(loaded.drop_front(weightLoads()));
}

/// The lane's words of 16 inputs from `word` on: of 16 outputs, or 8 rows.
Vals TileProduct::fragment(Array tile, Val row, int64_t rowTile, Val word,
                           bool isWeight) {
  Val group = k_.lane() / 4, within = k_.lane() % 4;
  int64_t rows = isWeight ? 16 : 8;
  Val at = (row + group + rowTile * rows) * kRowWords + word + within;
  if (!isWeight)
    return {tile.load(at), tile.load(at + 4)};
  return {tile.load(at), tile.load(at + 8 * kRowWords), tile.load(at + 4),
          tile.load(at + (8 * kRowWords + 4))};
}

void TileProduct::multiply(Vals &sums) {
  Val output = k_.warp() / 2 * (kWarpOutputTiles * 16);
  Val row = k_.warp() % 2 * (kWarpRowTiles * 8);
  for (int64_t word = 0; word < kTileInputs / 2; word += 8) {
    SmallVector<Vals> weights;
    for (int64_t m = 0; m < kWarpOutputTiles; ++m)
      weights.push_back(fragment(weightTile_, output, m, k_.i32(word), true));
    for (const Array &tile : inputTiles_)
      for (int64_t n = 0; n < kWarpRowTiles; ++n) {
        Vals inputs = fragment(tile, row, n, k_.i32(word), false);
        for (int64_t m = 0; m < kWarpOutputTiles; ++m)
          k_.multiplyTiles(weights[m], inputs,
                           llvm::MutableArrayRef<Val>(sums).slice(
                               (m * kWarpRowTiles + n) * 4, 4));
      }
  }
}

void TileProduct::compute() {
  int64_t steps = form_.inputs() / kTileInputs;
  Vals state(kWarpOutputTiles * kWarpRowTiles * 4, k_.f32(0.0));
  size_t count = state.size();
  state.append(loadStep(k_.i32(0)));
  state = k_.forCarry(k_.i32(0), k_.i32(steps), k_.i32(1), state,
                      [&](Val step, ArrayRef<Val> now) {
                        k_.barrier();
                        stageStep(now.drop_front(count));
                        k_.barrier();
                        // The next step's loads are under way meanwhile.
                        Vals loaded =
                            loadStep(k_.min(step + 1, k_.i32(steps - 1)));
                        Vals next(now.take_front(count));
                        multiply(next);
                        next.append(loaded);
                        return next;
                      });
  state.resize(count);
  sums_ = state;
}

void TileProduct::forSums(llvm::function_ref<void(Val, Val, Val)> body) {
  Val output = k_.warp() / 2 * (kWarpOutputTiles * 16) + k_.lane() / 4;
  Val row = k_.warp() % 2 * (kWarpRowTiles * 8) + k_.lane() % 4 * 2;
  for (int64_t m = 0; m < kWarpOutputTiles; ++m)
    for (int64_t n = 0; n < kWarpRowTiles; ++n)
      for (int64_t i = 0; i < 4; ++i)
        body(output + (m * 16 + i / 2 * 8), row + (n * 8 + i % 2),
             sums_[(m * kWarpRowTiles + n) * 4 + i]);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::string refuseDenseTileWeight(const WeightForm &weight) {
  std::string why = refuseDenseVectorWeight(weight);
  if (why.empty() && weight.inputs() % kTileInputs != 0)
    return "needs a multiple of 32 inputs";
  return why;
}

std::string refuseDenseTiles(const KernelDescription &kernel) {
  return refuseDenseTileWeight(*kernel.matrix());
}

static Extent outputTiles(int64_t outputs) {
  return Extent::constant(ceilDiv(outputs, kTileOutputs));
}

void emitTileStage(KernelWriter &w, int64_t parts, RowInput input,
                   DenseMatrix matrix) {
  int64_t outputs = w.weightAt(matrix.weight).outputs();
  bool rowsAreOutputs = w.kernel().rowsAreOutputs;
  w.stage(outputTiles(outputs), w.perRow(1, kTileRows), kThreads,
          [&](KernelBuilder &k) {
            Val rows = rowsAreOutputs ? k.outputs() : k.tokens();
            Val firstOutput = k.blockX() * kTileOutputs;
            Val firstRow = k.blockY() * kTileRows;
            TileProduct product(
                k, parts, matrix.weight, {}, firstOutput, [&](Val row) {
                  return input(k, k.min(firstRow + row, rows - 1));
                });
            product.compute();
            product.forSums([&](Val output, Val row, Val sum) {
              output = output + firstOutput;
              row = row + firstRow;
              k.ifThen((output < outputs) & (row < rows),
                       [&] { matrix.store(k, row, output, sum); });
            });
          });
}

static void emitDenseTiles(KernelWriter &w, int64_t parts) {
  emitFewDenseRows(w, kFewRows);
  w.variant(UINT32_MAX);
  LinearBindings store(w.kernel());
  emitTileStage(w, parts, inputRow, {1, store});
}

void emitDenseTilesExact(KernelWriter &w) { emitDenseTiles(w, kExactParts); }
void emitDenseTilesRounded(KernelWriter &w) {
  emitDenseTiles(w, kRoundedParts);
}

/// A block a tile of an expert's outputs and slots; `body` gets the product,
/// the first output, and a function from row of the tile to slot.
static void forExpertTiles(
    KernelWriter &w, unsigned weight, int64_t parts,
    llvm::function_ref<Val(ExpertWork &, Val)> inputRow,
    llvm::function_ref<void(KernelBuilder &, Val, Val, Val, Val, Val)> body) {
  const WeightForm &form = w.weightAt(weight);
  Extent active = w.perRow(w.kernel().topK, 1, form.shape[0]);
  w.stage(outputTiles(form.outputs()), active, w.perRow(1, kTileRows), kThreads,
          [&](KernelBuilder &k) {
            ExpertWork work(k);
            Val a = k.blockY();
            k.ifThen(a < work.active(), [&] {
              Val first = work.firstSlot(a) + k.blockZ() * kTileRows;
              Val end = work.endSlot(a);
              k.ifThen(first < end, [&] {
                Val expert = work.expert(a);
                Val firstOutput = k.blockX() * kTileOutputs;
                TileProduct product(
                    k, parts, weight, expert, firstOutput, [&](Val row) {
                      Val slot = work.slot(k.min(first + row, end - 1));
                      return k.rowOf(k.arg(0), inputRow(work, slot),
                                     form.inputs());
                    });
                product.compute();
                product.forSums([&](Val output, Val row, Val sum) {
                  Val exists = first + row < end;
                  Val slot = work.slot(k.min(first + row, end - 1));
                  body(k, expert, output + firstOutput, slot, exists, sum);
                });
              });
            });
          });
}

static void emitExpertGateUpTiles(KernelWriter &w, int64_t parts) {
  constexpr unsigned weight = 5, bias = 6, act = 7;
  int64_t outputs = w.weightAt(weight).outputs();
  w.variant(kFewExpertRows);
  emitExpertGateUpVectors(w);
  w.variant(UINT32_MAX);
  forExpertTiles(
      w, weight, parts,
      [](ExpertWork &work, Val slot) { return work.token(slot); },
      [&](KernelBuilder &k, Val expert, Val output, Val slot, Val exists,
          Val sum) {
        // Even outputs are gates; the up of a gate is four lanes away.
        Val at = expert * outputs + k.min(output, k.i32(outputs - 1));
        Val biased = sum + k.arg(bias).value(at);
        Val up = k.shuffleXor(biased, 4);
        Val isGate = k.lane() / 4 % 2 == 0;
        k.ifThen(isGate & exists & (output < outputs), [&] {
          k.rowOf(k.arg(act), slot, outputs / 2)
              .store(output / 2, k.swiglu(biased, up));
        });
      });
}

void emitExpertGateUpTilesExact(KernelWriter &w) {
  emitExpertGateUpTiles(w, kExactParts);
}
void emitExpertGateUpTilesRounded(KernelWriter &w) {
  emitExpertGateUpTiles(w, kRoundedParts);
}

static void emitExpertDownTiles(KernelWriter &w, int64_t parts) {
  constexpr unsigned weight = 6, bias = 7;
  int64_t outputs = w.weightAt(weight).outputs();
  emitFewExpertDownRows(w, kFewExpertRows);
  w.variant(UINT32_MAX, w.scratchPerRow(w.kernel().topK * outputs * 4));
  forExpertTiles(
      w, weight, parts, [](ExpertWork &, Val slot) { return slot; },
      [&](KernelBuilder &k, Val expert, Val output, Val slot, Val exists,
          Val sum) {
        k.ifThen(exists & (output < outputs), [&] {
          Val biased = sum + k.arg(bias).value(expert * outputs + output);
          k.rowOf(k.scratch(k.f32Type()), slot, outputs).store(output, biased);
        });
      });
  emitDownSum(w);
}

void emitExpertDownTilesExact(KernelWriter &w) {
  emitExpertDownTiles(w, kExactParts);
}
void emitExpertDownTilesRounded(KernelWriter &w) {
  emitExpertDownTiles(w, kRoundedParts);
}

} // namespace gossamer::cuda
