//===- PackWeights.cpp - Choose how the matrices lie ------------*- C++ -*-===//
//
// Part of the Gossamer project.
//
//===----------------------------------------------------------------------===//
//
// Afterwards every gptoss.weight still has the type of its parameter; only
// operations that accept row panels use one.
//
//===----------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "ir/GptOss.h"

#include "mlir/IR/Remarks.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::gptoss;

namespace gossamer {
#define GEN_PASS_DEF_PACKWEIGHTS
#include "passes/Passes.h.inc"

namespace {

using Uses = SmallVector<WeightOp>;

/// Whether each use of the parameter is what `accept` takes.
bool allUsers(const Uses &uses,
              llvm::function_ref<bool(Operation *, Value)> accept) {
  for (WeightOp use : uses)
    for (Operation *user : use->getUsers())
      if (!accept(user, use.getResult()))
        return false;
  return true;
}

bool isExpertMatrix(Operation *user, Value weight) {
  auto moe = dyn_cast<MoeOp>(user);
  return moe && (moe.getGateUp() == weight || moe.getDown() == weight);
}

bool isLinearMatrix(Operation *user, Value weight) {
  auto linear = dyn_cast<LinearOp>(user);
  return linear && linear.getWeight() == weight;
}

/// Emits "not packed: reason" as a remark of category `pack-weights`.
void reportKept(ParameterOp parameter, StringRef reason) {
  auto options =
      remark::RemarkOpts::name("not-packed").category("pack-weights");
  if (auto remark = remark::missed(parameter.getLoc(), options))
    remark << ("not packed: " + reason).str();
}

struct PackWeights final : impl::PackWeightsBase<PackWeights> {
  using PackWeightsBase::PackWeightsBase;

  void runOnOperation() override {
    llvm::StringMap<Uses> uses;
    getOperation().walk(
        [&](WeightOp use) { uses[use.getParameter()].push_back(use); });
    for (auto parameter : getOperation().getOps<ParameterOp>()) {
      WeightType type = choose(parameter, uses[parameter.getSymName()]);
      if (type == parameter.getWeightType())
        continue;
      parameter.setTypeAttr(TypeAttr::get(type));
      for (WeightOp use : uses[parameter.getSymName()])
        use.getResult().setType(type);
      ++numPacked;
    }
  }

private:
  WeightType choose(ParameterOp parameter, const Uses &uses) {
    WeightType type = parameter.getWeightType();
    MLIRContext *context = &getContext();
    if (mxfp4 && type.isMxFp4() &&
        type.getLayout() == WeightLayout::Published) {
      if (allUsers(uses, isExpertMatrix))
        return WeightType::get(context, type.getShape(), type.getElementType(),
                               type.getScaleType(), type.getBlockSize(),
                               WeightLayout::RowPanel);
      reportKept(parameter,
                 "a use other than as an expert matrix of gptoss.moe");
    }
    if (dense != DenseForm::Kept && type.getRank() == 2 && !type.isScaled() &&
        !uses.empty() && type.getLayout() == WeightLayout::RowMajor) {
      if (!allUsers(uses, isLinearMatrix)) {
        // Embeddings are looked up, the router decides: both stay as they are.
        return type;
      }
      int64_t row = type.getDimSize(1);
      if (row % WeightType::kBlock == 0)
        return WeightType::getInt8(context, type.getShape(),
                                   dense == DenseForm::Int8 ? WeightType::kBlock
                                                            : row);
      reportKept(parameter, "rows are no whole blocks of 32");
    }
    return type;
  }
};

} // namespace
} // namespace gossamer
