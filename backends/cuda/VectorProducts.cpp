//===- VectorProducts.cpp - Products with few rows ------------------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Decoding reads every weight once and computes little with it. So a warp loads
// whole rows of weights, 16 bytes a lane, and keeps several loads under way.
// A lane adds up its own inputs in ascending order; lanes are joined by a fixed
// tree: an output depends on nothing but its row and its weights, however many
// rows there are.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/ExpertWork.h"
#include "backends/cuda/KernelEmitters.h"

#include <algorithm>

using namespace mlir;

namespace gossamer::cuda {

//===----------------------------------------------------------------------===//
// Dense weights
//===----------------------------------------------------------------------===//

/// Inputs of a lane's load, and of a warp's.
static constexpr int64_t kLaneInputs = 8, kWarpInputs = kLaneInputs * kWarp;

/// Two bf16 of a word as f32.
static std::pair<Val, Val> splitWord(KernelBuilder &k, Val word) {
  return {k.bitcast(word << 16, k.f32Type()),
          k.bitcast(word & k.i32(0xffff0000LL), k.f32Type())};
}

namespace {

class DenseProduct {
public:
  DenseProduct(KernelBuilder &k, DenseTile tile, int64_t inputs,
               ArrayRef<Array> weights, ArrayRef<Array> xs)
      : k_(k), tile_(tile), inputs_(inputs), weights_(weights), xs_(xs) {}

  /// Sums, by output and then row; all lanes have them.
  Vals compute() {
    int64_t chunks = inputs_ / kWarpInputs;
    int64_t whole = chunks / tile_.unroll * tile_.unroll;
    Vals sums(tile_.outputs * tile_.rows, k_.f32(0.0));
    sums = addChunks(0, whole, tile_.unroll, sums);
    sums = addChunks(whole, chunks, 1, sums);
    sums = addRest(chunks * kWarpInputs, sums);
    for (Val &sum : sums)
      sum = k_.warpSum(sum);
    return sums;
  }

private:
  Vals addChunks(int64_t from, int64_t to, int64_t unroll, Vals sums) {
    if (from == to)
      return sums;
    return k_.forCarry(k_.i32(from), k_.i32(to), k_.i32(unroll), sums,
                       [&](Val chunk, ArrayRef<Val> now) {
                         SmallVector<Val> starts;
                         SmallVector<Vals> words;
                         for (int64_t u = 0; u < unroll; ++u) {
                           starts.push_back((chunk + u) * kWarpInputs +
                                            k_.lane() * kLaneInputs);
                           words.push_back(loadWords(starts.back()));
                         }
                         Vals next(now.begin(), now.end());
                         for (int64_t u = 0; u < unroll; ++u)
                           addInputs(starts[u], words[u], next);
                         return next;
                       });
  }

  /// Inputs that do not fill a warp.
  Vals addRest(int64_t from, Vals sums) {
    if (from == inputs_)
      return sums;
    Val start = k_.lane() * kLaneInputs + from;
    return k_.ifElse(
        start < inputs_,
        [&] {
          Vals next = sums;
          addInputs(start, loadWords(start), next);
          return next;
        },
        [&] { return sums; });
  }

  /// Four words of each output.
  Vals loadWords(Val start) {
    Vals words;
    for (const Array &weight : weights_)
      words.push_back(
          weight.at(start).as(k_.i32Type()).loadVector(k_.i32(0), 4));
    return words;
  }

  void addInputs(Val start, ArrayRef<Val> words, Vals &sums) {
    for (int64_t half = 0; half < 2; ++half) {
      Vals inputs;
      for (const Array &x : xs_)
        inputs.push_back(x.loadVector(start + half * 4, 4));
      for (auto [o, word] : llvm::enumerate(words))
        for (int64_t pair = 0; pair < 2; ++pair) {
          auto [even, odd] = splitWord(k_, k_.extract(word, half * 2 + pair));
          for (auto [r, x] : llvm::enumerate(inputs)) {
            Val &sum = sums[o * tile_.rows + r];
            sum = k_.fma(even, k_.extract(x, pair * 2), sum);
            sum = k_.fma(odd, k_.extract(x, pair * 2 + 1), sum);
          }
        }
    }
  }

