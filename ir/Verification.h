//===- Verification.h - Checks that operations share ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Private to ir/: the checks of several verifiers, with one wording.
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_IR_VERIFICATION_H
#define GOSSAMER_IR_VERIFICATION_H

#include "ir/GptOss.h"

#include <cmath>

namespace mlir::gptoss::detail {

/// Tensor of f32 of that shape.
inline RankedTensorType activation(MLIRContext *context,
                                   ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, Float32Type::get(context));
}

/// Product of two dimensions; unknown when one is.
inline int64_t multiplyDims(int64_t first, int64_t second) {
  if (ShapedType::isDynamic(first) || ShapedType::isDynamic(second))
    return ShapedType::kDynamic;
  return first * second;
}

/// Half of an even dimension; unknown when it is.
inline int64_t halveDim(int64_t dim) {
  return ShapedType::isDynamic(dim) ? dim : dim / 2;
}

/// Text of a dimension.
inline std::string dimText(int64_t dim) {
  return ShapedType::isDynamic(dim) ? "?" : std::to_string(dim);
}

/// "expects E what but got G", when the two differ.
inline LogicalResult verifyDim(Operation *op, StringRef what, int64_t expected,
                               int64_t got) {
  if (expected == got)
    return success();
  return op->emitOpError() << "expects " << dimText(expected) << ' ' << what
                           << " but got " << dimText(got);
}

/// The first dimensions count the same tokens; a dynamic one fits all.
inline LogicalResult verifyTokens(Operation *op, RankedTensorType first,
                                  RankedTensorType second) {
  int64_t expected = first.getDimSize(0), got = second.getDimSize(0);
  if (ShapedType::isDynamic(expected) || ShapedType::isDynamic(got))
    return success();
  return verifyDim(op, "tokens", expected, got);
}

inline LogicalResult verifyPositive(Operation *op, StringRef what,
                                    const APFloat &value) {
  double number = value.convertToDouble();
  if (std::isfinite(number) && number > 0.0)
    return success();
  return op->emitOpError() << "expects " << what
                           << " to be finite and greater than 0 but got "
                           << number;
}

inline LogicalResult verifyLayer(Operation *op, CacheType cache,
                                 int64_t layer) {
  if (layer >= 0 && layer < cache.getNumLayers())
    return success();
  return op->emitOpError() << "expects a layer from 0 to "
                           << cache.getNumLayers() - 1 << " but got " << layer;
}

inline LogicalResult verifyWindow(Operation *op, int64_t window) {
  if (window >= 0)
    return success();
  return op->emitOpError() << "expects a window of at least 0 but got "
                           << window;
}

inline LogicalResult verifyQueryHeads(Operation *op, CacheType cache,
                                      RankedTensorType query) {
  int64_t heads = query.getDimSize(1);
  if (!ShapedType::isDynamic(heads) && heads % cache.getKvHeads() == 0)
    return success();
  return op->emitOpError() << "expects a multiple of " << cache.getKvHeads()
                           << " heads but got " << dimText(heads);
}

/// What scores and fused attention ask of queries [tokens][heads][head_dim].
template <typename OpT>
LogicalResult verifyQueries(OpT op, RankedTensorType query) {
  CacheType cache = op.getCache().getType();
  if (failed(verifyLayer(op, cache, op.getLayer())) ||
      failed(verifyDim(op, "head dimension of queries", cache.getHeadDim(),
                       query.getDimSize(2))) ||
      failed(verifyQueryHeads(op, cache, query)))
    return failure();
  return verifyPositive(op, "scale", op.getScale());
}

inline LogicalResult verifyChoice(Operation *op, int64_t k, int64_t n) {
  if (k >= 1 && (ShapedType::isDynamic(n) || k <= n))
    return success();
  return op->emitOpError() << "expects k from 1 to " << dimText(n)
                           << " but got " << k;
}

inline LogicalResult verifyGate(Operation *op, const APFloat &alpha,
                                const APFloat &limit) {
  if (!alpha.isFinite())
    return op->emitOpError()
           << "expects alpha to be finite but got " << alpha.convertToDouble();
  return verifyPositive(op, "limit", limit);
}

} // namespace mlir::gptoss::detail

#endif // GOSSAMER_IR_VERIFICATION_H
