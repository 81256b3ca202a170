//===- KernelDescription.h - What a kernel computes -------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// A gptoss.kernel in the terms that the kernel emitters need: the operation,
// the memory of every binding, the attributes. Emitters see only this, so a
// test can describe a kernel without building IR for it.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_BACKENDS_CPU_KERNELDESCRIPTION_H
#define GOSSAMER_BACKENDS_CPU_KERNELDESCRIPTION_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Support/LLVM.h"

#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace gossamer::cpu {

/// Elements of a parameter as stored.
enum class Element { F32, BF16, F16, MXFP4, I8 };

/// Order of a parameter's elements; see !gptoss.weight.
enum class Layout { RowMajor, Transposed, Published, RowPanel };

/// Rows of a panel; inputs that lie together, and share a scale but for I8
/// weights with one a row.
inline constexpr int64_t kPanelRows = 16, kScaleBlock = 32;

/// Bytes of a part of a block of a quantized row; the row's step of four bytes
/// follows all its blocks (QuantizeKernel.cpp).
inline constexpr int64_t kPartBytes = kScaleBlock + 8;
inline int64_t quantizedRowBytes(int64_t inputs, int64_t parts) {
  return inputs / kScaleBlock * parts * kPartBytes + 4;
}
inline int64_t quantizedParts(int64_t rowBytes, int64_t inputs) {
  return (rowBytes - 4) / (inputs / kScaleBlock * kPartBytes);
}

/// A parameter: logical shape [n], [out, in] or [experts, out, in].
struct WeightForm {
  llvm::SmallVector<int64_t, 3> shape;
  Element element = Element::F32;
  Layout layout = Layout::RowMajor;
  /// I8: inputs of a row that share a scale, kScaleBlock or all of them.
  int64_t block = kScaleBlock;

  int64_t outputs() const { return shape[shape.size() - 2]; }
  int64_t inputs() const { return shape.back(); }
  /// Bytes of one of its rows (all inputs of one output).
  int64_t rowBytes() const;
  /// Whether a scale is shared by each block of elements.
  bool isScaled() const {
    return element == Element::MXFP4 || element == Element::I8;
  }
  /// Whether that is a scale for each row.
  bool hasRowScale() const { return isScaled() && block != kScaleBlock; }
  /// The tensors it consists of: one, or values and scales. The bits of a bf16
  /// are an i16: LLVM may convert a bf16 it loads, by calls of a library.
  llvm::SmallVector<mlir::MemRefType, 2>
  storageTypes(mlir::MLIRContext *context) const;
};

/// One layer's part of the paged cache; the layer's pointer is to its part of
/// page 0.
struct CacheForm {
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t headDimPadded = 0; ///< row length of values.
  int64_t pageTokens = 16;
  int64_t maxPages = 0;     ///< row length of the page table.
  int64_t pageElements = 0; ///< from page to page, all layers of the group.
  Element element = Element::F32; ///< or BF16.

  /// Pages [page][element] and page table [sequence][page]. A bf16 is an i16,
  /// as for weights.
  llvm::SmallVector<mlir::MemRefType, 2>
  storageTypes(mlir::MLIRContext *context) const;
};

using BindingForm = std::variant<mlir::MemRefType, WeightForm, CacheForm>;

/// A kernel operation with its bindings in the order of the plan level.
struct KernelDescription {
  std::string operation;
  std::vector<BindingForm> bindings;

  // Attributes; those an operation does not have keep their defaults.
  double eps = 1e-5;
  double alpha = 1.702;
  double limit = 7.0;
  double scale = 1.0;
  int64_t window = 0;          ///< 0: all keys.
  int64_t topK = 1;            ///< experts a token.
  bool rowsAreOutputs = false; ///< linear: rows 0 ... R-1 instead of T-1.
  bool hasBias = false;
  bool hasResidual = false;
  bool isQuantized = false; ///< the input is what `quantize` writes.
  double unit = 1.0;        ///< quantize: value of a step of a weight.
  int64_t zero = 0;         ///< quantize: what weights are stored with added.
  std::vector<double> inverseFrequencies; ///< rope_table.
  double concentration = 1.0;             ///< rope_table.

  /// The first parameter among the bindings, or nullptr.
  const WeightForm *weight() const;
  /// The weight matrix (rank 2 or 3), or nullptr.
  const WeightForm *matrix() const;
  /// The cache among the bindings, or nullptr.
  const CacheForm *cache() const;
  /// Pointers that a launch passes.
  unsigned numPointers() const;
};

/// Parameter bytes that one work item reads; see KernelRecord.
uint64_t bytesPerItem(const KernelDescription &kernel);
/// Floating-point operations of one work item; see KernelRecord.
uint64_t flopsPerItem(const KernelDescription &kernel);

} // namespace gossamer::cpu

#endif // GOSSAMER_BACKENDS_CPU_KERNELDESCRIPTION_H