  KernelBuilder &k_;
  DenseTile tile_;
  int64_t inputs_;
  ArrayRef<Array> weights_, xs_;
};

} // namespace

std::string refuseDenseVectorWeight(const WeightForm &weight) {
  if (weight.element != Element::BF16 || weight.layout != Layout::RowMajor)
    return "needs bf16 weights by rows";
  if (weight.inputs() % kLaneInputs != 0)
    return "needs a multiple of 8 inputs";
  return "";
}

std::string refuseDenseVectors(const KernelDescription &kernel) {
  return refuseDenseVectorWeight(*kernel.matrix());
}

Vals denseProduct(KernelBuilder &k, DenseTile tile, int64_t inputs,
                  ArrayRef<Array> weights, ArrayRef<Array> xs) {
  return DenseProduct(k, tile, inputs, weights, xs).compute();
}

void emitVectorStage(KernelWriter &w, DenseTile tile, RowInput input,
                     DenseMatrix matrix) {
  const WeightForm &weight = w.weightAt(matrix.weight);
  int64_t outputs = weight.outputs(), inputs = weight.inputs();
  int64_t perBlock = tile.outputs * kDenseWarps;
  Extent blocks = Extent::constant(ceilDiv(outputs, perBlock));
  bool rowsAreOutputs = w.kernel().rowsAreOutputs;
  w.stage(blocks, w.perRow(1, tile.rows), kDenseWarps * kWarp,
          [&](KernelBuilder &k) {
            Val first = (k.blockX() * kDenseWarps + k.warp()) * tile.outputs;
            Val firstRow = k.blockY() * tile.rows;
            Val rows = rowsAreOutputs ? k.outputs() : k.tokens();
            // Beyond the end the last one is computed again, not stored.
            SmallVector<Array> weights, xs;
            for (int64_t o = 0; o < tile.outputs; ++o)
              weights.push_back(k.rowOf(k.arg(matrix.weight),
                                        k.min(first + o, k.i32(outputs - 1)),
                                        inputs));
            for (int64_t r = 0; r < tile.rows; ++r)
              xs.push_back(input(k, k.min(firstRow + r, rows - 1)));
            k.ifThen(first < outputs, [&] {
              Vals sums = denseProduct(k, tile, inputs, weights, xs);
              for (int64_t o = 0; o < tile.outputs; ++o)
                for (int64_t r = 0; r < tile.rows; ++r) {
                  Val output = first + o, row = firstRow + r;
                  // Lanes store in turn.
                  int64_t number = o * tile.rows + r;
                  Val isMine = (k.lane() == number % kWarp) &
                               (output < outputs) & (row < rows);
                  k.ifThen(isMine,
                           [&] { matrix.store(k, row, output, sums[number]); });
                }
            });
          });
}

static void emitDenseTile(KernelWriter &w, DenseTile tile) {
  LinearBindings store(w.kernel());
  emitVectorStage(w, tile, inputRow, {1, store});
}

void emitFewDenseRows(KernelWriter &w, uint32_t mostRows) {
  // Few outputs are divided among more warps.
  int64_t outputs = w.weightAt(1).outputs() >= 4096 ? 4 : 2;
  if (w.weightAt(1).outputs() <= 1024)
    outputs = 1;
  w.variant(1);
  emitDenseTile(w, {outputs, 1, 4});
  w.variant(4);
  emitDenseTile(w, {outputs, 4, 2});
  w.variant(mostRows);
  emitDenseTile(w, {std::max<int64_t>(outputs, 2), 8, 1});
}

void emitDenseVectors(KernelWriter &w) { emitFewDenseRows(w, UINT32_MAX); }

//===----------------------------------------------------------------------===//
// Experts in MXFP4
//===----------------------------------------------------------------------===//

static constexpr int64_t kBlockInputs = cpu::kScaleBlock;
/// Blocks whose inputs a lane keeps in registers.
static constexpr int64_t kMostBlocks = 4;
static constexpr int64_t kExpertWarps = 4;

namespace {

/// An input row in the registers of a warp: lane l has blocks l, l + 32, ...
class ResidentInput {
public:
  /// `owners`: warps that have rows of their own; 1: all have the same row.
  ResidentInput(KernelBuilder &k, int64_t inputs, int64_t owners = 1)
      : k_(k), blocks_(inputs / kBlockInputs), hasOwnRow_(owners > 1),
        staged_(k.shared(k.f32Type(), owners * inputs)) {
    if (hasOwnRow_)
      staged_ = staged_.at(k.warp() * inputs);
  }

