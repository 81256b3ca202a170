//===- GptOssRope.cpp - Frequencies of the rotary embedding -----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace mlir::gptoss;

LogicalResult RopeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               Real theta, RopeScaling scaling, Real factor,
                               Real betaFast, Real betaSlow,
                               int64_t originalContext, bool,
                               Real attentionFactor) {
  if (!std::isfinite(theta) || theta <= 1.0)
    return emitError() << "expects theta to be greater than 1 but got "
                       << theta.value;
  if (!std::isfinite(attentionFactor) || attentionFactor < 0.0)
    return emitError() << "expects attention_factor to be at least 0 but got "
                       << attentionFactor.value;
  if (scaling == RopeScaling::None)
    return success();
  if (!std::isfinite(factor) || factor < 1.0)
    return emitError() << "expects factor to be at least 1 but got "
                       << factor.value;
  if (!std::isfinite(betaSlow) || betaSlow <= 0.0)
    return emitError() << "expects beta_slow to be greater than 0 but got "
                       << betaSlow.value;
  if (!std::isfinite(betaFast) || betaFast < betaSlow)
    return emitError() << "expects beta_fast to be at least beta_slow ("
                       << betaSlow.value << ") but got " << betaFast.value;
  if (originalContext <= 0)
    return emitError()
           << "expects original_context to be greater than 0 but got "
           << originalContext;
  return success();
}

/// Index of the pair that turns `rotations` times over the original context.
static double pairOfRotations(RopeAttr rope, int64_t headDim,
                              double rotations) {
  double turns = static_cast<double>(rope.getOriginalContext()) /
                 (rotations * 2.0 * llvm::numbers::pi);
  return static_cast<double>(headDim) / 2.0 * std::log(turns) /
         std::log(rope.getTheta());
}

SmallVector<double> RopeAttr::computeInverseFrequencies(int64_t headDim) const {
  double low = 0.0, high = 0.0;
  if (getScaling() == RopeScaling::Yarn) {
    low = pairOfRotations(*this, headDim, getBetaFast());
    high = pairOfRotations(*this, headDim, getBetaSlow());
    if (getTruncate()) {
      auto last = static_cast<double>(headDim - 1);
      low = std::max(std::floor(low), 0.0);
      high = std::min(std::ceil(high), last);
    }
    if (low == high)
      high += 0.001;
  }
  SmallVector<double> inverse;
  for (int64_t i = 0; i < headDim / 2; ++i) {
    double exponent =
        2.0 * static_cast<double>(i) / static_cast<double>(headDim);
    double base = std::pow(getTheta(), exponent);
    double inv = 1.0 / base;
    if (getScaling() == RopeScaling::Yarn) {
      double ramp = (static_cast<double>(i) - low) / (high - low);
      ramp = std::clamp(ramp, 0.0, 1.0);
      inv = ramp / (getFactor() * base) + (1.0 - ramp) / base;
    }
    inverse.push_back(inv);
  }
  return inverse;
}

double RopeAttr::getConcentration() const {
  if (getAttentionFactor() > 0.0)
    return getAttentionFactor();
  if (getScaling() == RopeScaling::None)
    return 1.0;
  return 0.1 * std::log(getFactor()) + 1.0;
}
