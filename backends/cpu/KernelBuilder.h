//===- KernelBuilder.h - Writing kernel bodies ------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The vocabulary in which kernels are written: index and float arithmetic,
// loops, widening loads, exp and sin/cos without a library, and the dot
// product whose order of additions every vector kind shares.
//
// A "lane value" is an f32 when the builder has one lane (plain kinds) and a
// vector<16xf32> when it has 16 (vector kinds): kernels that work on each
// element alone are written once.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_KERNELBUILDER_H
#define GOSSAMER_BACKENDS_CPU_KERNELBUILDER_H

#include "backends/cpu/CpuTarget.h"
#include "backends/cpu/KernelDescription.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

#include "llvm/ADT/STLFunctionalExtras.h"

#include <utility>

namespace gossamer::cpu {

using mlir::Value;
using mlir::ValueRange;
using Values = llvm::SmallVector<Value, 4>;

/// Lanes of every vector kind. Targets with narrower registers use several.
inline constexpr int64_t kLanes = 16;
/// Inputs a step of a dot product: two a lane.
inline constexpr int64_t kDotBlock = 32;

/// Values that every kernel function receives.
struct KernelArguments {
  std::vector<Values> bindings; ///< memrefs of each binding.
  Value begin, end;             ///< work items.
  Value tokens, outputs, keys;  ///< goss_dims.
};

class KernelBuilder {
public:
  KernelBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                const KernelDescription &kernel, const CpuFeatures &features,
                KernelArguments arguments, int64_t lanes)
      : b(builder), loc(loc), kernel(kernel), features(features),
        args(std::move(arguments)), lanes(lanes) {}

  // Bindings. ---------------------------------------------------------------
  /// The only (or first) memref of binding `i`.
  Value arg(unsigned i) const { return args.bindings[i][0]; }
  const WeightForm &weightAt(unsigned i) const {
    return std::get<WeightForm>(kernel.bindings[i]);
  }
  mlir::MemRefType typeAt(unsigned i) const {
    return std::get<mlir::MemRefType>(kernel.bindings[i]);
  }
  /// Binding `i` as [rows][all the rest].
  Value matrixArg(unsigned i);
  /// Elements of a row of matrixArg(i).
  int64_t rowSize(unsigned i) const;

  // Constants. ----------------------------------------------------------------
  Value index(int64_t value);
  Value integer(int64_t value, unsigned bits);
  /// `value` in a type: float, integer, or a vector of them.
  Value constant(mlir::Type type, double value);
  Value constantInt(mlir::Type type, int64_t value);
  Value f32(double value) { return constant(b.getF32Type(), value); }
  mlir::VectorType vec(int64_t n, mlir::Type element) {
    return mlir::VectorType::get({n}, element);
  }
  mlir::VectorType f32s(int64_t n = kLanes) { return vec(n, b.getF32Type()); }
  /// vector of n i1, the first `set` of them true.
  Value prefixMask(int64_t set, int64_t n = kLanes);
  /// The same for a number known at run time.
  Value prefixMask(Value set, int64_t n = kLanes);

  // Index arithmetic (unsigned). ---------------------------------------------
  Value addi(Value l, Value r);
  Value addi(Value l, int64_t r) { return addi(l, index(r)); }
  Value subi(Value l, Value r);
  Value muli(Value l, Value r);
  Value muli(Value l, int64_t r) { return muli(l, index(r)); }
  Value divi(Value l, int64_t r);
  Value remi(Value l, int64_t r);
  Value mini(Value l, Value r);
  Value maxi(Value l, Value r);
  /// i32 to index, sign extended.
  Value toIndex(Value i32);
  Value toI32(Value index);
  Value less(Value l, Value r);

  // Lane arithmetic: no reassociation, no contraction. -----------------------
  Value add(Value l, Value r);
  Value sub(Value l, Value r);
  Value mul(Value l, Value r);
  Value div(Value l, Value r);
  /// a * b + c, one rounding where the target has it.
  Value fma(Value a, Value b, Value c);
  /// Ordered selects: a NaN on the left is dropped.
  Value max(Value l, Value r);
  Value min(Value l, Value r);
  Value sqrt(Value v);
  Value splat(Value scalar, mlir::Type type);
  Value splat(Value scalar) { return splat(scalar, laneType()); }
  /// Type of a lane value.
  mlir::Type laneType();
  /// Lane value of a constant.
  Value lane(double value) { return constant(laneType(), value); }

