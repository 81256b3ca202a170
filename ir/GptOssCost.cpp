//===- GptOssCost.cpp - What operations cost --------------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//

#include "ir/GptOss.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::gptoss;

namespace {
/// Elements of activations, with `?` replaced by the step's sizes.
class Sizes {
public:
  explicit Sizes(const StepSize &size) : size_(size) {}

  double elements(Type type) const {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return 0;
    double product = 1;
    for (auto [i, dim] : llvm::enumerate(tensor.getShape()))
      product *= static_cast<double>(!ShapedType::isDynamic(dim) ? dim
                                     : i == 0                    ? size_.tokens
                                                                 : size_.keys);
    return product;
  }

private:
  StepSize size_;
};

double bytes(WeightType weight) {
  return static_cast<double>(weight.getStorageBytes());
}

/// Bytes of the weights of the experts that `slots` choices can name.
double expertBytes(WeightType weight, double slots) {
  auto experts = static_cast<double>(weight.getDimSize(0));
  return bytes(weight) * std::min(experts, slots) / experts;
}

double matrixElements(WeightType weight) {
  return static_cast<double>(weight.getDimSize(1) * weight.getDimSize(2));
}

/// Keys of a token in a layer of that window.
double visibleKeys(const StepSize &size, int64_t window) {
  return static_cast<double>(window > 0 ? std::min(window, size.keys)
                                        : size.keys);
}
} // namespace

Cost gptoss::computeCost(Operation *op, const StepSize &size) {
  Cost cost;
  Sizes sizes(size);
  if (isa<SplitHeadsOp, MergeHeadsOp>(op) || !isa<ComputeOpInterface>(op))
    return cost;
  for (Value operand : op->getOperands()) {
    cost.activationBytes += 4 * sizes.elements(operand.getType());
    if (auto weight = dyn_cast<WeightType>(operand.getType()))
      cost.weightBytes += bytes(weight);
  }
  double results = 0;
  for (Value result : op->getResults())
    results += sizes.elements(result.getType());
  cost.activationBytes += 4 * results;
  auto tokens = static_cast<double>(size.tokens);

  auto cached = [&](CacheType cache, double keys, double parts) {
    cost.activationBytes +=
        parts * tokens * keys *
        static_cast<double>(cache.getElementBytes() * cache.getKvHeads() *
                            cache.getHeadDim());
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](EmbeddingOp embedding) {
        WeightType table = embedding.getTable().getType();
        cost.weightBytes =
            tokens * bytes(table) / static_cast<double>(table.getDimSize(0));
      })
      .Case([&](LinearOp linear) {
        cost.flops =
            2 * results *
            static_cast<double>(linear.getWeight().getType().getDimSize(1));
      })
      .Case([&](CacheAppendOp append) {
        CacheType cache = append.getCache().getType();
        cost.activationBytes += 2 *
                                static_cast<double>(cache.getElementBytes()) *
                                sizes.elements(append.getKey().getType());
      })
      .Case([&](AttentionScoresOp scores) {
        CacheType cache = scores.getCache().getType();
        cost.flops = 2 * results * static_cast<double>(cache.getHeadDim());
        cached(cache, static_cast<double>(size.keys), 1);
      })
      .Case([&](AttentionValuesOp values) {
        cost.flops =
            2 * sizes.elements(values.getProbabilities().getType()) *
            static_cast<double>(values.getCache().getType().getHeadDim());
        cached(values.getCache().getType(), static_cast<double>(size.keys), 1);
      })
      .Case([&](AttentionOp attention) {
        double keys = visibleKeys(size, attention.getWindow());
        cost.flops = 4 * results * keys;
        cached(attention.getCache().getType(), keys, 2);
      })
      .Case([&](ExpertLinearOp linear) {
        WeightType weight = linear.getWeight().getType();
        double slots = sizes.elements(linear.getIndices().getType());
        cost.flops = 2 * slots * matrixElements(weight);
        cost.weightBytes = expertBytes(weight, slots) +
                           expertBytes(linear.getBias().getType(), slots);
      })
      .Case([&](MoeOp moe) {
        double slots = tokens * static_cast<double>(moe.getK());
        WeightType router = moe.getRouter().getType(),
                   gateUp = moe.getGateUp().getType(),
                   down = moe.getDown().getType();
        cost.flops =
            2 * tokens * static_cast<double>(router.getNumElements()) +
            2 * slots * (matrixElements(gateUp) + matrixElements(down));
        cost.weightBytes = bytes(router) +
                           bytes(moe.getRouterBias().getType()) +
                           expertBytes(gateUp, slots) +
                           expertBytes(moe.getGateUpBias().getType(), slots) +
                           expertBytes(down, slots) +
                           expertBytes(moe.getDownBias().getType(), slots);
      })
      .Case<RmsNormOp, RotateOp, RopeOp, SoftmaxSinkOp, SoftmaxOp>(
          [&](auto) { cost.flops = 4 * results; })
      .Case<AddOp, SwigluOp>([&](auto) { cost.flops = results; })
      .Case([&](WeightedSumOp sum) {
        cost.flops = 2 * sizes.elements(sum.getInput().getType());
      });
  return cost;
}
