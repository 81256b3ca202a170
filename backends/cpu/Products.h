//===- Products.h - Products of weights and activations ---------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// What the matrix kernels (linear, expert_gate_up, expert_down) have in common:
// the products of 16 rows of a weight with any rows of an activation. How they
// are computed depends on the weight's element and layout and on the form of
// the activation; each way states its order of additions, which is the same for
// every layout and any number of rows.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_PRODUCTS_H
#define GOSSAMER_BACKENDS_CPU_PRODUCTS_H

#include "backends/cpu/KernelBuilder.h"

#include <memory>

namespace gossamer::cpu {

/// Products with one weight, or with the matrix of one expert of it.
class Products {
public:
  /// Maps i to a row of the activation.
  using InputRow = llvm::function_ref<Value(Value i)>;
  /// Takes the 16 products (a vector of f32) of i.
  using Use = llvm::function_ref<void(Value i, Value sums)>;

  virtual ~Products() = default;

  /// Computes the products of rows first ... first+15 for every i in
  /// [from, to). Products of rows that do not exist are unspecified.
  virtual void forEach(Value first, Value from, Value to, InputRow inputRow,
                       Use use) = 0;
};

/// The way that fits binding `weight` and the kernel's input, binding 0.
std::unique_ptr<Products> makeProducts(KernelBuilder &k, unsigned weight,
                                       Value expert = {});

/// In float32 (DotProducts.cpp).
std::unique_ptr<Products> makeDotProducts(KernelBuilder &k, unsigned weight,
                                          Value expert);
/// With quantized activations (IntegerProducts.cpp).
std::unique_ptr<Products> makeIntegerProducts(KernelBuilder &k, unsigned weight,
                                              Value expert);

/// Covers from ... to-1 by tiles of the given sizes, in that order; the last
/// size must be 1.
void forTiles(KernelBuilder &k, Value from, Value to,
              llvm::ArrayRef<int64_t> sizes,
              llvm::function_ref<void(Value, int64_t)> body);

/// Fetches lines of a memref ahead of their use: the first of every `step` of
/// `count` lines of 64 bytes from element `at` of its flat storage on (the last
/// element if that is beyond). A processor that reads on by itself needs no
/// more than every other one, and has then more requests of its own under way.
/// They go to the second cache level: in the first one lines of far ahead push
/// each other, and the activations, out.
void prefetchLines(KernelBuilder &k, Value memref, Value at, int64_t count,
                   int64_t step = 1);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_PRODUCTS_H
