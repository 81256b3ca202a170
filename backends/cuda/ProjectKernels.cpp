//===- ProjectKernels.cpp - Query, key and value of a row -----------------===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Norm, three products, rotation and the cache in few launches. A lone row is
// one launch: every block normalises it anew, and a warp has two outputs that
// are half a head apart, which a rotation turns together. With a few rows the
// norm is a launch of its own, with many also what follows the products.
//
//===----------------------------------------------------------------------===//

#include "backends/cuda/CacheAccess.h"
#include "backends/cuda/DenseProducts.h"
#include "backends/cuda/KernelEmitters.h"
#include "backends/cuda/RowParts.h"

using namespace mlir;

namespace gossamer::cuda {

namespace {

/// Bindings of project; the weight of a part is followed by its bias.
enum Binding : unsigned {
  kX = 0,
  kFirstWeight = 2,
  kCosines = 8,
  kSines,
  kPositions,
  kSequences,
  kQueries,
  kCache
};

enum class Part : unsigned { Query, Key, Value };
constexpr Part kParts[] = {Part::Query, Part::Key, Part::Value};

unsigned weightOf(Part part) {
  return kFirstWeight + 2 * static_cast<unsigned>(part);
}

class Projection {
public:
  explicit Projection(const KernelDescription &kernel)
      : kernel_(kernel), headDim_(kernel.cache()->headDim) {}

  int64_t inputs() const { return kernel_.matrix()->inputs(); }
  int64_t outputs(Part part) const {
    return std::get<WeightForm>(kernel_.bindings[weightOf(part)]).outputs();
  }
  /// Pairs of outputs that are half a head apart.
  int64_t pairs(Part part) const { return outputs(part) / 2; }
  int64_t half() const { return headDim_ / 2; }
  Val lowOf(Val pair) const { return pair / half() * headDim_ + pair % half(); }
  /// Where the outputs of a part begin among all.
  int64_t offset(Part part) const {
    int64_t before = 0;
    for (Part other : kParts)
      if (other < part)
        before += outputs(other);
    return before;
  }
  int64_t allOutputs() const {
    return offset(Part::Value) + outputs(Part::Value);
  }

  /// Scratch memory of rows: norms, then products of all parts.
  Array normOf(KernelBuilder &k, Val row) const {
    return k.rowOf(k.scratch(k.f32Type()), row, inputs());
  }
  Array productsOf(KernelBuilder &k, Val row) const {
    Array all = k.rowOf(k.scratch(k.f32Type()), k.tokens(), inputs());
    return k.rowOf(all, row, allOutputs());
  }
  int64_t normBytes() const { return inputs() * 4; }
  int64_t productBytes() const { return allOutputs() * 4; }

