//===- ProductCheck.h - Compiled products against exact ones ----*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// The oracle of goss check is compiled code too. Here it is held against the
// checkpoint's bytes: what its launches with a parameter leave is compared with
// what double-precision arithmetic makes of the same input and of the weights
// as ScalarDecode reads them.
//
//   embedding      y[t] = W[token t]
//   rms_norm       y[t] = w x[t] / sqrt(mean(x[t]^2) + eps)
//   linear         y[t] = W x[t] + b
//   expert_linear  y[t][k] = W[e] x[t][k] + b[e], e = chosen[t][k]
//   softmax_sink   y[t][h][j] = e^(x[t][h][j] - m) / (sum_j e^(x[t][h][j] - m)
//                  + e^(sink[h] - m)), m the largest of the exponents
//
//===----------------------------------------------------------------------===//

#ifndef GOSSAMER_TOOLS_GOSS_PRODUCTCHECK_H
#define GOSSAMER_TOOLS_GOSS_PRODUCTCHECK_H

#include "frontend/checkpoint/Checkpoint.h"
#include "runtime/model/Model.h"

#include <map>
#include <memory>
#include <span>
#include <string>

namespace gossamer::tools {

/// How far the products with one parameter are off.
struct ProductError {
  uint64_t numbers = 0;
  double maxError = 0;
  double squaredErrors = 0;
  double squaredExact = 0;

  /// RMS of the differences by that of the exact products.
  double relative() const;
};

/// By the parameter's symbol.
using ProductErrors = std::map<std::string, ProductError>;

/// Computes `tokens` in one step of `oracle`, a model of opt level 0 that was
/// made from `checkpoint` and runs on the CPU. Parameters whose launches are
/// none of the above are left out, and experts that no token chose.
Expected<ProductErrors>
checkProducts(const std::shared_ptr<const Model> &oracle,
              const Checkpoint &checkpoint, std::span<const int32_t> tokens);

} // namespace gossamer::tools

#endif // GOSSAMER_TOOLS_GOSS_PRODUCTCHECK_H