  /// Takes a row, by all threads of the block. Holds barriers.
  void load(Array x) {
    k_.barrier();
    // Quads of inputs lie by place in the block, then block: what lanes read
    // together is contiguous.
    int64_t quads = blocks_ * (kBlockInputs / 4);
    Val first = hasOwnRow_ ? k_.lane() : k_.thread();
    Val threads = k_.i32(hasOwnRow_ ? kWarp : k_.block);
    k_.forEach(first, k_.i32(quads), threads, [&](Val quad) {
      Val block = quad / (kBlockInputs / 4), place = quad % (kBlockInputs / 4);
      staged_.storeVector((place * blocks_ + block) * 4,
                          x.loadVector(quad * 4, 4));
    });
    k_.barrier();
    values_.clear();
    for (int64_t chunk = 0; chunk < chunks(); ++chunk)
      for (int64_t place = 0; place < kBlockInputs / 4; ++place) {
        Val four = staged_.loadVector((block(chunk) + place * blocks_) * 4, 4);
        for (int64_t i = 0; i < 4; ++i)
          values_.push_back(k_.extract(four, i));
      }
  }

  int64_t chunks() const { return ceilDiv(blocks_, kWarp); }
  /// The lane's block; beyond the end the last one.
  Val block(int64_t chunk) const {
    return k_.min(k_.lane() + chunk * kWarp, k_.i32(blocks_ - 1));
  }
  /// Whether the lane's block exists; null where all do.
  Val exists(int64_t chunk) const {
    if ((chunk + 1) * kWarp <= blocks_)
      return {};
    return k_.lane() + chunk * kWarp < blocks_;
  }
  Val value(int64_t chunk, int64_t i) const {
    return values_[chunk * kBlockInputs + i];
  }

private:
  KernelBuilder &k_;
  int64_t blocks_;
  bool hasOwnRow_;
  Array staged_;
  SmallVector<Val, 0> values_;
};

/// A row of MXFP4: what a lane loads of it.
class LoadedRow {
public:
  LoadedRow(KernelBuilder &k, unsigned binding, Val expert, Val row,
            const ResidentInput &input)
      : k_(k), input_(input) {
    const WeightForm &form = k.weightAt(binding);
    int64_t blocks = form.inputs() / kBlockInputs;
    Val number = k.toI64(row) + k.toI64(expert) * form.outputs();
    Array values = k.arg(binding, 0).at(number * (form.inputs() / 2));
    Array scales = k.arg(binding, 1).at(number * blocks);
    for (int64_t chunk = 0; chunk < input.chunks(); ++chunk) {
      Val block = input.block(chunk);
      words_.push_back(
          values.at(block * 16).as(k.i32Type()).loadVector(k.i32(0), 4));
      scales_.push_back(k.extend(scales.load(block), k.i32Type()));
    }
  }