  // Functions. ----------------------------------------------------------------
  /// e^v within 2 ulp; 0 below -104, infinity above 88.7.
  Value exp(Value v);
  /// e^v within 2 ulp for v up to 0; 0 below -87.
  Value expOfNegative(Value v);
  /// 1 / (1 + e^-v), exact 0 and 1 at the ends.
  Value sigmoid(Value v);
  /// Sine and cosine of f64 angles up to 2^20.
  std::pair<Value, Value> sinCos(Value angle);
  /// The clamped product of gate and up.
  Value swiglu(Value gate, Value up);

  // Control flow.
  // --------------------------------------------------------------
  void forEach(Value from, Value to, int64_t step,
               llvm::function_ref<void(Value)> body);
  void forEach(int64_t to, llvm::function_ref<void(Value)> body) {
    forEach(index(0), index(to), 1, body);
  }
  /// Loop with values that the body maps to their next ones.
  Values forCarry(Value from, Value to, int64_t step, ValueRange inits,
                  llvm::function_ref<Values(Value, ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifThenElse(Value condition, llvm::function_ref<void()> then,
                  llvm::function_ref<void()> otherwise);
  /// Work items begin ... end-1.
  void forItems(llvm::function_ref<void(Value)> body) {
    forEach(args.begin, args.end, 1, body);
  }
  /// Covers 0 ... n-1 by lane values; `mask` is null for whole ones.
  void forChunks(int64_t n, llvm::function_ref<void(Value, Value)> body);
  /// The same, with carried values.
  Values carryChunks(int64_t n, ValueRange inits,
                     llvm::function_ref<Values(Value, Value, ValueRange)> body);

  // Memory.
  // ---------------------------------------------------------------------
  /// Scratch of the function's frame, 64-byte aligned.
  Value scratch(llvm::ArrayRef<int64_t> shape, mlir::Type element);
  Value loadScalar(Value memref, ValueRange indices);
  void storeScalar(Value value, Value memref, ValueRange indices);
  /// Loads `n` elements and widens them to f32; masked lanes are 0.
  Value loadVector(Value memref, ValueRange indices, int64_t n,
                   Value mask = {});
  void storeVector(Value value, Value memref, ValueRange indices,
                   Value mask = {});
  /// A lane value, by the builder's number of lanes.
  Value load(Value memref, ValueRange indices, Value mask = {});
  void store(Value value, Value memref, ValueRange indices, Value mask = {});
  /// f16 and bf16 (as i16), scalar or vector, to f32; others stay.
  Value widen(Value value);
  /// f32, scalar or vector, to the nearest bf16 as i16; ties to even.
  Value narrowToBF16(Value value);
  /// Element (expert,) row, k of a weight of any form, as f32.
  Value loadWeight(unsigned binding, Value expert, Value row, Value k);
  /// 2^(s-127) from E8M0 bytes s, as i8 or widened to i32; s = 0 is subnormal.
  Value scaleFromE8M0(Value bits);

  // Lanes.
  // ------------------------------------------------------------------------
  Value shuffle(Value l, Value r, llvm::ArrayRef<int64_t> order);
  /// Sum of 16 lanes in the order 8+8, 4+4, 2+2, 1+1.
  Value sumLanes(Value v);
  /// Sums and maxima of the lanes of up to 16 vectors, one in each lane of the
  /// result, in the order of sumLanes; lanes beyond the vectors repeat them.
  Value sumOfRows(llvm::ArrayRef<Value> rows);
  Value maxOfRows(llvm::ArrayRef<Value> rows);
  /// sumLanes of four vectors at once.
  Value sumLanesOf4(llvm::ArrayRef<Value> four);
  /// Even and odd lanes of 32 values.
  std::pair<Value, Value> evenOdd(Value low, Value high);
  /// Sum of 16 vectors, lane by lane, in the order of sumLanes.
  Value sumTree(llvm::ArrayRef<Value> sixteen);

  // Dot products. -------------------------------------------------------------
  /// Even and odd ones of 32 inputs from memory; `count` < 32 pads with 0.
  std::pair<Value, Value> loadPair(Value memref, ValueRange indices,
                                   int64_t count);

  mlir::OpBuilder &b;
  mlir::Location loc;
  const KernelDescription &kernel;
  const CpuFeatures &features;
  const KernelArguments args;
  const int64_t lanes;

private:
  Value reduceRows(llvm::ArrayRef<Value> rows,
                   llvm::function_ref<Value(Value, Value)> combine);
  Value widenF16(Value value);
  Value bitcast(Value value, mlir::Type type);
  /// `element`, or a vector of it shaped as `like`.
  mlir::Type sameShape(mlir::Type like, mlir::Type element);
};

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_KERNELBUILDER_H