  Val biased(KernelBuilder &k, Part part, Val output, Val sum) const {
    return sum + k.arg(weightOf(part) + 1).value(output);
  }
  /// Takes a pair of outputs of a row to where attention looks for them.
  void place(KernelBuilder &k, Part part, Val row, Val pair, Val low,
             Val high) const;

private:
  const KernelDescription &kernel_;
  int64_t headDim_;
};

} // namespace

void Projection::place(KernelBuilder &k, Part part, Val row, Val pair, Val low,
                       Val high) const {
  Val head = pair / half(), d = pair % half();
  if (part != Part::Value) {
    Rotated turned(low, high, k.row(kCosines, row).load(d),
                   k.row(kSines, row).load(d));
    low = turned.first;
    high = turned.second;
  }
  if (part == Part::Query) {
    Array query = k.row(kQueries, row);
    query.store(lowOf(pair), low);
    query.store(lowOf(pair) + half(), high);
    return;
  }
  CacheAccess cache(k, kCache);
  Val position = k.arg(kPositions).load(row);
  Val sequence = k.arg(kSequences).load(row);
  Array page = cache.page(cache.pageNumber(sequence, position));
  Val slot = cache.slot(position);
  for (auto [dimension, element] : {std::pair(d, low), {d + half(), high}})
    page.store(part == Part::Key ? cache.key(head, dimension, slot)
                                 : cache.value(head, dimension, slot),
               element);
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

/// A warp's pair of outputs of `tile.rows` rows.
static void emitPair(KernelBuilder &k, const Projection &shape, DenseTile tile,
                     Part part, Val pair, Val firstRow, ArrayRef<Array> xs) {
  Val low = shape.lowOf(pair), high = low + shape.half();
  SmallVector<Array> weights;
  for (Val output : {low, high})
    weights.push_back(k.rowOf(k.arg(weightOf(part)), output, shape.inputs()));
  Vals sums = denseProduct(k, tile, shape.inputs(), weights, xs);
  for (int64_t r = 0; r < tile.rows; ++r) {
    Val row = firstRow + r;
    k.ifThen((k.lane() == r) & (row < k.tokens()), [&] {
      shape.place(k, part, row, pair, shape.biased(k, part, low, sums[r]),
                  shape.biased(k, part, high, sums[tile.rows + r]));
    });
  }
}

/// `isLone`: there is one row, and its norm is still to be computed.
static void emitPairs(KernelWriter &w, int64_t rows, int64_t unroll,
                      bool isLone) {
  Projection shape(w.kernel());
  int64_t blocks = 0;
  for (Part part : kParts)
    blocks += ceilDiv(shape.pairs(part), kDenseWarps);
  w.stage(Extent::constant(blocks), w.perRow(1, rows), kDenseWarps * kWarp,
          [&](KernelBuilder &k) {
            Val firstRow = k.blockY() * rows;
            SmallVector<Array> xs;
            if (isLone) {
              xs.push_back(k.shared(k.f32Type(), shape.inputs()));
              normalizeRow(k, k.row(kX, firstRow), shape.inputs(), 1,
                           [&](Val i, Val y) { xs[0].store(i, y); });
              k.barrier();
            } else {
              for (int64_t r = 0; r < rows; ++r)
                xs.push_back(
                    shape.normOf(k, k.min(firstRow + r, k.tokens() - 1)));
            }
            int64_t firstBlock = 0;
            for (Part part : kParts) {
              int64_t pairs = shape.pairs(part);
              // Blocks of other parts have numbers outside of 0 ... pairs-1.
              Val pair = (k.blockX() - firstBlock) * kDenseWarps + k.warp();
              k.ifThen((pair > -1) & (pair < pairs), [&] {
                emitPair(k, shape, {2, rows, unroll}, part, pair, firstRow, xs);
              });
              firstBlock += ceilDiv(pairs, kDenseWarps);
            }
          });
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

static void emitNorms(KernelWriter &w, const Projection &shape) {
  emitNormStage(
      w, [&](KernelBuilder &k, Val row) { return shape.normOf(k, row); });
}

/// Products of all parts in scratch memory to their places, a block a row.
static void emitPlacing(KernelWriter &w, const Projection &shape) {
  w.stage(w.perRow(), kNormBlock, [&](KernelBuilder &k) {
    Val row = k.blockX();
    for (Part part : kParts) {
      Array products = shape.productsOf(k, row).at(k.i32(shape.offset(part)));
      k.forThreads(k.i32(shape.pairs(part)), [&](Val pair) {
        Val low = shape.lowOf(pair);
        shape.place(k, part, row, pair, products.load(low),
                    products.load(low + shape.half()));
      });
    }
  });
}

/// All for rows that are many, or whose weights are of any form: each product,
/// for which `multiply` adds a stage, puts its sums into scratch memory.
static void
emitApart(KernelWriter &w, const Projection &shape,
          llvm::function_ref<void(RowInput, DenseMatrix)> multiply) {
  w.variant(UINT32_MAX,
            w.scratchPerRow(shape.normBytes() + shape.productBytes()));
  emitNorms(w, shape);
  for (Part part : kParts) {
    auto input = [&](KernelBuilder &k, Val row) {
      return shape.normOf(k, row);
    };
    auto store = [&](KernelBuilder &k, Val row, Val output, Val sum) {
      shape.productsOf(k, row).store(output + shape.offset(part),
                                     shape.biased(k, part, output, sum));
    };
    multiply(input, {weightOf(part), store});
  }
  emitPlacing(w, shape);
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

std::string refuseProject(const KernelDescription &kernel) {
  for (Part part : kParts) {
    const auto &weight = std::get<WeightForm>(kernel.bindings[weightOf(part)]);
    if (std::string why = refuseDenseTileWeight(weight); !why.empty())
      return why;
  }
  return "";
}

static void emitProject(KernelWriter &w, int64_t parts) {
  Projection shape(w.kernel());
  w.variant(1);
  emitPairs(w, 1, 4, /*isLone=*/true);
  for (auto [mostRows, rows, unroll] :
       {std::tuple<uint32_t, int64_t, int64_t>{4, 4, 2}, {kFewRows, 8, 1}}) {
    w.variant(mostRows, w.scratchPerRow(shape.normBytes()));
    emitNorms(w, shape);
    emitPairs(w, rows, unroll, /*isLone=*/false);
  }
  emitApart(w, shape, [&](RowInput input, DenseMatrix matrix) {
    emitTileStage(w, parts, input, matrix);
  });
}

void emitProjectExact(KernelWriter &w) { emitProject(w, kExactParts); }
void emitProjectRounded(KernelWriter &w) { emitProject(w, kRoundedParts); }

void emitPlainProject(KernelWriter &w) {
  emitApart(w, Projection(w.kernel()), [&](RowInput input, DenseMatrix matrix) {
    emitWarpStage(w, input, matrix);
  });
}

} // namespace gossamer::cuda