  /// Product with the input; all lanes have it.
  Val dot() {
    Val sum = k_.f32(0.0);
    for (int64_t chunk = 0; chunk < input_.chunks(); ++chunk) {
      // Codes are read as f16 of 2^-14 times their value.
      Val scale = k_.scaleFromE8M0(scales_[chunk]) * 0x1p14;
      Val next = k_.fma(blockSum(chunk), scale, sum);
      Val exists = input_.exists(chunk);
      sum = exists ? k_.select(exists, next, sum) : next;
    }
    return k_.warpSum(sum);
  }

private:
  Val blockSum(int64_t chunk) {
    // Two chains hide the latency of additions.
    Vals sums(2, k_.f32(0.0));
    for (int64_t w = 0; w < 4; ++w) {
      Val word = k_.extract(words_[chunk], w);
      for (int64_t j = 0; j < 4; ++j) {
        // Codes j and j + 4, in the two halves of a word.
        auto [low, high] = k_.decodeE2M1Pair(word, j);
        sums[0] = k_.fma(low, input_.value(chunk, w * 8 + j), sums[0]);
        sums[1] = k_.fma(high, input_.value(chunk, w * 8 + j + 4), sums[1]);
      }
    }
    return sums[0] + sums[1];
  }

  KernelBuilder &k_;
  const ResidentInput &input_;
  Vals words_, scales_;
};

} // namespace

std::string refuseExpertVectors(const KernelDescription &kernel) {
  const WeightForm &weight = *kernel.matrix();
  if (weight.element != Element::MXFP4 || weight.layout != Layout::Published)
    return "needs MXFP4 weights as published";
  if (weight.inputs() > kMostBlocks * kWarp * kBlockInputs)
    return "needs at most " +
           std::to_string(kMostBlocks * kWarp * kBlockInputs) + " inputs";
  return "";
}

/// Visits the slots of the block's expert (blockY), with the input row that
/// `inputRow` says in registers.
static void
forResidentSlots(KernelBuilder &k, ExpertWork &work, int64_t inputs,
                 llvm::function_ref<Val(Val)> inputRow,
                 llvm::function_ref<void(Val, ResidentInput &)> body) {
  ResidentInput input(k, inputs);
  Val a = k.blockY();
  k.ifThen(a < work.active(), [&] {
    k.forEach(work.firstSlot(a), work.endSlot(a), k.i32(1), [&](Val i) {
      Val slot = work.slot(i);
      input.load(k.rowOf(k.arg(0), inputRow(slot), inputs));
      body(slot, input);
    });
  });
}

/// The warp's share of the block's `perBlock` outputs, those below `count`.
static void forWarpOutputs(KernelBuilder &k, int64_t perBlock, int64_t count,
                           llvm::function_ref<void(Val)> body) {
  Val from = k.blockX() * perBlock + k.warp();
  Val to = k.min(k.blockX() * perBlock + perBlock, k.i32(count));
  k.forEach(from, to, k.i32(kExpertWarps), body);
}

void emitExpertGateUpVectors(KernelWriter &w) {
  constexpr unsigned weight = 5, bias = 6, act = 7;
  const WeightForm &form = w.weightAt(weight);
  int64_t outputs = form.outputs(), pairs = outputs / 2;
  int64_t perBlock = 4 * kExpertWarps;
  Extent active = w.perRow(w.kernel().topK, 1, form.shape[0]);
  w.stage(Extent::constant(ceilDiv(pairs, perBlock)), active,
          kExpertWarps * kWarp, [&](KernelBuilder &k) {
            ExpertWork work(k);
            Val expert = work.expert(k.blockY());
            forResidentSlots(
                k, work, form.inputs(),
                [&](Val slot) { return work.token(slot); },
                [&](Val slot, ResidentInput &input) {
                  forWarpOutputs(k, perBlock, pairs, [&](Val pair) {
                    Val row = pair * 2;
                    LoadedRow gates(k, weight, expert, row, input);
                    LoadedRow ups(k, weight, expert, row + 1, input);
                    Array biases = k.arg(bias).at(expert * outputs + row);
                    Val gate = gates.dot() + biases.value(k.i32(0));
                    Val up = ups.dot() + biases.value(k.i32(1));
                    k.ifThen(k.lane() == 0, [&] {
                      k.rowOf(k.arg(act), slot, pairs)
                          .store(pair, k.swiglu(gate, up));
                    });
                  });
                });
          });
}

/// Bindings of expert_down.
static constexpr unsigned kDownWeight = 6, kDownBias = 7;

/// Outputs of a block of a lone token, and shared memory for its inputs.
static constexpr int64_t kLoneOutputs = 8, kMostLoneBytes = 46 << 10;

/// Whether a block can have the inputs of all experts of a token.
static bool fitsLoneToken(const KernelDescription &kernel) {
  return kernel.topK > 1 && kernel.topK <= 8 &&
         kernel.topK * kernel.matrix()->inputs() * 4 <= kMostLoneBytes;
}

/// A token alone: a warp an expert, and the sum over them at once, in the order
/// of emitDownSum.
static void emitLoneExpertDown(KernelWriter &w) {
  int64_t ranks = w.kernel().topK, inputs = w.weightAt(kDownWeight).inputs();
  int64_t outputs = w.weightAt(kDownWeight).outputs();
  DownSum sum(w.kernel());
  w.stage(Extent::constant(ceilDiv(outputs, kLoneOutputs)), ranks * kWarp,
          [&](KernelBuilder &k) {
            ExpertWork work(k);
            Array products = k.shared(k.f32Type(), ranks * kLoneOutputs);
            // A token has as many experts as there are warps.
            Val expert = work.expert(k.warp()), slot = work.slot(k.warp());
            ResidentInput input(k, inputs, ranks);
            input.load(k.rowOf(k.arg(0), slot, inputs));
            Val first = k.blockX() * kLoneOutputs;
            Val count = k.min(k.i32(outputs) - first, k.i32(kLoneOutputs));
            k.forEach(k.i32(0), count, k.i32(1), [&](Val i) {
              Val row = first + i;
              LoadedRow weights(k, kDownWeight, expert, row, input);
              Val product = weights.dot() +
                            k.arg(kDownBias).value(expert * outputs + row);
              k.ifThen(k.lane() == 0, [&] {
                products.store(slot * kLoneOutputs + i, product);
              });
            });
            k.barrier();
            k.ifThen(k.thread() < count, [&] {
              sum.emit(k, k.i32(0), first + k.thread(), products.at(k.thread()),
                       kLoneOutputs);
            });
          });
}

void emitFewExpertDownRows(KernelWriter &w, uint32_t mostRows) {
  if (fitsLoneToken(w.kernel())) {
    w.variant(1);
    emitLoneExpertDown(w);
  }
  const WeightForm &form = w.weightAt(kDownWeight);
  int64_t outputs = form.outputs();
  int64_t perBlock = 4 * kExpertWarps;
  Extent active = w.perRow(w.kernel().topK, 1, form.shape[0]);
  w.variant(mostRows, w.scratchPerRow(w.kernel().topK * outputs * 4));
  w.stage(Extent::constant(ceilDiv(outputs, perBlock)), active,
          kExpertWarps * kWarp, [&](KernelBuilder &k) {
            ExpertWork work(k);
            Val expert = work.expert(k.blockY());
            forResidentSlots(
                k, work, form.inputs(), [](Val slot) { return slot; },
                [&](Val slot, ResidentInput &input) {
                  forWarpOutputs(k, perBlock, outputs, [&](Val row) {
                    LoadedRow weights(k, kDownWeight, expert, row, input);
                    Val sum = weights.dot() +
                              k.arg(kDownBias).value(expert * outputs + row);
                    k.ifThen(k.lane() == 0, [&] {
                      k.rowOf(k.scratch(k.f32Type()), slot, outputs)
                          .store(row, sum);
                    });
                  });
                });
          });
  emitDownSum(w);
}

void emitExpertDownVectors(KernelWriter &w) {
  emitFewExpertDownRows(w, UINT32_MAX);
}

} // namespace gossamer::cuda
